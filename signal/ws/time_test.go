package ws

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"switchyard/protocol"
)

// What has to do with time is tested in virtual time, over pipes: sockets have the real one.

// pipes is a listener whose connections are in memory.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (p *pipes) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	here, there := net.Pipe()
	select {
	case p.conns <- there:
		return here, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (*pipes) Addr() net.Addr { return &net.TCPAddr{} }

// bubble runs f in virtual time, with a server that hears p.
func bubble(t *testing.T, c Config, f func(t *testing.T, r *rooms, s *Server, p *pipes)) {
	synctest.Test(t, func(t *testing.T) {
		r := newRooms()
		s := New(r, c)
		p := &pipes{conns: make(chan net.Conn), closed: make(chan struct{})}
		web := &http.Server{Handler: s}
		go func() { _ = web.Serve(p) }() // ends with Close
		defer web.Close()
		defer s.Close()
		f(t, r, s, p)
	})
}

// join connects to the room demo.
func (p *pipes) join(t *testing.T) *websocket.Conn {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DialContext: p.dial}}
	sock, _, err := websocket.Dial(t.Context(), "ws://pipe/v1/rooms/demo",
		&websocket.DialOptions{Subprotocols: []string{protocol.Subprotocol}, HTTPClient: client})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = sock.CloseNow()
		client.CloseIdleConnections()
	})
	return sock
}

// joinMute connects as a client whose kernel takes what comes, and whose program does nothing with it.
func (p *pipes) joinMute(t *testing.T) {
	t.Helper()
	sock, err := p.dial(t.Context(), "", "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sock.Close() })
	go func() { _, _ = io.Copy(io.Discard, sock) }() // ends with sock
	if _, err := io.WriteString(sock, handshake("pipe")); err != nil {
		t.Fatal(err)
	}
}

func TestSilentClientIsDropped(t *testing.T) {
	bubble(t, Config{PingEvery: 20 * time.Second, JoinWithin: time.Hour}, func(t *testing.T, r *rooms, s *Server, p *pipes) {
		begin := time.Now()
		p.joinMute(t) // sends no pong
		get(t, get(t, r.opened).closed)
		if d := time.Since(begin); d != 40*time.Second || s.Stats().Silent != 1 {
			t.Errorf("after %v: %+v", d, s.Stats())
		}
	})
}

func TestClientThatAnswersPingsStays(t *testing.T) {
	bubble(t, Config{PingEvery: 20 * time.Second, JoinWithin: 24 * time.Hour}, func(t *testing.T, r *rooms, s *Server, p *pipes) {
		c := p.join(t)
		o := get(t, r.opened)
		ctx := c.CloseRead(t.Context())
		select {
		case <-ctx.Done():
			t.Fatal("dropped")
		case <-o.closed:
			t.Fatal("dropped")
		case <-time.After(time.Hour):
		}
	})
}

func TestWhoDoesNotJoinIsDropped(t *testing.T) {
	bubble(t, Config{JoinWithin: 10 * time.Second}, func(t *testing.T, r *rooms, s *Server, p *pipes) {
		begin := time.Now()
		c := p.join(t)
		if e := readError(t, c); e.Code != protocol.CodeBadMessage || !e.Fatal || !strings.Contains(e.Message, "Send join") {
			t.Fatalf("%+v", e)
		}
		if d := time.Since(begin); d != 10*time.Second {
			t.Errorf("dropped after %v", d)
		}
		_, _, _ = c.Read(within(t))
		get(t, get(t, r.opened).closed)
		// Who is welcomed stays, also who is so at the last moment.
		for _, at := range []time.Duration{0, 10*time.Second - 1} {
			c = p.join(t)
			o := get(t, r.opened)
			time.Sleep(at)
			o.conn.Send(protocol.Envelope{Type: protocol.TypeWelcome})
			if e := read(t, c); e.Type != protocol.TypeWelcome {
				t.Fatal(e)
			}
			c.CloseRead(t.Context()) // it answers pings
			select {
			case <-o.closed:
				t.Fatal("dropped")
			case <-time.After(time.Hour):
			}
		}
	})
}

func TestFloodIsSlowedDown(t *testing.T) {
	bubble(t, Config{MessageRate: 100, MessageBurst: 10}, func(t *testing.T, r *rooms, s *Server, p *pipes) {
		c := p.join(t)
		o := get(t, r.opened)
		start := time.Now()
		for range 40 {
			if err := c.Write(within(t), websocket.MessageText, []byte(`{"type":"ping"}`)); err != nil {
				t.Fatal(err)
			}
		}
		for range 40 {
			get(t, o.received)
		}
		if d := time.Since(start); d.Round(time.Millisecond) != 300*time.Millisecond {
			t.Errorf("40 messages, of which 10 at once and 100 a second, in %v", d)
		}
		if n := s.Stats().Throttled; n != 30 {
			t.Errorf("%d were throttled", n)
		}
	})
}
