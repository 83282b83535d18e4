package simnet

import (
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"
)

// Errors of hosts.
var (
	ErrAddressInUse = errors.New("simnet: address already in use")
	ErrTooLong      = errors.New("simnet: datagram longer than 65507 bytes")
)

const (
	maxDatagram    = 65507
	firstEphemeral = 49152
)

// Network is a set of hosts that can all reach each other, under the conditions of each direction.
type Network struct {
	seed     uint64
	schedule schedule

	mu       sync.Mutex
	fallback Conditions
	set      map[direction]Conditions
	shapers  map[direction]*shaper
	hosts    map[netip.Addr]*Host
	stats    Stats
}

// direction is an ordered pair of hosts.
type direction struct{ from, to netip.Addr }

// New makes an empty network. The same seed draws the same losses.
func New(seed uint64) *Network {
	return &Network{
		seed:    seed,
		set:     map[direction]Conditions{},
		shapers: map[direction]*shaper{},
		hosts:   map[netip.Addr]*Host{},
	}
}

// SetDefault sets the conditions of every direction that has none of its own.
func (n *Network) SetDefault(c Conditions) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.fallback = c
	for d, s := range n.shapers {
		if _, own := n.set[d]; !own {
			s.c = c
		}
	}
}

// SetPath sets the conditions from one host to another, also while datagrams flow; those on their
// way are not touched.
func (n *Network) SetPath(from, to netip.Addr, c Conditions) {
	n.mu.Lock()
	defer n.mu.Unlock()
	d := direction{from, to}
	n.set[d] = c
	if s := n.shapers[d]; s != nil {
		s.c = c
	}
}

// SetBoth sets the conditions between two hosts in both directions.
func (n *Network) SetBoth(a, b netip.Addr, c Conditions) {
	n.SetPath(a, b, c)
	n.SetPath(b, a, c)
}

// Host returns the host with this address; the first call makes it.
func (n *Network) Host(addr netip.Addr) *Host {
	n.mu.Lock()
	defer n.mu.Unlock()
	h := n.hosts[addr]
	if h == nil {
		h = &Host{network: n, addr: addr, conns: map[uint16]*Conn{}}
		n.hosts[addr] = h
	}
	return h
}

// Stats says what happened so far, over all paths.
func (n *Network) Stats() Stats {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.stats
}

// Pending is how many datagrams are on their way now.
func (n *Network) Pending() int { return n.schedule.pending() }

// Close closes all endpoints; what is on its way is lost.
func (n *Network) Close() {
	n.schedule.close()
	n.mu.Lock()
	var conns []*Conn
	for _, h := range n.hosts {
		for _, c := range h.conns {
			conns = append(conns, c)
		}
	}
	n.mu.Unlock()
	for _, c := range conns {
		c.Close()
	}
}

// send puts a datagram on its way. It owns payload.
func (n *Network) send(from, to netip.AddrPort, payload []byte) {
	now := time.Now()
	n.mu.Lock()
	defer n.mu.Unlock()
	n.stats.In++
	at, copies, reason := n.shaper(direction{from.Addr(), to.Addr()}).send(now, len(payload))
	if copies == 0 {
		n.stats.Dropped[reason]++
		return
	}
	n.stats.Duplicated += uint64(copies - 1)
	for _, t := range at[:copies] {
		n.schedule.add(t, func() { n.deliver(from, to, payload) })
	}
}

// shaper returns the state of a direction. Holds mu.
func (n *Network) shaper(d direction) *shaper {
	s := n.shapers[d]
	if s == nil {
		c, own := n.set[d]
		if !own {
			c = n.fallback
		}
		s = newShaper(c, n.seed, hash(d))
		n.shapers[d] = s
	}
	return s
}

// hash is FNV-1a over both addresses, so that each direction has its own draws.
func hash(d direction) uint64 {
	h := uint64(14695981039346656037)
	for _, a := range [2]netip.Addr{d.from, d.to} {
		for _, b := range a.As16() {
			h = (h ^ uint64(b)) * 1099511628211
		}
	}
	return h
}

func (n *Network) deliver(from, to netip.AddrPort, payload []byte) {
	n.mu.Lock()
	defer n.mu.Unlock()
	var c *Conn
	if h := n.hosts[to.Addr()]; h != nil {
		c = h.conns[to.Port()]
	}
	switch {
	case c == nil:
		n.stats.Dropped[DropNoRoute]++
	case c.inbox.push(from, payload):
		n.stats.Delivered++
	default:
		n.stats.Dropped[DropReceiver]++
	}
}

// Host is one address of a network.
type Host struct {
	network *Network
	addr    netip.Addr
	conns   map[uint16]*Conn // guarded by network.mu
}

// Addr is the host's address.
func (h *Host) Addr() netip.Addr { return h.addr }

// ListenPacket opens an endpoint; port 0 takes a free one.
func (h *Host) ListenPacket(port uint16) (*Conn, error) {
	h.network.mu.Lock()
	defer h.network.mu.Unlock()
	if port == 0 {
		for p := uint32(firstEphemeral); p <= 65535 && port == 0; p++ {
			if h.conns[uint16(p)] == nil {
				port = uint16(p)
			}
		}
	}
	if port == 0 || h.conns[port] != nil {
		local := net.UDPAddrFromAddrPort(netip.AddrPortFrom(h.addr, port))
		return nil, &net.OpError{Op: "listen", Net: "udp", Addr: local, Err: ErrAddressInUse}
	}
	c := newConn(h, netip.AddrPortFrom(h.addr, port))
	h.conns[port] = c
	return c, nil
}

// forget frees the port of a closed endpoint.
func (h *Host) forget(c *Conn) {
	h.network.mu.Lock()
	defer h.network.mu.Unlock()
	if h.conns[c.local.Port()] == c {
		delete(h.conns, c.local.Port())
	}
}
