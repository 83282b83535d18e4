package bwe

import (
	"time"

	"switchyard/media"
)

// later puts the next probe off, after the path was found full.
func (p *prober) later(now media.Time) {
	p.interval = probeInterval
	p.next = max(p.next, now.Add(p.interval))
}

// probed takes the result of a cluster.
func (e *Estimator) probed(now media.Time) {
	tried := e.probe.c.rate
	rate, over := e.probe.result(now)
	if !over {
		return
	}
	if rate <= e.rate.rate*1.02 {
		e.probe.next = now.Add(e.probe.interval)
		e.probe.interval = min(e.probe.interval*3/2, probeLongest)
		return
	}
	e.probe.raised++
	e.rate.rate = min(rate, float64(e.cfg.Max))
	e.rate.updated = now
	e.loss.rate = max(e.loss.rate, e.rate.rate)
	e.probe.interval = probeInterval
	e.probe.next = now.Add(e.probe.interval)
	if rate > probeFurther*tried {
		e.probe.next = now // there may be still more
	}
}

// Advance does what is due by time alone: backing off without feedback, and beginning a probe.
func (e *Estimator) Advance(now media.Time) {
	e.silence(now)
	if e.remb > 0 && now >= e.rembUntil {
		e.remb = 0
	}
	e.drain(now)
	e.probed(now) // a cluster whose feedback does not come
	if e.wantsProbe(now) {
		e.out.probing = true
		e.probe.start(now, min(2*e.rate.rate, max(probeMore*e.demand, e.rate.rate), float64(e.cfg.Max)))
	}
}

// silence backs off while feedback stays away: it was lost with what it would have told of.
func (e *Estimator) silence(now media.Time) {
	if e.silenceAt() > now {
		return
	}
	e.out.unheard, e.out.heard, e.silent = 0, now, true // the next one takes another packet
	e.timeouts++
	e.rate.rate = max(e.rate.rate*silenceFactor, float64(e.cfg.Min))
	e.rate.updated, e.rate.decreased = now, now
	e.loss.since = now
	e.probe.later(now)
}

func (e *Estimator) silenceAt() media.Time {
	if e.out.unheard == 0 || !e.started {
		return media.Never
	}
	return e.out.heard.Add(max(silence, 3*e.rtt()))
}

// wantsProbe reports whether a probe may begin: not while there is a queue. What was known of it long ago
// says nothing: an owner that sends nothing, for want of room, must not wait for feedback.
func (e *Estimator) wantsProbe(now media.Time) bool {
	return now >= e.probeAt() && (e.queue.delay() < probeQueue || now.Sub(e.out.heard) > probeStale)
}

// probeAt is when a probe may begin.
func (e *Estimator) probeAt() media.Time {
	full := e.remb > 0 && e.remb <= e.rate.rate || e.rate.rate >= float64(e.cfg.Max)
	if e.probe.running || e.draining || full || e.demand <= e.steady() {
		return media.Never
	}
	return e.probe.next
}

// Padding returns how many bytes of padding are to be sent now so that the running probe keeps its
// rate, 0 when there is none or media fills it. What is sent is told to the Sender as always.
func (e *Estimator) Padding(now media.Time) int { return e.probe.due(now) }

// probeTick is how often a running probe asks for padding.
const probeTick = 2 * time.Millisecond

// Probing reports whether a probe asks for padding: then milliseconds matter to Deadline.
func (e *Estimator) Probing() bool { return e.probe.running && !e.probe.c.sent }

// Deadline returns when Advance, and Padding after it, are due.
func (e *Estimator) Deadline(now media.Time) media.Time {
	next := e.silenceAt()
	if e.draining {
		next = min(next, e.drainBegan.Add(drainLongest+1))
	}
	switch at := e.probeAt(); {
	case e.Probing():
		next = min(next, now.Add(probeTick))
	case e.probe.running:
		next = min(next, e.probe.c.began.Add(probeWait+probeTime+time.Millisecond))
	case at > now || e.wantsProbe(now):
		next = min(next, at)
	case at != media.Never: // a queue is in the way: look again soon
		next = min(next, now.Add(100*time.Millisecond))
	}
	return next
}

