package congestion

import (
	"math"
	"slices"
	"time"

	"switchyard/media"
)

// sampleEvery is the width of a point in the charts.
const sampleEvery = 100 * time.Millisecond

// flowRecord is what happened to one flow.
type flowRecord struct {
	name            string
	sent, lost, cut int // packets: given to the link, dropped there, dropped by the pacer
	padding         int // bytes
	bytes           []int
	target          []float64 // sampled; bit/s
	drawn           int       // delays that the chart has
	firstSample     int
	delays          []delay
	bytesIn         int
	completions     []time.Duration // of short flows
}

// delay is one packet's time in the queue.
type delay struct {
	at   media.Time
	wait time.Duration
}

func newRecord(name string) *flowRecord { return &flowRecord{name: name} }

func (r *flowRecord) waited(now media.Time, d time.Duration, _ int) {
	r.delays = append(r.delays, delay{now, d})
}

func (r *flowRecord) received(now media.Time, size int) {
	at := int(now / media.Time(sampleEvery))
	for len(r.bytes) <= at {
		r.bytes = append(r.bytes, 0)
	}
	r.bytes[at] += size
	r.bytesIn += size
}

func (r *flowRecord) sample(now media.Time, target float64) {
	at := int(now / media.Time(sampleEvery))
	if len(r.target) == 0 {
		r.firstSample = at
	}
	r.target = append(r.target, target)
}

// Rate is what arrived from one time to another, in bit/s on the wire.
func (r *flowRecord) rate(from, to time.Duration) float64 {
	sum := 0
	for i := int(from / sampleEvery); i < int(to/sampleEvery) && i < len(r.bytes); i++ {
		sum += r.bytes[i]
	}
	return float64(sum*8) / (to - from).Seconds()
}

// quantile is the queueing delay that a share q of the packets between two times stayed below.
func quantile(q float64, from, to time.Duration, flows ...*flowRecord) time.Duration {
	var all []time.Duration
	for _, r := range flows {
		for _, d := range r.delays {
			if d.at >= media.Time(from) && d.at < media.Time(to) {
				all = append(all, d.wait)
			}
		}
	}
	if len(all) == 0 {
		return 0
	}
	slices.Sort(all)
	return all[min(int(math.Ceil(q*float64(len(all))))-1, len(all)-1)]
}

// reaches returns how long after from the rate over the second before is at least rate for the first time.
func (r *flowRecord) reaches(rate float64, from, to time.Duration) (time.Duration, bool) {
	for t := from; t <= to; t += sampleEvery {
		if r.rate(t, t+time.Second) >= rate {
			return t + time.Second - from, true
		}
	}
	return 0, false
}

// drained returns how long after from the queue is at most wait and stays there for a second.
func (r *flowRecord) drained(wait time.Duration, from, to time.Duration) (time.Duration, bool) {
	last := from
	for _, d := range r.delays {
		if d.at < media.Time(from) || d.at > media.Time(to) {
			continue
		}
		at := time.Duration(d.at)
		if d.wait > wait {
			last = at
		} else if at-last > time.Second {
			break
		}
	}
	return last - from, last < to-time.Second
}

// fairness is Jain's index of rates (RFC 8868 §3): 1 when all are equal, 1/n when one has everything.
func fairness(rates ...float64) float64 {
	sum, squares := 0.0, 0.0
	for _, r := range rates {
		sum += r
		squares += r * r
	}
	if squares == 0 {
		return 0
	}
	return sum * sum / (float64(len(rates)) * squares)
}

func sortSeqs(s []uint64) { slices.Sort(s) }

// below returns how long after from the target is at most rate for the first time.
func (r *flowRecord) below(rate float64, from, to time.Duration) (time.Duration, bool) {
	for i := int(from/sampleEvery) - r.firstSample; i >= 0 && i < len(r.target); i++ {
		if r.target[i] <= rate {
			at := time.Duration(i+r.firstSample) * sampleEvery
			return at - from, at < to
		}
	}
	return 0, false
}
