package server

import (
	"crypto/rand"
	"crypto/tls"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"switchyard/engine/room"
	"switchyard/peer"
	"switchyard/protocol"
	"switchyard/sfu"
	"switchyard/signal/whip"
	"switchyard/turn"
)

// credentialLife is how long TURN credentials make allocations; they are renewed at half of it.
const credentialLife = 6 * time.Hour

// relay is the STUN and TURN server, and which of its addresses a link is told. With TURN switched off
// its turn is nil and it tells nothing.
type relay struct {
	server *Server
	secret turn.Secret
	turn   *turn.Server
}

func newRelay(s *Server) (*relay, error) {
	r := &relay{server: s}
	if s.cfg.TURN.Off {
		return r, nil
	}
	var err error
	if r.secret, err = turn.NewSecret(s.key); err != nil {
		return nil, fmt.Errorf("server: %w", err)
	}
	c := s.cfg.TURN
	r.turn = turn.New(turn.Config{
		Secret: r.secret, Sockets: c.Sockets, PerIdentity: c.PerIdentity, Allocations: c.Allocations,
		IdentityRate: c.IdentityRate, Rate: c.Rate, Log: s.log,
	})
	return r, nil
}

// datagram takes what the media port's UDP side has for TURN; nil: nothing.
func (r *relay) datagram() func(netip.AddrPort, netip.Addr, []byte) bool {
	if r.turn == nil {
		return nil
	}
	return r.turn.Datagram
}

func (r *relay) start(forward *sfu.SFU) {
	if r.turn != nil {
		r.turn.Start(mediaPort{forward})
	}
}

func (r *relay) close() {
	if r.turn != nil {
		r.turn.Close()
	}
}

func (r *relay) serveStream(conn net.Conn) {
	if r.turn == nil {
		conn.Close()
		return
	}
	r.turn.ServeStream(conn)
}

// mediaPort is the SFU as relays see it.
type mediaPort struct{ *sfu.SFU }

// Port implements turn.Media.
func (m mediaPort) Port() uint16 { return m.Addr().Port() }

// Enter implements turn.Media.
func (m mediaPort) Enter(relay netip.AddrPort, at netip.Addr, back turn.Back) turn.Entrance {
	return m.SFU.Enter(peer.Path{Remote: relay, Local: at, Via: back, Relayed: true})
}

// forParticipant implements room.Config.ICEServers.
func (r *relay) forParticipant(room string, who room.Identity, link string) []protocol.ICEServer {
	if r.turn == nil {
		if link == protocol.ServerLink {
			return []protocol.ICEServer{} // not nil: the client need not wait for some
		}
		return nil
	}
	host := r.host(who.Host)
	user, password := r.secret.Mint(room, string(who.ID), time.Now().Add(credentialLife))
	if link == protocol.ServerLink {
		return []protocol.ICEServer{{URLs: r.streams(host), Username: user, Credential: password}}
	}
	at := r.at(host)
	return []protocol.ICEServer{
		{URLs: []string{"stun:" + at}},
		{URLs: append([]string{"turn:" + at + "?transport=udp"}, r.streams(host)...), Username: user, Credential: password},
	}
}

// forVisitor implements whip.Options.ICEServers.
func (r *relay) forVisitor(q whip.Request, s whip.Session) []whip.ICEServer {
	v, ok := s.(visitor)
	if !ok || r.turn == nil {
		return nil
	}
	// Any number of viewers may watch with one token, each with the quota of a participant.
	user, password := r.secret.MintSession(q.Room, string(v.Identity()), rand.Text(), time.Now().Add(credentialLife))
	var out []whip.ICEServer
	for _, u := range r.streams(r.host(q.Host)) {
		out = append(out, whip.ICEServer{URL: u, Username: user, Credential: password})
	}
	return out
}

// streams are the addresses of TURN over TCP and TLS. For a link to the server there must be no other:
// Chromium takes what comes from the address of its STUN or TURN/UDP server for an answer of that server,
// and never hands it to the link.
func (r *relay) streams(host string) []string {
	out := []string{"turn:" + r.at(host) + "?transport=tcp"}
	if r.certified(host) {
		out = append(out, "turns:"+r.at(host)+"?transport=tcp")
	}
	return out
}

