package simnet

import (
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"
)

// Shaped is a real socket whose traffic is treated by Conditions both ways: a Go client that uses one
// has a bad network, and its peers need not know. All remote addresses share the conditions, as all
// traffic of a phone shares its radio.
type Shaped struct {
	*net.UDPConn // what is not below goes straight to the socket
	schedule     schedule
	inbox        *inbox
	reader       sync.WaitGroup

	mu      sync.Mutex
	out, in *shaper
	sent    Stats
	got     Stats
}

var _ net.PacketConn = (*Shaped)(nil)

// Shape takes over a socket: use and close only the result from now on.
func Shape(conn *net.UDPConn, out, in Conditions, seed uint64) *Shaped {
	s := &Shaped{UDPConn: conn, inbox: newInbox(), out: newShaper(out, seed, 0), in: newShaper(in, seed, 1)}
	s.reader.Add(1)
	go s.readSocket()
	return s
}

// Set changes the conditions of both directions.
func (s *Shaped) Set(out, in Conditions) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.out.c, s.in.c = out, in
}

// Stats counts what was sent and what was received.
func (s *Shaped) Stats() (out, in Stats) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sent, s.got
}

// readSocket owns the reading side of the socket, until that is closed.
func (s *Shaped) readSocket() {
	defer s.reader.Done()
	buf := make([]byte, maxDatagram)
	for {
		n, from, err := s.UDPConn.ReadFromUDPAddrPort(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue // an ICMP error of an earlier send
		}
		s.pass(s.in, &s.got, buf[:n], func(p []byte) bool { return s.inbox.push(from, p) })
	}
}

// pass shapes one datagram; deliver runs later.
func (s *Shaped) pass(shape *shaper, stats *Stats, b []byte, deliver func([]byte) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	stats.In++
	at, copies, reason := shape.send(time.Now(), len(b))
	if copies == 0 {
		stats.Dropped[reason]++
		return
	}
	stats.Duplicated += uint64(copies - 1)
	payload := append([]byte(nil), b...)
	for _, t := range at[:copies] {
		s.schedule.add(t, func() {
			ok := deliver(payload)
			s.mu.Lock()
			defer s.mu.Unlock()
			if !ok {
				stats.Dropped[DropReceiver]++
				return
			}
			stats.Delivered++
		})
	}
}

// ReadFromUDPAddrPort waits for what came through.
func (s *Shaped) ReadFromUDPAddrPort(b []byte) (int, netip.AddrPort, error) {
	n, from, err := s.inbox.read(b)
	if err != nil {
		err = &net.OpError{Op: "read", Net: "udp", Source: s.LocalAddr(), Err: err}
	}
	return n, from, err
}

// ReadFromUDP is ReadFromUDPAddrPort with another address.
func (s *Shaped) ReadFromUDP(b []byte) (int, *net.UDPAddr, error) {
	n, from, err := s.ReadFromUDPAddrPort(b)
	if err != nil {
		return 0, nil, err
	}
	return n, net.UDPAddrFromAddrPort(from), nil
}

// ReadFrom is ReadFromUDPAddrPort with another address.
func (s *Shaped) ReadFrom(b []byte) (int, net.Addr, error) {
	n, from, err := s.ReadFromUDP(b)
	if err != nil {
		return 0, nil, err
	}
	return n, from, nil
}

// WriteToUDPAddrPort sends through the conditions; it never blocks.
func (s *Shaped) WriteToUDPAddrPort(b []byte, to netip.AddrPort) (int, error) {
	if s.inbox.isClosed() {
		return 0, &net.OpError{Op: "write", Net: "udp", Source: s.LocalAddr(), Err: net.ErrClosed}
	}
	s.pass(s.out, &s.sent, b, func(p []byte) bool {
		_, err := s.UDPConn.WriteToUDPAddrPort(p, to)
		return err == nil
	})
	return len(b), nil
}

// WriteToUDP is WriteToUDPAddrPort with another address.
func (s *Shaped) WriteToUDP(b []byte, to *net.UDPAddr) (int, error) {
	return s.WriteToUDPAddrPort(b, to.AddrPort())
}

// WriteTo is WriteToUDPAddrPort with another address.
func (s *Shaped) WriteTo(b []byte, to net.Addr) (int, error) {
	a, ok := to.(*net.UDPAddr)
	if !ok {
		return s.UDPConn.WriteTo(b, to) // its error says what is wrong
	}
	return s.WriteToUDPAddrPort(b, a.AddrPort())
}

// SetReadDeadline moves the deadline of reads.
func (s *Shaped) SetReadDeadline(t time.Time) error { return s.inbox.setDeadline(t) }

// SetDeadline is SetReadDeadline: writes never block.
func (s *Shaped) SetDeadline(t time.Time) error { return s.SetReadDeadline(t) }

// SetWriteDeadline does nothing: writes never block.
func (s *Shaped) SetWriteDeadline(time.Time) error { return nil }

// Close closes the socket and waits for its reader; what is on its way is lost.
func (s *Shaped) Close() error {
	s.inbox.close()
	err := s.UDPConn.Close()
	s.schedule.close()
	s.reader.Wait()
	return err
}
