package bench

import (
	"encoding/binary"
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

// batch is where recvmmsg(2) puts datagrams.
type batch struct {
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

func newBatch() *batch {
	b := &batch{}
	for i := range b.msgs {
		b.iov[i].Base = &b.buf[i][0]
		b.iov[i].SetLen(datagramSize)
		b.msgs[i].hdr.Iov = &b.iov[i]
		b.msgs[i].hdr.SetIovlen(1)
	}
	return b
}

// receive takes what is there, without waiting; EAGAIN when nothing is.
func (b *batch) receive(fd int) (int, error) {
	for i := range b.msgs {
		b.msgs[i].hdr.Control = &b.control[i][0]
		b.msgs[i].hdr.SetControllen(controlSize)
	}
	n, _, errno := unix.Syscall6(unix.SYS_RECVMMSG, uintptr(fd), uintptr(unsafe.Pointer(&b.msgs[0])), batchSize, unix.MSG_DONTWAIT, 0, 0)
	switch errno {
	case 0:
		return int(n), nil
	case unix.EINTR:
		return 0, unix.EAGAIN
	case unix.ECONNREFUSED: // an ICMP for an earlier send
		return 0, nil
	}
	return 0, errno
}

// each calls f with the first n datagrams and their times of arrival.
func (b *batch) each(n int, f func(at time.Time, b []byte)) {
	now := time.Now()
	for i := range n {
		f(b.arrival(i, now), b.buf[i][:b.msgs[i].len])
	}
}

// arrival reads the kernel's timestamp; otherwise is returned where it gave none.
func (b *batch) arrival(i int, otherwise time.Time) time.Time {
	c := b.control[i][:min(int(b.msgs[i].hdr.Controllen), controlSize)]
	header := unix.CmsgSpace(0)
	if len(c) < header+16 {
		return otherwise
	}
	h := (*unix.Cmsghdr)(unsafe.Pointer(&c[0]))
	if h.Level != unix.SOL_SOCKET || h.Type != unix.SCM_TIMESTAMPNS {
		return otherwise
	}
	c = c[header:]
	return time.Unix(int64(binary.NativeEndian.Uint64(c)), int64(binary.NativeEndian.Uint64(c[8:])))
}
