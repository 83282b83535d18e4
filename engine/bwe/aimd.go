package bwe

import (
	"math"
	"time"

	"switchyard/media"
)

// Parameters of the rate control (gcc-02 §5.5).
const (
	backoff      = 0.85                   // beta
	growth       = 1.08                   // eta, per second
	overAcked    = 1.5                    // the rate may not go further above what arrives
	responseTime = 100 * time.Millisecond // beyond the RTT
	leastReply   = 200 * time.Millisecond // bounds of both together, so that short paths do not outgrow long ones
	mostReply    = 300 * time.Millisecond
	packetBits   = 1200 * 8
	frameRate    = 30 // to guess the packet size from, for the additive increase
	leastStep    = 4000.0
	rivalStep    = 60_000.0               // bit/s in a second, at most
	againAfter   = 100 * time.Millisecond // after an RTT: a further decrease for the same reason
)

// aimd is the delay-based rate control: additive increase near the known capacity, multiplicative
// elsewhere, multiplicative decrease to a share of what arrives. Rates are in bit/s.
type aimd struct {
	rate      float64
	capacity  linkCapacity
	updated   media.Time
	decreased media.Time
}

// increase lets the rate grow; acked is what arrives, 0 when unknown. Beside a rival it grows as TCP
// does, by a packet in each RTT: that way flows that share come together.
func (a *aimd) increase(now media.Time, acked float64, rtt time.Duration, rival bool) {
	elapsed := min(now.Sub(a.updated), time.Second).Seconds()
	a.updated = now
	if acked > a.capacity.upper() {
		a.capacity = linkCapacity{} // it has grown: forget it
	}
	next := a.rate
	if rival {
		next += min(packetBits/(rtt.Seconds()*rtt.Seconds()), rivalStep) * elapsed
	} else if a.capacity.known && acked > a.capacity.lower() {
		next += a.step(rtt) * elapsed
	} else {
		next += max(a.rate*(math.Pow(growth, elapsed)-1), 1000*elapsed)
	}
	if acked > 0 {
		next = min(next, max(a.rate, overAcked*acked+10_000))
	}
	a.rate = next
}

// step is the additive increase per second: about a packet for each response time.
func (a *aimd) step(rtt time.Duration) float64 {
	frame := a.rate / frameRate
	packet := frame / math.Ceil(frame/packetBits)
	return max(leastStep, packet/min(max(rtt+responseTime, leastReply), mostReply).Seconds())
}

// decrease takes the rate below what arrives.
func (a *aimd) decrease(now media.Time, acked float64) {
	a.updated, a.decreased = now, now
	if acked < a.capacity.lower() {
		a.capacity = linkCapacity{}
	}
	a.capacity.observe(acked)
	a.rate = min(a.rate, backoff*acked)
}

// linkCapacity remembers what arrived when the path was found full: mean and variance, exponentially
// weighted (gcc-02 §5.5: R_hat_max and three standard deviations around it).
type linkCapacity struct {
	mean, deviation float64 // bit/s; variance over mean, in kbit/s
	known           bool
}

const (
	capacityWeight = 0.05
	leastDeviation = 0.4
	mostDeviation  = 2.5
)

func (c *linkCapacity) observe(rate float64) {
	if !c.known {
		*c = linkCapacity{mean: rate, deviation: leastDeviation, known: rate > 0}
		return
	}
	c.mean += capacityWeight * (rate - c.mean)
	off := (c.mean - rate) / 1000
	c.deviation = (1-capacityWeight)*c.deviation + capacityWeight*off*off/max(c.mean/1000, 1)
	c.deviation = min(max(c.deviation, leastDeviation), mostDeviation)
}

func (c *linkCapacity) spread() float64 { return 3 * math.Sqrt(c.deviation*c.mean/1000) * 1000 }

func (c *linkCapacity) upper() float64 {
	if !c.known {
		return math.Inf(1)
	}
	return c.mean + c.spread()
}

func (c *linkCapacity) lower() float64 {
	if !c.known {
		return 0
	}
	return max(0, c.mean-c.spread())
}
