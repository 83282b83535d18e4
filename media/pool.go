package media

import "sync"

// Pool hands out packets and takes them back. It grows as needed and keeps at most Limit free
// packets; the rest is left to the garbage collector. Safe for concurrent use: a packet is often
// released by another shard than the one that took it.
type Pool struct {
	mu    sync.Mutex
	free  []*Packet // guarded by mu
	limit int
}

// NewPool returns a pool that keeps at most limit free packets.
func NewPool(limit int) *Pool { return &Pool{limit: limit} }

// Get returns a packet with one reference and undefined contents.
func (p *Pool) Get() *Packet {
	p.mu.Lock()
	if n := len(p.free); n > 0 {
		pkt := p.free[n-1]
		p.free = p.free[:n-1]
		p.mu.Unlock()
		pkt.refs.Store(1)
		return pkt
	}
	p.mu.Unlock()
	pkt := &Packet{pool: p}
	pkt.refs.Store(1)
	return pkt
}

func (p *Pool) put(pkt *Packet) {
	pkt.Payload = nil
	p.mu.Lock()
	if len(p.free) < p.limit {
		p.free = append(p.free, pkt)
	}
	p.mu.Unlock()
}
