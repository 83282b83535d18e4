package bench

import (
	"encoding/binary"
	"net"
	"net/netip"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Sizes of what one recvmmsg takes: frames of several packets arrive together.
const (
	batchSize    = 32
	datagramSize = 1500
	controlSize  = 64
)

// socket is a UDP socket that reads in batches and knows when the kernel received each datagram, so
// that the latency does not include the time that this process needs. One goroutine reads.
type socket struct {
	conn *net.UDPConn
	raw  syscall.RawConn

	buf     [batchSize][datagramSize]byte
	control [batchSize][controlSize]byte
	iov     [batchSize]unix.Iovec
	msgs    [batchSize]mmsghdr
}

type mmsghdr struct {
	hdr unix.Msghdr
	len uint32
	_   [4]byte
}

func listen(local netip.AddrPort) (*socket, error) {
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(local))
	if err != nil {
		return nil, err
	}
	raw, err := conn.SyscallConn()
	if err != nil {
		conn.Close()
		return nil, err
	}
	s := &socket{conn: conn, raw: raw}
	_ = conn.SetReadBuffer(1 << 20) // what the kernel allows will do
	_ = raw.Control(func(fd uintptr) { _ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1) })
	for i := range s.msgs {
		s.iov[i].Base = &s.buf[i][0]
		s.iov[i].SetLen(datagramSize)
		s.msgs[i].hdr.Iov = &s.iov[i]
		s.msgs[i].hdr.SetIovlen(1)
	}
	return s, nil
}

// read waits for datagrams and calls f with each; b is valid during the call.
func (s *socket) read(f func(at time.Time, b []byte)) error {
	n := 0
	var failed error
	err := s.raw.Read(func(fd uintptr) bool {
		for i := range s.msgs {
			s.msgs[i].hdr.Control = &s.control[i][0]
			s.msgs[i].hdr.SetControllen(controlSize)
		}
		r, _, errno := unix.Syscall6(unix.SYS_RECVMMSG, fd, uintptr(unsafe.Pointer(&s.msgs[0])), batchSize, unix.MSG_DONTWAIT, 0, 0)
		switch errno {
		case 0:
			n = int(r)
		case unix.EAGAIN, unix.EINTR:
			return false
		case unix.ECONNREFUSED: // an ICMP for an earlier send
		default:
			failed = errno
		}
		return true
	})
	if err == nil {
		err = failed
	}
	if err != nil {
		return err
	}
	now := time.Now()
	for i := range n {
		f(s.arrival(i, now), s.buf[i][:s.msgs[i].len])
	}
	return nil
}

// arrival reads the kernel's timestamp; otherwise is returned where it gave none.
func (s *socket) arrival(i int, otherwise time.Time) time.Time {
	b := s.control[i][:min(int(s.msgs[i].hdr.Controllen), controlSize)]
	header := unix.CmsgSpace(0)
	if len(b) < header+16 {
		return otherwise
	}
	h := (*unix.Cmsghdr)(unsafe.Pointer(&b[0]))
	if h.Level != unix.SOL_SOCKET || h.Type != unix.SCM_TIMESTAMPNS {
		return otherwise
	}
	b = b[header:]
	return time.Unix(int64(binary.NativeEndian.Uint64(b)), int64(binary.NativeEndian.Uint64(b[8:])))
}
