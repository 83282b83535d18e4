package bench

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// socket is a UDP socket whose datagrams carry the time at which the kernel received them, so that what
// is measured does not include the time that this process needs, or rests. Somebody reads it: a rester,
// or a goroutine of its own that every datagram wakes up.
type socket struct {
	local   netip.AddrPort // immutable
	traffic *traffic       // immutable; counts for everybody who shares it, nil for nobody

	// Set by start, immutable then.
	file   *os.File // of a socket that wakes its reader, nil else
	rester *rester  // who reads otherwise

	mu sync.RWMutex // held for reading while fd is used
	fd int          // -1 when closed; guarded by mu
}

func listen(local netip.AddrPort) (*socket, error) {
	if !local.Addr().Is4() {
		return nil, errors.New("bench: only IPv4 sockets are made")
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	if err := unix.Bind(fd, &unix.SockaddrInet4{Port: int(local.Port()), Addr: local.Addr().As4()}); err != nil {
		unix.Close(fd)
		return nil, os.NewSyscallError("bind", err)
	}
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 1<<20) // what the kernel allows will do
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1)
	name, err := unix.Getsockname(fd)
	in4, ok := name.(*unix.SockaddrInet4)
	if err != nil || !ok {
		unix.Close(fd)
		return nil, os.NewSyscallError("getsockname", err)
	}
	return &socket{fd: fd, local: netip.AddrPortFrom(netip.AddrFrom4(in4.Addr), uint16(in4.Port))}, nil
}

// send sends one datagram; it never waits.
func (s *socket) send(b []byte, to netip.AddrPort) error {
	if !to.Addr().Is4() {
		return unix.EAFNOSUPPORT
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.fd < 0 {
		return net.ErrClosed
	}
	err := unix.Sendto(s.fd, b, unix.MSG_DONTWAIT, &unix.SockaddrInet4{Port: int(to.Port()), Addr: to.Addr().As4()})
	if err == nil {
		s.traffic.out(b)
	}
	return err
}

// dropped is how many datagrams found no room in the socket (SK_MEMINFO_DROPS of sock_diag).
func (s *socket) dropped() uint64 {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.fd < 0 {
		return 0
	}
	var info [9]uint32
	size := uint32(unsafe.Sizeof(info))
	_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(s.fd), unix.SOL_SOCKET, unix.SO_MEMINFO,
		uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&size)), 0)
	if errno != 0 {
		return 0
	}
	return uint64(info[8])
}

// start begins reading: by r, or without it by a goroutine that sleeps in the kernel until a datagram
// wakes it. f is called with each datagram, whose bytes are valid during the call.
func (s *socket) start(r *rester, f func(at time.Time, b []byte)) error {
	if r != nil {
		s.rester = r
		r.add(s.fd, f)
		return nil
	}
	s.file = os.NewFile(uintptr(s.fd), "udp") // Go's poller takes a socket that does not block
	raw, err := s.file.SyscallConn()
	if err != nil {
		return err
	}
	go wait(raw, f)
	return nil
}

// wait reads until the socket is closed.
func wait(raw syscall.RawConn, f func(at time.Time, b []byte)) {
	b := newBatch()
	for {
		n := 0
		var failed error
		err := raw.Read(func(fd uintptr) bool {
			n, failed = b.receive(int(fd))
			return failed != unix.EAGAIN
		})
		if err != nil || failed != nil {
			return
		}
		b.each(n, f)
	}
}

func (s *socket) close() {
	s.mu.Lock()
	fd, file := s.fd, s.file
	s.fd = -1
	s.mu.Unlock()
	switch {
	case fd < 0:
	case file != nil:
		_ = file.Close()
	default:
		if s.rester != nil {
			s.rester.remove(fd) // which may be using it
		}
		_ = unix.Close(fd)
	}
}
