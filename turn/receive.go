package turn

import (
	"encoding/binary"
	"net/netip"
	"time"

	"github.com/pion/stun/v4"
)

// receive takes one message of a client: ChannelData or STUN. floods bounds what proves nothing; nil on a
// connection, whose address is known to be true. It reports whether the message was authentic.
func (s *Server) receive(now time.Time, from client, b []byte, floods *limiter) (authentic bool) {
	switch {
	case len(b) >= 4 && b[0]&0xC0 == 0x40:
		return s.onChannelData(now, from, b)
	case len(b) < headerBytes || b[0]&0xC0 != 0 || binary.BigEndian.Uint32(b[4:]) != magicCookie ||
		headerBytes+int(binary.BigEndian.Uint16(b[2:])) != len(b):
		s.counters.count(DropMalformed)
		return false
	case binary.BigEndian.Uint16(b) == sendIndicated:
		return s.onSend(now, from, b)
	}
	if !floods.allow(now, from.remote.Addr()) && !s.known(from) {
		s.counters.count(DropFlood)
		return false
	}
	m := &stun.Message{Raw: b}
	if m.Decode() != nil {
		s.counters.count(DropMalformed)
		return false
	}
	return s.onRequest(&request{server: s, now: now, from: from, m: m})
}

// known reports whether a client has an allocation.
func (s *Server) known(c client) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.byClient[c] != nil
}

// onChannelData relays by channel (RFC 8656 §12.6).
func (s *Server) onChannelData(now time.Time, from client, b []byte) bool {
	n := int(binary.BigEndian.Uint16(b[2:]))
	if 4+n > len(b) { // by UDP there may be padding, or not
		s.counters.count(DropMalformed)
		return false
	}
	var peer netip.AddrPort
	s.mu.Lock()
	a := s.byClient[from]
	if a != nil {
		if c := a.channels[binary.BigEndian.Uint16(b)]; c != nil && now.Before(c.expires) {
			peer = c.peer
		}
	}
	s.mu.Unlock()
	switch {
	case a == nil:
		s.counters.count(DropNoAllocation)
		return false
	case !peer.IsValid():
		s.counters.count(DropNoChannel)
		return false
	}
	s.toPeer(now, a, peer, b[4:4+n])
	return true
}

// onSend relays by Send indication (RFC 8656 §11.2).
func (s *Server) onSend(now time.Time, from client, b []byte) bool {
	peer, data, ok := parseSend(b)
	if !ok {
		s.counters.count(DropMalformed)
		return false
	}
	s.mu.Lock()
	a := s.byClient[from]
	permitted := a != nil && a.permits(now, peer.Addr())
	s.mu.Unlock()
	switch {
	case a == nil:
		s.counters.count(DropNoAllocation)
		return false
	case !permitted:
		s.counters.count(DropNoPermission)
		return false
	}
	s.toPeer(now, a, peer, data)
	return true
}

// parseSend reads a Send indication without allocating. An attribute that must be understood and is not
// makes it void.
func parseSend(b []byte) (peer netip.AddrPort, data []byte, ok bool) {
	id := [12]byte(b[8:headerBytes])
	for attrs := b[headerBytes:]; len(attrs) > 0; {
		if len(attrs) < 4 {
			return peer, nil, false
		}
		typ, n := stun.AttrType(binary.BigEndian.Uint16(attrs)), int(binary.BigEndian.Uint16(attrs[2:]))
		if 4+n > len(attrs) {
			return peer, nil, false
		}
		switch v := attrs[4 : 4+n]; {
		case typ == stun.AttrXORPeerAddress && !peer.IsValid():
			if peer, ok = xorAddress(v, id); !ok {
				return peer, nil, false
			}
		case typ == stun.AttrData && data == nil:
			data = v
		case typ.Required():
			return peer, nil, false
		}
		attrs = attrs[min(len(attrs), 4+(n+3)&^3):]
	}
	return peer, data, peer.IsValid() && data != nil
}

// onRequest answers a request.
func (s *Server) onRequest(r *request) (authentic bool) {
	if r.m.Type.Class != stun.ClassRequest {
		s.counters.count(DropMethod)
		return false
	}
	var answer func(*request)
	switch r.m.Type.Method {
	case stun.MethodBinding:
		if r.understood() {
			s.counters.bindings.Add(1)
			r.reply(stun.ClassSuccessResponse, address{stun.AttrXORMappedAddress, r.from.remote})
		}
		return false
	case stun.MethodAllocate:
		answer = s.onAllocate
	case stun.MethodRefresh:
		answer = s.onRefresh
	case stun.MethodCreatePermission:
		answer = s.onCreatePermission
	case stun.MethodChannelBind:
		answer = s.onChannelBind
	default:
		s.counters.count(DropMethod)
		return false
	}
	if !r.authenticate() {
		return false
	}
	if r.understood() {
		answer(r)
	}
	return true
}
