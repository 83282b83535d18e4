//go:build !linux

package bench

import (
	"net"
	"net/netip"
	"time"
)

// socket is a UDP socket. Elsewhere than on Linux it reads one datagram at a time, and the latency
// includes the time that this process needs.
type socket struct {
	conn *net.UDPConn
	buf  [1500]byte
}

func listen(local netip.AddrPort) (*socket, error) {
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(local))
	if err != nil {
		return nil, err
	}
	return &socket{conn: conn}, nil
}

// read waits for a datagram and calls f with it; b is valid during the call.
func (s *socket) read(f func(at time.Time, b []byte)) error {
	n, _, err := s.conn.ReadFromUDPAddrPort(s.buf[:])
	if err != nil {
		return err
	}
	f(time.Now(), s.buf[:n])
	return nil
}
