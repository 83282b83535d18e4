package path

import (
	"encoding/binary"
	"errors"
	"net"
	"unsafe"

	"golang.org/x/net/ipv4"
	"golang.org/x/sys/unix"
)

// oobSize is room for the control messages of one read.
const oobSize = 64

// canCut: the kernel cuts messages into datagrams, or says at the first that it cannot.
const canCut = true

// tune asks the kernel for what is fast. What it refuses is done without.
func tune(c *net.UDPConn) {
	_ = c.SetReadBuffer(kernelBuffer)
	_ = c.SetWriteBuffer(kernelBuffer)
	raw, err := c.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) {
		fdi := int(fd)
		for option, force := range map[int]int{unix.SO_RCVBUF: unix.SO_RCVBUFFORCE, unix.SO_SNDBUF: unix.SO_SNDBUFFORCE} {
			if have, err := unix.GetsockoptInt(fdi, unix.SOL_SOCKET, option); err == nil && have < kernelBuffer {
				_ = unix.SetsockoptInt(fdi, unix.SOL_SOCKET, force, kernelBuffer) // beyond the limit: the privileged may
			}
		}
		_ = unix.SetsockoptInt(fdi, unix.IPPROTO_UDP, unix.UDP_GRO, 1)
		// QUIC finds out itself what fits (RFC 8899), on whichever socket the path is.
		_ = unix.SetsockoptInt(fdi, unix.IPPROTO_IP, unix.IP_MTU_DISCOVER, unix.IP_PMTUDISC_PROBE)
		_ = unix.SetsockoptInt(fdi, unix.IPPROTO_IPV6, unix.IPV6_MTU_DISCOVER, unix.IPV6_PMTUDISC_PROBE)
	})
}

// readBuffer is how many bytes the kernel keeps until they are read, its own cost counted.
func readBuffer(c *net.UDPConn) (size int) {
	raw, err := c.SyscallConn()
	if err != nil {
		return 0
	}
	_ = raw.Control(func(fd uintptr) { size, _ = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF) })
	return max(size, 0)
}

// batchReader returns what fills as many messages as are there.
func batchReader(c *net.UDPConn) func([]ipv4.Message) (int, error) {
	p := ipv4.NewPacketConn(c) // its batches know no IP version
	return func(ms []ipv4.Message) (int, error) { return p.ReadBatch(ms, 0) }
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

// onlySegments keeps of what quic-go says to the kernel how a message is cut into datagrams, which it says first. ECN
// marks go: whether they are for IPv4 or IPv6 it tells by an address that is not the path's.
func onlySegments(oob []byte) []byte {
	if len(oob) < unix.CmsgLen(0) {
		return nil
	}
	h, _, rest, err := unix.ParseOneSocketControlMessage(oob)
	if err != nil || h.Level != unix.IPPROTO_UDP || h.Type != unix.UDP_SEGMENT {
		return nil
	}
	return oob[:len(oob)-len(rest)]
}

// appendSegmentSize tells the kernel to cut a message into datagrams of that size.
func appendSegmentSize(oob []byte, size int) []byte {
	start := len(oob)
	oob = append(oob, make([]byte, unix.CmsgSpace(2))...)
	h := (*unix.Cmsghdr)(unsafe.Pointer(&oob[start]))
	h.Level, h.Type = unix.IPPROTO_UDP, unix.UDP_SEGMENT
	h.SetLen(unix.CmsgLen(2))
	binary.NativeEndian.PutUint16(oob[start+unix.CmsgLen(0):], uint16(size))
	return oob
}

// cannotCut tells whether a message was refused since it was to be cut: EIO by devices without checksums in
// hardware, EINVAL by old kernels.
func cannotCut(err error) bool { return errors.Is(err, unix.EIO) || errors.Is(err, unix.EINVAL) }
