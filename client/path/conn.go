package path

import (
	"errors"
	"net"
	"os"
	"runtime"
	"sync"
	"syscall"
	"time"

	"golang.org/x/net/ipv4"
)

// Peer is the address that the other end has in the eyes of QUIC, whatever the path is. Nothing is sent to it: it is of
// the block that RFC 6666 sets apart.
var Peer = &net.UDPAddr{IP: net.ParseIP("100::1"), Port: 1}

// received is a run and the socket that it goes back to.
type received struct {
	s *socket
	r run
}

// Conn is the path as QUIC sees it. It implements quic-go's OOBCapablePacketConn with batches, for one
// reader; Conn's other methods are safe for concurrent use.
type Conn struct {
	// Immutable.
	n      *Net
	first  *socket       // whose options tell quic-go what the kernel can
	taken  func() uint64 // Follow
	in     chan received
	closed chan struct{}
	once   sync.Once

	rest   received // of the one reader, as all below
	handed uint64   // datagrams that ReadBatch gave
	looked uint64   // of those: what taken said last
}

// Conn opens the path for QUIC, of which there can be one at a time. There must be a path.
func (n *Net) Conn() (*Conn, error) {
	p := n.now.Load()
	if p == nil {
		return nil, ErrNoPath
	}
	quietBuffers()
	c := &Conn{n: n, first: p.socket, in: make(chan received, 2*readBatch), closed: make(chan struct{})}
	if !n.conn.CompareAndSwap(nil, c) {
		return nil, ErrInUse
	}
	return c, nil
}

// quietBuffers keeps quic-go from printing advice about the kernel's buffers where a user looks at a
// transfer: tune does what can be done.
var quietBuffers = sync.OnceFunc(func() { _ = os.Setenv("QUIC_GO_DISABLE_RECEIVE_BUFFER_WARNING", "true") })

// ReadBatch reads datagrams into messages that have a buffer each.
func (c *Conn) ReadBatch(ms []ipv4.Message, _ int) (int, error) {
	n := 0
	for n < len(ms) {
		d := c.rest.r.next()
		if d == nil {
			if !c.refill(n == 0) {
				break
			}
			continue
		}
		ms[n].N, ms[n].NN, ms[n].Addr = copy(ms[n].Buffers[0], d), 0, Peer
		n++
	}
	if n == 0 {
		return 0, os.ErrDeadlineExceeded // which is what tells quic-go to see whether it was closed
	}
	c.n.received.Add(uint64(n))
	c.handed += uint64(n)
	return n, nil
}

// refill takes the next run; where it may wait, it waits.
func (c *Conn) refill(wait bool) bool {
	if c.rest.s != nil {
		c.rest.s.release(c.rest.r.b)
		c.rest = received{}
		c.yield()
	}
	if !wait {
		select {
		case c.rest = <-c.in:
			return true
		default:
			return false
		}
	}
	select {
	case c.rest = <-c.in:
		return true
	case <-c.closed:
		return false
	}
}

// Follow tells c how it learns how many datagrams QUIC has looked at, of all that it was given. It is to be called before reading begins.
func (c *Conn) Follow(taken func() uint64) { c.taken = taken }

// A connection of quic-go keeps 256 datagrams that it has not looked at, and loses more without a word: that would halve its rate.
const (
	ahead     = 128
	yieldStep = 100 * time.Microsecond
	yieldMost = 20 // steps: what QUIC cannot use it never counts
)

// yield lets QUIC run, and waits where it has looked at too little of what it was given.
func (c *Conn) yield() {
	runtime.Gosched()
	if c.taken == nil || c.handed-c.looked < ahead {
		return
	}
	for range yieldMost {
		c.looked = c.taken()
		c.handed = max(c.handed, c.looked) // it gave up too early
		if c.handed-c.looked < ahead {
			return
		}
		time.Sleep(yieldStep)
	}
	c.handed = c.looked
}

// WriteMsgUDP sends one datagram, or several of one size where oob says so. What cannot be sent is lost, as
// on any bad network, but for what tells quic-go that a datagram is too large or that there is no GSO.
func (c *Conn) WriteMsgUDP(b, oob []byte, _ *net.UDPAddr) (int, int, error) {
	p := c.n.now.Load()
	if p == nil {
		c.n.dropped.Add(1)
		return len(b), len(oob), nil
	}
	err := p.socket.e.send(b, onlySegments(oob), p.remote)
	if err == nil {
		c.n.sent.Add(1)
		return len(b), len(oob), nil
	}
	c.n.dropped.Add(1)
	if errors.Is(err, syscall.EMSGSIZE) || errors.Is(err, syscall.EIO) {
		return 0, 0, err
	}
	return len(b), len(oob), nil
}

// WriteTo sends one datagram.
func (c *Conn) WriteTo(b []byte, _ net.Addr) (int, error) {
	n, _, err := c.WriteMsgUDP(b, nil, nil)
	return n, err
}

// ReadFrom reads one datagram.
func (c *Conn) ReadFrom(b []byte) (int, net.Addr, error) {
	ms := [1]ipv4.Message{{Buffers: [][]byte{b}}}
	if _, err := c.ReadBatch(ms[:], 0); err != nil {
		return 0, nil, err
	}
	return ms[0].N, ms[0].Addr, nil
}

// ReadMsgUDP reads one datagram.
func (c *Conn) ReadMsgUDP(b, _ []byte) (n, oobn, flags int, addr *net.UDPAddr, err error) {
	n, _, err = c.ReadFrom(b)
	return n, 0, 0, Peer, err
}

// SyscallConn is that of the socket which the path had first.
func (c *Conn) SyscallConn() (syscall.RawConn, error) { return c.first.e.rawConn() }

// LocalAddr is the address of that socket.
func (c *Conn) LocalAddr() net.Addr { return c.first.e.addr }

// SetReadBuffer does nothing: the sockets were tuned when they were opened.
func (c *Conn) SetReadBuffer(int) error { return nil }

// SetReadDeadline ends reading for good where t is a time: quic-go sets one when it closes.
func (c *Conn) SetReadDeadline(t time.Time) error {
	if !t.IsZero() {
		return c.Close()
	}
	return nil
}

// SetWriteDeadline does nothing: writing does not wait.
func (c *Conn) SetWriteDeadline(time.Time) error { return nil }

// SetDeadline is SetReadDeadline.
func (c *Conn) SetDeadline(t time.Time) error { return c.SetReadDeadline(t) }

// Close ends it; another may be opened then.
func (c *Conn) Close() error {
	c.once.Do(func() {
		c.n.conn.CompareAndSwap(c, nil)
		close(c.closed)
	})
	return nil
}
