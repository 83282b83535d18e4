package sfu

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/webrtc/v4"

	"switchyard/media"
	"switchyard/peer"
)

// join makes the link on a shard of the test's choice, and calls made before the client hears of it.
func (c *client) join(sh *shard, made func(*Link)) *Link {
	c.t.Helper()
	offer, err := c.pc.CreateOffer(nil)
	if err != nil {
		c.t.Fatal(err)
	}
	if err := c.pc.SetLocalDescription(offer); err != nil {
		c.t.Fatal(err)
	}
	sh.sfu.links.Add(1) // as Connect does
	link, answer, err := sh.connect(offer.SDP, LinkOptions{OnEvent: c.onEvent})
	if err != nil {
		c.t.Fatal(err)
	}
	c.link = link
	if made != nil {
		made(link)
	}
	c.answer(answer)
	waitFor[Up](c)
	return link
}

// where returns the shard on which a link lives, having let what was posted before run.
func where(l *Link) (s *shard) {
	l.call(func() { s = l.shard })
	return s
}

// Where the kernel delivers a client's datagrams, there its link lives, wherever it was made. The clients' ports are
// the system's choice: there are clients until one link has moved and one has stayed.
func TestALinkLivesWhereItsDatagramsArrive(t *testing.T) {
	s := newSFU(t, 2)
	made := s.shards[0]
	stayed, moved := 0, 0
	for n := 0; stayed == 0 || moved == 0; n++ {
		if n == 60 {
			t.Fatalf("%d links stayed where they were made, %d moved", stayed, moved)
		}
		publisher, viewer := newClient(t), newClient(t)
		frame, _ := publisher.sendVP8()
		var track *Track
		plink := publisher.join(made, func(l *Link) {
			var err error
			if track, err = l.Publish(l.Session().Media[0].MID, "t"); err != nil {
				t.Fatal(err)
			}
		})
		packets := viewer.receive(webrtc.RTPCodecTypeVideo)
		vlink := viewer.join(made, func(l *Link) { l.Feed(l.Session().Media[0].MID, track, 1) })
		publisher.reaches(plink, func() { frame(true) })
		before := s.Stats().PassedOn
		stop := make(chan struct{})
		var wg sync.WaitGroup
		wg.Go(func() { pump(frame, stop) })
		for range 50 {
			next(t, packets)
		}
		close(stop)
		wg.Wait()
		if on := s.Stats().PassedOn - before; on != 0 {
			t.Errorf("%d datagrams came to another shard than their link's", on)
		}
		for _, l := range []*Link{plink, vlink} {
			if where(l) == made {
				stayed++
			} else {
				moved++
			}
		}
		for _, c := range []*client{publisher, viewer} {
			c.neverUnwanted()
			c.link.Close()
			waitFor[Closed](c)
			_ = c.pc.Close()
		}
	}
	for _, sh := range s.shards {
		if n := sh.load.Load(); n != 0 {
			t.Errorf("shard %d counts %d links", sh.index, n)
		}
	}
	nothingKept(t, s)
}

// neverUnwanted fails where somebody needed a track, and its publisher has heard since that nobody does.
func (c *client) neverUnwanted() {
	c.t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	wanted := false
	for _, e := range c.events {
		if w, ok := e.(TrackWanted); ok {
			if wanted && !w.Any {
				c.t.Error("the publisher heard that nobody needs its track, while a link moved")
			}
			wanted = w.Any
		}
	}
}

// unconnected makes a link on a shard, and nothing ever comes from its client.
func unconnected(t testing.TB, sh *shard) *Link {
	t.Helper()
	c := newClient(t)
	c.sendVP8()
	offer, err := c.pc.CreateOffer(nil)
	if err != nil {
		t.Fatal(err)
	}
	sh.sfu.links.Add(1)
	link, _, err := sh.connect(offer.SDP, LinkOptions{OnEvent: c.onEvent})
	if err != nil {
		t.Fatal(err)
	}
	c.link = link
	return link
}

// What is posted while a link moves runs once, on the link's shard of that time, in the order of each who posts.
func TestPostsFollowALinkThatMoves(t *testing.T) {
	const posters, moves = 4, 400
	s := newSFU(t, 3)
	l := unconnected(t, s.shards[0])
	var last [posters]int // owned by the link's shard, wherever that is
	var moved atomic.Int64
	var posted [posters]int
	var wg sync.WaitGroup
	for who := range posters {
		wg.Go(func() {
			for n := 1; moved.Load() < moves; n++ {
				posted[who] = n
				l.post(func() {
					if !l.livesOn(l.shard) || l.shard.byUfrag[l.ufrags[0]] != l {
						t.Error("it runs elsewhere than on the link's shard")
					}
					if last[who] != n-1 {
						t.Errorf("of %d, %d after %d", who, n, last[who])
					}
					last[who] = n
				})
				if n%8 == 0 {
					l.call(func() {}) // else it would fill the mailboxes
				}
			}
		})
	}
	for moved.Load() < moves {
		var from *shard
		l.call(func() {
			from = l.shard
			l.stays = false
			l.placed(peer.Path{}, s.shards[rand.IntN(len(s.shards))])
		})
		if where(l) != from {
			moved.Add(1)
		}
	}
	wg.Wait()
	l.call(func() {
		if last != posted {
			t.Errorf("%v ran of %v", last, posted)
		}
	})
	if _, ok := l.Stats(); !ok {
		t.Error("the link has ended")
	}
	l.Close()
	nothingKept(t, s)
}

