package turn

import (
	"maps"
	"math/rand/v2"
	"net"
	"net/netip"
	"strconv"
	"sync/atomic"
	"time"
)

const (
	permissionLife = 5 * time.Minute  // RFC 8656 §9
	channelLife    = 10 * time.Minute // RFC 8656 §12
	defaultLife    = 10 * time.Minute // of an allocation (RFC 8656 §7.2)
	maxLife        = time.Hour

	// Bounds of one allocation; what exceeds them is 508.
	maxPermissions = 64
	maxChannels    = 64
)

// allocation is one relay (RFC 8656 §3.2). Guarded by the server's mu, but for what is immutable or atomic.
type allocation struct {
	// Immutable.
	server   *Server
	client   client
	relay    netip.AddrPort
	username string
	user     *user
	sock     *net.UDPConn // nil: virtual
	made     [12]byte     // transaction of the Allocate, whose answer is repeated

	gone atomic.Bool
	used atomic.Int64         // Unix time at which the client sent more than a connectivity check last
	seen atomic.Pointer[view] // what is below, for packets to the client: they take no lock

	expires     time.Time
	last        time.Time                // beyond which no refresh prolongs it
	permissions map[netip.Addr]time.Time // their ends
	channels    map[uint16]*channel
	byPeer      map[netip.AddrPort]*channel
	entrances   map[netip.Addr]Entrance // to the media port, by its address
}

type channel struct {
	number  uint16
	peer    netip.AddrPort
	expires time.Time
}

// view is an allocation's permissions and channels at one moment. It is immutable.
type view struct {
	permissions map[netip.Addr]time.Time
	channels    map[netip.AddrPort]channel
}

// show makes changed permissions and channels count for packets to the client. Requires mu.
func (a *allocation) show() {
	v := &view{maps.Clone(a.permissions), make(map[netip.AddrPort]channel, len(a.byPeer))}
	for peer, c := range a.byPeer {
		v.channels[peer] = *c
	}
	a.seen.Store(v)
}

// user is what one identity, or one session of it, uses in all its allocations.
type user struct {
	who         string
	allocations int   // guarded by the server's mu
	rate        meter // atomic
}

// allocate makes a relay. Requires mu; the reason is reasons when it succeeded.
func (s *Server) allocate(r *request, family netip.Addr, even bool, life time.Duration) (*allocation, Reason) {
	u, c := s.users[r.who], r.from
	if u == nil {
		u = &user{who: r.who}
	}
	switch {
	case u.allocations >= s.cfg.PerIdentity:
		return nil, RefusedQuota
	case s.closed, len(s.byClient) >= s.cfg.Allocations && !s.evict(r.now, false):
		return nil, RefusedCapacity
	}
	port, sock := s.openRelay(family, even)
	if port == 0 {
		return nil, RefusedCapacity
	}
	a := &allocation{
		server: s, client: c, relay: netip.AddrPortFrom(family, port), username: r.username, user: u, sock: sock,
		made: r.m.TransactionID, expires: r.now.Add(life), last: r.until.Add(s.cfg.Grace), permissions: map[netip.Addr]time.Time{}, channels: map[uint16]*channel{},
		byPeer: map[netip.AddrPort]*channel{}, entrances: map[netip.Addr]Entrance{},
	}
	a.used.Store(r.now.Unix())
	a.show()
	s.users[r.who] = u
	u.allocations++
	s.byClient[c], s.byPort[port] = a, a
	s.counters.allocated.Add(1)
	if sock != nil {
		s.wg.Go(func() { a.read(sock) })
	}
	return a, reasons
}

// openRelay finds a free port, of which a real socket proves that it is free. Zero: there is none. Requires
// mu; opening a UDP socket does not wait for anything.
func (s *Server) openRelay(family netip.Addr, even bool) (uint16, *net.UDPConn) {
	lo, hi := virtualMin, virtualMax
	if s.cfg.Sockets != nil {
		lo, hi = int(s.cfg.Sockets.Min), int(s.cfg.Sockets.Max)
	}
	count := hi - lo + 1
	for i, first := 0, rand.IntN(max(count, 1)); i < count; i++ {
		port := uint16(lo + (first+i)%count)
		if s.byPort[port] != nil || port == s.media.Port() || even && port%2 != 0 {
			continue
		}
		if s.cfg.Sockets == nil {
			return port, nil
		}
		network := "udp4"
		if family.Is6() {
			network = "udp6"
		}
		addr, err := net.ResolveUDPAddr(network, ":"+strconv.Itoa(int(port)))
		if err != nil {
			return 0, nil
		}
		if sock, err := net.ListenUDP(network, addr); err == nil {
			return port, sock
		}
	}
	return 0, nil
}

