package path

import (
	"encoding/binary"
	"net"
	"net/netip"
	"strconv"
	"sync"

	"golang.org/x/sys/unix"
)

// nameSize is what an address takes in the kernel's form, IPv6's being the larger one.
const nameSize = unix.SizeofSockaddrInet6

// isSix tells whether the addresses of a socket are IPv6's.
func isSix(fd int) (bool, error) {
	domain, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_DOMAIN)
	return domain == unix.AF_INET6, err
}

// zones are the names of the interfaces that link-local addresses belong to, by the kernel's numbers.
type zones struct {
	mu      sync.Mutex
	names   map[uint32]string // guarded by mu
	numbers map[string]uint32 // guarded by mu
}

// name is the name of an interface, or its number where it has none (any more).
func (z *zones) name(n uint32) string {
	z.mu.Lock()
	defer z.mu.Unlock()
	if name, ok := z.names[n]; ok {
		return name
	}
	name := strconv.FormatUint(uint64(n), 10)
	if i, err := net.InterfaceByIndex(int(n)); err == nil {
		name = i.Name
	}
	z.keep(name, n)
	return name
}

// number is the opposite of name; 0 where there is no such interface.
func (z *zones) number(name string) uint32 {
	z.mu.Lock()
	defer z.mu.Unlock()
	if n, ok := z.numbers[name]; ok {
		return n
	}
	if i, err := net.InterfaceByName(name); err == nil {
		z.keep(name, uint32(i.Index))
		return uint32(i.Index)
	}
	n, err := strconv.ParseUint(name, 10, 32)
	if err != nil {
		return 0
	}
	return uint32(n)
}

// keep remembers a pair: there are as many as a machine has interfaces. Mu is held.
func (z *zones) keep(name string, n uint32) {
	if z.names == nil {
		z.names, z.numbers = map[uint32]string{}, map[string]uint32{}
	}
	z.names[n], z.numbers[name] = name, n
}

// addrPort reads an address in the kernel's form; IPv4's in IPv6's are unmapped. Not valid where it is none of the two.
func (z *zones) addrPort(b []byte) netip.AddrPort {
	if len(b) < unix.SizeofSockaddrInet4 {
		return netip.AddrPort{}
	}
	port := binary.BigEndian.Uint16(b[2:])
	switch family := binary.NativeEndian.Uint16(b); {
	case family == unix.AF_INET:
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte(b[4:8])), port)
	case family == unix.AF_INET6 && len(b) >= unix.SizeofSockaddrInet6:
		a := netip.AddrFrom16([16]byte(b[8:24])).Unmap()
		if zone := binary.NativeEndian.Uint32(b[24:]); zone != 0 && a.Is6() {
			a = a.WithZone(z.name(zone))
		}
		return netip.AddrPortFrom(a, port)
	}
	return netip.AddrPort{}
}

// sockaddr puts an address into the kernel's form, of IPv6 where the socket is six. It returns how long that is.
func (z *zones) sockaddr(b *[nameSize]byte, to netip.AddrPort, six bool) (int, error) {
	a := to.Addr()
	binary.BigEndian.PutUint16(b[2:], to.Port())
	if !six {
		if a = a.Unmap(); !a.Is4() {
			return 0, errAddress
		}
		binary.NativeEndian.PutUint16(b[:], unix.AF_INET)
		four := a.As4()
		copy(b[4:], four[:])
		return unix.SizeofSockaddrInet4, nil
	}
	if !a.IsValid() {
		return 0, errAddress
	}
	binary.NativeEndian.PutUint16(b[:], unix.AF_INET6)
	sixteen := a.As16()
	copy(b[8:], sixteen[:])
	if zone := a.Zone(); zone != "" {
		binary.NativeEndian.PutUint32(b[24:], z.number(zone))
	}
	return unix.SizeofSockaddrInet6, nil
}
