package sfu

import (
	"testing"
	"time"

	"github.com/pion/webrtc/v4"

	"switchyard/engine/egress"
	"switchyard/internal/simnet"
	"switchyard/media"
)

// A subscriber whose path gets narrow is given the layer that fits, and the largest again when
// the path is wide; nobody else notices.
func TestANarrowPathGetsASmallerLayer(t *testing.T) {
	s := newSFU(t, 2)
	track := publishSteadily(t, s)
	viewer := newClient(t)
	packets := viewer.receive(webrtc.RTPCodecTypeVideo)
	wide := simnet.Conditions{Rate: 3_000_000, Queue: 75_000, Latency: 10 * time.Millisecond}
	wire := viewer.via(s, wide)
	link := viewer.connect(s, LinkOptions{ID: "viewer"})
	link.Feed(link.Session().Media[0].MID, track, 1)
	arrives := func(what string, ok func(layer int) bool) {
		t.Helper()
		inARow := 0
		for deadline := time.Now().Add(3 * patience); inARow < 50; {
			p := next(t, packets)
			if inARow++; !ok(int(p.Payload[len(p.Payload)-1])) {
				inARow = 0
			}
			if time.Now().After(deadline) {
				stats, _ := link.Stats()
				u, _ := link.Estimate()
				t.Fatalf("%s: %+v, %+v", what, u, stats.Slots)
			}
		}
	}
	arrives("the largest layer at first", func(layer int) bool { return layer == 2 })
	narrow := wide
	narrow.Rate, narrow.Queue = 400_000, 10_000
	wire.Set(simnet.Conditions{}, narrow)
	arrives("less on a narrow path", func(layer int) bool { return layer < 2 })
	wire.Set(simnet.Conditions{}, wide)
	arrives("the largest when it is wide again", func(layer int) bool { return layer == 2 })
}

// A picture that does not fit at all is paused, and the owner is told; so it is when it comes back.
func TestWhatDoesNotFitIsPausedAndTold(t *testing.T) {
	s := newSFU(t, 1)
	track := publishSteadily(t, s)
	viewer := newClient(t)
	viewer.discard(webrtc.RTPCodecTypeVideo)
	viewer.discard(webrtc.RTPCodecTypeVideo)
	wire := viewer.via(s, simnet.Conditions{Rate: 3_000_000, Queue: 75_000, Latency: 10 * time.Millisecond})
	link := viewer.connect(s, LinkOptions{ID: "viewer"})
	first, second := link.Session().Media[0].MID, link.Session().Media[1].MID
	link.Show(first, View{Rank: 0})
	link.Show(second, View{Rank: 2})
	link.Feed(first, track, 1)
	link.Feed(second, track, 1)
	waitFor[SlotLive](viewer)
	waitFor[SlotLive](viewer)
	wire.Set(simnet.Conditions{}, simnet.Conditions{Rate: 220_000, Queue: 8_000, Latency: 10 * time.Millisecond})
	paused := waitFor[SlotPaused](viewer)
	if paused.MID != second || paused.Reason != PausedBandwidth || paused.Generation != 1 {
		t.Errorf("%+v", paused)
	}
	link.Feed(second, track, 2)         // what is fed while there is no room is paused from the start
	of := func(mid string) SlotPaused { // the first may come and go too: there is hardly room for it
		for {
			if e := waitFor[SlotPaused](viewer); e.MID == mid {
				return e
			}
		}
	}
	if again := of(second); again.Reason != PausedBandwidth || again.Generation != 2 {
		t.Errorf("%+v", again)
	}
	wire.Set(simnet.Conditions{}, simnet.Conditions{})
	if back := of(second); back.Reason != PausedNot {
		t.Errorf("%+v", back)
	}
}

// What is sent stays while the estimate could be the share of it that an over-use leaves; nothing more is given.
func TestWhatArrivedMayGoOn(t *testing.T) {
	options := []egress.Option{{Rate: 150_000}, {Rate: 500_000}, {Rate: 2_000_000}}
	for _, c := range []struct {
		budget, want media.Bitrate
		chosen       []int
	}{
		{1_750_000, 2_000_000, []int{2}},           // 0.85 of 2.06 Mbit/s
		{1_650_000, 1_650_000, []int{2}},           // 0.85 of 1.94: it did not fit
		{2_500_000, 2_500_000, []int{2}},           // there is room
		{900_000, 1_000_000, []int{1, 1}},          // together
		{800_000, 800_000, []int{1, 1}},            // too much together
		{10_000, 10_000, []int{egress.None}},       // nothing is sent
		{140_000, 150_000, []int{egress.None, 0}},  // one is
		{1_000_000, 1_000_000, []int{7, -3, 1, 0}}, // choices that there are no more
	} {
		var claims []egress.Claim
		for _, n := range c.chosen {
			claims = append(claims, egress.Claim{Options: options, Chosen: n})
		}
		if got := keep(c.budget, claims, keepShare); got != c.want {
			t.Errorf("%d with %v: %d, want %d", c.budget, c.chosen, got, c.want)
		}
	}
}
