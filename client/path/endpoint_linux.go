package path

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// canCut: the kernel cuts messages into datagrams, or says at the first that it cannot.
const canCut = true

// roomWait is how long a sender waits before it tries a full kernel again.
const roomWait = 200 * time.Microsecond

// endpoint is a UDP socket of which Go's poller does not know, so that no datagram wakes anybody while nobody waits for one:
// the poller knows an epoll of ours (bell), which holds the socket and rings once after each wait. With 18,000 datagrams a
// second of which a reader takes those of a millisecond at a time, a datagram costs a third of what it costs with a net.UDPConn.
//
// One goroutine calls read and wait; the other methods are safe for concurrent use.
type endpoint struct {
	// Immutable.
	fd   int
	addr *net.UDPAddr
	six  bool // its addresses are IPv6's; IPv4's are mapped
	epfd int
	bell *os.File // owns epfd
	ring syscall.RawConn
	rang func(uintptr) bool

	zones   zones
	writeBy atomic.Int64 // ns since 1970 after which a send that waits gives up; 0: never

	using  sync.RWMutex // held by readers while they use fd
	closed bool         // guarded by using
}

// newEndpoint takes a socket over from c, which it closes.
func newEndpoint(c *net.UDPConn) (*endpoint, error) {
	defer c.Close()
	raw, err := c.SyscallConn()
	if err != nil {
		return nil, err
	}
	e := &endpoint{fd: -1, addr: c.LocalAddr().(*net.UDPAddr)}
	if cerr := raw.Control(func(fd uintptr) {
		if e.fd, err = unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 0); err == nil {
			e.six, err = isSix(e.fd)
		}
	}); cerr != nil {
		return nil, cerr
	}
	if err == nil {
		err = e.hang()
	}
	if err != nil {
		if e.fd >= 0 {
			_ = unix.Close(e.fd)
		}
		return nil, os.NewSyscallError("endpoint", err)
	}
	tune(e.fd)
	return e, nil
}

// hang makes the bell.
func (e *endpoint) hang() (err error) {
	if e.epfd, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return err
	}
	if err = unix.SetNonblock(e.epfd, true); err == nil { // which is what makes NewFile tell the poller
		err = unix.EpollCtl(e.epfd, unix.EPOLL_CTL_ADD, e.fd, &unix.EpollEvent{Fd: int32(e.fd)})
	}
	if err != nil {
		_ = unix.Close(e.epfd)
		return err
	}
	e.bell = os.NewFile(uintptr(e.epfd), "bell")
	if err = e.bell.SetReadDeadline(time.Time{}); err == nil { // os.ErrNoDeadline: the poller would not have it
		e.ring, err = e.bell.SyscallConn()
	}
	if err != nil {
		_ = e.bell.Close()
		return err
	}
	var happened [1]unix.EpollEvent
	e.rang = func(fd uintptr) bool {
		n, err := unix.EpollWait(int(fd), happened[:], 0) // takes the event, so that the next one rings again
		return n > 0 || err != nil && !errors.Is(err, unix.EINTR)
	}
	return nil
}

// wait waits until there is something to read, or the socket is closed: net.ErrClosed.
func (e *endpoint) wait() error {
	if err := e.control(func(fd int) error {
		return unix.EpollCtl(e.epfd, unix.EPOLL_CTL_MOD, fd, &unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLONESHOT, Fd: int32(fd)})
	}); err != nil {
		return err
	}
	if err := e.ring.Read(e.rang); err != nil {
		return net.ErrClosed
	}
	return nil
}

// control calls f with the socket, which stays open meanwhile.
func (e *endpoint) control(f func(fd int) error) error {
	e.using.RLock()
	defer e.using.RUnlock()
	if e.closed {
		return net.ErrClosed
	}
	return f(e.fd)
}

