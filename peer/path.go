package peer

import (
	"net/netip"

	"switchyard/peer/tcp"
)

// Path is a way to the other end: a pair of addresses on the shared UDP socket, or a TCP
// connection. It is comparable: equal paths are the same way.
type Path struct {
	Remote netip.AddrPort
	Local  netip.Addr // ours; invalid lets the system choose
	TCP    *tcp.Conn  // nil for UDP
}
