package server

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"
)

// stunRequest is a Binding request without attributes (RFC 8489 §5).
var stunRequest = append([]byte{0x00, 0x01, 0x00, 0x00, 0x21, 0x12, 0xA4, 0x42}, "transaction1"...)

func framed(b []byte) []byte {
	return append(binary.BigEndian.AppendUint16(nil, uint16(len(b))), b...)
}

func TestClassify(t *testing.T) {
	long := framed(append(append([]byte{}, stunRequest...), make([]byte, 0x1603-len(stunRequest))...))
	for _, c := range []struct {
		name string
		b    []byte
		want protocolKind
	}{
		{"TLS 1.0 record", []byte{0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3}, tlsHello},
		{"GET", []byte("GET / HTTP/1.1\r\n"), httpPlain},
		{"OPTIONS *", []byte("OPTIONS * HTTP/1.1"), httpPlain},
		{"POST", []byte("POST /whip/r"), httpPlain},
		{"HTTP/2 preface", []byte("PRI * HTTP/2.0\r\n\r\n"), httpPlain},
		{"framed STUN", framed(stunRequest), iceFramed},
		{"framed STUN as long as a TLS record's type and version", long, iceFramed},
		{"unframed STUN", stunRequest, stunStream},
		{"frame shorter than a STUN header", append([]byte{0, 10}, stunRequest...), garbage},
		{"lower case", []byte("get / http/1.1"), garbage},
		{"SSH", []byte("SSH-2.0-OpenSSH_9.2"), garbage},
		{"zeros", make([]byte, 20), garbage},
		{"too short", framed(stunRequest)[:classifyBytes-1], garbage},
		{"nothing", nil, garbage},
		{"SSLv2", []byte{0x80, 0x2e, 1, 0, 2, 0, 0, 0, 0, 0x10}, garbage},
	} {
		if got := classify(c.b); got != c.want {
			t.Errorf("%s: got %v, want %v", c.name, got, c.want)
		}
	}
}

func FuzzClassify(f *testing.F) {
	f.Add(stunRequest)
	f.Add(framed(stunRequest))
	f.Add([]byte("GET / HTTP/1.1\r\n\r\n"))
	f.Add([]byte{0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3})
	f.Fuzz(func(t *testing.T, b []byte) {
		kind := classify(b)
		if kind >= kinds {
			t.Fatalf("kind %d", kind)
		}
		if len(b) < classifyBytes && kind != garbage {
			t.Fatalf("%v of %d bytes", kind, len(b))
		}
		if len(b) >= classifyBytes && kind != classify(b[:classifyBytes]) {
			t.Fatal("more bytes than the first were looked at")
		}
		cookie := []byte{0x21, 0x12, 0xA4, 0x42}
		switch kind {
		case iceFramed:
			if !bytes.Equal(b[6:10], cookie) {
				t.Fatal("framed STUN without cookie")
			}
		case stunStream:
			if !bytes.Equal(b[4:8], cookie) {
				t.Fatal("STUN without cookie")
			}
		}
	})
}

