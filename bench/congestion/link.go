package congestion

import (
	"time"

	"switchyard/media"
)

// overhead is what IP and UDP add to a datagram on the wire.
const overhead = 28

// packet is on its way over a link.
type packet struct {
	size    int // on the wire
	entered media.Time
	arrive  func(p *packet) // at the far end, after the link's queue and the flow's own delay
	delay   time.Duration   // propagation
	flow    *flowRecord     // whom the queueing delay is noted for, nil for none
	seq     uint64
}

// change sets a link's rate from a time on.
type change struct {
	at   time.Duration
	rate media.Bitrate
}

// link is a bottleneck: one queue, first in first out, drop at the tail.
type link struct {
	sim     *sim
	changes []change
	rate    media.Bitrate
	limit   time.Duration // of the queue, at the rate in force
	loss    float64       // drawn for each packet, besides the queue's
	queue   []*packet
	bytes   int
	busy    bool

	delivered int // bytes
	dropped   int // packets, at the tail
}

func newLink(s *sim, changes []change, limit time.Duration, loss float64) *link {
	l := &link{sim: s, changes: changes, rate: changes[0].rate, limit: limit, loss: loss}
	for _, c := range changes[1:] {
		s.at(media.Time(c.at), func() { l.rate = c.rate })
	}
	return l
}

// send takes a packet, or drops it.
func (l *link) send(p *packet) {
	if l.loss > 0 && l.sim.rng.Float64() < l.loss {
		p.lost()
		return
	}
	room := int(float64(l.rate) / 8 * l.limit.Seconds())
	if l.bytes+p.size > max(room, 2*1500) {
		l.dropped++
		p.lost()
		return
	}
	p.entered = l.sim.now
	l.queue = append(l.queue, p)
	l.bytes += p.size
	if !l.busy {
		l.serve()
	}
}

func (p *packet) lost() {
	if p.flow != nil {
		p.flow.lost++
	}
}

// serve puts the first packet on the wire.
func (l *link) serve() {
	p := l.queue[0]
	l.busy = true
	l.sim.after(time.Duration(float64(p.size*8)/float64(l.rate)*1e9), func() {
		l.queue = l.queue[1:]
		l.bytes -= p.size
		l.delivered += p.size
		if p.flow != nil {
			p.flow.waited(l.sim.now, l.sim.now.Sub(p.entered), p.size)
		}
		l.sim.after(p.delay, func() { p.arrive(p) })
		if l.busy = len(l.queue) > 0; l.busy {
			l.serve()
		}
	})
}
