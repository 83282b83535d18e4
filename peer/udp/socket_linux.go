//go:build linux

package udp

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// Socket is a UDP socket. One goroutine reads; each Writer has one owner; WriteTo, Wake, Stats and
// Close may be called from any goroutine.
type Socket struct {
	// Immutable.
	raw   descriptor  // the socket itself
	slow  *descriptor // another of its port, which gets what may wait; nil outside of groups
	event descriptor  // an eventfd that ends the wait of ReadBatch
	local netip.AddrPort
	any   bool // bound to no address: each datagram tells which of ours it is for, and is told where to leave from
	v6    bool
	mmsg  bool

	gso      atomic.Bool
	gsoFails atomic.Int32 // in a row; at gsoFailLimit gso is switched off
	whole    atomic.Bool  // datagrams of IPv4 are never fragmented; false once one was too long for its path
	woken    atomic.Bool
	closed   atomic.Bool
	singles  sync.Pool // of *sender, for WriteTo
	stats    counters

	rd reader // owned by the reading goroutine
}

const gsoFailLimit = 8

// Listen opens a socket on addr. An unspecified IPv6 address takes IPv4 too.
func Listen(addr netip.AddrPort, o Options) (*Socket, error) {
	addr = netip.AddrPortFrom(addr.Addr().Unmap(), addr.Port())
	fd, err := open(addr, o)
	if err != nil {
		return nil, fmt.Errorf("udp: listen on %v: %w", addr, err)
	}
	return newSocket(fd, -1, addr, o)
}

// newSocket takes over a bound socket, and another of its port where slow is not negative.
func newSocket(fd, slow int, addr netip.AddrPort, o Options) (*Socket, error) {
	sa, err := unix.Getsockname(fd)
	if err == nil {
		var event int
		if event, err = unix.Eventfd(0, unix.EFD_CLOEXEC); err == nil {
			return makeSocket(fd, slow, event, sa, addr.Addr().Is6(), o), nil
		}
	}
	closeAll([]int{fd, slow})
	return nil, fmt.Errorf("udp: listen on %v: %w", addr, err)
}

func makeSocket(fd, slow, event int, sa unix.Sockaddr, v6 bool, o Options) *Socket {
	s := &Socket{
		raw:   newDescriptor(fd, "udp"),
		event: newDescriptor(event, "udp-wake"),
		local: addrPortOf(sa),
		any:   addrPortOf(sa).Addr().IsUnspecified(),
		v6:    v6,
		mmsg:  !o.NoMmsg,
	}
	if slow >= 0 {
		d := newDescriptor(slow, "udp-slow")
		s.slow = &d
	}
	s.gso.Store(!o.NoGSO && gsoWorks(fd))
	s.whole.Store(true)
	s.singles.New = func() any { return newSender(s, 1) }
	s.rd.init(s)
	return s
}

func closeAll(fds []int) {
	for _, fd := range fds {
		if fd >= 0 {
			_ = unix.Close(fd)
		}
	}
}

// open makes a bound socket with its options set. It is in blocking mode, so that Go's poller leaves
// it alone; each call says MSG_DONTWAIT.
func open(addr netip.AddrPort, o Options) (fd int, err error) {
	family := unix.AF_INET
	if addr.Addr().Is6() {
		family = unix.AF_INET6
	}
	fd, err = unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	if err = setOptions(fd, addr, o); err == nil {
		err = unix.Bind(fd, sockaddrOf(addr))
	}
	if err != nil {
		_ = unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

func setOptions(fd int, addr netip.AddrPort, o Options) error {
	if o.ReusePort {
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1); err != nil {
			return err
		}
	}
	size := o.Buffer
	if size <= 0 {
		size = defaultBuffer
	}
	setBuffer(fd, unix.SO_RCVBUFFORCE, unix.SO_RCVBUF, size)
	setBuffer(fd, unix.SO_SNDBUFFORCE, unix.SO_SNDBUF, size)
	discoverMTU(fd, unix.IP_PMTUDISC_DO)
	any := addr.Addr().IsUnspecified()
	switch {
	case !addr.Addr().Is6() && any:
		return unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_PKTINFO, 1)
	case !addr.Addr().Is6():
		return nil
	case !any:
		return unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 1)
	}
	if err := unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 0); err != nil {
		return err
	}
	// On a dual-stack socket this covers IPv4 too, in mapped form.
	return unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_RECVPKTINFO, 1)
}

// discoverMTU sets what happens to datagrams of IPv4 that are longer than the path's MTU. What is never fragmented
// needs no identification (RFC 6864 §4.1); to choose one is a fifteenth of what a small datagram costs the kernel.
func discoverMTU(fd, how int) {
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_MTU_DISCOVER, how)
}

// setBuffer sets a buffer's size beyond the system's limit where we may, else up to it.
func setBuffer(fd, force, plain, size int) {
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, force, size) != nil {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, plain, size) // a smaller buffer works too
	}
}

func gsoWorks(fd int) bool {
	_, err := unix.GetsockoptInt(fd, unix.IPPROTO_UDP, unix.UDP_SEGMENT)
	return err == nil
}

// LocalAddr returns the address that the socket is bound to.
func (s *Socket) LocalAddr() netip.AddrPort { return s.local }

// Stats returns the counters.
func (s *Socket) Stats() Stats { return s.stats.snapshot() }

// Close closes the socket; a pending ReadBatch returns net.ErrClosed.
func (s *Socket) Close() error {
	s.closed.Store(true)
	s.Wake()
	err := errors.Join(s.raw.close(), s.event.close())
	if s.slow != nil {
		err = errors.Join(err, s.slow.close())
	}
	return err
}

// Wake has the pending ReadBatch, or the next one, return at once. What was posted before Wake is
// seen by whoever called ReadBatch: a Wake is never lost, and many may be answered by one return.
func (s *Socket) Wake() {
	if !s.woken.Swap(true) { // else the one who set it also signals
		_ = s.event.control(signalEvent) // fails only when closed
	}
}

// ReadBatch waits until datagrams have arrived, deadline has passed (zero: never) or Wake was
// called, and returns how many of d were filled, at most MaxBatch. 0, nil says that there was
// none; after Close it returns net.ErrClosed.
//
// It waits in ppoll(2) on the caller's own thread: parking the goroutine in Go's poller costs several
// times what the read does, at thousands of datagrams a second that come one by one.
func (s *Socket) ReadBatch(d []Datagram, deadline time.Time) (int, error) {
	r := &s.rd
	r.d, r.deadline = d[:min(len(d), MaxBatch)], deadline
	defer r.done()
	if err := s.event.control(r.wait); err != nil || s.closed.Load() {
		return 0, net.ErrClosed
	}
	if r.errno == unix.EAGAIN {
		return 0, nil
	}
	return r.result()
}

// Waited reports whether what ReadBatch returned last could wait (ListenGroup).
func (s *Socket) Waited() bool { return s.rd.waited }

// Rest blocks the caller's thread for d. Nothing ends it early.
func (s *Socket) Rest(d time.Duration) {
	t := unix.NsecToTimespec(int64(d))
	_ = unix.Nanosleep(&t, nil) // a signal ends it early, which does no harm
}
