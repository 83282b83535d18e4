package client_test

import (
	"context"
	"maps"
	"slices"
	"testing"

	"switchyard/client"
	"switchyard/client/clip"
	"switchyard/protocol"
)

func TestLayersArriveByTheirRIDs(t *testing.T) {
	s := newFakeServer(t)
	c := s.dial("a", client.Options{})
	media, err := clip.Open("layers")
	if err != nil {
		t.Fatal(err)
	}
	p := clip.NewPlayer(media, clip.PlayerOptions{})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- p.Play(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
	pub := publish(t, c, p.Video)
	want := []protocol.Layer{{RID: "f", Width: 640, Height: 360}, {RID: "h", Width: 320, Height: 180}, {RID: "q", Width: 160, Height: 90}}
	if got := pub.Track().Layers; !slices.Equal(got, want) {
		t.Errorf("the room knows layers %+v", got)
	}
	rids := func() map[string]int {
		_, l := s.linkOf("a")
		s.mu.Lock()
		defer s.mu.Unlock()
		return maps.Clone(l.rids)
	}
	eventually(t, "packets of three layers", func() bool { r := rids(); return r["q"] > 20 && r["h"] > 20 && r["f"] > 20 })
	eventually(t, "a PLI of one of them", func() bool { return pub.Delivery().PLI > 0 })

	for _, l := range p.Video.Layers()[:2] {
		l.(client.Enabler).Enable(false)
	}
	sent := func() (n [2]uint64) {
		for i, l := range p.Video.Lower() {
			n[i], _, _ = l.Sent()
		}
		return n
	}
	before := rids()
	eventually(t, "the layer that is left", func() bool { return rids()["f"] > before["f"]+10 })
	off := sent() // by now the frame at which they were switched off has left
	before = rids()
	eventually(t, "the layer that is left", func() bool { return rids()["f"] > before["f"]+20 })
	if on := sent(); on != off {
		t.Errorf("layers that are off were sent: %v packets, then %v", off, on)
	}
	before = rids()
	p.Video.Lower()[0].Enable(true)
	eventually(t, "the smallest one again", func() bool { return rids()["q"] > before["q"]+10 })

	if err := pub.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	again := publish(t, c, player(t).Video)
	arrived := s.packets("a")
	eventually(t, "packets of a track after it", func() bool { return s.packets("a") > arrived+20 })
	if again.Track().Layers != nil {
		t.Errorf("a track without layers has %+v", again.Track().Layers)
	}
}
