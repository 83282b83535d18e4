package ingest

import (
	"testing"
	"time"

	"switchyard/codec/rtcp"
	"switchyard/media"
)

// ntp is the publisher's clock, an hour and a bit off ours.
func ntp(t media.Time) media.NTP { return media.NTPAt(0xe000_0000_1234_5678, t) }

// within fails when got is further than d from want.
func within(t *testing.T, what string, got, want media.Time, d time.Duration) {
	t.Helper()
	if got.Sub(want).Abs() > d {
		t.Errorf("%s: off by %v", what, got.Sub(want))
	}
}

func TestAudioAndVideoAreCapturedTogether(t *testing.T) {
	var s Sync
	ac, vc := audioConfig, videoConfig
	ac.Sync, vc.Sync = &s, &s
	a, v := newRig(t, ac), newRig(t, vc)
	// Video leaves its encoder 60 ms after the capture, audio 20 ms; the path takes 10 ms.
	feed := func(i int, captured media.Time) {
		v.now, a.now = captured+70*ms, captured+30*ms
		v.accept(rtp(1000, 96, uint16(i), uint32(captured*90/ms), true, inter))
		a.accept(rtp(2000, 111, uint16(i), uint32(captured*48/ms), false, []byte{0x78, 1, 2}))
	}
	feed(0, 0)
	within(t, "video by arrival", v.last().Captured, 70*ms, time.Millisecond)
	for i := 1; i < 100; i++ {
		at := media.Time(i) * 20 * ms
		feed(i, at)
		if i%25 == 0 {
			sr := at + 100*ms
			v.track.OnSR(sr+10*ms, rtcp.SenderInfo{SSRC: 1000, NTP: ntp(sr), RTP: media.Ticks(sr * 90 / ms)})
			a.track.OnSR(sr+12*ms, rtcp.SenderInfo{SSRC: 2000, NTP: ntp(sr), RTP: media.Ticks(sr * 48 / ms)})
		}
	}
	within(t, "audio and video", v.last().Captured, a.last().Captured, 100*time.Microsecond)
	within(t, "video and path", v.last().Captured, 99*20*ms+10*ms, time.Millisecond)
	if got, ok := v.track.CaptureTime(0, 0); !ok {
		t.Error("no capture time")
	} else {
		within(t, "first frame afterwards", got, 10*ms, time.Millisecond)
	}
}

func TestSyncIgnoresQueuesAndFollowsALongerPath(t *testing.T) {
	var s Sync
	at := media.Time(0)
	report := func(delay media.Time) time.Duration {
		at += 1000 * ms
		s.OnSR(at+delay, ntp(at))
		got, _ := s.ServerTime(ntp(at))
		return got.Sub(at)
	}
	report(20 * ms)
	if d := report(150 * ms); d > 22*time.Millisecond {
		t.Errorf("a queue moved it to %v", d)
	}
	if d := report(10 * ms); d > 11*time.Millisecond {
		t.Errorf("a shorter path: %v", d)
	}
	last := report(60 * ms)
	for range 60 {
		d := report(60 * ms)
		if d-last > 2*time.Millisecond {
			t.Fatalf("jumped by %v", d-last)
		}
		last = d
	}
	if last < 55*time.Millisecond {
		t.Errorf("a longer path: still %v after a minute", last)
	}
}

func TestSyncTakesOverAStepOfTheClock(t *testing.T) {
	var s Sync
	s.OnSR(0, ntp(0))
	s.OnSR(1000*ms, ntp(5000*ms))
	if got, _ := s.ServerTime(ntp(5000 * ms)); got != 1000*ms {
		t.Errorf("got %v", time.Duration(got))
	}
}

func TestReportsThatCannotBeAreNotBelieved(t *testing.T) {
	r := newRig(t, videoConfig)
	r.accept(rtp(1000, 96, 1, 90000, true, inter))
	r.track.OnSR(r.now, rtcp.SenderInfo{SSRC: 1000, NTP: ntp(r.now), RTP: 90000 * 60})
	r.accept(rtp(1000, 96, 2, 93000, true, inter))
	within(t, "captured", r.last().Captured, r.now, 50*time.Millisecond)
	if r.track.OnSR(r.now, rtcp.SenderInfo{SSRC: 4711}) {
		t.Error("took a stranger's report")
	}
}
