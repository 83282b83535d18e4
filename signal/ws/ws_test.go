package ws

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"switchyard/protocol"
)

// patience is how long a test waits for what must come: it says when to give up, not what is fast enough.
const patience = time.Minute

// rooms is a fake: it records what it was opened with, and hands each session's events to the test.
type rooms struct {
	refuse error
	opened chan opened
}

type opened struct {
	room, token string
	conn        Conn
	received    chan protocol.Envelope
	closed      chan struct{}
}

func newRooms() *rooms { return &rooms{opened: make(chan opened, 16)} }

func (r *rooms) Open(_ context.Context, q Request, c Conn) (Session, error) {
	o := opened{q.Room, q.Token, c, make(chan protocol.Envelope, 1000), make(chan struct{})}
	r.opened <- o
	if r.refuse != nil {
		return nil, r.refuse
	}
	return o, nil
}

func (o opened) Receive(e protocol.Envelope) { o.received <- e }
func (o opened) Closed()                     { close(o.closed) }

// site serves r and returns the address of room demo.
func site(t testing.TB, r Rooms, c Config) (url string, server *Server) {
	t.Helper()
	server = New(r, c)
	h := httptest.NewServer(server)
	t.Cleanup(func() { server.Close(); h.Close() })
	return "ws" + strings.TrimPrefix(h.URL, "http") + "/v1/rooms/demo", server
}

func dial(t testing.TB, url string, header http.Header) *websocket.Conn {
	t.Helper()
	c, _, err := websocket.Dial(context.Background(), url, &websocket.DialOptions{Subprotocols: []string{protocol.Subprotocol}, HTTPHeader: header})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.CloseNow() })
	return c
}

// handshake is what a client writes first (RFC 6455 §4.1).
func handshake(host string) string {
	return "GET /v1/rooms/demo HTTP/1.1\r\nHost: " + host + "\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
}

func within(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

func get[T any](t testing.TB, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		t.Fatal("nothing came")
		panic("unreachable")
	}
}

func read(t testing.TB, c *websocket.Conn) protocol.Envelope {
	t.Helper()
	_, b, err := c.Read(within(t))
	if err != nil {
		t.Fatal(err)
	}
	var e protocol.Envelope
	if err := json.Unmarshal(b, &e); err != nil {
		t.Fatal(err)
	}
	return e
}

func readError(t testing.TB, c *websocket.Conn) protocol.Error {
	t.Helper()
	e := read(t, c)
	var m protocol.Error
	if err := e.Into(&m); err != nil || e.Type != protocol.TypeError {
		t.Fatalf("%s %s: %v", e.Type, e.Body, err)
	}
	return m
}

func TestMessagesGoBothWays(t *testing.T) {
	r := newRooms()
	url, s := site(t, r, Config{})
	c := dial(t, url+"?token=T", nil)
	if c.Subprotocol() != protocol.Subprotocol {
		t.Errorf("subprotocol %q", c.Subprotocol())
	}
	o := get(t, r.opened)
	if o.room != "demo" || o.token != "T" {
		t.Fatalf("opened %s with %s", o.room, o.token)
	}
	if err := c.Write(within(t), websocket.MessageText, []byte(`{"type":"ping","id":7,"body":{"time":1}}`)); err != nil {
		t.Fatal(err)
	}
	if e := get(t, o.received); e.Type != "ping" || e.ID != 7 {
		t.Fatal(e)
	}
	o.conn.Send(protocol.Envelope{Type: "pong", Re: 7})
	if e := read(t, c); e.Type != "pong" || e.Re != 7 {
		t.Fatal(e)
	}
	_ = c.Close(websocket.StatusNormalClosure, "")
	get(t, o.closed)
	if st := s.Stats(); st.Opened != 1 || st.Received != 1 || st.Sent != 1 {
		t.Errorf("%+v", st)
	}
}

func TestTokenComesByHeader(t *testing.T) {
	r := newRooms()
	url, _ := site(t, r, Config{})
	dial(t, url, http.Header{"Authorization": {"bearer H"}})
	if o := get(t, r.opened); o.token != "H" {
		t.Fatal(o.token)
	}
}

func TestRefusalIsToldInWords(t *testing.T) {
	r := newRooms()
	r.refuse = protocol.NewError(protocol.CodeUnauthorized, "The token has expired.")
	url, _ := site(t, r, Config{})
	c := dial(t, url, nil)
	if e := readError(t, c); e.Code != protocol.CodeUnauthorized || !e.Fatal || e.Message != "The token has expired." {
		t.Fatalf("%+v", e)
	}
	if _, _, err := c.Read(within(t)); websocket.CloseStatus(err) != websocket.StatusNormalClosure {
		t.Fatal(err)
	}
	r.refuse = errors.New("store: secret detail")
	c = dial(t, url, nil)
	if e := readError(t, c); e.Code != protocol.CodeInternal || strings.Contains(e.Message, "secret") {
		t.Fatalf("%+v", e)
	}
}

