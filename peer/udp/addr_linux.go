//go:build linux

package udp

import (
	"encoding/binary"
	"net/netip"
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The kernel's structures are written and read in place: unix.Sockaddr allocates.

// putName writes addr as a socket address of the socket's family and returns its length, 0 when the
// socket cannot reach it.
func putName(dst *unix.RawSockaddrInet6, addr netip.AddrPort, v6 bool) uint32 {
	ip := addr.Addr()
	if v6 {
		*dst = unix.RawSockaddrInet6{Family: unix.AF_INET6, Addr: ip.As16()}
		putPort(&dst.Port, addr.Port())
		if zone := ip.Zone(); zone != "" {
			scope, _ := strconv.ParseUint(zone, 10, 32) // zones of ours are numbers; 0 fails in the kernel
			dst.Scope_id = uint32(scope)
		}
		return unix.SizeofSockaddrInet6
	}
	if ip = ip.Unmap(); !ip.Is4() {
		return 0
	}
	v4 := (*unix.RawSockaddrInet4)(unsafe.Pointer(dst))
	*v4 = unix.RawSockaddrInet4{Family: unix.AF_INET, Addr: ip.As4()}
	putPort(&v4.Port, addr.Port())
	return unix.SizeofSockaddrInet4
}

// putPort stores a port in network order, whatever the machine's is.
func putPort(p *uint16, port uint16) {
	binary.BigEndian.PutUint16((*[2]byte)(unsafe.Pointer(p))[:], port)
}

func parseName(sa *unix.RawSockaddrInet6) netip.AddrPort {
	port := binary.BigEndian.Uint16((*[2]byte)(unsafe.Pointer(&sa.Port))[:])
	switch sa.Family {
	case unix.AF_INET:
		return netip.AddrPortFrom(netip.AddrFrom4((*unix.RawSockaddrInet4)(unsafe.Pointer(sa)).Addr), port)
	case unix.AF_INET6:
		ip := netip.AddrFrom16(sa.Addr).Unmap()
		if sa.Scope_id != 0 && ip.IsLinkLocalUnicast() {
			ip = ip.WithZone(strconv.FormatUint(uint64(sa.Scope_id), 10)) // rare enough to allocate
		}
		return netip.AddrPortFrom(ip, port)
	}
	return netip.AddrPort{}
}

// parsePktinfo finds the address that a datagram was sent to among its control messages.
func parsePktinfo(b []byte) netip.Addr {
	for len(b) >= unix.SizeofCmsghdr {
		h := (*unix.Cmsghdr)(unsafe.Pointer(&b[0]))
		n := int(h.Len)
		if n < unix.SizeofCmsghdr || n > len(b) {
			break
		}
		data := b[unix.CmsgLen(0):]
		switch {
		case h.Level == unix.IPPROTO_IPV6 && h.Type == unix.IPV6_PKTINFO && n >= unix.CmsgLen(unix.SizeofInet6Pktinfo):
			return netip.AddrFrom16([16]byte(data[:16])).Unmap()
		case h.Level == unix.IPPROTO_IP && h.Type == unix.IP_PKTINFO && n >= unix.CmsgLen(unix.SizeofInet4Pktinfo):
			return netip.AddrFrom4([4]byte(data[8:12])) // ipi_addr, after ipi_ifindex and ipi_spec_dst
		}
		next := unix.CmsgSpace(n - unix.CmsgLen(0))
		if next > len(b) {
			break
		}
		b = b[next:]
	}
	return netip.Addr{}
}

// putPktinfo writes the control message that chooses our address and returns its length.
func putPktinfo(c *control, from netip.Addr, v6 bool) int {
	if v6 {
		data := putCmsg(c.b[:], unix.IPPROTO_IPV6, unix.IPV6_PKTINFO, unix.SizeofInet6Pktinfo)
		ip := from.As16()
		copy(data, ip[:])
		clear(data[16:20]) // the interface is the routing table's to choose
		return unix.CmsgSpace(unix.SizeofInet6Pktinfo)
	}
	data := putCmsg(c.b[:], unix.IPPROTO_IP, unix.IP_PKTINFO, unix.SizeofInet4Pktinfo)
	ip := from.As4()
	clear(data[:12])
	copy(data[4:8], ip[:]) // ipi_spec_dst
	return unix.CmsgSpace(unix.SizeofInet4Pktinfo)
}

// putSegment writes, at off, the control message that has the kernel cut a message into datagrams
// of size bytes, and returns the length of both control messages.
func putSegment(c *control, off, size int) int {
	data := putCmsg(c.b[off:], unix.IPPROTO_UDP, unix.UDP_SEGMENT, 2)
	binary.NativeEndian.PutUint16(data, uint16(size))
	return off + unix.CmsgSpace(2)
}

// putCmsg writes a control message's header and returns its data.
func putCmsg(b []byte, level, typ int32, n int) []byte {
	h := (*unix.Cmsghdr)(unsafe.Pointer(&b[0]))
	h.SetLen(unix.CmsgLen(n))
	h.Level, h.Type = level, typ
	return b[unix.CmsgLen(0):unix.CmsgLen(n)]
}

func sockaddrOf(a netip.AddrPort) unix.Sockaddr {
	if a.Addr().Is4() {
		return &unix.SockaddrInet4{Port: int(a.Port()), Addr: a.Addr().As4()}
	}
	sa := &unix.SockaddrInet6{Port: int(a.Port()), Addr: a.Addr().As16()}
	if zone, err := strconv.ParseUint(a.Addr().Zone(), 10, 32); err == nil {
		sa.ZoneId = uint32(zone)
	}
	return sa
}

func addrPortOf(sa unix.Sockaddr) netip.AddrPort {
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(sa.Addr), uint16(sa.Port))
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(sa.Addr), uint16(sa.Port))
	}
	return netip.AddrPort{}
}