// Links that move while the server closes end, and nobody waits for ever.
func TestClosingWhileLinksMove(t *testing.T) {
	for range 10 {
		s := newSFU(t, 2)
		var links []*Link
		for range 4 {
			links = append(links, unconnected(t, s.shards[0]))
		}
		var wg sync.WaitGroup
		for _, l := range links {
			wg.Go(func() {
				for n := range 100 {
					if !l.call(func() {
						l.stays = false
						l.placed(peer.Path{}, s.shards[n&1])
					}) {
						return
					}
				}
			})
		}
		s.Close()
		wg.Wait()
		if n := s.Stats().Links; n != 0 {
			t.Fatalf("%d links are left", n)
		}
	}
}

// checkFor is a check that names a link and is not authentic.
func checkFor(ufrag string) []byte {
	name := ufrag + ":abcd"
	for len(name)%4 != 0 {
		name += "x"
	}
	return stunMessage(stunBinding, append([]byte{0, stunUsername, 0, byte(len(name))}, name...)...)
}

// malformed waits until a link has refused so many checks.
func malformed(t *testing.T, l *Link, want uint64) {
	t.Helper()
	var got uint64
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(time.Millisecond) {
		l.call(func() { got = l.peer.Stats().ICE.Malformed })
		if got == want {
			return
		}
	}
	t.Fatalf("%d checks reached the link, not %d", got, want)
}

func TestChecksFindALinkThatHasMoved(t *testing.T) {
	s := newSFU(t, 3)
	made, home, third := s.shards[0], s.shards[1], s.shards[2]
	l := unconnected(t, made)
	l.call(func() { l.placed(peer.Path{Remote: netip.MustParseAddrPort("192.0.2.1:1000")}, home) })
	if where(l) != home {
		t.Fatal("it did not move")
	}
	ufrag := l.Session().LocalUfrag
	check := checkFor(ufrag)
	arrive := func(at *shard, path peer.Path) {
		at.call(func() {
			p := s.pool.Get()
			at.receive(at.clock.Now(), path, p, copy(p.Data[:], check))
			p.Release()
		})
	}
	paths := [3]peer.Path{}
	for i, at := range []*shard{made, home, third} {
		paths[i] = peer.Path{Remote: netip.AddrPortFrom(netip.MustParseAddr("192.0.2.2"), uint16(i)+1)}
		arrive(at, paths[i])
		malformed(t, l, uint64(i)+1)
	}
	for i, at := range []*shard{made, third} {
		at.call(func() {
			if at.foreign[paths[2*i]] != home {
				t.Errorf("shard %d does not know where what follows the check belongs", at.index)
			}
		})
	}
	// By a connection or relay, whose entrance goes by the ufrag.
	if !s.Enter(peer.Path{Remote: netip.MustParseAddrPort("192.0.2.3:1"), Via: noWay{}}).Receive(check) {
		t.Error("refused")
	}
	malformed(t, l, 4)
	l.Close()
	nothingKept(t, s)
	arrive(third, paths[2]) // late
	nothingKept(t, s)
}

// An offer that was answered while the link moved has credentials that name the shard it left.
func TestCredentialsOfAnOfferDuringAMove(t *testing.T) {
	s := newSFU(t, 2)
	made, home := s.shards[0], s.shards[1]
	c := newClient(t)
	c.sendVP8()
	offer, err := c.pc.CreateOffer(nil)
	if err != nil {
		t.Fatal(err)
	}
	s.links.Add(1)
	l, _, err := made.connect(offer.SDP, LinkOptions{OnEvent: c.onEvent})
	if err != nil {
		t.Fatal(err)
	}
	again, err := c.pc.CreateOffer(&webrtc.OfferOptions{ICERestart: true})
	if err != nil {
		t.Fatal(err)
	}
	hold, held := make(chan struct{}), make(chan struct{})
	made.post(func() {
		l.placed(peer.Path{}, home)
		close(held)
		<-hold
	})
	<-held
	if _, err = l.Offer(again.SDP); err != nil {
		t.Fatal(err)
	}
	close(hold)
	if where(l) != home {
		t.Fatal("it did not move")
	}
	ufrag := l.Session().LocalUfrag
	if ufrag[0] != shardDigits[made.index] {
		t.Fatalf("%q names the new shard", ufrag)
	}
	made.call(func() {
		if made.moved[ufrag] != home {
			t.Error("the shard that the new credentials name does not know where the link lives")
		}
	})
	l.Close()
	nothingKept(t, s)
}

