//go:build linux

package udp

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// send gives the queued messages to the kernel and empties the queue. An error of one message
// stops no other, but for a full socket, which drops the rest.
func (w *sender) send() {
	for i := range w.n {
		w.setControl(i, true)
	}
	if w.call == nil {
		w.call = w.sendAll // made once: a method value allocates
	}
	w.err = 0
	if err := w.s.raw.control(w.call); err != nil {
		w.err = unix.EBADF // closed
		w.drop(0, w.n, unix.EBADF)
	}
	w.n = 0
}

// sendAll runs with the descriptor held.
func (w *sender) sendAll(fd uintptr) {
	for i := 0; i < w.n; {
		sent, errno := w.transmit(fd, i)
		switch {
		case errno == 0:
			i += w.account(i, sent)
		case errno == unix.EINTR:
		case errno == unix.EMSGSIZE && w.s.cut(fd):
		case errno == unix.EAGAIN || errno == unix.ENOBUFS:
			w.err = errno
			w.drop(i, w.n, errno)
			return
		case w.meta[i].segments > 1 && (errno == unix.EINVAL || errno == unix.EIO || errno == unix.EMSGSIZE):
			w.sendSegments(fd, i, errno)
			i++
		default:
			w.err = errno
			w.drop(i, i+1, errno)
			i++
		}
	}
}

// transmit makes one system call from message i on and returns how many messages left. The kernel
// reports an error only when the first message failed.
func (w *sender) transmit(fd uintptr, i int) (int, syscall.Errno) {
	const flags = unix.MSG_DONTWAIT | unix.MSG_NOSIGNAL
	if w.s.mmsg && w.n-i > 1 {
		n, _, errno := syscall.Syscall6(unix.SYS_SENDMMSG, fd, uintptr(unsafe.Pointer(&w.msgs[i])),
			uintptr(w.n-i), flags, 0, 0)
		return int(n), errno
	}
	_, _, errno := syscall.Syscall(unix.SYS_SENDMSG, fd, uintptr(unsafe.Pointer(&w.msgs[i].hdr)), flags)
	return 1, errno
}

// account counts n messages from i on as sent.
func (w *sender) account(i, n int) int {
	datagrams := 0
	for k := i; k < i+n; k++ {
		datagrams += w.meta[k].segments
		if w.meta[k].segments > 1 {
			w.s.gsoFails.Store(0)
		}
	}
	st := &w.s.stats
	st.calls.Add(1)
	st.messages.Add(uint64(n))
	st.sent.Add(uint64(datagrams))
	return n
}

// sendSegments sends a message that the kernel would not cut (no checksum offload, or a route with
// a smaller MTU) one datagram at a time, and gives GSO up where that happens again and again.
func (w *sender) sendSegments(fd uintptr, i int, cause syscall.Errno) {
	m, iov := w.meta[i], &w.iovs[i]
	alone := 0 // datagrams that could be sent singly: GSO was at fault
	w.meta[i].segments = 1
	w.setControl(i, false)
	for left := m.bytes; left > 0; {
		n := min(m.size, left)
		iov.SetLen(n)
		_, _, errno := syscall.Syscall(unix.SYS_SENDMSG, fd, uintptr(unsafe.Pointer(&w.msgs[i].hdr)),
			unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
		switch {
		case errno == unix.EINTR || errno == unix.EMSGSIZE && w.s.cut(fd):
			continue
		case errno == 0:
			alone += w.account(i, 1)
		default:
			w.err = errno
			w.drop(i, i+1, errno)
		}
		left -= n
		iov.Base = (*byte)(unsafe.Add(unsafe.Pointer(iov.Base), min(n, left)))
	}
	if alone > 0 {
		w.s.stats.gsoFailed.Add(1)
		if cause == unix.EIO || w.s.gsoFails.Add(1) >= gsoFailLimit {
			w.s.gso.Store(false)
		}
	}
}

// cut allows fragments from now on, as there is a path with a smaller MTU; false when they are allowed already.
func (s *Socket) cut(fd uintptr) bool {
	if !s.whole.Swap(false) {
		return false
	}
	discoverMTU(int(fd), unix.IP_PMTUDISC_WANT)
	return true
}

// drop counts the messages from i to j as lost because of errno.
func (w *sender) drop(i, j int, errno syscall.Errno) {
	n := uint64(0)
	for ; i < j; i++ {
		n += uint64(w.meta[i].segments)
	}
	st := &w.s.stats
	switch errno {
	case unix.EAGAIN, unix.ENOBUFS:
		st.socketFull.Add(n)
	case unix.ENETUNREACH, unix.EHOSTUNREACH, unix.EPERM, unix.EACCES, unix.ECONNREFUSED, unix.EADDRNOTAVAIL:
		st.unreachable.Add(n)
	case unix.EMSGSIZE:
		st.tooLong.Add(n)
	default:
		st.failed.Add(n)
	}
}
