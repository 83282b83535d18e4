package conference

import (
	"testing"
	"testing/synctest"
	"time"

	"switchyard/engine/bwe"
	"switchyard/engine/egress"
	"switchyard/media"
	"switchyard/protocol"
	"switchyard/sfu"
)

func linkWith(sent uint64) sfu.LinkStats {
	return sfu.LinkStats{
		Up: true, RTT: 23500 * time.Microsecond, Wanted: 2_900_000,
		Estimate: bwe.Usage{Steady: 2_400_000, Target: 2_000_000, Sending: 1_810_000, Acked: 1_805_000, Queue: 4200 * time.Microsecond},
		Slots: []sfu.SlotStats{
			{MID: "0", Kind: media.Video, Track: "t1", Showing: media.Layer{Width: 1280, Height: 720}, Temporals: 2, TemporalsOf: 3,
				Stats: egress.Stats{Bytes: sent, Codec: media.AV1}},
			{MID: "1", Kind: media.Video, Track: "t2", Reason: sfu.PausedBandwidth},
			{MID: "2", Kind: media.Video}, // nothing feeds it
		},
	}
}

func TestWhoWatchesTheLinkIsToldOnceASecond(t *testing.T) {
	bubble(t, func(t *testing.T, h *Host, m *fakeMedia) {
		m.delay = 0
		ann := open(t, h, "r", "r ann subscribe")
		ann.join("video:0:send video:1:send video:2:send")
		link := m.link(0)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if n := link.has(linkWith(1000)); n != 0 {
			t.Fatalf("nobody watches, yet the link was asked %d times", n)
		}
		ann.send(protocol.TypeWatchLink, protocol.WatchLink{On: true})
		expect[protocol.OK](ann, protocol.TypeOK)
		ann.none(protocol.TypeLinkStats) // the first look has nothing to compare with
		link.has(linkWith(126_000))
		time.Sleep(watchEvery)
		got := expect[protocol.LinkStats](ann, protocol.TypeLinkStats)
		if got.Estimate != 2_400_000 || got.Target != 2_000_000 || got.Wanted != 2_900_000 || got.Sent != 1_810_000 ||
			got.Acked != 1_805_000 || got.Queue != 4.2 || got.RTT != 23.5 || got.Limit != "delay" || len(got.Slots) != 2 {
			t.Errorf("told %+v", got)
		}
		want := protocol.SlotStats{MID: "0", Kind: protocol.KindVideo, Track: "t1", Codec: "AV1", Width: 1280, Height: 720, Temporals: 2, TemporalsOf: 3, Rate: 1_000_000}
		if got.Slots[0] != want {
			t.Errorf("the slot: %+v, want %+v", got.Slots[0], want)
		}
		if s := got.Slots[1]; s.Paused != "bandwidth" || s.Rate != 0 {
			t.Errorf("the paused slot: %+v", s)
		}
		ann.none(protocol.TypeLinkStats)

		ann.send(protocol.TypeWatchLink, protocol.WatchLink{})
		expect[protocol.OK](ann, protocol.TypeOK)
		before := link.has(linkWith(126_000))
		time.Sleep(10 * watchEvery)
		ann.none(protocol.TypeLinkStats)
		if n := link.has(linkWith(0)); n != before {
			t.Errorf("asked %d more times after it was over", n-before)
		}
	})
}

func TestWatchingEndsWithTheSocket(t *testing.T) {
	bubble(t, func(t *testing.T, h *Host, m *fakeMedia) {
		m.delay = 0
		ann := open(t, h, "r", "r ann subscribe")
		welcome := ann.join("video:0:send")
		ann.send(protocol.TypeWatchLink, protocol.WatchLink{On: true})
		time.Sleep(2 * watchEvery)
		expect[protocol.LinkStats](ann, protocol.TypeLinkStats)
		ann.session.Closed()
		synctest.Wait()
		before := m.link(0).has(linkWith(0))
		time.Sleep(5 * watchEvery)
		synctest.Wait()
		if n := m.link(0).has(linkWith(0)); n != before {
			t.Errorf("asked %d more times while the socket was away", n-before)
		}
		again := open(t, h, "r", "r ann subscribe")
		again.send(protocol.TypeResume, protocol.Resume{Session: welcome.Session})
		expect[protocol.Welcome](again, protocol.TypeWelcome)
		again.send(protocol.TypeWatchLink, protocol.WatchLink{On: true})
		time.Sleep(2 * watchEvery)
		expect[protocol.LinkStats](again, protocol.TypeLinkStats)
	})
}
