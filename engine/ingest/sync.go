package ingest

import (
	"time"

	"switchyard/media"
)

// Sync maps one publisher's NTP clock to the server's timebase. Audio and video of a link share
// one, so that they stay together. The zero value is ready.
//
// It follows the smallest of (arrival - NTP): the reports that met no queue. It goes down at once
// and up by syncDrift, so that a longer path heals without a jump; a step of the publisher's clock
// is taken over at once.
type Sync struct {
	known  bool
	ref    media.NTP  // a report's NTP time
	at     media.Time // and the server's time of it
	latest media.Time // arrival of the newest report
}

const (
	syncDrift = 1000                   // 1 ms in this many ms
	syncStep  = 500 * time.Millisecond // more than any queue: the clock was set
)

// OnSR takes the NTP time of a sender report that arrived at now.
func (s *Sync) OnSR(now media.Time, ntp media.NTP) {
	if ntp == 0 { // RFC 3550 §6.4.1: the sender has no clock
		return
	}
	predicted, _ := s.ServerTime(ntp)
	late := now.Sub(predicted)
	switch {
	case !s.known, late > syncStep, late < -syncStep, late <= 0:
		predicted = now
	default:
		predicted = predicted.Add(min(late, now.Sub(s.latest)/syncDrift))
	}
	s.known, s.ref, s.at, s.latest = true, ntp, predicted, now
}

// ServerTime returns the server's time of ntp, false before the first report.
func (s *Sync) ServerTime(ntp media.NTP) (media.Time, bool) {
	return s.at.Add(media.DurationOf(int64(ntp - s.ref))), s.known
}

// timing maps one stream's RTP timestamps to the server's timebase: by its last sender report and
// the link's Sync, before the first one by arrival.
type timing struct {
	rate int64 // ticks per second
	sync *Sync

	// The stream's own smallest (arrival - timestamp), kept as Sync keeps its.
	started bool
	refTS   media.Ticks
	refTime media.Time
	latest  media.Time

	report bool
	srTS   media.Ticks
	srNTP  media.NTP
}

// mapLimit is how far sender reports may be from the arrival before they are not believed.
const mapLimit = 3 * time.Second

func (t *timing) ticks(d media.Ticks) time.Duration {
	return time.Duration(int64(int32(d)) * int64(time.Second) / t.rate)
}

// onPacket notes the arrival of a packet in sequence.
func (t *timing) onPacket(now media.Time, ts media.Ticks) {
	if !t.started {
		t.started, t.refTS, t.refTime, t.latest = true, ts, now, now
		return
	}
	predicted := t.refTime.Add(t.ticks(ts - t.refTS))
	late := now.Sub(predicted)
	if late <= 0 || late > mapLimit {
		predicted = now
	} else {
		predicted = predicted.Add(min(late, now.Sub(t.latest)/syncDrift))
	}
	t.refTS, t.refTime, t.latest = ts, predicted, now
}

func (t *timing) onReport(ts media.Ticks, ntp media.NTP) {
	t.report, t.srTS, t.srNTP = ntp != 0, ts, ntp
}

func (t *timing) at(ts media.Ticks) (media.Time, bool) {
	if !t.started {
		return 0, false
	}
	arrival := t.refTime.Add(t.ticks(ts - t.refTS))
	if !t.report {
		return arrival, true
	}
	base, ok := t.sync.ServerTime(t.srNTP)
	captured := base.Add(t.ticks(ts - t.srTS))
	if d := arrival.Sub(captured); !ok || d > mapLimit || d < -mapLimit {
		return arrival, true
	}
	return captured, true
}
