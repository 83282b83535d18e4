package sfu

import (
	"net/netip"
	"testing"
	"time"

	"github.com/pion/webrtc/v4"

	"switchyard/peer"
	"switchyard/peer/udp"
)

// kept is what a shard holds of links, in words; "" for nothing. It runs on the shard.
func (s *shard) kept() string {
	s.box.mu.Lock()
	defer s.box.mu.Unlock()
	for what, n := range map[string]int{
		"ufrags": len(s.byUfrag), "paths": len(s.byPath.all), "foreign paths": len(s.foreign),
		"ufrags of links that moved": len(s.moved), "timers": len(s.timers),
		"links to settle": pointers(s.touched) + pointers(s.settling) + pointersIn(s.timers),
		"mail":            pointersTo(s.box.mail) + pointersTo(s.mail),
	} {
		if n != 0 {
			return what
		}
	}
	return ""
}

// pointers counts those that the whole array behind a slice holds.
func pointers[T any](list []*T) (n int) {
	for _, p := range list[:cap(list)] {
		if p != nil {
			n++
		}
	}
	return n
}

func pointersIn(t timers) (n int) {
	for _, timer := range t[:cap(t)] {
		if timer.link != nil {
			n++
		}
	}
	return n
}

func pointersTo(m mail) (n int) {
	for _, in := range m.inbound[:cap(m.inbound)] {
		if in != (inbound{}) {
			n++
		}
	}
	for _, d := range m.deliveries[:cap(m.deliveries)] {
		if d != (delivery{}) {
			n++
		}
	}
	return n
}

// filming returns a client that sends a published track until stop is closed.
func filming(t *testing.T, s *SFU) (publisher *client, link *Link, track *Track, stop chan struct{}) {
	t.Helper()
	publisher = newClient(t)
	frame, _ := publisher.sendVP8()
	link = publisher.connect(s, LinkOptions{ID: "publisher"})
	track, err := link.Publish(link.Session().Media[0].MID, "t")
	if err != nil {
		t.Fatal(err)
	}
	stop = make(chan struct{})
	go pump(frame, stop)
	return publisher, link, track, stop
}

func TestNothingIsKeptOfLinksThatEnded(t *testing.T) {
	s := newSFU(t, 2)
	for range 3 {
		publisher, plink, track, stop := filming(t, s)
		var viewers []*client
		for range 3 {
			viewer := newClient(t)
			packets := viewer.receive(webrtc.RTPCodecTypeVideo)
			link := viewer.connect(s, LinkOptions{ID: "viewer"})
			link.Feed(link.Session().Media[0].MID, track, 1)
			next(t, packets)
			viewers = append(viewers, viewer)
		}
		_ = viewers[0].pc.Close() // says goodbye
		viewers[1].link.Close()   // its end does not know yet
		plink.Close()             // feeds the last
		close(stop)
		waitFor[Closed](publisher)
		viewers[2].link.Close()
		for _, c := range append(viewers, publisher) {
			_ = c.pc.Close()
		}
	}
	nothingKept(t, s)
}

// nothingKept waits until nobody is left, and fails where something of them is.
func nothingKept(t *testing.T, s *SFU) {
	t.Helper()
	var what string
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		what = ""
		for _, sh := range s.shards {
			sh.call(func() { what += sh.kept() })
		}
		if s.Stats().Links != 0 {
			what = "links"
		}
		if held := s.pool.Out() - len(s.shards)*udp.MaxBatch; held != 0 {
			what = "packets"
		}
		if what == "" {
			return
		}
	}
	t.Fatalf("everybody has left, and there are still %s", what)
}

