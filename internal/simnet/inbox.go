package simnet

import (
	"net"
	"net/netip"
	"os"
	"sync"
	"time"
)

// receiveBuffer is how many bytes an endpoint keeps for a slow reader; what comes on top is dropped
// (DropReceiver), as a socket does.
const receiveBuffer = 4 << 20

// inbox is the receiving half of an endpoint: a bounded queue with a deadline.
type inbox struct {
	mu       sync.Mutex
	queue    []datagram
	queued   int // bytes
	limit    int
	closed   bool
	deadline time.Time
	changed  chan struct{} // closed and replaced when a reader should look again
}

type datagram struct {
	from    netip.AddrPort
	payload []byte
}

func newInbox() *inbox {
	return &inbox{limit: receiveBuffer, changed: make(chan struct{})}
}

// signal wakes all readers. Holds mu.
func (i *inbox) signal() {
	close(i.changed)
	i.changed = make(chan struct{})
}

// push takes a datagram that arrived; false when there is no room.
func (i *inbox) push(from netip.AddrPort, payload []byte) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.closed || i.queued+len(payload) > i.limit {
		return false
	}
	i.queue = append(i.queue, datagram{from, payload})
	i.queued += len(payload)
	i.signal()
	return true
}

// read waits for a datagram; the error is net.ErrClosed or os.ErrDeadlineExceeded.
func (i *inbox) read(b []byte) (int, netip.AddrPort, error) {
	for {
		n, from, changed, deadline, err := i.take(b)
		if changed == nil {
			return n, from, err
		}
		wait(changed, deadline)
	}
}

// take returns a datagram or an error, or what to wait for.
func (i *inbox) take(b []byte) (n int, from netip.AddrPort, changed <-chan struct{}, deadline time.Time, err error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	switch {
	case i.closed:
		err = net.ErrClosed
	case !i.deadline.IsZero() && !i.deadline.After(time.Now()):
		err = os.ErrDeadlineExceeded
	case len(i.queue) == 0:
		return 0, from, i.changed, i.deadline, nil
	default:
		d := i.queue[0]
		i.queue[0] = datagram{}
		i.queue = i.queue[1:]
		i.queued -= len(d.payload)
		n, from = copy(b, d.payload), d.from
	}
	return n, from, nil, time.Time{}, err
}

// wait returns when changed is closed or the deadline, if any, has come.
func wait(changed <-chan struct{}, deadline time.Time) {
	if deadline.IsZero() {
		<-changed
		return
	}
	timer := time.NewTimer(time.Until(deadline))
	defer timer.Stop()
	select {
	case <-changed:
	case <-timer.C:
	}
}

// setDeadline also moves the deadline of reads that wait now.
func (i *inbox) setDeadline(t time.Time) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.closed {
		return net.ErrClosed
	}
	i.deadline = t
	i.signal()
	return nil
}

func (i *inbox) setLimit(bytes int) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.limit = bytes
}

// close wakes all readers; false when it was closed before.
func (i *inbox) close() bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.closed {
		return false
	}
	i.closed = true
	i.queue = nil
	i.signal()
	return true
}

func (i *inbox) isClosed() bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.closed
}
