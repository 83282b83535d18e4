package path

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// readBatch is how many messages one system call reads; each may be many datagrams by GRO.
	readBatch = 32
	// messageSize holds what GRO makes of one burst.
	messageSize = 1 << 16
	// spareBatches bounds what is read and not consumed: while there are no more, the kernel's buffer
	// takes what comes, and drops what it cannot.
	spareBatches = 2
	// kernelBuffer is what a socket's buffers in the kernel should hold, in bytes: 20 ms at 200 MB/s.
	kernelBuffer = 4 << 20
)

// isQUIC tells what the first byte of a datagram says (RFC 9443 §3). RTP, which shares bytes with QUIC's long headers,
// does not come here: these links carry data.
func isQUIC(first byte) bool { return first >= 64 }

// isDTLS tells DTLS from STUN.
func isDTLS(first byte) bool { return first >= 20 && first < 64 }

// batch is what one system call read. It goes back to its socket when all of its runs are consumed.
type batch struct {
	messages [readBatch]message
	runs     atomic.Int32
	system   batchSystem
}

// message is what the kernel put together: one datagram, or several of one sender.
type message struct {
	buf  []byte
	n    int // bytes
	size int // of each datagram but the last; 0: there is one
	from netip.AddrPort
}

func newBatch() *batch {
	b := &batch{}
	for i := range b.messages {
		b.messages[i].buf = make([]byte, messageSize)
	}
	return b
}

// run is datagrams of one sender and one size; the last may be shorter.
type run struct {
	b    *batch
	data []byte
	size int
	from netip.AddrPort
}

// next takes a datagram off the run; nil when it is empty.
func (r *run) next() []byte {
	n := min(r.size, len(r.data))
	if n == 0 {
		return nil
	}
	d := r.data[:n]
	r.data = r.data[n:]
	return d
}

// release says that the run is consumed.
func (s *socket) release(b *batch) {
	if b != nil && b.runs.Add(-1) == 0 {
		s.spare <- b // never waits: there is room for all that there are
	}
}

// socket is one UDP socket, which ICE and QUIC share. Its goroutine, read, owns the receiving side.
type socket struct {
	// Immutable.
	n      *Net
	e      *endpoint
	spare  chan *batch
	ice    chan run
	closed chan struct{}
	once   sync.Once

	out      outbox
	deadline chan time.Time // a new read deadline of ICE's; holds one
	reading  sync.Mutex
	rest     run         // guarded by reading: what the last read of ICE's left
	expiry   time.Time   // guarded by reading
	timer    *time.Timer // guarded by reading
}

func newSocket(n *Net, e *endpoint) *socket {
	s := &socket{
		n: n, e: e, spare: make(chan *batch, spareBatches),
		out: outbox{e: e, single: !canCut}, ice: make(chan run, spareBatches*readBatch), closed: make(chan struct{}), deadline: make(chan time.Time, 1),
	}
	for range spareBatches {
		s.spare <- newBatch()
	}
	return s
}

// read hands out what comes, until the socket is closed.
func (s *socket) read() {
	rests := rest{buffer: s.e.readBuffer()}
	for {
		var b *batch
		select {
		case b = <-s.spare:
		case <-s.closed:
			return
		}
		n, err := s.e.read(b)
		if err == nil && n > 0 {
			all, full := s.share(b, n)
			if d := rests.after(time.Now(), all, full); d > 0 {
				time.Sleep(d)
				continue
			}
		} else {
			s.spare <- b
		}
		// An error, such as an ICMP error about what was sent, is over when it is read.
		if n < readBatch && errors.Is(s.e.wait(), net.ErrClosed) {
			return
		}
	}
}

// share gives the first n messages of b to who they are for. It says how many datagrams there were, and how many of them
// are full.
func (s *socket) share(b *batch, n int) (all, full int) {
	b.runs.Store(1) // ours
	for i := range b.messages[:n] {
		m := &b.messages[i]
		if m.n == 0 || !m.from.IsValid() {
			continue
		}
		size := m.n
		if m.size > 0 {
			size = m.size
		}
		data := m.buf[:m.n]
		for len(data) > 0 {
			k := alike(data, size)
			count := (k + size - 1) / size
			all += count
			if size >= fullSize {
				full += count
			}
			s.give(run{b, data[:k], size, m.from})
			data = data[k:]
		}
	}
	s.release(b)
	return all, full
}

// alike is how many bytes of data are datagrams for the same consumer as the first.
func alike(data []byte, size int) int {
	quic := isQUIC(data[0])
	k := min(size, len(data))
	for k < len(data) && isQUIC(data[k]) == quic {
		k = min(k+size, len(data))
	}
	return k
}

