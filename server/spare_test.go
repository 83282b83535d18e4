package server

import (
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

func testSpares(t *testing.T, timeout time.Duration) *spares {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := newSpares(l, timeout, slog.New(slog.DiscardHandler))
	t.Cleanup(func() { s.Close() })
	return s
}

func dialSpare(t *testing.T, s *spares) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// A browser's spare connection: what is asked on it late is answered, also where a header must come soon.
func TestSpareConnectionIsAnsweredLate(t *testing.T) {
	t.Parallel()
	const header = 2 * time.Second
	s := run(t, Config{headerTimeout: header})
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.base, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetReadDeadline(time.Now().Add(header + header/4))
	if n, err := conn.Read(make([]byte, 1)); !isTimeout(err) {
		t.Fatalf("a connection that is not used yet got %d bytes, %v", n, err)
	}
	conn.SetReadDeadline(time.Now().Add(patience))
	io.WriteString(conn, "GET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
	answer, err := io.ReadAll(conn)
	if err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 200") {
		t.Fatalf("%v: %s", err, answer)
	}
}

func TestSpareConnectionEnds(t *testing.T) {
	s := testSpares(t, 20*time.Millisecond)
	wantClosed(t, dialSpare(t, s))
	waitFor(t, func() bool { s.mu.Lock(); defer s.mu.Unlock(); return len(s.waiting)+len(s.count) == 0 })
}

func TestSpareConnectionsAreBounded(t *testing.T) {
	s := testSpares(t, time.Minute)
	h := &http.Server{Handler: http.NotFoundHandler(), ReadHeaderTimeout: 20 * time.Millisecond}
	go h.Serve(s)
	defer h.Close()
	for range maxSilentPerAddress {
		dialSpare(t, s)
	}
	waitFor(t, func() bool { s.mu.Lock(); defer s.mu.Unlock(); return len(s.waiting) == maxSilentPerAddress })
	wantClosed(t, dialSpare(t, s)) // one more has as long as a header may take
}

func TestSpareConnectionsEndWithTheServer(t *testing.T) {
	s := testSpares(t, time.Minute)
	conn := dialSpare(t, s)
	waitFor(t, func() bool { s.mu.Lock(); defer s.mu.Unlock(); return len(s.waiting) == 1 })
	s.Close()
	wantClosed(t, conn)
	if _, err := s.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Fatal(err)
	}
}
