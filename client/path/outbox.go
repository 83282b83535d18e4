package path

import (
	"net/netip"
	"sync"
	"time"
)

const (
	// burst is how many datagrams leave at once at most; the kernel takes 64 in one message.
	burst = 40
	// burstWait is how long a datagram waits for others that leave with it. SCTP, which is what is sent in numbers,
	// sends what acknowledgements allow, a few at a time.
	burstWait = 150 * time.Microsecond
	// fullSize is what a datagram has that others will follow: SCTP fills them. Smaller ones end a burst.
	fullSize = 1000
	// maxMessage is what fits into one message to the kernel, in bytes.
	maxMessage = 65000
)

// outbox gathers what ICE's users send in bursts, so that equal datagrams in a row leave by one system call (GSO). Order
// is kept. Who fills a burst sends it, so that a full kernel makes the sender wait.
type outbox struct {
	e *endpoint

	sending sync.Mutex // held while a burst leaves; before mu
	single  bool       // guarded by sending: the kernel or the device cannot cut messages
	spare   outgoing   // guarded by sending: the burst that left last

	mu    sync.Mutex
	next  outgoing    // guarded by mu
	timer *time.Timer // guarded by mu
}

// outgoing is a burst: datagrams one behind the other.
type outgoing struct {
	bytes []byte
	sizes []int
	to    netip.AddrPort
}

func (o *outgoing) clear() { o.bytes, o.sizes = o.bytes[:0], o.sizes[:0] }

// write sends p now or in a moment.
func (o *outbox) write(p []byte, to netip.AddrPort) error {
	o.mu.Lock()
	waiting := len(o.next.sizes)
	if waiting == 0 && len(p) < fullSize {
		o.mu.Unlock()
		return o.direct(p, to)
	}
	if waiting > 0 && o.next.to != to {
		o.mu.Unlock()
		if err := o.flush(); err != nil {
			return err
		}
		o.mu.Lock()
	}
	o.next.to = to
	o.next.bytes = append(o.next.bytes, p...)
	o.next.sizes = append(o.next.sizes, len(p))
	whole := len(p) < fullSize || len(o.next.sizes) >= burst
	if !whole && len(o.next.sizes) == 1 {
		if o.timer == nil {
			o.timer = time.AfterFunc(burstWait, func() { _ = o.flush() }) // what cannot be sent is lost, as on the way
		} else {
			o.timer.Reset(burstWait)
		}
	}
	o.mu.Unlock()
	if whole {
		return o.flush()
	}
	return nil
}

// direct sends one datagram behind a burst that is leaving.
func (o *outbox) direct(p []byte, to netip.AddrPort) error {
	o.sending.Lock()
	defer o.sending.Unlock()
	return o.e.send(p, 0, to)
}

// flush sends what waits.
func (o *outbox) flush() error {
	o.sending.Lock()
	defer o.sending.Unlock()
	o.mu.Lock()
	b := o.next
	o.next = o.spare
	o.next.clear()
	if o.timer != nil {
		o.timer.Stop() // it was for this burst
	}
	o.mu.Unlock()
	err := o.send(b)
	o.spare = b
	return err
}

// send sends a burst in as few messages as it takes. Sending is held.
func (o *outbox) send(b outgoing) error {
	var failed error
	for len(b.sizes) > 0 {
		n, bytes := b.alike(o.single)
		err := o.e.send(b.bytes[:bytes], b.sizes[0], b.to)
		if err != nil && n > 1 && cannotCut(err) {
			o.single = true
			continue
		}
		if err != nil {
			failed = err
		}
		b.bytes, b.sizes = b.bytes[bytes:], b.sizes[n:]
	}
	return failed
}

// alike is how many datagrams from the first on can leave in one message: those of its size and one that is smaller.
func (o *outgoing) alike(single bool) (n, bytes int) {
	size := o.sizes[0]
	for n < len(o.sizes) && o.sizes[n] == size && bytes+size <= maxMessage {
		n, bytes = n+1, bytes+size
		if single {
			return n, bytes
		}
	}
	if n < len(o.sizes) && o.sizes[n] < size && bytes+o.sizes[n] <= maxMessage {
		n, bytes = n+1, bytes+o.sizes[n]
	}
	return n, bytes
}

// close sends what waits, and sends nothing later.
func (o *outbox) close() {
	_ = o.flush() // the last words, where they can still be said
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.timer != nil {
		o.timer.Stop()
	}
}
