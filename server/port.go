package server

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mholt/acmez/v3"
)

// classifyTimeout is how long a connection on the media port may take for its first bytes and
// again for a TLS handshake.
const classifyTimeout = 5 * time.Second

// The names of STUN and TURN in ALPN (RFC 7443).
const alpnTURN, alpnSTUN = "stun.turn", "stun.nat-discovery"

// port is the TCP side of the media port: one listener whose connections are told apart by their
// first bytes and handed on.
type port struct {
	// Immutable.
	listener net.Listener
	tls      *tls.Config
	web      *handoff       // plain and decrypted HTTP go here
	ice      func(net.Conn) // takes ICE-TCP connections; nil: they are closed
	turn     func(net.Conn) // takes TURN connections; nil: they are closed
	log      *slog.Logger
	timeout  time.Duration

	stats portStats

	silent // not yet classified
}

// portStats counts connections by what they were.
type portStats struct {
	kinds   [kinds]atomic.Uint64 // as classified, outside and inside TLS
	refused atomic.Uint64        // too many unclassified
	slow    atomic.Uint64        // no first bytes in time
	badTLS  atomic.Uint64        // handshake failed
}

func newPort(l net.Listener, cfg *tls.Config, web *handoff, ice, turn func(net.Conn), log *slog.Logger) *port {
	cfg = cfg.Clone()
	cfg.NextProtos = append([]string{alpnTURN, alpnSTUN}, cfg.NextProtos...) // first: coturn offers http/1.1 too
	return &port{
		listener: l, tls: cfg, web: web, ice: ice, turn: turn, log: log, timeout: classifyTimeout,
	}
}

// serve accepts connections until close.
func (p *port) serve() error {
	acceptAll(p.listener, "media port", p.log, func(conn net.Conn) {
		if !p.enter(conn) {
			p.stats.refused.Add(1)
			conn.Close()
			return
		}
		// This goroutine owns conn until it is handed on; close ends it by closing conn.
		go func() {
			kind, sorted := p.sort(conn)
			p.leave(conn)
			p.pass(kind, sorted)
		}()
	})
	return nil
}

// close stops accepting and closes what is not yet classified.
func (p *port) close() {
	p.listener.Close()
	p.end()
}

// sort finds out what conn is and returns it with its first bytes unread and TLS undone; nil when
// it was closed for saying nothing sensible.
func (p *port) sort(conn net.Conn) (protocolKind, net.Conn) {
	first, kind := p.peek(conn)
	if first == nil || kind != tlsHello {
		return kind, first
	}
	secure := tls.Server(first, p.tls)
	ctx, cancel := context.WithTimeout(context.Background(), p.timeout)
	defer cancel()
	if err := secure.HandshakeContext(ctx); err != nil {
		p.stats.badTLS.Add(1)
		conn.Close()
		return garbage, nil
	}
	switch secure.ConnectionState().NegotiatedProtocol {
	case "", alpnTURN, alpnSTUN:
	case acmez.ACMETLS1Protocol: // the handshake was all that a certificate authority wanted
		secure.Close()
		return tlsHello, nil
	default:
		return httpPlain, secure
	}
	// Without ALPN it can be HTTP, or ICE and TURN that hide in TLS: look again.
	inner, kind := p.peek(secure)
	return kind, inner
}

// pass hands a connection to whoever speaks its protocol.
func (p *port) pass(kind protocolKind, conn net.Conn) {
	switch {
	case conn == nil:
	case kind == httpPlain:
		p.web.give(conn)
	case kind == iceFramed && p.ice != nil:
		p.ice(conn)
	case kind == stunStream && p.turn != nil:
		p.turn(conn)
	default:
		conn.Close()
	}
}

// peek reads the first bytes of conn in time and classifies them; they can be read again from what
// it returns. Where they do not come it closes conn and returns nil.
func (p *port) peek(conn net.Conn) (net.Conn, protocolKind) {
	conn.SetReadDeadline(time.Now().Add(p.timeout))
	b := make([]byte, classifyBytes)
	if n, err := io.ReadFull(conn, b); err != nil {
		var timeout net.Error
		switch {
		case errors.As(err, &timeout) && timeout.Timeout():
			p.stats.slow.Add(1)
		case n > 0:
			p.stats.kinds[garbage].Add(1)
		}
		conn.Close()
		return nil, garbage
	}
	conn.SetReadDeadline(time.Time{})
	kind := classify(b)
	p.stats.kinds[kind].Add(1)
	return &prefixConn{Conn: conn, prefix: b}, kind
}

// addressOf is the key by which connections are counted: an IPv4 address, or an IPv6 network of 64
// bits, since that is what one host has.
func addressOf(a net.Addr) netip.Addr {
	tcp, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.Addr{}
	}
	return network(tcp.AddrPort().Addr())
}

func network(addr netip.Addr) netip.Addr {
	addr = addr.Unmap().WithZone("")
	if addr.Is6() {
		if p, err := addr.Prefix(64); err == nil {
			return p.Addr()
		}
	}
	return addr
}

// prefixConn is a connection whose first bytes were read already: they are read again.
type prefixConn struct {
	net.Conn
	prefix []byte // owned by the reader
}

func (c *prefixConn) Read(b []byte) (int, error) {
	if len(c.prefix) > 0 {
		n := copy(b, c.prefix)
		c.prefix = c.prefix[n:]
		return n, nil
	}
	return c.Conn.Read(b)
}

// CloseWrite is how an HTTP server ends what the other end is still writing to, without losing its answer.
func (c *prefixConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// handoff is a net.Listener whose connections are given to it.
type handoff struct {
	addr  net.Addr
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func newHandoff(addr net.Addr) *handoff {
	return &handoff{addr: addr, conns: make(chan net.Conn), done: make(chan struct{})}
}

// give passes conn to Accept, or closes it when the listener is closed.
func (h *handoff) give(conn net.Conn) {
	select {
	case h.conns <- conn:
	case <-h.done:
		conn.Close()
	}
}

// Accept waits for the next connection.
func (h *handoff) Accept() (net.Conn, error) {
	select {
	case conn := <-h.conns:
		return conn, nil
	case <-h.done:
		return nil, net.ErrClosed
	}
}

// Close ends Accept.
func (h *handoff) Close() error {
	h.once.Do(func() { close(h.done) })
	return nil
}

// Addr is the media port's address.
func (h *handoff) Addr() net.Addr { return h.addr }
