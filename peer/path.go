package peer

import (
	"net/netip"

	"switchyard/peer/ice"
)

// Via carries datagrams to the other end where the shared UDP socket does not: a *tcp.Conn, or a TURN
// relay inside this process. Its dynamic type must be comparable. Its methods may be called from any
// goroutine.
type Via interface {
	// Send queues one datagram and reports whether there was room. It keeps no reference to b.
	Send(b []byte) bool
	// Closed reports whether it has ended for good.
	Closed() bool
}

// Path is a way to the other end: a pair of addresses on the shared UDP socket, or something else that
// carries datagrams. It is comparable: equal paths are the same way.
type Path struct {
	Remote  netip.AddrPort
	Local   netip.Addr // ours; invalid lets the system choose
	Via     Via        // nil for UDP
	Relayed bool       // Via is a relay
}

func icePath(p Path) ice.Path {
	i := ice.Path{Remote: p.Remote, Local: p.Local, Relayed: p.Relayed}
	if p.Via != nil { // a nil Via in the other interface would not be nil
		i.Stream = p.Via
	}
	return i
}

func linkPath(p ice.Path) Path {
	via, _ := p.Stream.(Via)
	return Path{Remote: p.Remote, Local: p.Local, Via: via, Relayed: p.Relayed}
}
