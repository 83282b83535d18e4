// Package tcp frames datagrams on a TCP connection (RFC 4571) for ICE-TCP passive candidates
// (RFC 6544): each datagram follows its length, a big-endian uint16.
//
// What is sent never blocks: it waits in a bounded queue, and what finds the queue full is dropped
// and counted, as a full socket would drop it.
package tcp

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"switchyard/media"
)

// ErrFrame is returned for a frame longer than any datagram: the other end does not speak RFC 4571.
var ErrFrame = errors.New("tcp: frame longer than a datagram")

const (
	defaultQueueBytes   = 256 << 10 // a second at 2 Mbit/s: more would only be late
	defaultQueuePackets = 1024
	defaultIdle         = time.Minute // checks come every few seconds (RFC 7675)
	writeTimeout        = 10 * time.Second
)

// Options of a connection. The zero value works.
type Options struct {
	QueueBytes   int           // bytes that may wait for the network; 0 means 256 KiB
	QueuePackets int           // datagrams that may wait; 0 means 1024
	Idle         time.Duration // how long nothing may arrive; 0 means a minute
}

// Stats counts datagrams. Sent and the dropped ones add up to what Send was given.
type Stats struct {
	Received    uint64
	Sent        uint64 // given to the kernel
	QueueFull   uint64 // dropped
	TooLong     uint64 // dropped: no frame holds it
	AfterClosed uint64 // dropped: still queued, or sent, when the connection ended
}

// Conn carries datagrams over one TCP connection. Send, Close, Closed and Stats may be called from
// any goroutine.
type Conn struct {
	// Immutable.
	nc            net.Conn
	o             Options
	remote, local netip.AddrPort
	wake          chan struct{} // capacity 1: there is something to write, or to end
	done          chan struct{} // closed by Close

	mu      sync.Mutex
	closed  bool   // guarded by mu
	queue   []byte // frames; guarded by mu
	packets int    // in queue; guarded by mu

	received, sent, full, long, late atomic.Uint64
}

// NewConn takes over nc. The caller must run Serve.
func NewConn(nc net.Conn, o Options) *Conn {
	if o.QueueBytes <= 0 {
		o.QueueBytes = defaultQueueBytes
	}
	if o.QueuePackets <= 0 {
		o.QueuePackets = defaultQueuePackets
	}
	if o.Idle <= 0 {
		o.Idle = defaultIdle
	}
	return &Conn{
		nc:     nc,
		o:      o,
		remote: addrPort(nc.RemoteAddr()),
		local:  addrPort(nc.LocalAddr()),
		wake:   make(chan struct{}, 1),
		done:   make(chan struct{}),
	}
}

func addrPort(a net.Addr) netip.AddrPort {
	t, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	ap := t.AddrPort()
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
}

// Remote returns the other end's address.
func (c *Conn) Remote() netip.AddrPort { return c.remote }

// Local returns our address.
func (c *Conn) Local() netip.AddrPort { return c.local }

// Closed reports whether the connection has ended.
func (c *Conn) Closed() bool {
	select {
	case <-c.done:
		return true
	default:
		return false
	}
}

// Stats returns the counters.
func (c *Conn) Stats() Stats {
	return Stats{
		Received:    c.received.Load(),
		Sent:        c.sent.Load(),
		QueueFull:   c.full.Load(),
		TooLong:     c.long.Load(),
		AfterClosed: c.late.Load(),
	}
}

// Serve reads datagrams and calls receive for each, with a buffer that is valid during the call,
// until the connection ends. It returns nil when the other end closed it (one that closed only its
// sending side can keep no consent and is gone too), or Close was called. It owns the goroutine that
// writes, and returns after it.
func (c *Conn) Serve(receive func(b []byte)) error {
	var wg sync.WaitGroup
	wg.Go(c.write)
	err := c.read(receive)
	ours := c.Closed()
	c.Close()
	wg.Wait()
	if ours || errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

func (c *Conn) read(receive func(b []byte)) error {
	r := bufio.NewReaderSize(c.nc, 4096)
	var b [media.MaxDatagram]byte
	for {
		if err := c.nc.SetReadDeadline(time.Now().Add(c.o.Idle)); err != nil {
			return fmt.Errorf("tcp: read: %w", err)
		}
		n, err := readFrame(r, b[:])
		if err != nil {
			return err
		}
		if n > 0 { // an empty frame says nothing
			c.received.Add(1)
			receive(b[:n])
		}
	}
}

// readFrame reads one frame into b and returns its length.
func readFrame(r io.Reader, b []byte) (int, error) {
	if _, err := io.ReadFull(r, b[:2]); err != nil {
		return 0, fmt.Errorf("tcp: read: %w", err)
	}
	n := int(binary.BigEndian.Uint16(b))
	if n > len(b) {
		return 0, ErrFrame
	}
	if _, err := io.ReadFull(r, b[:n]); err != nil {
		return 0, fmt.Errorf("tcp: read: %w", err)
	}
	return n, nil
}

// Send queues one datagram and reports whether there was room. It keeps no reference to b.
func (c *Conn) Send(b []byte) bool {
	if len(b) > 0xffff {
		c.long.Add(1)
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.closed:
		c.late.Add(1)
		return false
	case c.packets >= c.o.QueuePackets || len(c.queue)+2+len(b) > c.o.QueueBytes:
		c.full.Add(1)
		return false
	}
	c.queue = binary.BigEndian.AppendUint16(c.queue, uint16(len(b)))
	c.queue = append(c.queue, b...)
	c.packets++
	select {
	case c.wake <- struct{}{}:
	default:
	}
	return true
}

// write gives what is queued to the network, all that waits at once.
func (c *Conn) write() {
	var spare []byte
	for range c.wake {
		c.mu.Lock()
		b, n := c.queue, c.packets
		c.queue, c.packets = spare[:0], 0
		closed := c.closed
		c.mu.Unlock()
		if closed {
			c.late.Add(uint64(n))
			return
		}
		if n == 0 { // nothing was queued since the last turn: b is the buffer to use next
			spare = b
			continue
		}
		_ = c.nc.SetWriteDeadline(time.Now().Add(writeTimeout)) // fails only when closed
		if _, err := c.nc.Write(b); err != nil {
			c.late.Add(uint64(n))
			c.Close()
			continue // the wake-up of Close ends it
		}
		c.sent.Add(uint64(n))
		if cap(b) <= 64<<10 { // an idle connection keeps little memory
			spare = b
		} else {
			spare = nil
		}
	}
}

// Close ends the connection; what is queued is dropped.
func (c *Conn) Close() {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return
	}
	c.closed = true
	close(c.done)
	c.mu.Unlock()
	_ = c.nc.Close() // nothing depends on its last words
	select {
	case c.wake <- struct{}{}:
	default:
	}
}
