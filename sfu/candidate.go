package sfu

import (
	"net"
	"net/netip"
	"slices"
)

// localAddrs returns the addresses to offer as candidates for a socket bound to listen, the most
// reachable first: configured public addresses, global ones, private ones; IPv4 before IPv6 within
// each, because some clients read only the first candidate.
func localAddrs(listen netip.Addr, public []netip.Addr) []netip.Addr {
	addrs := slices.Clone(public)
	switch {
	case !listen.IsUnspecified():
		addrs = append(addrs, listen.Unmap())
	default:
		addrs = append(addrs, interfaceAddrs(listen.Is4())...)
	}
	return slices.CompactFunc(addrs, func(a, b netip.Addr) bool { return a == b })
}

// interfaceAddrs lists the machine's usable addresses; loopback only where there is nothing else.
func interfaceAddrs(only4 bool) []netip.Addr {
	var found, loopback []netip.Addr
	all, err := net.InterfaceAddrs()
	if err != nil {
		return nil
	}
	for _, a := range all {
		ipnet, ok := a.(*net.IPNet)
		if !ok {
			continue
		}
		addr, ok := netip.AddrFromSlice(ipnet.IP)
		if !ok {
			continue
		}
		addr = addr.Unmap()
		switch {
		case only4 && !addr.Is4(), addr.IsLinkLocalUnicast(), addr.IsMulticast():
		case addr.IsLoopback():
			loopback = append(loopback, addr)
		default:
			found = append(found, addr)
		}
	}
	if len(found) == 0 {
		found = loopback
	}
	slices.SortStableFunc(found, func(a, b netip.Addr) int { return reach(a) - reach(b) })
	return found
}

// carrierNAT is the address space behind a provider's NAT (RFC 6598).
var carrierNAT = netip.MustParsePrefix("100.64.0.0/10")

// reach ranks an address: the smaller, the more likely a client elsewhere gets through to it.
func reach(a netip.Addr) int {
	rank := 0
	if a.IsPrivate() || carrierNAT.Contains(a) {
		rank = 2
	}
	if a.Is6() {
		rank++
	}
	return rank
}

// Addresses returns the addresses that the media port is reached by, as candidates name them, the most
// reachable first.
func (s *SFU) Addresses() []netip.Addr {
	var out []netip.Addr
	for _, c := range s.candidates {
		if !c.TCP {
			out = append(out, c.Addr.Addr())
		}
	}
	return out
}