// read fills b with what is there, and says how many messages that are. It does not wait.
func (e *endpoint) read(b *batch) (n int, err error) {
	e.using.RLock()
	defer e.using.RUnlock()
	if e.closed {
		return 0, net.ErrClosed
	}
	s := &b.system
	s.prepare(b)
	k, _, errno := syscall.Syscall6(unix.SYS_RECVMMSG, uintptr(e.fd), uintptr(unsafe.Pointer(&s.headers[0])), readBatch, unix.MSG_DONTWAIT, 0, 0)
	switch errno {
	case 0:
	case unix.EAGAIN, unix.EINTR:
		return 0, nil
	default:
		return 0, os.NewSyscallError("recvmmsg", errno)
	}
	for i := range int(k) {
		m, h := &b.messages[i], &s.headers[i]
		m.n = int(h.n)
		m.from = e.zones.addrPort(s.names[i][:min(int(h.h.Namelen), nameSize)])
		m.size = segmentSize(s.oobs[i][:min(int(h.h.Controllen), oobSize)])
	}
	return int(k), nil
}

// send sends p: one datagram, or several of segment bytes each, of which the last may be smaller. Where the kernel is full
// it waits. ErrClosed, os.ErrDeadlineExceeded, or an os.SyscallError.
func (e *endpoint) send(p []byte, segment int, to netip.AddrPort) error {
	var name [nameSize]byte
	size, err := e.zones.sockaddr(&name, to, e.six)
	if err != nil {
		return err
	}
	for {
		err := e.sendNow(p, segment, name[:size])
		if err != unix.EAGAIN && err != unix.EINTR {
			return os.NewSyscallError("sendmsg", err)
		}
		if by := e.writeBy.Load(); by != 0 && time.Now().UnixNano() >= by {
			return os.ErrDeadlineExceeded
		}
		time.Sleep(roomWait)
	}
}

// sendNow makes one system call. It tells Go's scheduler, which may find others something to do if it takes long.
func (e *endpoint) sendNow(p []byte, segment int, name []byte) error {
	iov := unix.Iovec{Base: unsafe.SliceData(p)}
	iov.SetLen(len(p))
	h := unix.Msghdr{Name: &name[0], Namelen: uint32(len(name)), Iov: &iov}
	h.SetIovlen(1)
	var oob [segmentSpace]byte
	if segment > 0 && segment < len(p) {
		putSegmentSize(&oob, segment)
		h.Control = &oob[0]
		h.SetControllen(len(oob))
	}
	e.using.RLock()
	defer e.using.RUnlock()
	if e.closed {
		return net.ErrClosed
	}
	_, _, errno := syscall.Syscall(unix.SYS_SENDMSG, uintptr(e.fd), uintptr(unsafe.Pointer(&h)), unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
	if errno != 0 {
		return errno
	}
	return nil
}

func (e *endpoint) setWriteDeadline(t time.Time) error {
	by := int64(0)
	if !t.IsZero() {
		by = max(t.UnixNano(), 1)
	}
	e.writeBy.Store(by)
	return nil
}

func (e *endpoint) setReadBuffer(n int) error  { return e.setOption(unix.SO_RCVBUF, n) }
func (e *endpoint) setWriteBuffer(n int) error { return e.setOption(unix.SO_SNDBUF, n) }

func (e *endpoint) setOption(option, n int) error {
	return e.control(func(fd int) error {
		return os.NewSyscallError("setsockopt", unix.SetsockoptInt(fd, unix.SOL_SOCKET, option, n))
	})
}

// readBuffer is how many bytes the kernel keeps until they are read, its own cost counted.
func (e *endpoint) readBuffer() (size int) {
	_ = e.control(func(fd int) (err error) {
		size, err = unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF)
		return err
	})
	return max(size, 0)
}

// rawConn is for what sets options.
func (e *endpoint) rawConn() (syscall.RawConn, error) { return rawEndpoint{e}, nil }

// close ends what waits.
func (e *endpoint) close() error {
	e.using.Lock()
	if e.closed {
		e.using.Unlock()
		return net.ErrClosed
	}
	e.closed = true
	err := os.NewSyscallError("close", unix.Close(e.fd))
	e.using.Unlock()
	return errors.Join(err, e.bell.Close())
}

// rawEndpoint is an endpoint as a syscall.RawConn, which nobody reads or writes by.
type rawEndpoint struct{ e *endpoint }

func (r rawEndpoint) Control(f func(fd uintptr)) error {
	return r.e.control(func(fd int) error { f(uintptr(fd)); return nil })
}
func (r rawEndpoint) Read(func(fd uintptr) bool) error  { return errors.ErrUnsupported }
func (r rawEndpoint) Write(func(fd uintptr) bool) error { return errors.ErrUnsupported }
