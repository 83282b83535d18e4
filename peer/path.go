package peer

import (
	"net/netip"

	"switchyard/peer/ice"
	"switchyard/peer/tcp"
)

// Path is a way to the other end: a pair of addresses on the shared UDP socket, or a TCP
// connection. It is comparable: equal paths are the same way.
type Path struct {
	Remote netip.AddrPort
	Local  netip.Addr // ours; invalid lets the system choose
	TCP    *tcp.Conn  // nil for UDP
}

func icePath(p Path) ice.Path {
	i := ice.Path{Remote: p.Remote, Local: p.Local}
	if p.TCP != nil { // a nil *tcp.Conn in the interface would not be nil
		i.Stream = p.TCP
	}
	return i
}

func linkPath(p ice.Path) Path {
	c, _ := p.Stream.(*tcp.Conn)
	return Path{Remote: p.Remote, Local: p.Local, TCP: c}
}
