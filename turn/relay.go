package turn

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"syscall"
	"time"

	"github.com/pion/stun/v4"

	"switchyard/media"
)

// STUN numbers (RFC 8489 §5, RFC 8656 §17, §18).
const (
	magicCookie   = 0x2112a442
	headerBytes   = 20
	sendIndicated = 0x0016
	dataIndicated = 0x0017
)

// target is where a datagram of a relay goes; at most one field is set.
type target struct {
	entrance Entrance // the media port
	relay    *allocation
	out      bool // by the relay's real socket
}

// toPeer relays data from a's client to peer.
func (s *Server) toPeer(now time.Time, a *allocation, peer netip.AddrPort, data []byte) {
	if len(data) > media.MaxDatagram {
		s.counters.count(DropTooLong)
		return
	}
	if !s.spend(now, a.user, len(data)) {
		return
	}
	s.mu.Lock()
	t := s.route(a, peer)
	s.mu.Unlock()
	switch {
	case t.entrance != nil:
		if !t.entrance.Receive(data) {
			s.counters.count(DropNoLink)
			return
		}
	case t.relay != nil:
		t.relay.toClient(now, a.relay, data)
	case t.out:
		if _, err := a.sock.WriteToUDPAddrPort(data, peer); err != nil {
			s.counters.count(DropPeer)
			return
		}
	default:
		s.counters.count(DropPeer)
		return
	}
	if len(data) > 0 && data[0] > 3 && a.used.Load() != now.Unix() { // RFC 7983: not STUN
		a.used.Store(now.Unix())
	}
	s.counters.toPeers.Add(1)
	s.counters.toPeerBytes.Add(uint64(len(data)))
}

// route finds a peer. Requires mu.
func (s *Server) route(a *allocation, peer netip.AddrPort) (t target) {
	switch {
	case !s.mayReach(peer):
	case !s.own[peer.Addr()]:
		t.out = a.sock != nil
	case peer.Port() != s.media.Port():
		t.relay = s.byPort[peer.Port()]
	default:
		if t.entrance = a.entrances[peer.Addr()]; t.entrance == nil {
			t.entrance = s.media.Enter(a.relay, peer.Addr(), &back{a, peer})
			a.entrances[peer.Addr()] = t.entrance
		}
	}
	return t
}

// back is the way of the media port's answers: from its address peer into a.
type back struct {
	a    *allocation
	peer netip.AddrPort
}

// Send implements Back.
func (b *back) Send(data []byte) bool { return b.a.toClient(time.Now(), b.peer, data) }

// Closed implements Back.
func (b *back) Closed() bool { return b.a.gone.Load() }

// toClient passes data that reached the relay from peer on to its client, by ChannelData or a Data
// indication (RFC 8656 §11.3, §12.7). False: it was dropped, and counted. Shards call it for each packet, so it
// takes no lock of the server's.
func (a *allocation) toClient(now time.Time, peer netip.AddrPort, data []byte) bool {
	s := a.server
	if len(data) > media.MaxDatagram {
		s.counters.count(DropTooLong)
		return false
	}
	seen := a.seen.Load()
	if end, ok := seen.permissions[peer.Addr()]; !ok || !now.Before(end) || a.gone.Load() {
		s.counters.count(DropNotPermitted)
		return false
	}
	number := uint16(0)
	if c, ok := seen.channels[peer]; ok && now.Before(c.expires) {
		number = c.number
	}
	if !s.spend(now, a.user, len(data)) {
		return false
	}
	buf := buffers.Get().(*buffer)
	defer buffers.Put(buf)
	var b []byte
	if number != 0 {
		b = appendChannelData(buf[:0], number, data)
	} else {
		b = appendDataIndication(buf[:0], peer, data)
	}
	if !s.write(a.client, b) {
		return false
	}
	s.counters.fromPeers.Add(1)
	s.counters.fromPeerByte.Add(uint64(len(data)))
	return true
}

// write sends a message to a client.
func (s *Server) write(c client, b []byte) bool {
	ok := false
	if c.stream != nil {
		ok = c.stream.send(b)
	} else {
		ok = s.media.WriteTo(b, c.remote, c.local) == nil
	}
	if !ok {
		s.counters.count(DropClientFull)
	}
	return ok
}