// Who vanishes says nothing: its link ends by time, which passes here at once.
func TestNothingIsKeptOfLinksThatVanished(t *testing.T) {
	s := newSFU(t, 2)
	publisher, plink, track, stop := filming(t, s)
	viewer := newClient(t)
	packets := viewer.receive(webrtc.RTPCodecTypeVideo)
	vlink := viewer.connect(s, LinkOptions{ID: "viewer"})
	vlink.Feed(vlink.Session().Media[0].MID, track, 1)
	next(t, packets)
	close(stop)
	stranger := newClient(t) // joins, and nothing ever comes
	stranger.sendVP8()
	offer, err := stranger.pc.CreateOffer(nil)
	if err != nil {
		t.Fatal(err)
	}
	slink, _, err := s.Connect(offer.SDP, LinkOptions{OnEvent: stranger.onEvent})
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range []*Link{slink, vlink, plink} {
		l.shard.call(func() {
			now := l.shard.clock.Now()
			for range 3 { // first consent goes, then the link
				now = now.Add(31 * time.Second)
				l.settle(now)
			}
			if !l.ended {
				t.Errorf("%q goes on", l.ID)
			}
		})
	}
	for _, c := range []*client{publisher, viewer, stranger} {
		waitFor[Closed](c)
	}
	nothingKept(t, s)
}

// A client that roams has many paths; the one in use is the oldest of them.
func TestTheOldestPathOfARoamingLinkGoesWithIt(t *testing.T) {
	s := newSFU(t, 1)
	c := newClient(t)
	c.sendVP8()
	link := c.connect(s, LinkOptions{})
	sh := s.shards[0]
	sh.call(func() {
		for i := range uint16(3 * maxPaths) {
			link.claim(peer.Path{Remote: netip.AddrPortFrom(netip.MustParseAddr("192.0.2.1"), 1000+i)})
		}
		if sh.byPath.all[link.path] != link || len(sh.byPath.all) != maxPaths {
			t.Errorf("the path in use is known: %v; %d paths are kept", sh.byPath.all[link.path] == link, len(sh.byPath.all))
		}
	})
	link.Close()
	waitFor[Closed](c)
	sh.call(func() {
		if n := len(sh.byPath.all); n != 0 {
			t.Errorf("%d paths of an ended link are kept", n)
		}
	})
}

// A client that does not know that its link has ended goes on with its checks.
func TestLateChecksAreNotRemembered(t *testing.T) {
	s := newSFU(t, 2)
	home, other := s.shards[0], s.shards[1]
	path := peer.Path{Remote: netip.MustParseAddrPort("192.0.2.1:1000")}
	ufrag, _ := newUfrag(home.index)
	name := ufrag + ":ab"
	check := stunMessage(stunBinding, append([]byte{0, stunUsername, 0, byte(len(name))}, name+"\x00"...)...)
	if string(stunUfrag(check)) != ufrag {
		t.Fatalf("%q is no check", check)
	}
	other.call(func() {
		p := s.pool.Get()
		other.receive(other.clock.Now(), path, p, copy(p.Data[:], check))
		p.Release()
		if other.foreign[path] != home {
			t.Error("the path is not remembered before the owner has said something")
		}
	})
	nothingKept(t, s)
	if n := home.counters.drops[DropUnknownUfrag].Load(); n != 1 {
		t.Errorf("%d checks of no link", n)
	}
}

func TestPathsOfOtherShardsAreForgotten(t *testing.T) {
	s := newSFU(t, 2)
	c := newClient(t)
	c.sendVP8()
	link := c.connect(s, LinkOptions{})
	home := link.shard
	other := s.shards[1-home.index]
	path := peer.Path{Remote: netip.MustParseAddrPort("192.0.2.1:1000")}
	home.call(func() { link.claim(path) })
	other.call(func() {
		other.remember(path, home)
		for i := range uint16(2 * maxForeign) { // checks that only pretend to be a link's
			other.remember(peer.Path{Remote: netip.AddrPortFrom(netip.MustParseAddr("192.0.2.2"), i)}, home)
		}
		if n := len(other.foreign); n > maxForeign {
			t.Errorf("%d paths", n)
		}
		other.remember(path, home)
	})
	link.Close()
	waitFor[Closed](c)
	nothingKept(t, s)
}
