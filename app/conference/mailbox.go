package conference

import (
	"sync"

	"switchyard/protocol"
)

// maxData bounds the bytes of DataChannel messages that wait for a room; what comes then is dropped
// and counted. Everything else is bounded by its sources: one message per socket, few events per link.
const maxData = 16 << 20

// level is the last loudness of an audio track.
type level struct {
	value float64
	voice bool
}

// mailbox is how everything outside reaches a room's actor. Posting never blocks.
type mailbox struct {
	ready chan struct{} // there is mail; holds one

	mu     sync.Mutex
	funcs  []func()                   // guarded by mu
	levels map[protocol.TrackID]level // guarded by mu; only the newest of each track counts
	data   int                        // guarded by mu; bytes of DataChannel messages in funcs
	closed bool                       // guarded by mu
}

func newMailbox() *mailbox {
	return &mailbox{ready: make(chan struct{}, 1), levels: map[protocol.TrackID]level{}}
}

// post queues f; false when the room is gone.
func (m *mailbox) post(f func()) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return false
	}
	m.funcs = append(m.funcs, f)
	m.poke()
	return true
}

// postData queues f, which carries n bytes; false when too much waits.
func (m *mailbox) postData(n int, f func()) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed || m.data+n > maxData {
		return false
	}
	m.data += n
	m.funcs = append(m.funcs, f)
	m.poke()
	return true
}

func (m *mailbox) postLevel(id protocol.TrackID, l level) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.closed {
		m.levels[id] = l
		m.poke()
	}
}

func (m *mailbox) poke() {
	select {
	case m.ready <- struct{}{}:
	default:
	}
}

func (m *mailbox) take() ([]func(), map[protocol.TrackID]level) {
	m.mu.Lock()
	defer m.mu.Unlock()
	funcs := m.funcs
	m.funcs, m.data = nil, 0
	if len(m.levels) == 0 {
		return funcs, nil
	}
	levels := m.levels
	m.levels = map[protocol.TrackID]level{}
	return funcs, levels
}

// closeIfEmpty refuses mail from now on; false, and nothing happens, while there is some.
func (m *mailbox) closeIfEmpty() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.funcs) == 0 {
		m.closed = true
	}
	return m.closed
}
