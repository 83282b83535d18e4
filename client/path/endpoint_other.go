//go:build !linux

package path

import (
	"net"
	"net/netip"
	"syscall"
	"time"
)

// canCut: messages are datagrams here.
const canCut = false

// batchSystem is nothing: datagrams are read one by one.
type batchSystem struct{}

// endpoint is a UDP socket.
type endpoint struct {
	c    *net.UDPConn
	addr *net.UDPAddr
}

// newEndpoint takes c over, and asks the kernel for what is fast. What it refuses is done without.
func newEndpoint(c *net.UDPConn) (*endpoint, error) {
	_ = c.SetReadBuffer(kernelBuffer)
	_ = c.SetWriteBuffer(kernelBuffer)
	return &endpoint{c, c.LocalAddr().(*net.UDPAddr)}, nil
}

// read waits for a datagram.
func (e *endpoint) read(b *batch) (int, error) {
	m := &b.messages[0]
	n, from, err := e.c.ReadFromUDPAddrPort(m.buf)
	if err != nil {
		return 0, err
	}
	m.n, m.size, m.from = n, 0, netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
	return 1, nil
}

// wait does nothing: read waits.
func (e *endpoint) wait() error { return nil }

// send sends a datagram.
func (e *endpoint) send(p []byte, _ int, to netip.AddrPort) error {
	_, err := e.c.WriteToUDPAddrPort(p, to)
	return err
}

// readBuffer is 0: what is read one by one does not rest.
func (e *endpoint) readBuffer() int { return 0 }

func (e *endpoint) setReadBuffer(n int) error          { return e.c.SetReadBuffer(n) }
func (e *endpoint) setWriteBuffer(n int) error         { return e.c.SetWriteBuffer(n) }
func (e *endpoint) setWriteDeadline(t time.Time) error { return e.c.SetWriteDeadline(t) }
func (e *endpoint) rawConn() (syscall.RawConn, error)  { return e.c.SyscallConn() }
func (e *endpoint) close() error                       { return e.c.Close() }

// segmentSize is 0: no datagrams are put into one message here.
func segmentSize([]byte) int { return 0 }

// onlySegments is 0, whatever quic-go says to the kernel.
func onlySegments([]byte) int { return 0 }

func cannotCut(error) bool { return false }