// give waits for its consumer: QUIC and ICE both do nothing but take.
func (s *socket) give(r run) {
	r.b.runs.Add(1)
	if !isQUIC(r.data[0]) {
		select {
		case s.ice <- r:
		case <-s.closed:
		}
		return
	}
	c := s.n.conn.Load()
	if c == nil {
		s.n.dropped.Add(1)
		s.release(r.b)
		return
	}
	select {
	case c.in <- received{s, r}:
	case <-c.closed:
		s.release(r.b)
	case <-s.closed:
	}
}

// ReadFromAddrPort is what ICE reads with.
func (s *socket) ReadFromAddrPort(p []byte) (int, netip.AddrPort, error) {
	s.reading.Lock()
	defer s.reading.Unlock()
	for {
		if d := s.rest.next(); d != nil {
			n, from := copy(p, d), s.rest.from
			if len(s.rest.data) == 0 {
				s.done()
			}
			return n, from, nil
		}
		if err := s.wait(); err != nil {
			return 0, netip.AddrPort{}, err
		}
	}
}

// done gives back what rest held.
func (s *socket) done() {
	s.release(s.rest.b)
	s.rest = run{}
}

// wait waits for the next run of ICE's.
func (s *socket) wait() error {
	for {
		select {
		case s.expiry = <-s.deadline:
		default:
		}
		var expired <-chan time.Time
		if !s.expiry.IsZero() {
			if s.timer == nil {
				s.timer = time.NewTimer(0)
			}
			s.timer.Reset(time.Until(s.expiry))
			expired = s.timer.C
		}
		select {
		case s.rest = <-s.ice:
			return nil
		case s.expiry = <-s.deadline:
		case <-expired:
			return os.ErrDeadlineExceeded
		case <-s.closed:
			return net.ErrClosed
		}
	}
}

// WriteToAddrPort is what ICE writes with, for itself and for DTLS, whose records may wait for others.
func (s *socket) WriteToAddrPort(p []byte, to netip.AddrPort) (int, error) {
	if len(p) == 0 || !isDTLS(p[0]) || !canCut {
		return s.direct(p, to)
	}
	if err := s.out.write(p, to); err != nil {
		return 0, err
	}
	return len(p), nil
}

func (s *socket) ReadFrom(p []byte) (int, net.Addr, error) {
	n, from, err := s.ReadFromAddrPort(p)
	if err != nil {
		return 0, nil, err
	}
	return n, net.UDPAddrFromAddrPort(from), nil
}

func (s *socket) Read(p []byte) (int, error) {
	n, _, err := s.ReadFromAddrPort(p)
	return n, err
}

func (s *socket) ReadFromUDP(p []byte) (int, *net.UDPAddr, error) {
	n, from, err := s.ReadFromAddrPort(p)
	return n, net.UDPAddrFromAddrPort(from), err
}

func (s *socket) ReadMsgUDP(p, _ []byte) (n, oobn, flags int, addr *net.UDPAddr, err error) {
	n, addr, err = s.ReadFromUDP(p)
	return n, 0, 0, addr, err
}

// direct sends one datagram.
func (s *socket) direct(p []byte, to netip.AddrPort) (int, error) {
	if err := s.e.send(p, 0, to); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Write fails: the socket is connected to nobody.
func (s *socket) Write([]byte) (int, error) { return 0, errAddress }

func (s *socket) WriteTo(p []byte, to net.Addr) (int, error) {
	a, ok := to.(*net.UDPAddr)
	if !ok {
		return 0, errAddress
	}
	return s.direct(p, a.AddrPort())
}

func (s *socket) WriteToUDP(p []byte, to *net.UDPAddr) (int, error) {
	return s.direct(p, to.AddrPort())
}

// WriteMsgUDP leaves out what is not for the network.
func (s *socket) WriteMsgUDP(p, oob []byte, to *net.UDPAddr) (int, int, error) {
	n, err := s.direct(p, to.AddrPort())
	return n, len(oob), err
}

func (s *socket) LocalAddr() net.Addr  { return s.e.addr }
func (s *socket) RemoteAddr() net.Addr { return nil }

func (s *socket) SetReadDeadline(t time.Time) error {
	for {
		select {
		case s.deadline <- t:
			return nil
		case <-s.deadline: // an older one
		}
	}
}

func (s *socket) SetWriteDeadline(t time.Time) error { return s.e.setWriteDeadline(t) }

func (s *socket) SetDeadline(t time.Time) error {
	_ = s.SetReadDeadline(t)
	return s.SetWriteDeadline(t)
}

func (s *socket) SetReadBuffer(n int) error  { return s.e.setReadBuffer(n) }
func (s *socket) SetWriteBuffer(n int) error { return s.e.setWriteBuffer(n) }

// Close ends both users.
func (s *socket) Close() error {
	err := net.ErrClosed
	s.once.Do(func() {
		s.out.close()
		close(s.closed)
		s.n.forget(s)
		err = s.e.close()
	})
	return err
}