func (r *relay) at(host string) string {
	return net.JoinHostPort(host, strconv.Itoa(int(r.server.MediaAddr().Port())))
}

// host is the name by which a client that reached the server by requested reaches the media port. What it
// used itself is best: it works from where it stands. But a proxy may have put a name of its own there, and
// the media port may listen on one address only.
func (r *relay) host(requested string) string {
	c := &r.server.cfg
	if c.TURN.Host != "" {
		return c.TURN.Host
	}
	host := hostname(requested)
	listens := r.server.MediaAddr().Addr().Unmap()
	switch {
	case !listens.IsUnspecified() && (host == "" || isLocal(host) || listens.IsLoopback()):
		return listens.String()
	case host != "" && !isLocal(host):
		return host
	}
	if u, err := url.Parse(c.URL); err == nil && u.Hostname() != "" && !isLocal(u.Hostname()) {
		return u.Hostname()
	}
	if len(c.PublicIPs) > 0 {
		return c.PublicIPs[0].String()
	}
	if host == "" {
		return "localhost"
	}
	return host
}

// hostname is the name in a request's Host, "" where it is none: it comes from the network and goes into
// addresses.
func hostname(host string) string {
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	name = strings.Trim(name, "[]")
	if a, err := netip.ParseAddr(name); err == nil {
		return a.WithZone("").String()
	}
	if len(name) > 253 || strings.ContainsFunc(name, func(c rune) bool {
		return c != '-' && c != '.' && c != '_' && (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z')
	}) {
		return ""
	}
	return name
}

// isLocal reports whether a name means the machine that uses it.
func isLocal(name string) bool {
	a, err := netip.ParseAddr(name)
	return err == nil && (a.IsLoopback() || a.IsUnspecified()) || name == "localhost" || strings.HasSuffix(name, ".localhost")
}

// certified reports whether the certificate is good for host: a browser shows nobody a question when
// TURN's certificate is not, it fails.
func (r *relay) certified(host string) bool {
	cfg := r.server.tls
	var cert *tls.Certificate
	if cfg.GetCertificate != nil {
		cert, _ = cfg.GetCertificate(&tls.ClientHelloInfo{ServerName: host}) // nil beside an error, too
	}
	if cert == nil && len(cfg.Certificates) > 0 {
		cert = &cfg.Certificates[0]
	}
	return cert != nil && cert.Leaf != nil && cert.Leaf.Subject.CommonName != selfSignedName &&
		cert.Leaf.VerifyHostname(host) == nil
}

func (r *relay) samples() []Sample {
	if r.turn == nil {
		return nil
	}
	st := r.turn.Stats()
	out := []Sample{
		gauge("turn_allocations", "TURN allocations now.", st.Allocations),
		gauge("turn_connections", "TCP and TLS connections of TURN clients now.", st.Streams),
		total("turn_allocated", "TURN allocations made.", st.Allocated),
		total("turn_evicted", "Idle TURN allocations that made room for others.", st.Evicted),
		total("turn_connections_refused", "TCP and TLS connections of TURN clients refused.", st.StreamsRefused),
		total("stun_bindings", "STUN binding requests answered.", st.Bindings),
		total("turn_datagrams", "Datagrams relayed.", st.ToPeers).by("direction", "to-peer"),
		total("turn_datagrams", "Datagrams relayed.", st.FromPeers).by("direction", "from-peer"),
		total("turn_bytes", "Bytes relayed.", st.ToPeerBytes).by("direction", "to-peer"),
		total("turn_bytes", "Bytes relayed.", st.FromPeerBytes).by("direction", "from-peer"),
		total("turn_drops", "Datagrams that TURN dropped, by reason.", st.Queued).by("reason", "queue-full"),
	}
	for reason, n := range st.Refused {
		out = append(out, total("turn_refused", "TURN requests refused, by reason.", n).by("reason", reason))
	}
	for reason, n := range st.Drops {
		out = append(out, total("turn_drops", "Datagrams that TURN dropped, by reason.", n).by("reason", reason))
	}
	return out
}
