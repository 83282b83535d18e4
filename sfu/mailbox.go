package sfu

import (
	"sync"
	"sync/atomic"

	"switchyard/media"
	"switchyard/peer"
)

// Bounds of a mailbox. Control work is bounded by its sources (limits on links, messages and
// rooms); media is not, so a full queue drops the newest and counts it.
const (
	maxMailInbound    = 4096
	maxMailDeliveries = 8192
)

// inbound is a datagram that another goroutine read for this shard: a TCP connection's reader, or
// a shard whose socket the kernel chose although the link lives here. It owns one reference.
type inbound struct {
	path peer.Path
	pkt  *media.Packet
	n    int    // bytes in pkt.Data
	from *shard // that was given it; nil for a reader
}

// delivery is a packet for the subscribers that a track has on this shard. It owns one reference.
type delivery struct {
	fan   *fanout
	spell uint32 // of the packet's layer, see fanout.spells
	pkt   *media.Packet
}

// mail is what a mailbox holds between two turns of its shard's loop.
type mail struct {
	funcs      []func()
	inbound    []inbound
	deliveries []delivery
}

// reset empties it for the next round. What stood in it must not stay alive by that: a delivery has a track and
// its link behind it.
func (m *mail) reset() {
	clear(m.funcs)
	clear(m.inbound)
	clear(m.deliveries)
	m.funcs, m.inbound, m.deliveries = m.funcs[:0], m.inbound[:0], m.deliveries[:0]
}

// mailbox is how everything outside reaches a shard. Its lock is held only to append or swap.
type mailbox struct {
	mu     sync.Mutex
	mail   mail // guarded by mu
	closed bool // guarded by mu

	droppedInbound    atomic.Uint64
	droppedDeliveries atomic.Uint64
}

// post queues control work; false when the shard has stopped.
func (m *mailbox) post(f func()) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.closed {
		m.mail.funcs = append(m.mail.funcs, f)
	}
	return !m.closed
}

// postInbound queues a datagram.
func (m *mailbox) postInbound(in inbound) {
	m.mu.Lock()
	ok := !m.closed && len(m.mail.inbound) < maxMailInbound
	if ok {
		m.mail.inbound = append(m.mail.inbound, in)
	}
	m.mu.Unlock()
	if !ok {
		m.droppedInbound.Add(1)
		in.pkt.Release()
	}
}

// postBatch queues a batch of one layer for fan, in the given spell, and takes a reference of its own to each packet.
func (m *mailbox) postBatch(fan *fanout, spell uint32, batch media.Batch) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed || len(m.mail.deliveries)+len(batch) > maxMailDeliveries {
		m.droppedDeliveries.Add(uint64(len(batch)))
		return
	}
	for _, p := range batch {
		p.Retain()
		m.mail.deliveries = append(m.mail.deliveries, delivery{fan, spell, p})
	}
}

// swap gives the owner what was queued, for the emptied slices of the last swap.
func (m *mailbox) swap(last *mail) {
	last.reset()
	m.mu.Lock()
	*last, m.mail = m.mail, *last
	m.mu.Unlock()
}

// empty reports whether nothing is queued.
func (m *mailbox) empty() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.mail.funcs)+len(m.mail.inbound)+len(m.mail.deliveries) == 0
}

// close refuses what comes later, and returns what is queued for the owner to finish.
func (m *mailbox) close() mail {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	rest := m.mail
	m.mail = mail{}
	return rest
}