// A client does not wait for the server's first word before it joins.
func TestRefusalReachesWhoSendsAtOnce(t *testing.T) {
	r := newRooms()
	r.refuse = protocol.NewError(protocol.CodeUnauthorized, "The token has expired.")
	r.opened = make(chan opened, 200)
	url, _ := site(t, r, Config{})
	join := []byte(`{"type":"join","id":1,"seq":1,"body":{"offer":{"type":"offer","sdp":"` + strings.Repeat("a=mid:0 ", 4000) + `"}}}`)
	for i := range 200 {
		c := dial(t, url, nil)
		for range i%3 + 1 {
			if err := c.Write(within(t), websocket.MessageText, join[:len(join)>>(i%10)]); err != nil {
				break // closed already: what was said is still there to read
			}
		}
		if e := readError(t, c); e.Code != protocol.CodeUnauthorized || !e.Fatal {
			t.Fatalf("%d: %+v", i, e)
		}
		if _, _, err := c.Read(within(t)); websocket.CloseStatus(err) != websocket.StatusNormalClosure {
			t.Fatal(i, err)
		}
		_ = c.CloseNow()
	}
}

// Who goes on sending, and never answers the close frame, is not heard forever.
func TestFarewellIsBounded(t *testing.T) {
	r := newRooms()
	r.refuse = protocol.NewError(protocol.CodeUnauthorized, "The token has expired.")
	url, s := site(t, r, Config{})
	host := strings.TrimSuffix(strings.TrimPrefix(url, "ws://"), "/v1/rooms/demo")
	sock, err := net.Dial("tcp", host)
	if err != nil {
		t.Fatal(err)
	}
	defer sock.Close()
	_, _ = io.WriteString(sock, handshake(host))
	_, _ = sock.Write([]byte{0x82, 0xff, 0, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 0}) // 2 GiB follow
	_ = sock.SetWriteDeadline(time.Now().Add(patience))
	sent, chunk := 0, make([]byte, 64<<10)
	for err == nil {
		var n int
		n, err = sock.Write(chunk)
		sent += n
	}
	if errors.Is(err, os.ErrDeadlineExceeded) || sent > farewellBytes+(64<<20) { // besides the kernel's buffers
		t.Fatalf("%d bytes, then %v", sent, err)
	}
	for deadline := time.Now().Add(patience); s.Stats().Open > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("still open")
		}
	}
}

