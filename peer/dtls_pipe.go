package peer

import (
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/transport/v5/deadline"

	"switchyard/media"
)

// pipeQueue is how many records may wait for DTLS: one full read of the socket, twice. What finds
// it full is dropped, as by a full socket; DTLS and SCTP send it again.
const pipeQueue = 128

// pipe is the datagram socket that pion/dtls sees: records from the shard go in, records to the other
// end leave by the link's present path.
type pipe struct {
	send    func(Path, []byte)
	path    atomic.Pointer[Path] // nil without consent
	dropped atomic.Uint64

	in     chan record
	closed chan struct{}
	once   sync.Once
	read   *deadline.Deadline
}

// record is one queued datagram.
type record struct {
	b *[media.MaxDatagram]byte // of recordPool
	n int
}

var recordPool = sync.Pool{New: func() any { return new([media.MaxDatagram]byte) }}

func newPipe(send func(Path, []byte)) *pipe {
	return &pipe{
		send:   send,
		in:     make(chan record, pipeQueue),
		closed: make(chan struct{}),
		read:   deadline.New(),
	}
}

// receive queues a copy of b; called on the shard.
func (p *pipe) receive(b []byte) {
	if len(b) > media.MaxDatagram || !plausible(b) {
		p.dropped.Add(1)
		return
	}
	r := record{b: recordPool.Get().(*[media.MaxDatagram]byte), n: len(b)}
	copy(r.b[:], b)
	select {
	case p.in <- r:
	default:
		recordPool.Put(r.b)
		p.dropped.Add(1)
	}
}

// setPath says where records leave by; called on the shard.
func (p *pipe) setPath(path Path, ok bool) {
	if !ok {
		p.path.Store(nil)
		return
	}
	p.path.Store(&path)
}

// ReadFrom implements net.PacketConn.
func (p *pipe) ReadFrom(b []byte) (int, net.Addr, error) {
	select {
	case <-p.closed:
		return 0, nil, net.ErrClosed
	case <-p.read.Done():
		return 0, nil, os.ErrDeadlineExceeded
	case r := <-p.in:
		n := copy(b, r.b[:r.n])
		recordPool.Put(r.b)
		return n, pipeAddr{}, nil
	}
}

// WriteTo implements net.PacketConn. It never blocks.
func (p *pipe) WriteTo(b []byte, _ net.Addr) (int, error) {
	if path := p.path.Load(); path != nil {
		p.send(*path, b)
	} else {
		p.dropped.Add(1)
	}
	return len(b), nil
}

// Close implements net.PacketConn.
func (p *pipe) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

// SetDeadline implements net.PacketConn.
func (p *pipe) SetDeadline(t time.Time) error { return p.SetReadDeadline(t) }

// SetReadDeadline implements net.PacketConn.
func (p *pipe) SetReadDeadline(t time.Time) error {
	p.read.Set(t)
	return nil
}

// SetWriteDeadline implements net.PacketConn; writes do not wait.
func (p *pipe) SetWriteDeadline(time.Time) error { return nil }

// LocalAddr implements net.PacketConn.
func (p *pipe) LocalAddr() net.Addr { return pipeAddr{} }

// pipeAddr is the only address there is.
type pipeAddr struct{}

func (pipeAddr) Network() string { return "ice" }
func (pipeAddr) String() string  { return "ice" }
