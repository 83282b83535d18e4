//go:build linux

package udp

import (
	"fmt"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// mmsghdr is struct mmsghdr of recvmmsg(2).
type mmsghdr struct {
	hdr unix.Msghdr
	n   uint32
}

// controlSize is room for one IPV6_PKTINFO and one UDP_SEGMENT.
const controlSize = 80

// control is aligned as cmsghdr wants it.
type control struct {
	_ [0]uint64
	b [controlSize]byte
}

// reader is the receive side's scratch memory, made once: nothing is allocated per call.
type reader struct {
	s     *Socket
	d     []Datagram // of the call in progress
	n     int
	errno syscall.Errno

	deadline time.Time
	timeout  unix.Timespec
	waiting  [3]unix.PollFd // the socket, the event, and the slow socket

	slow   uintptr   // 0 where there is none
	slowAt time.Time // when it is to be read; zero while nothing is known to wait there
	waited bool      // what was read last comes from there

	wait     func(event uintptr) // runs with the event held open
	waitFor  func(fd uintptr)    // the rest of it, with the socket held too
	waitSlow func(slow uintptr)  // and that with the slow socket held, where there is one

	msgs     [MaxBatch]mmsghdr
	iovs     [MaxBatch]unix.Iovec
	names    [MaxBatch]unix.RawSockaddrInet6
	controls [MaxBatch]control
}

func (r *reader) init(s *Socket) {
	r.s = s
	r.wait = func(event uintptr) {
		r.waiting[1] = unix.PollFd{Fd: int32(event), Events: unix.POLLIN}
		r.errno = unix.EBADF
		_ = s.raw.control(r.waitFor) // closed: EBADF stays
	}
	r.waitFor = r.loop
	if s.slow != nil {
		r.waitSlow = func(slow uintptr) {
			r.slow, r.waiting[2] = slow, unix.PollFd{Fd: int32(slow), Events: unix.POLLIN}
			r.turn(uintptr(r.waiting[0].Fd))
		}
	}
	for i := range r.msgs {
		h := &r.msgs[i].hdr
		h.Iov = &r.iovs[i]
		h.SetIovlen(1)
		h.Name = (*byte)(unsafe.Pointer(&r.names[i]))
		if s.any {
			h.Control = &r.controls[i].b[0]
		}
	}
}

// loop reads with all descriptors held.
func (r *reader) loop(fd uintptr) {
	r.waiting[0] = unix.PollFd{Fd: int32(fd), Events: unix.POLLIN}
	if r.s.slow == nil {
		r.turn(fd)
		return
	}
	_ = r.s.slow.control(r.waitSlow) // closed: EBADF stays
}

// turn reads, and waits where there is nothing to read, until there is a reason to return.
func (r *reader) turn(fd uintptr) {
	for {
		if r.waited = !r.slowAt.IsZero() && time.Until(r.slowAt) <= 0; r.waited {
			if r.receiveSlow(); r.errno != unix.EAGAIN {
				return
			}
		}
		r.receive(fd)
		r.waited = false
		if r.errno != unix.EAGAIN || r.s.woken.Swap(false) || !r.sleep() {
			return
		}
	}
}

// receiveSlow reads what may wait. Where much comes, there will be more, and the next look is in slowGap;
// where little comes, the next one is watched for.
func (r *reader) receiveSlow() {
	r.receive(r.slow)
	switch {
	case r.errno == 0 && r.n == len(r.d): // there may be more now
	case r.errno == 0 && r.n > 1:
		r.slowAt = time.Now().Add(slowGap)
	default:
		r.slowAt = time.Time{}
	}
}

// sleep waits for a datagram or a signal; false when the deadline has passed.
func (r *reader) sleep() bool {
	until, n := r.deadline, 2
	switch {
	case r.slow == 0:
	case r.slowAt.IsZero():
		n = 3
	case until.IsZero() || r.slowAt.Before(until):
		until = r.slowAt
	default:
		r.slowAt = until // who has to be awake then can read as well
	}
	var timeout *unix.Timespec
	if !until.IsZero() {
		left := time.Until(until)
		if left <= 0 {
			return until == r.slowAt
		}
		r.timeout = unix.NsecToTimespec(int64(left))
		timeout = &r.timeout
	}
	for i := range r.waiting {
		r.waiting[i].Revents = 0
	}
	_, _, _ = syscall.Syscall6(unix.SYS_PPOLL, uintptr(unsafe.Pointer(&r.waiting[0])), uintptr(n),
		uintptr(unsafe.Pointer(timeout)), 0, 0, 0)
	if r.waiting[1].Revents != 0 {
		drainEvent(r.waiting[1].Fd)
	}
	if r.waiting[2].Revents != 0 {
		r.slowAt = time.Now().Add(slowGap)
	}
	return true
}

// done forgets the caller's buffers.
func (r *reader) done() { r.d = nil }

// receive makes one system call.
func (r *reader) receive(fd uintptr) {
	n := len(r.d)
	if !r.s.mmsg {
		n = min(n, 1)
	}
	for i := range r.d[:n] {
		r.iovs[i].Base = unsafe.SliceData(r.d[i].Buf)
		r.iovs[i].SetLen(len(r.d[i].Buf))
		h := &r.msgs[i].hdr
		h.Namelen = unix.SizeofSockaddrInet6
		if r.s.any {
			h.SetControllen(controlSize)
		}
	}
	for {
		var got uintptr
		if r.s.mmsg {
			got, _, r.errno = syscall.Syscall6(unix.SYS_RECVMMSG, fd, uintptr(unsafe.Pointer(&r.msgs[0])),
				uintptr(n), unix.MSG_DONTWAIT, 0, 0)
			r.n = int(got)
		} else {
			got, _, r.errno = syscall.Syscall(unix.SYS_RECVMSG, fd, uintptr(unsafe.Pointer(&r.msgs[0].hdr)),
				unix.MSG_DONTWAIT)
			r.msgs[0].n, r.n = uint32(got), 1
		}
		if r.errno != unix.EINTR {
			break
		}
	}
	if r.errno != 0 {
		r.n = 0
	}
}

// result turns what the kernel filled in into datagrams.
func (r *reader) result() (int, error) {
	if r.errno != 0 {
		return 0, fmt.Errorf("udp: read: %w", r.errno)
	}
	for i := range r.d[:r.n] {
		r.fill(i)
	}
	r.s.stats.received.Add(uint64(r.n))
	return r.n, nil
}

func (r *reader) fill(i int) {
	d, h := &r.d[i], &r.msgs[i].hdr
	d.N = int(r.msgs[i].n)
	if h.Flags&unix.MSG_TRUNC != 0 {
		d.N = 0
		r.s.stats.truncated.Add(1)
	}
	d.From = parseName(&r.names[i])
	d.To = r.s.local.Addr()
	if r.s.any {
		if to := parsePktinfo(r.controls[i].b[:min(int(h.Controllen), controlSize)]); to.IsValid() {
			d.To = to
		}
	}
}