// end removes an allocation. Requires mu.
func (s *Server) end(a *allocation) {
	if a.gone.Swap(true) {
		return
	}
	delete(s.byClient, a.client)
	delete(s.byPort, a.relay.Port())
	if a.user.allocations--; a.user.allocations == 0 {
		delete(s.users, a.user.who)
	}
	if a.sock != nil {
		_ = a.sock.Close() // its reader ends
	}
	if len(s.byClient) == 0 { // maps keep the room that they had for many
		s.byClient, s.byPort, s.users = map[client]*allocation{}, map[uint16]*allocation{}, map[string]*user{}
	}
}

// idleLife is how long an allocation may carry nothing but connectivity checks before it has to make room:
// browsers hold one beside each link that needs none.
const idleLife = 30 * time.Second

// evict makes room by ending the allocation that has been of no use for the longest time, over a connection
// where stream is set. False: all are in use. Requires mu.
func (s *Server) evict(now time.Time, stream bool) bool {
	if now.Before(s.allUsed) {
		return false
	}
	var idlest *allocation
	for c, a := range s.byClient {
		if (c.stream != nil || !stream) && (idlest == nil || a.used.Load() < idlest.used.Load()) {
			idlest = a
		}
	}
	if idlest == nil || now.Sub(time.Unix(idlest.used.Load(), 0)) < idleLife {
		s.allUsed = now.Add(time.Second) // a flood must not have us look again each time
		return false
	}
	s.end(idlest)
	if st := idlest.client.stream; st != nil {
		delete(s.streams, st)
		st.close()
	}
	s.counters.evicted.Add(1)
	return true
}

// forget drops what has expired. Requires mu.
func (a *allocation) forget(now time.Time) {
	before := len(a.permissions) + len(a.channels)
	for addr, end := range a.permissions {
		if !now.Before(end) {
			delete(a.permissions, addr)
		}
	}
	for _, c := range a.channels {
		if !now.Before(c.expires) {
			delete(a.channels, c.number)
			delete(a.byPeer, c.peer)
		}
	}
	if len(a.permissions)+len(a.channels) != before {
		a.show()
	}
}

// permits reports whether data may pass between the relay and addr. Requires mu.
func (a *allocation) permits(now time.Time, addr netip.Addr) bool {
	end, ok := a.permissions[addr]
	return ok && now.Before(end)
}

// permit installs or refreshes permissions; false when there would be too many. Requires mu.
func (a *allocation) permit(now time.Time, addrs ...netip.Addr) bool {
	fresh := map[netip.Addr]bool{}
	for _, addr := range addrs {
		if _, ok := a.permissions[addr]; !ok {
			fresh[addr] = true
		}
	}
	if len(a.permissions)+len(fresh) > maxPermissions {
		return false
	}
	for _, addr := range addrs {
		a.permissions[addr] = now.Add(permissionLife)
	}
	a.show()
	return true
}

// bind binds a channel or refreshes it (RFC 8656 §12.2); the reason is reasons when it succeeded.
// Requires mu.
func (a *allocation) bind(now time.Time, number uint16, peer netip.AddrPort) Reason {
	byNumber, byPeer := a.channels[number], a.byPeer[peer]
	switch {
	case byNumber != nil && byNumber.peer != peer, byPeer != nil && byPeer.number != number:
		return RefusedBadRequest
	case byNumber == nil && len(a.channels) >= maxChannels, !a.permit(now, peer.Addr()):
		return RefusedCapacity
	case byNumber == nil:
		byNumber = &channel{number: number, peer: peer}
		a.channels[number], a.byPeer[peer] = byNumber, byNumber
	}
	byNumber.expires = now.Add(channelLife)
	a.show()
	return reasons
}

// spend counts n bytes against the user's bandwidth and that of all.
func (s *Server) spend(now time.Time, u *user, n int) bool {
	if !u.rate.take(now, n, s.cfg.IdentityRate) {
		s.counters.count(DropIdentityRate)
		return false
	}
	if !s.rate.take(now, n, s.cfg.Rate) {
		s.counters.count(DropTotalRate)
		return false
	}
	return true
}
