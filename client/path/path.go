// Package path gives ICE its UDP sockets, and lets QUIC run on the pair of addresses that ICE nominated.
//
// A Net stands in the place of the network for one peer connection (pion's SettingEngine.SetNet). It opens the
// sockets, and one goroutine per socket reads many datagrams at a time and tells by their first byte whom
// they are for (RFC 9443): STUN and DTLS for ICE, what has one of the two highest bits for QUIC. A Conn is what
// QUIC sees: one connection with one address at the other end, whatever path there is below (Net.Select), so that
// its connections outlive an ICE restart without noticing more than a pause. It has what quic-go needs to
// read in batches and to send by GSO.
package path

import (
	"errors"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"

	"github.com/pion/transport/v5"
	"github.com/pion/transport/v5/stdnet"
)

// The errors of this package.
var (
	ErrNoPath = errors.New("path: none of our sockets has this address")
	ErrInUse  = errors.New("path: there is a Conn already")

	errAddress = errors.New("path: this socket cannot send to that kind of address")
)

// Net is the network of one peer connection. It is safe for concurrent use.
type Net struct {
	*stdnet.Net // what is not UDP

	now  atomic.Pointer[selected] // the path; nil while there is none
	conn atomic.Pointer[Conn]     // nil while nobody speaks QUIC

	received, sent, dropped atomic.Uint64

	mu      sync.Mutex
	sockets map[*socket]struct{} // guarded by mu
}

// selected is a path: a socket of ours and an address of theirs.
type selected struct {
	socket *socket
	remote netip.AddrPort
}

// Stats are counters since the Net was made, of QUIC's datagrams.
type Stats struct {
	Received uint64
	Sent     uint64 // writes, each of which may be many datagrams by GSO
	// Dropped were sent while there was no path, came while nobody spoke QUIC, or were refused by the kernel.
	Dropped uint64
}

// New returns a Net without sockets.
func New() (*Net, error) {
	std, err := stdnet.NewNet()
	if err != nil {
		return nil, err
	}
	return &Net{Net: std, sockets: map[*socket]struct{}{}}, nil
}

// Stats says what QUIC did.
func (n *Net) Stats() Stats {
	return Stats{Received: n.received.Load(), Sent: n.sent.Load(), Dropped: n.dropped.Load()}
}

// Interfaces are those of now, which pion's own Net would remember from its beginning.
func (n *Net) Interfaces() ([]*transport.Interface, error) {
	now, err := stdnet.NewNet()
	if err != nil {
		return nil, err
	}
	return now.Interfaces()
}

// ListenUDP opens a socket for ICE candidates. (TURN's come by ListenPacket and are the kernel's own.)
func (n *Net) ListenUDP(network string, local *net.UDPAddr) (transport.UDPConn, error) {
	c, err := net.ListenUDP(network, local)
	if err != nil {
		return nil, err
	}
	e, err := newEndpoint(c)
	if err != nil {
		return nil, err
	}
	s := newSocket(n, e)
	n.mu.Lock()
	n.sockets[s] = struct{}{}
	n.mu.Unlock()
	go s.read()
	return s, nil
}

func (n *Net) forget(s *socket) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.sockets, s)
}

// Select makes a nominated pair the path: the address of one of our sockets (of a reflexive candidate: its base)
// and theirs. ErrNoPath, and no path, where no socket has it: it is a relay's.
func (n *Net) Select(local, remote netip.AddrPort) error {
	s := n.find(local)
	if s == nil || !remote.IsValid() {
		n.Unselect()
		return ErrNoPath
	}
	n.now.Store(&selected{s, remote})
	return nil
}

// Unselect says that there is no path: what QUIC sends is lost.
func (n *Net) Unselect() { n.now.Store(nil) }

// Path is the path of now: the address of the socket and that of the other end. Not valid while there is none.
func (n *Net) Path() (local, remote netip.AddrPort) {
	if p := n.now.Load(); p != nil {
		return p.socket.e.addr.AddrPort(), p.remote
	}
	return local, remote
}

// find finds the socket with the port of local, and of several the one with its address.
func (n *Net) find(local netip.AddrPort) *socket {
	n.mu.Lock()
	defer n.mu.Unlock()
	var found *socket
	for s := range n.sockets {
		own := s.e.addr.AddrPort()
		if own.Port() == local.Port() && (found == nil || own.Addr().Unmap() == local.Addr().Unmap()) {
			found = s
		}
	}
	return found
}
