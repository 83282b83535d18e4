package sfu

import (
	"net"
	"net/netip"
	"sync/atomic"

	"switchyard/peer"
	"switchyard/peer/tcp"
)

// Entrance is where datagrams come in that the sockets did not read: those of one TCP connection, or of
// one TURN relay in this process. Its method may be called from any goroutine.
type Entrance struct {
	sfu   *SFU
	path  peer.Path
	owner atomic.Pointer[shard] // of the link that was last named on this way
}

// Enter opens a way into the SFU for path, whose Via carries the answers back. Nothing is held: an
// entrance that is no longer used needs no closing.
func (s *SFU) Enter(path peer.Path) *Entrance { return &Entrance{sfu: s, path: path} }

// Receive takes one datagram and keeps no reference to it. It returns false where the datagram belongs
// to no link: the first one of an entrance must be a check (STUN) that names a link of this server.
func (e *Entrance) Receive(b []byte) bool {
	if named := e.sfu.shardOf(stunUfrag(b)); named != nil {
		e.owner.Store(named)
	}
	owner := e.owner.Load()
	if owner == nil || len(b) == 0 {
		return false
	}
	owner.hand(nil, e.path, b)
	return true
}

// WriteTo sends one datagram from the media port, from our address from (invalid: the system chooses).
// It never blocks. Any goroutine may call it.
func (s *SFU) WriteTo(b []byte, to netip.AddrPort, from netip.Addr) error {
	return s.shards[0].sock.WriteTo(b, to, from)
}

// ServeTCP takes over an ICE-TCP connection (RFC 6544) of which nothing was read. It returns when
// the connection has ended.
func (s *SFU) ServeTCP(nc net.Conn) {
	c := tcp.NewConn(nc, tcp.Options{})
	s.tcpMu.Lock()
	s.tcp[c] = struct{}{}
	s.tcpMu.Unlock()
	if s.closed.Load() {
		c.Close()
	}
	defer func() {
		s.tcpMu.Lock()
		delete(s.tcp, c)
		if len(s.tcp) == 0 {
			s.tcp = map[*tcp.Conn]struct{}{} // a map keeps the room that it had for many
		}
		s.tcpMu.Unlock()
		c.Close()
	}()
	e := s.Enter(peer.Path{Remote: c.Remote(), Local: c.Local().Addr(), Via: c})
	err := c.Serve(func(b []byte) {
		if !e.Receive(b) {
			c.Close()
		}
	})
	s.cfg.Log.Debug("ice-tcp connection ended", "remote", c.Remote(), "err", err)
}
