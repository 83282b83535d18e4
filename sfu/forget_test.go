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
		"ufrags": len(s.byUfrag), "paths": len(s.byPath), "foreign paths": len(s.foreign), "timers": len(s.timers),
		"links to settle": pointers(s.touched) + pointers(s.settling) + pointers(s.timers),
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

func TestNothingIsKeptOfLinksThatEnded(t *testing.T) {
	s := newSFU(t, 2)
	for range 3 {
		publisher := newClient(t)
		frame, _ := publisher.sendVP8()
		plink := publisher.connect(s, LinkOptions{ID: "publisher"})
		track, err := plink.Publish(plink.Session().Media[0].MID, "t")
		if err != nil {
			t.Fatal(err)
		}
		stop := make(chan struct{})
		go pump(frame, stop)
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
		if sh.byPath[link.path] != link || len(sh.byPath) != maxPaths {
			t.Errorf("the path in use is known: %v; %d paths are kept", sh.byPath[link.path] == link, len(sh.byPath))
		}
	})
	link.Close()
	waitFor[Closed](c)
	sh.call(func() {
		if n := len(sh.byPath); n != 0 {
			t.Errorf("%d paths of an ended link are kept", n)
		}
	})
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
	other.call(func() {
		if n := len(other.foreign); n != 0 {
			t.Errorf("%d paths are kept when nobody is left", n)
		}
	})
}
