//go:build !linux

package bench

import (
	"context"
	"net"
	"net/netip"
	"time"
)

// canRest says whether receivers can rest: elsewhere than on Linux the kernel gives no time of arrival.
const canRest = false

// rester is there on Linux only.
type rester struct{}

func newRester(time.Duration) *rester { return nil }
func (r *rester) run(context.Context) {}

// socket is a UDP socket. Elsewhere than on Linux it reads one datagram at a time, and the latency
// includes the time that this process needs.
type socket struct {
	local   netip.AddrPort
	traffic *traffic
	conn    *net.UDPConn
}

func listen(local netip.AddrPort) (*socket, error) {
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(local))
	if err != nil {
		return nil, err
	}
	return &socket{local: conn.LocalAddr().(*net.UDPAddr).AddrPort(), conn: conn}, nil
}

func (s *socket) send(b []byte, to netip.AddrPort) error {
	_, err := s.conn.WriteToUDPAddrPort(b, to)
	if err == nil {
		s.traffic.out(b)
	}
	return err
}

// dropped is not told here.
func (s *socket) dropped() uint64 { return 0 }

// start begins reading. f is called with each datagram, whose bytes are valid during the call.
func (s *socket) start(_ *rester, f func(at time.Time, b []byte)) error {
	go func() {
		buf := make([]byte, 1500)
		for {
			n, _, err := s.conn.ReadFromUDPAddrPort(buf)
			if err != nil {
				return
			}
			f(time.Now(), buf[:n])
		}
	}()
	return nil
}

func (s *socket) close() { _ = s.conn.Close() }