// relaySocket is a real relay's socket, as its reader sees it.
type relaySocket interface {
	ReadFromUDPAddrPort(b []byte) (int, netip.AddrPort, error)
}

const (
	readErrors = 10 // in a row, until a relay's socket counts as broken
	readPause  = 10 * time.Millisecond
)

// read takes what comes to a real relay socket. Its goroutine ends with the allocation, and ends it where the
// socket is broken. done is closed when the server ends.
func (a *allocation) read(sock relaySocket) {
	buf := buffers.Get().(*buffer)
	defer buffers.Put(buf)
	for failures := 0; ; {
		n, from, err := sock.ReadFromUDPAddrPort(buf[:])
		if a.gone.Load() {
			return
		}
		if err != nil {
			if errors.Is(err, syscall.ECONNREFUSED) { // ICMP's answer to an earlier send
				continue
			}
			if failures++; failures >= readErrors || errors.Is(err, net.ErrClosed) {
				a.broke(err)
				return
			}
			select {
			case <-time.After(readPause << failures):
			case <-a.server.done:
				return
			}
			continue
		}
		failures = 0
		from = netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
		if !a.server.outside(from.Addr()) {
			a.server.counters.count(DropNotPermitted)
			continue
		}
		a.toClient(time.Now(), from, buf[:n])
	}
}

// broke ends an allocation whose socket does not read any more: its client makes another.
func (a *allocation) broke(err error) {
	s := a.server
	s.counters.count(DropSocket)
	s.cfg.Log.Warn("turn: relay socket failed", "relay", a.relay, "error", err)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.end(a)
}

func appendChannelData(b []byte, number uint16, data []byte) []byte {
	b = binary.BigEndian.AppendUint16(b, number)
	b = binary.BigEndian.AppendUint16(b, uint16(len(data)))
	return append(b, data...)
}

func appendDataIndication(b []byte, peer netip.AddrPort, data []byte) []byte {
	b = binary.BigEndian.AppendUint16(b, dataIndicated)
	b = append(b, 0, 0) // length, below
	b = binary.BigEndian.AppendUint32(b, magicCookie)
	var id [12]byte
	_, _ = rand.Read(id[:]) // never fails
	b = append(b, id[:]...)
	b = appendXORAddress(b, uint16(stun.AttrXORPeerAddress), peer, id)
	b = binary.BigEndian.AppendUint16(b, uint16(stun.AttrData))
	b = binary.BigEndian.AppendUint16(b, uint16(len(data)))
	b = append(b, data...)
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)-headerBytes))
	return b
}

// appendXORAddress appends an address attribute (RFC 8489 §14.2).
func appendXORAddress(b []byte, typ uint16, a netip.AddrPort, id [12]byte) []byte {
	ip := a.Addr().AsSlice()
	mask := binary.BigEndian.AppendUint32(nil, magicCookie)
	mask = append(mask, id[:]...)
	family := byte(1)
	if len(ip) == 16 {
		family = 2
	}
	b = binary.BigEndian.AppendUint16(b, typ)
	b = binary.BigEndian.AppendUint16(b, uint16(4+len(ip)))
	b = append(b, 0, family)
	b = binary.BigEndian.AppendUint16(b, a.Port()^magicCookie>>16)
	for i := range ip {
		b = append(b, ip[i]^mask[i])
	}
	return b
}

// xorAddress reads the value of an address attribute.
func xorAddress(v []byte, id [12]byte) (netip.AddrPort, bool) {
	if len(v) != 8 && len(v) != 20 || v[1] != byte(1+(len(v)-8)/12) {
		return netip.AddrPort{}, false
	}
	mask := binary.BigEndian.AppendUint32(nil, magicCookie)
	mask = append(mask, id[:]...)
	ip := make([]byte, len(v)-4)
	for i := range ip {
		ip[i] = v[4+i] ^ mask[i]
	}
	addr, _ := netip.AddrFromSlice(ip)
	return netip.AddrPortFrom(addr.Unmap(), binary.BigEndian.Uint16(v[2:])^magicCookie>>16), true
}
