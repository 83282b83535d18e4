package path

import (
	"encoding/binary"
	"errors"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	// oobSize is room for the control messages of one read.
	oobSize = 64
	// segmentSpace is what the control message takes by which the kernel is told to cut.
	segmentSpace = (unix.SizeofCmsghdr + 2 + unix.SizeofPtr - 1) &^ (unix.SizeofPtr - 1)
)

// mmsghdr is the kernel's struct of this name: a message and how many bytes it got.
type mmsghdr struct {
	h unix.Msghdr
	n uint32
}

// batchSystem is a batch as recvmmsg fills it.
type batchSystem struct {
	headers [readBatch]mmsghdr
	iovecs  [readBatch]unix.Iovec
	names   [readBatch][nameSize]byte
	oobs    [readBatch][oobSize]byte
}

// prepare points at the buffers of b.
func (s *batchSystem) prepare(b *batch) {
	for i := range s.headers {
		s.iovecs[i].Base = &b.messages[i].buf[0]
		s.iovecs[i].SetLen(len(b.messages[i].buf))
		h := &s.headers[i].h
		h.Name, h.Namelen = &s.names[i][0], nameSize
		h.Iov = &s.iovecs[i]
		h.SetIovlen(1)
		h.Control = &s.oobs[i][0]
		h.SetControllen(oobSize)
	}
}

// tune asks the kernel for what is fast. What it refuses is done without.
func tune(fd int) {
	for option, force := range map[int]int{unix.SO_RCVBUF: unix.SO_RCVBUFFORCE, unix.SO_SNDBUF: unix.SO_SNDBUFFORCE} {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, option, kernelBuffer)
		if have, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, option); err == nil && have < kernelBuffer {
			_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, force, kernelBuffer) // beyond the limit: the privileged may
		}
	}
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_UDP, unix.UDP_GRO, 1)
	// QUIC finds out itself what fits (RFC 8899), on whichever socket the path is.
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_MTU_DISCOVER, unix.IP_PMTUDISC_PROBE)
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_MTU_DISCOVER, unix.IPV6_PMTUDISC_PROBE)
}

// segmentSize is the size of the datagrams that GRO put into one message; 0 where it says none.
func segmentSize(oob []byte) int {
	for len(oob) >= unix.CmsgLen(0) {
		h, data, rest, err := unix.ParseOneSocketControlMessage(oob)
		if err != nil {
			return 0
		}
		if h.Level == unix.IPPROTO_UDP && h.Type == unix.UDP_GRO && len(data) >= 4 {
			return int(binary.NativeEndian.Uint32(data))
		}
		oob = rest
	}
	return 0
}

// onlySegments takes from what quic-go says to the kernel how a message is cut into datagrams, which it says first; 0: not at
// all. ECN marks go: whether they are for IPv4 or IPv6 it tells by an address that is not the path's.
func onlySegments(oob []byte) int {
	if len(oob) < unix.CmsgLen(0) {
		return 0
	}
	h, data, _, err := unix.ParseOneSocketControlMessage(oob)
	if err != nil || h.Level != unix.IPPROTO_UDP || h.Type != unix.UDP_SEGMENT || len(data) < 2 {
		return 0
	}
	return int(binary.NativeEndian.Uint16(data))
}

// putSegmentSize tells the kernel to cut a message into datagrams of that size.
func putSegmentSize(oob *[segmentSpace]byte, size int) {
	h := (*unix.Cmsghdr)(unsafe.Pointer(oob))
	h.Level, h.Type = unix.IPPROTO_UDP, unix.UDP_SEGMENT
	h.SetLen(unix.CmsgLen(2))
	binary.NativeEndian.PutUint16(oob[unix.CmsgLen(0):], uint16(size))
}

// cannotCut tells whether a message was refused since it was to be cut: EIO by devices without checksums in
// hardware, EINVAL by old kernels.
func cannotCut(err error) bool { return errors.Is(err, unix.EIO) || errors.Is(err, unix.EINVAL) }