// testPort is a port on the loopback interface.
func testPort(t *testing.T, timeout time.Duration) (p *port, ice, turn chan net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := tlsConfig("", "", t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	ice, turn = make(chan net.Conn, 1), make(chan net.Conn, 1)
	p = newPort(l, cfg, newHandoff(l.Addr()), func(c net.Conn) { ice <- c }, func(c net.Conn) { turn <- c }, slog.New(slog.DiscardHandler))
	p.timeout = timeout
	served := make(chan error, 1)
	go func() { served <- p.serve() }()
	t.Cleanup(func() {
		p.web.Close()
		p.close()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return p, ice, turn
}

func dial(t *testing.T, p *port) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", p.listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(patience))
	return conn
}

// wantClosed waits until the other end has closed.
func wantClosed(t *testing.T, conn net.Conn) {
	t.Helper()
	if b, err := io.ReadAll(conn); err != nil && isTimeout(err) || len(b) > 0 {
		t.Fatalf("not closed: %q %v", b, err)
	}
}

func isTimeout(err error) bool {
	e, ok := err.(net.Error)
	return ok && e.Timeout()
}

func TestICEOverTCPIsHandedOnUnread(t *testing.T) {
	p, ice, _ := testPort(t, patience)
	message := framed(stunRequest)
	read := func(t *testing.T) {
		t.Helper()
		conn := <-ice
		defer conn.Close()
		got := make([]byte, len(message))
		conn.SetReadDeadline(time.Now().Add(patience))
		if _, err := io.ReadFull(conn, got); err != nil || !bytes.Equal(got, message) {
			t.Fatalf("%x %v", got, err)
		}
	}
	t.Run("plain, byte by byte", func(t *testing.T) {
		conn := dial(t, p)
		for _, b := range message {
			conn.Write([]byte{b})
		}
		read(t)
	})
	t.Run("in TLS without ALPN", func(t *testing.T) {
		conn := tls.Client(dial(t, p), &tls.Config{InsecureSkipVerify: true})
		if _, err := conn.Write(message); err != nil {
			t.Fatal(err)
		}
		read(t)
	})
	if n := p.stats.kinds[iceFramed].Load(); n != 2 {
		t.Fatalf("counted %d", n)
	}
}

func TestOtherConnectionsAreClosedAndCounted(t *testing.T) {
	t.Parallel()
	patient, _, _ := testPort(t, patience)
	hasty, _, _ := testPort(t, 200*time.Millisecond)
	half, _, _ := testPort(t, 2*time.Second) // what is to be read must have been read by then, on a busy machine too
	for _, c := range []struct {
		name  string
		p     *port
		send  []byte
		count *atomic.Uint64
	}{
		{"garbage", patient, []byte("SSH-2.0-OpenSSH"), &patient.stats.kinds[garbage]},
		{"silence", hasty, nil, &hasty.stats.slow},
		{"half a word", hasty, []byte("GE"), &hasty.stats.slow},
		{"TLS that is none", patient, append([]byte{0x16, 3, 1, 0, 5}, "hello, hello"...), &patient.stats.badTLS},
		{"half a handshake", half, []byte{0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3}, &half.stats.badTLS},
	} {
		before := c.count.Load()
		conn := dial(t, c.p)
		conn.Write(c.send)
		if c.name == "TLS that is none" {
			io.ReadAll(conn) // an alert may come first
		} else {
			wantClosed(t, conn)
		}
		waitFor(t, func() bool { return c.count.Load() > before })
		if n := c.count.Load() - before; n != 1 {
			t.Errorf("%s: counted %d", c.name, n)
		}
	}
}

func TestTURNOverTCPIsHandedOn(t *testing.T) {
	p, _, turn := testPort(t, patience)
	conn := dial(t, p)
	conn.Write(stunRequest)
	got := <-turn
	defer got.Close()
	b := make([]byte, len(stunRequest))
	if _, err := io.ReadFull(got, b); err != nil || !bytes.Equal(b, stunRequest) {
		t.Errorf("%v: %x", err, b)
	}
	if n := p.stats.kinds[stunStream].Load(); n != 1 {
		t.Errorf("counted %d", n)
	}
}

func TestUnclassifiedConnectionsAreBounded(t *testing.T) {
	p, ice, _ := testPort(t, time.Minute)
	var open []net.Conn
	for range maxSilentPerAddress {
		open = append(open, dial(t, p))
	}
	waitFor(t, func() bool { p.mu.Lock(); defer p.mu.Unlock(); return len(p.waiting) == maxSilentPerAddress })
	wantClosed(t, dial(t, p))
	if n := p.stats.refused.Load(); n != 1 {
		t.Fatalf("refused %d", n)
	}
	open[0].Write(framed(stunRequest)) // one that speaks makes room for another
	(<-ice).Close()
	waitFor(t, func() bool { p.mu.Lock(); defer p.mu.Unlock(); return len(p.waiting) == maxSilentPerAddress-1 })
	dial(t, p).Write(framed(stunRequest))
	(<-ice).Close()
}

func waitFor(t *testing.T, ok func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for !ok() {
		if ctx.Err() != nil {
			t.Fatal("waited too long")
		}
		time.Sleep(time.Millisecond)
	}
}

func TestLimiter(t *testing.T) {
	now := time.Unix(1000, 0)
	a, b := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	l := newLimiter(2, 3)
	take := func(addr netip.Addr, want bool) {
		t.Helper()
		if got := l.take(addr, 1, now); got != want {
			t.Fatalf("%v: %v", addr, got)
		}
	}
	for range 3 {
		take(a, true)
	}
	take(a, false)
	take(b, true)
	now = now.Add(500 * time.Millisecond)
	take(a, true)
	take(a, false)
	now = now.Add(time.Hour)
	for range 3 {
		take(a, true)
	}
	if l.take(a, 0, now) {
		t.Fatal("there should be none left")
	}
	l.size = 10
	for i := range 1000 {
		l.take(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), 1, now)
		if len(l.young) > 10 || len(l.old) > 10 {
			t.Fatalf("%d and %d addresses", len(l.young), len(l.old))
		}
	}
}

func TestALimiterForgetsWhoHasItsTokensAgain(t *testing.T) {
	now := time.Unix(1000, 0)
	l := newLimiter(1, 300)
	spender := netip.MustParseAddr("192.0.2.1")
	l.take(spender, 300, now)
	for i := range 1000 {
		l.take(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), 1, now)
	}
	if n := len(l.young) + len(l.old); n != 1001 {
		t.Fatalf("%d addresses are remembered, all just came", n)
	}
	now = now.Add(299 * time.Second)
	if l.take(spender, 300, now) {
		t.Error("who spent everything has it back too early")
	}
	for range 2 {
		now = now.Add(301 * time.Second)
		l.take(netip.MustParseAddr("192.0.2.2"), 1, now)
	}
	if n := len(l.young) + len(l.old); n != 2 { // the same one, in both
		t.Errorf("%d addresses are remembered of one that came lately", n)
	}
}

func TestNetwork(t *testing.T) {
	for in, want := range map[string]string{
		"192.0.2.7": "192.0.2.7", "::ffff:192.0.2.7": "192.0.2.7", "2001:db8:1:2:3:4:5:6": "2001:db8:1:2::", "fe80::1%eth0": "fe80::",
	} {
		if got := network(netip.MustParseAddr(in)).String(); got != want {
			t.Errorf("%s: got %s, want %s", in, got, want)
		}
	}
}
