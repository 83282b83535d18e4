package simnet

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"
)

// receiveBuffer is how many bytes an endpoint keeps for a slow reader; what comes on top is dropped
// (DropReceiver), as a socket does.
const receiveBuffer = 4 << 20

// Conn is a UDP endpoint of a simulated host: a net.PacketConn, with the buffer setters that
// libraries ask a *net.UDPConn for.
type Conn struct {
	host  *Host
	local netip.AddrPort

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

var _ net.PacketConn = (*Conn)(nil)

func newConn(h *Host, local netip.AddrPort) *Conn {
	return &Conn{host: h, local: local, limit: receiveBuffer, changed: make(chan struct{})}
}

// signal wakes all readers. Holds mu.
func (c *Conn) signal() {
	close(c.changed)
	c.changed = make(chan struct{})
}

// push takes a datagram that arrived; false when there is no room.
func (c *Conn) push(from netip.AddrPort, payload []byte) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || c.queued+len(payload) > c.limit {
		return false
	}
	c.queue = append(c.queue, datagram{from, payload})
	c.queued += len(payload)
	c.signal()
	return true
}

// ReadFrom waits for a datagram. What does not fit into b is lost, as with UDP.
func (c *Conn) ReadFrom(b []byte) (int, net.Addr, error) {
	n, from, err := c.ReadFromUDPAddrPort(b)
	if err != nil {
		return 0, nil, err
	}
	return n, net.UDPAddrFromAddrPort(from), nil
}

// ReadFromUDPAddrPort is ReadFrom without an allocation for the address.
func (c *Conn) ReadFromUDPAddrPort(b []byte) (int, netip.AddrPort, error) {
	for {
		c.mu.Lock()
		if c.closed {
			c.mu.Unlock()
			return 0, netip.AddrPort{}, c.opError("read", net.ErrClosed)
		}
		deadline := c.deadline
		if !deadline.IsZero() && !deadline.After(time.Now()) {
			c.mu.Unlock()
			return 0, netip.AddrPort{}, c.opError("read", os.ErrDeadlineExceeded)
		}
		if len(c.queue) > 0 {
			d := c.queue[0]
			c.queue[0] = datagram{}
			c.queue = c.queue[1:]
			c.queued -= len(d.payload)
			c.mu.Unlock()
			return copy(b, d.payload), d.from, nil
		}
		changed := c.changed
		c.mu.Unlock()
		wait(changed, deadline)
	}
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

// WriteTo sends a datagram. It never blocks; what the network drops is no error.
func (c *Conn) WriteTo(b []byte, to net.Addr) (int, error) {
	switch a := to.(type) {
	case *net.UDPAddr:
		return c.WriteToUDPAddrPort(b, a.AddrPort())
	default:
		return 0, c.opError("write", fmt.Errorf("simnet: %T is not a *net.UDPAddr", to))
	}
}

// WriteToUDPAddrPort is WriteTo by value.
func (c *Conn) WriteToUDPAddrPort(b []byte, to netip.AddrPort) (int, error) {
	if len(b) > maxDatagram {
		return 0, c.opError("write", ErrTooLong)
	}
	c.mu.Lock()
	closed := c.closed
	c.mu.Unlock()
	if closed {
		return 0, c.opError("write", net.ErrClosed)
	}
	to = netip.AddrPortFrom(to.Addr().Unmap(), to.Port())
	c.host.network.send(c.local, to, append([]byte(nil), b...))
	return len(b), nil
}

// Close frees the port and wakes the readers with net.ErrClosed.
func (c *Conn) Close() error {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return c.opError("close", net.ErrClosed)
	}
	c.closed = true
	c.queue = nil
	c.signal()
	c.mu.Unlock()
	c.host.forget(c)
	return nil
}

// LocalAddr is a *net.UDPAddr.
func (c *Conn) LocalAddr() net.Addr { return net.UDPAddrFromAddrPort(c.local) }

// SetDeadline sets the read deadline: writes never block.
func (c *Conn) SetDeadline(t time.Time) error { return c.SetReadDeadline(t) }

// SetReadDeadline also moves the deadline of a read that waits now.
func (c *Conn) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return c.opError("set", net.ErrClosed)
	}
	c.deadline = t
	c.signal()
	return nil
}

// SetWriteDeadline does nothing: writes never block.
func (c *Conn) SetWriteDeadline(time.Time) error { return nil }

// SetReadBuffer bounds what waits for a slow reader, in bytes.
func (c *Conn) SetReadBuffer(bytes int) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.limit = bytes
	return nil
}

// SetWriteBuffer does nothing: Conditions.Queue is the queue of the path.
func (c *Conn) SetWriteBuffer(int) error { return nil }

func (c *Conn) opError(op string, err error) error {
	return &net.OpError{Op: op, Net: "udp", Source: c.LocalAddr(), Err: err}
}