func TestBadMessagesAreAnsweredAndTheSocketLives(t *testing.T) {
	r := newRooms()
	url, s := site(t, r, Config{MessageBytes: 100})
	c := dial(t, url, nil)
	o := get(t, r.opened)
	send := func(kind websocket.MessageType, text string) {
		if err := c.Write(within(t), kind, []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	for _, text := range []string{"", "null", "[]", "{", `{"type":3}`, `{"id":1}`, "\"x\"", "{\"type\":\"\xff\"}", `{"type":"ping"}{}`,
		`{"type":"` + strings.Repeat("x", 100) + `"}`} {
		send(websocket.MessageText, text)
		if e := readError(t, c); e.Code != protocol.CodeBadMessage || e.Fatal || !strings.HasSuffix(e.Message, ".") {
			t.Errorf("%q: %+v", text, e)
		}
	}
	send(websocket.MessageBinary, `{"type":"ping"}`)
	if e := readError(t, c); e.Code != protocol.CodeBadMessage {
		t.Errorf("binary: %+v", e)
	}
	send(websocket.MessageText, `{"type":"ping"}`)
	if e := get(t, o.received); e.Type != "ping" {
		t.Error(e)
	}
	if st := s.Stats(); st.TooLarge != 1 || st.Bad != 11 {
		t.Errorf("%+v", st)
	}
	for range maxBad {
		send(websocket.MessageText, "x")
	}
	for {
		if _, _, err := c.Read(within(t)); err != nil {
			break
		}
	}
	get(t, o.closed)
}

func TestHangupSendsTheLastWordsFirst(t *testing.T) {
	r := newRooms()
	url, _ := site(t, r, Config{})
	c := dial(t, url, nil)
	o := get(t, r.opened)
	for i := range 100 {
		o.conn.Send(protocol.Envelope{Type: "data", Seq: uint64(i + 1)})
	}
	o.conn.Hangup()
	o.conn.Send(protocol.Envelope{Type: "late"})
	for i := range 100 {
		if e := read(t, c); e.Seq != uint64(i+1) {
			t.Fatal(i, e)
		}
	}
	if _, _, err := c.Read(within(t)); websocket.CloseStatus(err) != websocket.StatusNormalClosure {
		t.Fatal(err)
	}
	get(t, o.closed)
}

func TestSlowClientIsDropped(t *testing.T) {
	r := newRooms()
	url, s := site(t, r, Config{QueueMessages: 10})
	dial(t, url, nil) // never reads
	o := get(t, r.opened)
	big := json.RawMessage(`"` + strings.Repeat("x", 1<<20) + `"`)
	for range 100 {
		o.conn.Send(protocol.Envelope{Type: "data", Body: big})
	}
	get(t, o.closed)
	if s.Stats().Overflowed != 1 {
		t.Errorf("%+v", s.Stats())
	}
}

func TestOtherSitesMayNotConnect(t *testing.T) {
	r := newRooms()
	header := http.Header{"Origin": {"https://evil.example"}}
	for _, c := range []struct {
		origins []string
		ok      bool
	}{{nil, false}, {[]string{"https://good.example"}, false}, {[]string{"https://evil.example"}, true}, {[]string{"*"}, true}} {
		url, _ := site(t, r, Config{Origins: c.origins})
		sock, _, err := websocket.Dial(within(t), url, &websocket.DialOptions{HTTPHeader: header})
		if (err == nil) != c.ok {
			t.Errorf("%v: %v", c.origins, err)
		}
		if err == nil {
			_ = sock.CloseNow()
		}
	}
}

func TestRoomNamesAreChecked(t *testing.T) {
	s := New(newRooms(), Config{})
	for _, path := range []string{"/", "/v1/rooms/", "/v1/rooms/a/b", "/v1/rooms/..", "/v1/rooms/%00", "/v1/rooms/" + strings.Repeat("x", 65)} {
		w := httptest.NewRecorder()
		req := httptest.NewRequest("GET", "http://h/", nil)
		req.URL.Path = path
		s.ServeHTTP(w, req)
		if w.Code != http.StatusNotFound {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
}

func TestCloseEndsAll(t *testing.T) {
	r := newRooms()
	url, s := site(t, r, Config{})
	dial(t, url, nil)
	o := get(t, r.opened)
	s.Close()
	get(t, o.closed)
	if n := s.Stats().Open; n != 0 {
		t.Error(n, "open")
	}
}

// FuzzSocket writes bytes at a socket after its handshake: whatever they are, the session ends and is
// given only envelopes with a type.
func FuzzSocket(f *testing.F) {
	r := newRooms()
	url, _ := site(f, r, Config{MessageBytes: 1000, JoinWithin: time.Minute})
	host := strings.TrimSuffix(strings.TrimPrefix(url, "ws://"), "/v1/rooms/demo")
	frame := func(op byte, payload string) []byte { // masked with zeros, payload under 126 bytes
		return append([]byte{0x80 | op, 0x80 | byte(len(payload)), 0, 0, 0, 0}, payload...)
	}
	f.Add(frame(1, `{"type":"ping","id":1}`))
	f.Add(frame(2, `{"type":"ping"}`))
	f.Add(append(frame(9, "x"), frame(8, "\x03\xe8")...))
	f.Add(append(frame(1, `{"type":`), frame(0, `"ping"}`)...))
	f.Add([]byte{0x01, 0x82, 0, 0, 0, 0, '{', '}', 0x80, 0x80, 0, 0, 0, 0})
	f.Add([]byte{0x81, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0})
	f.Add([]byte{0xf1, 0x80, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		sock, err := net.Dial("tcp", host)
		if err != nil {
			t.Fatal(err)
		}
		defer sock.Close()
		_, _ = io.WriteString(sock, handshake(host))
		resp, err := http.ReadResponse(bufio.NewReader(sock), nil)
		if err != nil || resp.StatusCode != http.StatusSwitchingProtocols {
			t.Fatal(resp, err)
		}
		o := get(t, r.opened)
		_, _ = sock.Write(b)
		_ = sock.(*net.TCPConn).CloseWrite()
		get(t, o.closed)
		for len(o.received) > 0 {
			if e := <-o.received; e.Type == "" || !json.Valid(append(bytes.Clone(e.Body), ' ')) && len(e.Body) > 0 {
				t.Fatalf("%+v", e)
			}
		}
	})
}
