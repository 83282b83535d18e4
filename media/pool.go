package media

import (
	"runtime"
	"sync"
	"weak"
)

// Pool hands out packets and takes them back. It grows as needed and keeps at most Limit free packets, and of
// these only what is used: each garbage collection gets those that were free ever since the one before. A
// sync.Pool does about that, but also forgets what is in use, and under the race detector some by chance. Safe
// for concurrent use: a packet is often released by another shard than the one that took it.
type Pool struct {
	mu    sync.Mutex
	free  []*Packet // guarded by mu; used from its end
	spare int       // guarded by mu; as many from its beginning were free since the last collection
	out   int       // guarded by mu; packets that somebody holds
	limit int
}

// NewPool returns a pool that keeps at most limit free packets.
func NewPool(limit int) *Pool {
	p := &Pool{limit: limit}
	shrinkWithGC(weak.Make(p))
	return p
}

// mark is something for the garbage collector to find: it goes at each collection, which is then told. It has
// a pointer, for without one it would share its memory with what stays.
type mark struct{ _ *mark }

// shrinkWithGC shrinks the pool after each collection, as long as there is the pool.
func shrinkWithGC(w weak.Pointer[Pool]) {
	runtime.AddCleanup(new(mark), func(w weak.Pointer[Pool]) {
		if p := w.Value(); p != nil {
			p.shrink()
			shrinkWithGC(w)
		}
	}, w)
}

// shrink forgets the packets that were not used since it was last called.
func (p *Pool) shrink() {
	p.mu.Lock()
	defer p.mu.Unlock()
	kept := p.free[p.spare:]
	if len(kept) < cap(p.free)/4 {
		p.free = append(make([]*Packet, 0, 2*len(kept)), kept...)
	} else {
		n := copy(p.free, kept)
		clear(p.free[n:])
		p.free = p.free[:n]
	}
	p.spare = len(p.free)
}

// Get returns a packet with one reference and undefined contents.
func (p *Pool) Get() *Packet {
	p.mu.Lock()
	p.out++
	if n := len(p.free) - 1; n >= 0 {
		pkt := p.free[n]
		p.free[n] = nil // else the slice would keep it where nobody gives it back
		p.free = p.free[:n]
		p.spare = min(p.spare, n)
		p.mu.Unlock()
		pkt.refs.Store(1)
		return pkt
	}
	p.mu.Unlock()
	pkt := &Packet{pool: p}
	pkt.refs.Store(1)
	return pkt
}

// Out returns how many packets are held by somebody.
func (p *Pool) Out() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out
}

func (p *Pool) put(pkt *Packet) {
	pkt.Payload, pkt.Dependency = nil, nil
	p.mu.Lock()
	p.out--
	if len(p.free) < p.limit {
		p.free = append(p.free, pkt)
	}
	p.mu.Unlock()
}
