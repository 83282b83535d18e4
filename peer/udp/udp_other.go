//go:build !linux

package udp

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync/atomic"
	"time"
)

// Socket is a UDP socket. One goroutine reads; each Writer has one owner; WriteTo, Wake, Stats and
// Close may be called from any goroutine. This one works on every system: one datagram per call, and
// the system chooses the address that an answer leaves from.
type Socket struct {
	conn  *net.UDPConn
	local netip.AddrPort
	woken atomic.Bool
	stats counters
}

// Listen opens a socket on addr. An unspecified IPv6 address takes IPv4 too. ReusePort is not
// supported.
func Listen(addr netip.AddrPort, o Options) (*Socket, error) {
	if o.ReusePort {
		return nil, errors.New("udp: ReusePort needs Linux")
	}
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(addr))
	if err != nil {
		return nil, fmt.Errorf("udp: listen on %v: %w", addr, err)
	}
	size := o.Buffer
	if size <= 0 {
		size = defaultBuffer
	}
	_ = conn.SetReadBuffer(size) // a smaller buffer works too
	_ = conn.SetWriteBuffer(size)
	return &Socket{conn: conn, local: conn.LocalAddr().(*net.UDPAddr).AddrPort()}, nil
}

// LocalAddr returns the address that the socket is bound to.
func (s *Socket) LocalAddr() netip.AddrPort { return s.local }

// Stats returns the counters.
func (s *Socket) Stats() Stats { return s.stats.snapshot() }

// Close closes the socket; a pending ReadBatch returns net.ErrClosed.
func (s *Socket) Close() error { return s.conn.Close() }

var past = time.Unix(1, 0)

// Wake has the pending ReadBatch, or the next one, return at once.
func (s *Socket) Wake() {
	if !s.woken.Swap(true) {
		_ = s.conn.SetReadDeadline(past) // fails only when closed
	}
}

// ReadBatch waits until a datagram has arrived, deadline has passed (zero: never) or Wake was
// called. 0, nil says that there was none; after Close it returns net.ErrClosed.
func (s *Socket) ReadBatch(d []Datagram, deadline time.Time) (int, error) {
	if s.woken.Swap(false) || len(d) == 0 {
		return 0, nil
	}
	if !deadline.IsZero() && !time.Now().Before(deadline) {
		deadline = time.Now().Add(50 * time.Microsecond) // a past deadline would starve the socket
	}
	if err := s.conn.SetReadDeadline(deadline); err != nil {
		return 0, net.ErrClosed
	}
	if s.woken.Swap(false) {
		return 0, nil
	}
	n, from, err := s.conn.ReadFromUDPAddrPort(d[0].Buf)
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		s.woken.Store(false)
		return 0, nil
	case errors.Is(err, net.ErrClosed):
		return 0, net.ErrClosed
	case err != nil:
		return 0, fmt.Errorf("udp: read: %w", err)
	}
	d[0].N, d[0].To = n, s.local.Addr()
	d[0].From = netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
	s.stats.received.Add(1)
	return 1, nil
}

// Rest sleeps for d.
func (s *Socket) Rest(d time.Duration) { time.Sleep(d) }

// WriteTo sends one datagram at once. Any goroutine may call it.
func (s *Socket) WriteTo(b []byte, to netip.AddrPort, _ netip.Addr) error {
	if len(b) > maxGSOPayload {
		s.stats.tooLong.Add(1)
		return ErrTooLong
	}
	if _, err := s.conn.WriteToUDPAddrPort(b, to); err != nil {
		s.stats.failed.Add(1)
		return err
	}
	s.stats.sent.Add(1)
	s.stats.messages.Add(1)
	s.stats.calls.Add(1)
	return nil
}

// Writer has the API of a batch writer; each datagram leaves at once.
type Writer struct {
	s     *Socket
	arena []byte
}

// NewWriter returns a writer on s.
func (s *Socket) NewWriter() *Writer { return &Writer{s: s, arena: make([]byte, maxGSOPayload)} }

// Reserve returns at least n bytes to build a datagram in, nil for n beyond what one may be.
func (w *Writer) Reserve(n int) []byte {
	if n > maxGSOPayload {
		return nil
	}
	return w.arena
}

// Commit sends the first n bytes of what Reserve returned last.
func (w *Writer) Commit(to netip.AddrPort, from netip.Addr, n int) {
	_ = w.s.WriteTo(w.arena[:n], to, from) // counted in Stats
}

// Ease does nothing here.
func (w *Writer) Ease() {}

// Flush does nothing here.
func (w *Writer) Flush() {}

// ListenGroup opens one socket: several on one port need Linux.
func ListenGroup(addr netip.AddrPort, n int, o Options) ([]*Socket, error) {
	if n != 1 {
		return nil, errors.New("udp: several sockets on one port need Linux")
	}
	s, err := Listen(addr, o)
	return []*Socket{s}, err
}

// Waited reports whether what ReadBatch returned last could wait: never here.
func (s *Socket) Waited() bool { return false }
