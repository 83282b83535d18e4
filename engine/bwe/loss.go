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
	lossPackets = 25   // fewer say nothing
	lossEvery   = 200 * time.Millisecond
	lossGrowth  = 1.08 // per second
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
func (l *lossBound) update(now media.Time, rate float64, rtt time.Duration) bool {
	if l.acked+l.lost < lossPackets || now.Sub(l.began) < lossEvery {
		return false
	}
	share := float64(l.lost) / float64(l.acked+l.lost)
	l.acked, l.lost, l.began = 0, 0, now
	return l.apply(now, share, rate, rtt)
}

// apply takes one loss fraction.
func (l *lossBound) apply(now media.Time, share, rate float64, rtt time.Duration) bool {
	l.share = share
	elapsed := min(max(now.Sub(l.grown), 0), time.Second).Seconds()
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
	}
	l.grown = now
	return false
}
