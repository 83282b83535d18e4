//go:build linux

package udp

import (
	"net"
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	arenaSize = 256 << 10
	maxQueued = 512 // messages
	enough    = 64  // messages: more in one call save nothing, and take the place of what is needed in the near caches
)

// Writer queues datagrams of a socket and sends them with as few system calls as the kernel
// allows. One goroutine owns it. It never blocks: what the kernel does not take is dropped and
// counted in the socket's Stats.
type Writer struct {
	sender
	arena []byte
	off   int // end of what is committed

	// The last message, which may still grow.
	to      netip.AddrPort
	from    netip.Addr
	growing bool
}

// NewWriter returns a writer on s.
func (s *Socket) NewWriter() *Writer {
	return &Writer{sender: *newSender(s, maxQueued), arena: make([]byte, arenaSize)}
}

// Reserve returns at least n bytes, at the arena's end, to build a datagram in; it flushes when
// there is no room. Nil for n beyond what a datagram may be.
func (w *Writer) Reserve(n int) []byte {
	if n > maxGSOPayload {
		return nil
	}
	if w.off+n > len(w.arena) || w.n == maxQueued {
		w.Flush()
	}
	return w.arena[w.off:]
}

// Commit queues the first n bytes of what Reserve returned last as one datagram to to, leaving from
// our address from (invalid: the system chooses).
func (w *Writer) Commit(to netip.AddrPort, from netip.Addr, n int) {
	if n > len(w.arena)-w.off {
		w.s.stats.tooLong.Add(1)
		return
	}
	if w.growing && w.from == from && w.to == to && w.grow(n) {
		w.off += n
		return
	}
	if w.n == maxQueued { // Commit without Reserve
		w.s.stats.failed.Add(1)
		return
	}
	w.add(w.arena[w.off:w.off+n], to, from)
	w.off += n
	w.to, w.from = to, from
	w.growing = n > 0 && w.s.gso.Load()
}

// grow makes n more bytes, which follow the last message in the arena, its next segment.
func (w *Writer) grow(n int) bool {
	m := &w.meta[w.n-1]
	if n > m.size || n == 0 || m.segments == maxSegments || m.bytes+n > maxGSOPayload {
		return false
	}
	m.segments++
	m.bytes += n
	w.iovs[w.n-1].SetLen(m.bytes)
	w.growing = n == m.size // a shorter one must be the last
	return true
}

// Ease flushes when so much is queued that more would only take memory. It is for the places where a destination
// has all that it gets at once: elsewhere it would cut a message in two.
func (w *Writer) Ease() {
	if w.n >= enough {
		w.Flush()
	}
}

// Flush sends everything that is queued.
func (w *Writer) Flush() {
	if w.n > 0 {
		w.send()
	}
	w.off, w.growing = 0, false
}

// WriteTo sends one datagram at once. It never blocks: ErrFull says that the kernel's buffer had no
// room. Any goroutine may call it.
func (s *Socket) WriteTo(b []byte, to netip.AddrPort, from netip.Addr) error {
	if len(b) > maxGSOPayload {
		s.stats.tooLong.Add(1)
		return ErrTooLong
	}
	w := s.singles.Get().(*sender)
	w.add(b, to, from)
	w.send()
	err := w.err
	w.iovs[0].Base = nil
	s.singles.Put(w)
	switch err {
	case 0:
		return nil
	case unix.EAGAIN, unix.ENOBUFS:
		return ErrFull
	case unix.EBADF:
		return net.ErrClosed
	}
	return err
}

// meta is what a queued message is made of.
type meta struct {
	bytes, size, segments int // size is that of each segment but the last
	info                  int // length of the PKTINFO control message
}

// sender is memory for a number of messages and the call that sends them.
type sender struct {
	s    *Socket
	n    int
	err  unix.Errno // of the last message that failed in the last send
	call func(fd uintptr)

	msgs     []mmsghdr
	iovs     []unix.Iovec
	names    []unix.RawSockaddrInet6
	controls []control
	meta     []meta
}

func newSender(s *Socket, size int) *sender {
	w := &sender{
		s:        s,
		msgs:     make([]mmsghdr, size),
		iovs:     make([]unix.Iovec, size),
		names:    make([]unix.RawSockaddrInet6, size),
		controls: make([]control, size),
		meta:     make([]meta, size),
	}
	for i := range w.msgs {
		h := &w.msgs[i].hdr
		h.Iov = &w.iovs[i]
		h.SetIovlen(1)
	}
	return w
}

func (w *sender) add(b []byte, to netip.AddrPort, from netip.Addr) {
	i := w.n
	w.n++
	w.iovs[i].Base = unsafe.SliceData(b)
	w.iovs[i].SetLen(len(b))
	h := &w.msgs[i].hdr
	h.Name = (*byte)(unsafe.Pointer(&w.names[i]))
	h.Namelen = putName(&w.names[i], to, w.s.v6)
	m := &w.meta[i]
	*m = meta{bytes: len(b), size: len(b), segments: 1}
	if w.s.any && from.IsValid() && !from.IsUnspecified() && (w.s.v6 || from.Is4()) {
		m.info = putPktinfo(&w.controls[i], from, w.s.v6)
	}
}

// setControl points message i at its control messages.
func (w *sender) setControl(i int, gso bool) {
	h, m := &w.msgs[i].hdr, &w.meta[i]
	n := m.info
	if gso && m.segments > 1 {
		n = putSegment(&w.controls[i], m.info, m.size)
	}
	h.Control = nil
	if n > 0 {
		h.Control = &w.controls[i].b[0]
	}
	h.SetControllen(n)
}
