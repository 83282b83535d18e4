package turn

import (
	"encoding/binary"
	"net/netip"
	"time"

	"github.com/pion/stun/v4"
)

const protocolUDP = 17

// onAllocate makes an allocation (RFC 8656 §7.2, its steps in order).
func (s *Server) onAllocate(r *request) {
	s.mu.Lock()
	old := s.byClient[r.from]
	s.mu.Unlock()
	if old != nil {
		if old.made == r.m.TransactionID && old.username == r.username { // its answer was lost
			r.allocated(old)
			return
		}
		r.refuse(RefusedMismatch)
		return
	}
	if r.expired {
		r.challenge(RefusedExpired)
		return
	}
	family, even, ok := r.wanted()
	if !ok {
		return
	}
	life := r.lifetimeAsked()
	if life == 0 {
		life = defaultLife
	}
	s.mu.Lock()
	a, why := s.allocate(r, family, even, life)
	s.mu.Unlock()
	if a == nil {
		r.refuse(why)
		return
	}
	s.cfg.Log.Debug("turn: allocated", "client", r.from.remote, "relay", a.relay)
	r.allocated(a)
}

// wanted reads what kind of relay is asked for, and refuses what there is not.
func (r *request) wanted() (family netip.Addr, even, ok bool) {
	transport, err := r.m.Get(stun.AttrRequestedTransport)
	evenPort, noEven := r.m.Get(stun.AttrEvenPort)
	token := r.m.Contains(stun.AttrReservationToken)
	asked, noFamily := r.m.Get(stun.AttrRequestedAddressFamily)
	switch {
	case err != nil || len(transport) != 4, noEven == nil && len(evenPort) < 1, noFamily == nil && len(asked) != 4,
		token && (noEven == nil || noFamily == nil):
		r.refuse(RefusedBadRequest)
		return family, false, false
	case transport[0] != protocolUDP:
		r.refuse(RefusedTransport)
		return family, false, false
	case token, noEven == nil && evenPort[0]&0x80 != 0: // ports are not reserved for another allocation
		r.refuse(RefusedCapacity)
		return family, false, false
	}
	v6 := noFamily == nil && asked[0] == 2
	family, found := r.server.address(v6)
	if !found && noFamily != nil { // not asked for IPv4: what there is will do
		family, found = r.server.address(true)
	}
	if !found || noFamily == nil && asked[0] != 1 && asked[0] != 2 {
		r.refuseAs(RefusedFamily, stun.CodeAddrFamilyNotSupported)
		return family, false, false
	}
	return family, noEven == nil, true
}

// address is the relays' address of a family.
func (s *Server) address(v6 bool) (netip.Addr, bool) {
	for _, a := range s.media.Addresses() {
		if a.Is6() == v6 {
			return a, true
		}
	}
	return netip.Addr{}, false
}

func (r *request) allocated(a *allocation) {
	r.server.mu.Lock()
	life := a.expires.Sub(r.now)
	r.server.mu.Unlock()
	r.reply(stun.ClassSuccessResponse,
		address{stun.AttrXORRelayedAddress, a.relay}, lifetime(max(life, time.Second)),
		address{stun.AttrXORMappedAddress, r.from.remote})
}

// allocation finds the request's allocation and locks mu; it refuses, unlocked, where there is none.
func (r *request) allocation() *allocation {
	s := r.server
	s.mu.Lock()
	a := s.byClient[r.from]
	switch {
	case a == nil:
		s.mu.Unlock()
		r.refuse(RefusedMismatch)
		return nil
	case a.user.who != r.who: // fresh credentials of the same identity will do
		s.mu.Unlock()
		r.refuse(RefusedOtherUser)
		return nil
	}
	return a
}

// onRefresh prolongs or ends an allocation (RFC 8656 §8.2). Credentials that have ended still prolong one, since
// clients go on with those they began with; not for ever, though: Config.Grace.
func (s *Server) onRefresh(r *request) {
	a := r.allocation()
	if a == nil {
		return
	}
	family, err := r.m.Get(stun.AttrRequestedAddressFamily)
	if err == nil && (len(family) != 4 || (family[0] == 2) != a.relay.Addr().Is6()) {
		s.mu.Unlock()
		r.refuseAs(RefusedFamily, stun.CodePeerAddrFamilyMismatch)
		return
	}
	life := r.lifetimeAsked()
	if life != 0 {
		if last := r.until.Add(s.cfg.Grace); last.After(a.last) {
			a.last = last
		}
		if life = min(life, a.last.Sub(r.now)); life < time.Second {
			s.end(a)
			s.mu.Unlock()
			r.challenge(RefusedExpired)
			return
		}
		a.expires = r.now.Add(life)
	} else {
		s.end(a)
	}
	s.mu.Unlock()
	s.counters.refreshed.Add(1)
	r.reply(stun.ClassSuccessResponse, lifetime(life))
}

// onCreatePermission lets peers' data in (RFC 8656 §10.2).
func (s *Server) onCreatePermission(r *request) {
	peers, ok := r.peers()
	if !ok {
		r.refuse(RefusedBadRequest)
		return
	}
	a := r.allocation()
	if a == nil {
		return
	}
	why, addrs := reasons, make([]netip.Addr, 0, len(peers))
	for _, p := range peers {
		switch {
		case p.Addr().Is6() != a.relay.Addr().Is6():
			why = RefusedFamily
		case !s.mayPermit(p.Addr()):
			why = RefusedPeer
		}
		addrs = append(addrs, p.Addr())
	}
	if why == reasons && !a.permit(r.now, addrs...) {
		why = RefusedCapacity
	}
	s.mu.Unlock()
	r.settle(why)
}

// onChannelBind binds a channel (RFC 8656 §12.2). Numbers up to 0x7FFF are taken, as by RFC 5766: nothing
// else on the port begins so.
func (s *Server) onChannelBind(r *request) {
	number, err := r.m.Get(stun.AttrChannelNumber)
	peers, ok := r.peers()
	if err != nil || len(number) != 4 || number[0]&0xc0 != 0x40 || !ok || len(peers) != 1 {
		r.refuse(RefusedBadRequest)
		return
	}
	a := r.allocation()
	if a == nil {
		return
	}
	why := reasons
	switch p := peers[0]; {
	case p.Addr().Is6() != a.relay.Addr().Is6():
		why = RefusedFamily
	case !s.mayReach(p):
		why = RefusedPeer
	default:
		why = a.bind(r.now, binary.BigEndian.Uint16(number), p)
	}
	s.mu.Unlock()
	r.settle(why)
}

// settle answers a request about peers.
func (r *request) settle(why Reason) {
	switch why {
	case reasons:
		r.reply(stun.ClassSuccessResponse)
	case RefusedFamily:
		r.refuseAs(why, stun.CodePeerAddrFamilyMismatch)
	default:
		r.refuse(why)
	}
}
