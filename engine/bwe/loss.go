package bwe

import (
	"math"
	"time"

	"switchyard/media"
)

// Parameters of the loss-based bound (gcc-02 §6).
const (
	lossLow     = 0.02 // below it the bound rises
	lossHigh    = 0.10 // above it the bound falls
	lossHeavy   = 0.30 // a queue overflows: it does not wait for the end of a window
	lossPackets = 50   // of a window, at least: fewer are dice
	lossSome    = 15   // that tell of heavy loss
	lossEvery   = time.Second
	lossQuick   = 100 * time.Millisecond
	lossGrowth  = 1.08 // per second
	lossFair    = 3.0
	lossYield   = 0.95 // per second
	lossCreep   = 1.04 // the same between the two: with no queue the losses are the path's own
)

// path is what is known of the queue when losses are judged.
type path uint8

const (
	unknown       path = iota
	empty              // losses are the path's own
	standingQueue      // losses are made by a queue that overflows
)

// lossBound is the rate that losses allow. Only losses of what was sent after the last decrease count: a
// queue that overflowed once must not be punished for as long as the news of it arrive.
type lossBound struct {
	rate        float64 // bit/s
	share       float64 // lost, of the last window
	acked, lost int
	began       media.Time // of the window
	since       media.Time // packets sent before it do not count
	grown       media.Time
}

func (l *lossBound) onPackets(at media.Time, acked, lost int) {
	if at < l.since {
		return
	}
	l.acked += acked
	l.lost = max(0, l.lost+lost)
}

// update moves the bound at the end of a window; rate is the rate in force. True when it fell.
func (l *lossBound) update(now media.Time, rate float64, rtt time.Duration, path path) bool {
	n, age := l.acked+l.lost, now.Sub(l.began)
	heavy := n >= lossSome && age >= lossQuick && float64(l.lost) > lossHeavy*float64(n)
	if !heavy && (n < lossPackets || age < lossEvery) {
		return false
	}
	share := float64(l.lost) / float64(n)
	l.acked, l.lost, l.began = 0, 0, now
	return l.apply(now, share, rate, rtt, path)
}

// apply takes one loss fraction.
func (l *lossBound) apply(now media.Time, share, rate float64, rtt time.Duration, path path) bool {
	l.share = share
	elapsed := min(max(now.Sub(l.grown), 0), 2*time.Second).Seconds()
	switch {
	case share > lossHigh:
		l.grown = now
		if now.Sub(l.since) < rtt {
			return false
		}
		l.rate = rate * (1 - 0.5*share)
		l.since = now
		return true
	case share < lossLow:
		l.rate = max(l.rate, rate) * math.Pow(lossGrowth, elapsed)
	case path == empty:
		l.rate = max(l.rate, rate) * math.Pow(lossCreep, elapsed)
	case path == standingQueue:
		l.befriend(share, rate, rtt, elapsed)
	}
	l.grown = now
	return false
}

// befriend moves the bound towards what TCP would have at that loss and RTT, in the band where the draft
// holds it: beside TCP flows that overflow a queue, holding keeps for ever what each flow had before.
// The rate is the simplified TCP throughput equation (RFC 5348 §3.1, without time-outs); a flow of ours
// may have some times that, since it is alone where TCP users open many.
func (l *lossBound) befriend(share, rate float64, rtt time.Duration, elapsed float64) {
	fair := packetBits * math.Sqrt(1.5/share) / rtt.Seconds()
	switch {
	case rate > lossFair*fair:
		l.rate = min(l.rate, rate) * math.Pow(lossYield, elapsed)
	case rate < fair:
		l.rate = max(l.rate, rate) + rivalStep*elapsed
	}
}
