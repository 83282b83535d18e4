package sfu

import (
	"encoding/binary"
	"slices"
	"time"

	"switchyard/codec/rtcp"
	"switchyard/engine/bwe"
	"switchyard/engine/egress"
	"switchyard/media"
	"switchyard/peer"
)

// rate is what a link knows of how much it may send. Owned by the link's shard.
type rate struct {
	est    *bwe.Estimator
	demand media.Bitrate // what the best of all slots would cost, 0 without any
	padded *slot         // sends padding, nil when none was found
	step   int           // counted in this of the shard's estimates, one more than its index; 0 for not yet
	told   media.Time
}

// estimateSteps are the upper bounds by which links are counted, in bit/s.
var estimateSteps = [...]media.Bitrate{100_000, 300_000, 1_000_000, 3_000_000, 10_000_000}

// EstimateSteps are the upper bounds of Stats.Estimates.
func EstimateSteps() []media.Bitrate { return estimateSteps[:] }

// count keeps the shard's counts of links by their estimate current.
func (l *Link) count(now media.Time) {
	if now < l.rate.told {
		return
	}
	l.rate.told = now.Add(time.Second)
	step := 1
	for step <= len(estimateSteps) && l.rate.est.Steady() > estimateSteps[step-1] {
		step++
	}
	l.uncount()
	l.rate.step = step
	l.shard.counters.estimates[step-1].Add(1)
}

func (l *Link) uncount() {
	if l.rate.step > 0 {
		l.shard.counters.estimates[l.rate.step-1].Add(-1)
		l.rate.step = 0
	}
}

// demandShare is how far above what is sent a link probes whose owner has not said what it could use: enough to
// see trouble coming, and no more padding than that takes.
const demandShare = 1.5

// Estimate returns what the link may send and how that came about; false when it has ended. Any goroutine
// but a shard.
func (l *Link) Estimate() (bwe.Usage, bool) {
	var u bwe.Usage
	alive := false
	ok := l.call(func() {
		if alive = !l.ended; alive {
			u = l.rate.est.Usage(l.shard.clock.Now())
		}
	})
	return u, ok && alive
}

// wantsTurn reports whether what RTCP told of gives the link a turn before its deadline. Most of it says that all is well,
// and a turn costs as much as reading it.
func (l *Link) wantsTurn(now media.Time) bool {
	e := l.rate.est
	if len(l.receivers) > 0 || l.pacer != nil || e.Congested() || e.Deadline(now) < l.deadline {
		return true
	}
	urgent, rose := l.shifted()
	return urgent || rose
}

// probe lets the estimator do what is due by time, and sends the padding that it asks for.
func (l *Link) probe(now media.Time) {
	e := l.rate.est
	e.SetDemand(now, l.demand(now))
	e.Advance(now)
	if l.up {
		l.count(now)
	}
	for due := e.Padding(now); due > 0 && l.up && l.rate.padded != nil; {
		n := l.rate.padded.pad(now, due)
		if n == 0 {
			break
		}
		due -= n
	}
}

// demand is what to probe for; nothing without a stream that can carry padding.
func (l *Link) demand(now media.Time) media.Bitrate {
	if l.rate.padded == nil || !l.rate.padded.out.CanPad() {
		l.rate.padded = nil
		for _, s := range l.slots {
			if (s.twcc || s.ccfb) && s.fan != nil && s.out.CanPad() {
				l.rate.padded = s
				break
			}
		}
	}
	switch {
	case !l.up || l.rate.padded == nil:
		return 0
	case l.rate.demand > 0:
		return l.rate.demand
	}
	return media.Bitrate(demandShare * float64(l.rate.est.Sending(now)))
}

// pad sends one packet of padding and returns its size on the wire, 0 when none could be sent.
func (s *slot) pad(now media.Time, bytes int) int {
	l := s.link
	buf := l.shard.rtx[:]
	r, ok := s.out.Padding(now, min(bytes, egress.MaxPadding), buf, l.twccOut.Next())
	if !ok {
		return 0
	}
	l.shard.counters.padding.Add(uint64(r.PayloadLen))
	return s.sealed(now, r, buf, l.shard.writer.Reserve(sealedMax))
}

// note remembers a packet that leaves, sealed as it is: its RTP header is plain.
func (s *slot) note(now media.Time, b []byte) {
	l := s.link
	switch {
	case s.twcc:
		l.twccOut.Sent(now, len(b))
	case s.ccfb:
		l.twccOut.Sent(now, len(b))
		l.twccOut.Named(media.SSRC(binary.BigEndian.Uint32(b[8:])), binary.BigEndian.Uint16(b[2:]))
	default:
		l.rate.est.OnUntracked(now, len(b))
	}
}

// reportsByRTP reports whether the receiver of an m-line answers with congestion control feedback.
func reportsByRTP(m *peer.Media) bool {
	return slices.ContainsFunc(m.Codecs, func(c peer.Codec) bool { return c.CCFB })
}

// rateDeadline is when probe is due.
func (l *Link) rateDeadline(now media.Time) media.Time { return l.rate.est.Deadline(now) }

// onREMB takes the receiver's estimate (draft-alvestrand-rmcat-remb-03); false when p is none.
func (l *Link) onREMB(now media.Time, p rtcp.Packet) bool {
	rate, _, ok := p.REMB()
	if ok {
		l.rate.est.OnREMB(now, rate)
	}
	return ok
}

// onLoss takes the worst loss that one report tells of. The estimator leaves it aside where it has
// transport-wide feedback.
func (l *Link) onLoss(now media.Time, worst float64, rtt time.Duration) {
	l.rate.est.OnReport(now, worst, rtt)
}