// A slot moves with its link; its old shard is left without a trace, and the publisher's need never ends.
func TestSlotsMoveWithTheirLink(t *testing.T) {
	for _, to := range []int{0, 1, 2} {
		t.Run(fmt.Sprintf("to shard %d", to), func(t *testing.T) {
			s := newSFU(t, 3)
			publisher := newClient(t)
			frame, _ := publisher.sendVP8()
			plink := publisher.connect(s, LinkOptions{})
			track, err := plink.Publish(plink.Session().Media[0].MID, "t")
			if err != nil {
				t.Fatal(err)
			}
			publisher.reaches(plink, func() { frame(true) })
			viewer := newClient(t)
			viewer.receive(webrtc.RTPCodecTypeVideo)
			offer, err := viewer.pc.CreateOffer(nil)
			if err != nil {
				t.Fatal(err)
			}
			from := s.shards[1]
			s.links.Add(1)
			vlink, _, err := from.connect(offer.SDP, LinkOptions{OnEvent: viewer.onEvent})
			if err != nil {
				t.Fatal(err)
			}
			vlink.Feed(vlink.Session().Media[0].MID, track, 1)
			vlink.call(func() { vlink.placed(peer.Path{}, s.shards[to]) })
			home := where(vlink)
			if home.index != to {
				t.Fatal("it did not move")
			}
			home.call(func() {
				if fan := &track.fans[to]; len(fan.slots) != 1 || fan.slots[0] != vlink.slots[0] || vlink.slots[0].fan != fan || fan.needed.Load() == 0 {
					t.Error("the new shard does not feed the slot")
				}
			})
			if to != from.index {
				from.call(func() {
					if fan := &track.fans[from.index]; len(fan.slots) != 0 || fan.needed.Load() != 0 || fan.counts != [len(fan.counts)]int{} {
						t.Errorf("the old shard still has %d slots and needs %b", len(fan.slots), fan.needed.Load())
					}
				})
			}
			plink.call(func() {
				if track.needed == 0 {
					t.Error("the publisher believes that nobody needs its track")
				}
			})
			publisher.neverUnwanted()
			track.Close()
			plink.call(func() {})
			vlink.call(func() {
				if vlink.slots[0].fan != nil {
					t.Error("the track has ended, and the slot is still fed")
				}
			})
			vlink.Close()
			plink.Close()
			_ = publisher.pc.Close()
			nothingKept(t, s)
		})
	}
}

// A link that is up, or ended, in the meantime stays.
func TestALinkThatIsUpStays(t *testing.T) {
	s := newSFU(t, 2)
	c := newClient(t)
	c.sendVP8()
	l := c.connect(s, LinkOptions{})
	home := where(l)
	other := s.shards[1-home.index]
	var path peer.Path
	l.call(func() {
		path = l.path
		l.stays = false
		l.placed(path, other)
	})
	if where(l) != home {
		t.Error("it moved while media may flow")
	}
	var order []int
	l.call(func() {
		l.up, l.stays = false, false
		l.placed(path, other)
		l.up = true // before it could leave
		for n := range 3 {
			l.post(func() { order = append(order, n) })
		}
	})
	if where(l) != home || fmt.Sprint(order) != "[0 1 2]" {
		t.Errorf("on shard %d, posts ran as %v", where(l).index, order)
	}
	l.call(func() {
		l.up, l.stays = false, false
		l.placed(path, other)
		l.end(nil)
	})
	waitFor[Closed](c)
	if l.call(func() {}); where(l) != home {
		t.Error("it moved after its end")
	}
	_ = c.pc.Close()
	nothingKept(t, s)
}

// FuzzChecksOfMovedLinks has datagrams of all kinds arrive anywhere about a link that has moved.
func FuzzChecksOfMovedLinks(f *testing.F) {
	s := newSFU(f, 3)
	l := unconnected(f, s.shards[0])
	l.call(func() { l.placed(peer.Path{}, s.shards[1]) })
	if where(l) != s.shards[1] {
		f.Fatal("it did not move")
	}
	ufrag := l.Session().LocalUfrag
	f.Add(checkFor(ufrag), uint8(0), uint16(1))
	f.Add(checkFor(ufrag), uint8(1), uint16(1))
	f.Add(checkFor(ufrag), uint8(2), uint16(2))
	f.Add(checkFor("0unknown"), uint8(2), uint16(2))
	f.Add([]byte{22, 254, 253, 0}, uint8(2), uint16(2))
	f.Add([]byte{0x80, 96, 0, 0}, uint8(1), uint16(1))
	f.Fuzz(func(t *testing.T, b []byte, at uint8, port uint16) {
		if len(b) > media.MaxDatagram {
			return
		}
		sh := s.shards[int(at)%len(s.shards)]
		held := s.pool.Out()
		sh.call(func() {
			p := s.pool.Get()
			path := peer.Path{Remote: netip.AddrPortFrom(netip.MustParseAddr("192.0.2.9"), port)}
			if sh.receive(sh.clock.Now(), path, p, copy(p.Data[:], b)) {
				t.Error("kept by a link without keys")
			}
			p.Release()
		})
		for end := time.Now().Add(patience); s.pool.Out() != held; time.Sleep(100 * time.Microsecond) {
			if time.Now().After(end) {
				t.Fatalf("%d packets are held, %d before: passed on for ever", s.pool.Out(), held)
			}
		}
	})
}
