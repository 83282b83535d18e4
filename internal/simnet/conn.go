package simnet

import (
	"fmt"
	"net"
	"net/netip"
	"time"
)

// Conn is a UDP endpoint of a simulated host: a net.PacketConn, with the buffer setters that
// libraries ask a *net.UDPConn for.
type Conn struct {
	host  *Host
	local netip.AddrPort
	inbox *inbox
}

var _ net.PacketConn = (*Conn)(nil)

func newConn(h *Host, local netip.AddrPort) *Conn {
	return &Conn{host: h, local: local, inbox: newInbox()}
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
	n, from, err := c.inbox.read(b)
	if err != nil {
		return 0, netip.AddrPort{}, c.opError("read", err)
	}
	return n, from, nil
}

// WriteTo sends a datagram. It never blocks; what the network drops is no error.
func (c *Conn) WriteTo(b []byte, to net.Addr) (int, error) {
	a, ok := to.(*net.UDPAddr)
	if !ok {
		return 0, c.opError("write", fmt.Errorf("simnet: %T is not a *net.UDPAddr", to))
	}
	return c.WriteToUDPAddrPort(b, a.AddrPort())
}

// WriteToUDPAddrPort is WriteTo by value.
func (c *Conn) WriteToUDPAddrPort(b []byte, to netip.AddrPort) (int, error) {
	if len(b) > maxDatagram {
		return 0, c.opError("write", ErrTooLong)
	}
	if c.inbox.isClosed() {
		return 0, c.opError("write", net.ErrClosed)
	}
	c.host.network.send(c.local, unmap(to), append([]byte(nil), b...))
	return len(b), nil
}

// Close frees the port and wakes the readers with net.ErrClosed.
func (c *Conn) Close() error {
	if !c.inbox.close() {
		return c.opError("close", net.ErrClosed)
	}
	c.host.forget(c)
	return nil
}

// LocalAddr is a *net.UDPAddr.
func (c *Conn) LocalAddr() net.Addr { return net.UDPAddrFromAddrPort(c.local) }

// SetDeadline sets the read deadline: writes never block.
func (c *Conn) SetDeadline(t time.Time) error { return c.SetReadDeadline(t) }

// SetReadDeadline also moves the deadline of a read that waits now.
func (c *Conn) SetReadDeadline(t time.Time) error {
	if err := c.inbox.setDeadline(t); err != nil {
		return c.opError("set", err)
	}
	return nil
}

// SetWriteDeadline does nothing: writes never block.
func (c *Conn) SetWriteDeadline(time.Time) error { return nil }

// SetReadBuffer bounds what waits for a slow reader, in bytes.
func (c *Conn) SetReadBuffer(bytes int) error {
	c.inbox.setLimit(bytes)
	return nil
}

// SetWriteBuffer does nothing: Conditions.Queue is the queue of the path.
func (c *Conn) SetWriteBuffer(int) error { return nil }

func (c *Conn) opError(op string, err error) error {
	return &net.OpError{Op: op, Net: "udp", Source: c.LocalAddr(), Err: err}
}
