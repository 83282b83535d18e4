package bwe

import (
	"time"

	"switchyard/media"
)

// Parameters of probing, after the deployed implementation of Google congestion control (its probe
// controller has no chapter in the draft; gcc-02 §4 leaves padding to the pacer).
const (
	probeTime     = 20 * time.Millisecond
	probePackets  = 6    // at least
	probeBytes    = 1800 // at least, whatever the rate: fewer say nothing
	probeAcked    = 0.8  // of a cluster's bytes and packets must arrive
	probeFull     = 0.9  // of the sending rate: below it the path was full
	probeUse      = 0.95 // of what arrived of a cluster that filled the path
	probeFurther  = 0.7  // of the rate tried: from there on the next cluster follows at once
	probeWait     = time.Second
	probeTooFast  = 4.0 // arrived faster than sent by so much: a radio let go what it held
	probeInterval = 2 * time.Second
	probeLongest  = 4 * time.Second
	demandRoom    = 1.25                  // times what is wished for: a rate that only just fits is taken away again
	probeMore     = 1.1                   // times that: what arrives of a probe is never more than was sent
	probeStale    = time.Second           // after feedback so old nothing is known of the queue
	probeQueue    = 25 * time.Millisecond // with more waiting the path is known to be full
)

// cluster is one probe: what is sent from its beginning to its end, media included.
type cluster struct {
	id                   uint8
	rate                 float64 // bit/s tried
	need                 int     // bytes
	began                media.Time
	bytes, packets       int // sent
	first, last          media.Time
	lastSize             int
	sent                 bool
	ackedBytes, acked    int
	firstSize            int
	arrivedFirst         time.Duration
	arrivedLast          time.Duration
	sentFirst, sentLast  media.Time // of those that arrived
	sentLastSize, judged int
}

// prober makes clusters, one at a time.
type prober struct {
	running  bool // c is being sent, or waits for its feedback
	next     media.Time
	interval time.Duration
	ids      uint8
	tried    uint64
	raised   uint64
	c        cluster // last: untouched while none runs
}

// start begins a cluster that tries rate.
func (p *prober) start(now media.Time, rate float64) {
	if p.ids++; p.ids == 0 { // 0 marks packets of no cluster
		p.ids = 1
	}
	need := max(int(rate/8*probeTime.Seconds()), probeBytes)
	p.c = cluster{id: p.ids, rate: rate, need: need, began: now}
	p.running = true
	p.tried++
}

// due returns how many bytes the cluster lacks at now.
func (p *prober) due(now media.Time) int {
	c := &p.c
	if !p.running || c.sent {
		return 0
	}
	by := min(int(c.rate/8*(now.Sub(c.began).Seconds()))+probeBytes/probePackets, c.need)
	return max(by-c.bytes, 0)
}

// onSent counts a packet into the cluster that is being sent and returns its id, 0 when there is none.
func (p *prober) onSent(now media.Time, size int) uint8 {
	c := &p.c
	if !p.running || c.sent {
		return 0
	}
	if c.packets == 0 {
		c.first = now
	}
	c.packets++
	c.bytes += size
	c.last, c.lastSize = now, size
	c.sent = c.bytes >= c.need && c.packets >= probePackets
	return c.id
}

// onJudged takes the feedback about a packet of a cluster.
func (p *prober) onJudged(id uint8, at media.Time, size int, arrived time.Duration, received bool) {
	c := &p.c
	if !p.running || id != c.id {
		return
	}
	c.judged++
	if !received {
		return
	}
	if c.acked == 0 {
		c.arrivedFirst, c.firstSize, c.sentFirst = arrived, size, at
		c.arrivedLast, c.sentLast = arrived, at
	}
	c.acked++
	c.ackedBytes += size
	c.arrivedLast = max(c.arrivedLast, arrived)
	if at >= c.sentLast {
		c.sentLast, c.sentLastSize = at, size
	}
}

// result returns what the cluster measured once it is over; rate 0 means that it measured nothing.
func (p *prober) result(now media.Time) (rate float64, over bool) {
	c := &p.c
	if !p.running {
		return 0, false
	}
	late := now.Sub(c.began) > probeWait+probeTime
	if !late && (!c.sent || c.judged < c.packets) {
		return 0, false
	}
	p.running = false
	return c.measure(), true
}

func (c *cluster) measure() float64 {
	if c.acked < probePackets-1 || float64(c.ackedBytes) < probeAcked*float64(c.bytes) {
		return 0
	}
	arrival := (c.arrivedLast - c.arrivedFirst).Seconds()
	if arrival <= 0 {
		return 0
	}
	received := float64((c.ackedBytes-c.firstSize)*8) / arrival
	sent := c.rate // what left in one burst left at any rate
	if d := c.sentLast.Sub(c.sentFirst).Seconds(); d > 0 {
		sent = float64((c.ackedBytes-c.sentLastSize)*8) / d
	}
	switch {
	case received > probeTooFast*sent:
		return 0
	case received < probeFull*sent:
		return probeUse * received
	}
	return min(received, sent)
}