// OnREMB takes the receiver's estimate (draft-alvestrand-rmcat-remb-03), which bounds ours while it is
// repeated, and is ours where no transport-wide feedback comes.
func (e *Estimator) OnREMB(now media.Time, rate media.Bitrate) {
	e.remb, e.rembUntil = float64(max(rate, 1)), now.Add(rembLife)
	if !e.started {
		e.rate.rate = e.remb
		e.clamp()
	}
}

// OnReport takes the loss that a receiver report tells of (gcc-02 §6): for peers without transport-wide
// feedback, which have no other. Packets is how many were sent since the report before.
func (e *Estimator) OnReport(now media.Time, lost float64, rtt time.Duration) {
	if e.started || !(lost >= 0 && lost <= 1) {
		return
	}
	e.out.unheard, e.out.heard = 0, now
	if e.loss.grown == 0 {
		e.loss.grown = now
		e.loss.rate = e.rate.rate
	}
	sending := e.out.rate(now)
	e.limited = sending < limitedShare*e.steady()
	if e.limited && lost <= lossHigh {
		e.loss.grown = now // no evidence that more would pass
		return
	}
	e.loss.apply(now, lost, e.loss.rate, rtt, unknown)
	e.rate.rate = max(e.rate.rate, e.loss.rate)
	e.clamp()
}

// Congested reports whether there was ever reason to believe that the path carries no more than the target:
// before that the target is only where the search begins.
func (e *Estimator) Congested() bool {
	return e.rate.decreased != 0 || e.lossy || e.loss.rate < e.rate.rate || e.remb > 0
}

// Sending returns the rate of what was sent in the last half second.
func (e *Estimator) Sending(now media.Time) media.Bitrate { return media.Bitrate(e.out.rate(now)) }

// Draining reports whether less is sent for a moment, so that the queue of a collapse empties.
func (e *Estimator) Draining() bool { return e.draining }

// Queue returns how long packets wait in the path: the delay above the least one of the last 10 to 20 s.
func (e *Estimator) Queue() time.Duration { return e.queue.delay() }

// Usage is how the estimator came to its target.
type Usage struct {
	Target   media.Bitrate
	Steady   media.Bitrate
	Delay    media.Bitrate // bound of the delay-based controller
	Loss     media.Bitrate // bound of the loss-based one
	REMB     media.Bitrate // 0: none
	Acked    media.Bitrate // what arrives, over half a second
	Sending  media.Bitrate // what was sent in the last half second
	Queue    time.Duration // queueing delay: above the least one of the last 10 to 20 s
	Lost     float64       // of the last window, 0 to 1
	Limit    Limit
	Limited  bool // the sender sends less than it may (ALR)
	Probes   uint64
	Raised   uint64 // probes that raised the rate
	Timeouts uint64 // times that feedback stayed away
}

// Usage returns a snapshot.
func (e *Estimator) Usage(now media.Time) Usage {
	acked, _, _ := e.arrived.over(inLong)
	return Usage{
		Target: e.Target(), Steady: e.Steady(),
		Delay: media.Bitrate(e.rate.rate), Loss: media.Bitrate(e.loss.rate), REMB: media.Bitrate(e.remb),
		Acked: media.Bitrate(acked), Sending: media.Bitrate(e.out.rate(now)),
		Queue: e.queue.delay(), Lost: e.loss.share,
		Limit: e.limits(), Limited: e.limited,
		Probes: e.probe.tried, Raised: e.probe.raised, Timeouts: e.timeouts,
	}
}

func (e *Estimator) limits() Limit {
	rate := e.steady()
	switch {
	case e.draining:
		return LimitDrain
	case e.silent:
		return LimitSilence
	case e.remb > 0 && rate >= e.remb:
		return LimitREMB
	case rate >= float64(e.cfg.Max):
		return LimitMax
	case e.loss.rate < e.rate.rate:
		return LimitLoss
	}
	return LimitDelay
}
