// Package tcp frames datagrams on a TCP connection (RFC 4571) for ICE-TCP passive candidates
// (RFC 6544): each datagram follows its length, a big-endian uint16.
package tcp

import (
	"net"
	"net/netip"
	"sync"
)

// Options of a connection. The zero value works.
type Options struct {
	QueueBytes   int // bytes that may wait for the network; 0 means 1 MB
	QueuePackets int // datagrams that may wait; 0 means 1024
}

// Conn carries datagrams over one TCP connection. Send may be called from any goroutine.
type Conn struct {
	nc            net.Conn
	remote, local netip.AddrPort

	mu     sync.Mutex
	closed bool
}

// NewConn takes over nc. The caller must run Serve.
func NewConn(nc net.Conn, o Options) *Conn { return &Conn{nc: nc} }

// Remote returns the other end's address.
func (c *Conn) Remote() netip.AddrPort { return c.remote }

// Local returns our address.
func (c *Conn) Local() netip.AddrPort { return c.local }
