package splice

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// patience is how long a test waits for what must come.
const patience = time.Minute

// bench is a server whose query says who comes.
type bench struct {
	*Server
	t    testing.TB
	url  string
	over func() string
}

func serve(t testing.TB, c Config) *bench {
	t.Helper()
	b := &bench{Server: New(c), t: t}
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		if err := b.Serve(w, r, Ends{Room: q.Get("room"), From: q.Get("from"), To: q.Get("to"), Addr: netip.MustParseAddr("192.0.2.1"), Over: b.over}); err != nil {
			http.Error(w, err.Error(), http.StatusTooManyRequests)
		}
	}))
	b.url = "ws" + strings.TrimPrefix(web.URL, "http")
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		b.Close(ctx)
		web.Close()
		if st := b.Stats(); st.Sockets != 0 || st.Pairs != 0 || len(b.live)+len(b.sockets)+len(b.rooms)+len(b.waiting) != 0 {
			t.Errorf("something is left: %+v", st)
		}
	})
	return b
}

func (b *bench) dial(room, from, to string) *websocket.Conn {
	b.t.Helper()
	conn, res, err := b.try(room, from, to)
	if err != nil {
		b.t.Fatalf("%v %v", err, res)
	}
	return conn
}

func (b *bench) try(room, from, to string) (*websocket.Conn, *http.Response, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	conn, res, err := websocket.Dial(ctx, fmt.Sprintf("%s/?room=%s&from=%s&to=%s", b.url, room, from, to), &websocket.DialOptions{Subprotocols: []string{Subprotocol}})
	if err != nil {
		return nil, res, err
	}
	conn.SetReadLimit(1 << 20)
	b.t.Cleanup(func() { conn.CloseNow() })
	return conn, res, nil
}

// entered waits until the server has a socket, of which its end knows earlier.
func (b *bench) entered(room, from, to string) {
	b.t.Helper()
	until(b.t, func() string {
		b.mu.Lock()
		defer b.mu.Unlock()
		if b.sockets[key{room, from, to}] == nil {
			return from + " is not there yet"
		}
		return ""
	})
}

// pair returns two ends that are joined.
func (b *bench) pair() (one, two *websocket.Conn) {
	b.t.Helper()
	one, two = b.dial("r", "a", "b"), b.dial("r", "b", "a")
	b.greet(one, two)
	return one, two
}

func (b *bench) greet(one, two *websocket.Conn) {
	b.t.Helper()
	b.send(one, []byte("hello"))
	if got := b.receive(two); string(got) != "hello" {
		b.t.Fatalf("%q", got)
	}
}

func (b *bench) send(c *websocket.Conn, m []byte) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := c.Write(ctx, websocket.MessageBinary, m); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) receive(c *websocket.Conn) []byte {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	_, m, err := c.Read(ctx)
	if err != nil {
		b.t.Fatal(err)
	}
	return m
}

// end reads until the socket closes and returns with what.
func (b *bench) end(c *websocket.Conn) (websocket.StatusCode, string) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for {
		_, _, err := c.Read(ctx)
		if err == nil {
			continue
		}
		if ctx.Err() != nil {
			b.t.Fatal("the socket does not close")
		}
		var ce websocket.CloseError
		errors.As(err, &ce)
		return ce.Code, ce.Reason
	}
}

func until(t testing.TB, f func() string) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		wrong := f()
		if wrong == "" {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(wrong)
		}
	}
}

func TestMessagesPassBothWays(t *testing.T) {
	b := serve(t, Config{})
	one := b.dial("r", "a", "b")
	b.send(one, []byte("early")) // waits for the other end
	two := b.dial("r", "b", "a")
	if got := b.receive(two); string(got) != "early" {
		t.Fatalf("%q", got)
	}
	large := make([]byte, MaxMessage)
	rand.Read(large)
	for _, m := range [][]byte{{}, {0}, []byte("x"), large, large[:MaxMessage-1]} {
		b.send(one, m)
		if got := b.receive(two); !bytes.Equal(got, m) {
			t.Fatalf("%d bytes became %d", len(m), len(got))
		}
		b.send(two, m)
		if got := b.receive(one); !bytes.Equal(got, m) {
			t.Fatalf("%d bytes became %d on the way back", len(m), len(got))
		}
	}
	if st := b.Stats(); st.Pairs != 1 || st.Sockets != 2 || st.Joined != 1 || st.Messages != 11 || st.Bytes != uint64(5+2*(0+1+1+2*MaxMessage-1)) {
		t.Errorf("%+v", st)
	}
	if one.Subprotocol() != Subprotocol {
		t.Errorf("subprotocol %q", one.Subprotocol())
	}
}

// Nobody gets what is for somebody else.
func TestOnlyEndsThatNameEachOtherMeet(t *testing.T) {
	b := serve(t, Config{})
	mine := b.dial("r", "a", "b")
	for _, other := range [][3]string{{"r", "b", "c"}, {"r", "c", "a"}, {"q", "b", "a"}, {"r", "a", "a"}} {
		b.dial(other[0], other[1], other[2])
	}
	if st := b.Stats(); st.Pairs != 0 || st.Sockets != 5 {
		t.Fatalf("%+v", st)
	}
	b.send(mine, []byte("for b"))
	if got := b.receive(b.dial("r", "b", "a")); string(got) != "for b" {
		t.Fatalf("%q", got)
	}
}

func TestClosePassesOverBehindTheData(t *testing.T) {
	b := serve(t, Config{})
	one, two := b.pair()
	go func() {
		for i := range 200 {
			if one.Write(context.Background(), websocket.MessageBinary, bytes.Repeat([]byte{byte(i)}, 30_000)) != nil {
				return
			}
		}
		one.Close(3123, "that was all")
	}()
	for i := range 200 {
		if m := b.receive(two); len(m) != 30_000 || m[0] != byte(i) {
			t.Fatalf("message %d: %d bytes of %d", i, len(m), m[0])
		}
	}
	if code, reason := b.end(two); code != 3123 || reason != "that was all" {
		t.Fatal(code, reason)
	}
	until(t, func() string {
		if st := b.Stats(); st.Sockets != 0 || st.Ended[endClosed] != 2 {
			return fmt.Sprintf("%+v", st)
		}
		return ""
	})
}

func TestOtherEndIsTold(t *testing.T) {
	b := serve(t, Config{})
	for name, c := range map[string]struct {
		do   func(*websocket.Conn)
		mine websocket.StatusCode
		code websocket.StatusCode
	}{
		"broken":    {func(c *websocket.Conn) { c.CloseNow() }, -1, StatusLost},
		"text":      {func(c *websocket.Conn) { c.Write(t.Context(), websocket.MessageText, []byte("hello")) }, websocket.StatusUnsupportedData, StatusLost},
		"too large": {func(c *websocket.Conn) { b.send(c, make([]byte, MaxMessage+1)) }, websocket.StatusMessageTooBig, StatusLost},
		"huge":      {func(c *websocket.Conn) { b.send(c, make([]byte, 1<<20)) }, websocket.StatusMessageTooBig, StatusLost},
		"normally":  {func(c *websocket.Conn) { go c.Close(websocket.StatusNormalClosure, "") }, -1, websocket.StatusNormalClosure},
	} {
		one, two := b.pair()
		c.do(one)
		if code, _ := b.end(two); code != c.code {
			t.Errorf("%s: the other end is told %d", name, code)
		}
		if c.mine > 0 {
			if code, _ := b.end(one); code != c.mine {
				t.Errorf("%s: told %d", name, code)
			}
		}
	}
}

func TestNewerConnectionReplacesOlder(t *testing.T) {
	b := serve(t, Config{})
	waiting := b.dial("r", "a", "b")
	until(t, func() string {
		if n := len(b.list()); n != 1 {
			return fmt.Sprint(n, " sockets have entered before the newer one")
		}
		return ""
	})
	newer := b.dial("r", "a", "b")
	if code, _ := b.end(waiting); code != StatusReplaced {
		t.Fatal(code)
	}
	other := b.dial("r", "b", "a")
	b.send(newer, []byte("1"))
	b.receive(other)
	// A pair ends as a whole: its keys are of one connection at each end.
	newest := b.dial("r", "a", "b")
	for _, c := range []*websocket.Conn{newer, other} {
		if code, _ := b.end(c); code != StatusReplaced {
			t.Fatal(code)
		}
	}
	b.send(newest, []byte("2"))
	if got := b.receive(b.dial("r", "b", "a")); string(got) != "2" {
		t.Fatalf("%q", got)
	}
}

func TestCaps(t *testing.T) {
	b := serve(t, Config{Sockets: 6, Room: 4, Waiting: 3})
	refused := func(want error, room, from, to string) {
		t.Helper()
		conn, res, err := b.try(room, from, to)
		if err == nil {
			conn.CloseNow()
			t.Fatal("let in")
		}
		text, _ := io.ReadAll(res.Body)
		if !strings.Contains(string(text), want.Error()) {
			t.Fatalf("%v: %s", err, text)
		}
	}
	b.pair()
	b.dial("r", "c", "d")
	b.dial("r", "e", "f")
	refused(ErrRoom, "r", "g", "h")
	one := b.dial("q", "a", "b")
	refused(ErrWaits, "q", "c", "d")

	b.entered("r", "c", "d")
	b.CloseRoom("r", "c", "Out.")
	until(t, func() string {
		if b.Stats().Sockets != 4 {
			return "c is still there"
		}
		return ""
	})
	b.greet(one, b.dial("q", "b", "a"))
	b.dial("q", "k", "l")
	refused(ErrFull, "p", "a", "b")
	if st := b.Stats(); st.Refused[refusedRoom] != 1 || st.Refused[refusedWaits] != 1 || st.Refused[refusedFull] != 1 || st.Pairs != 2 {
		t.Errorf("%+v", st)
	}
}

func TestNobodyComes(t *testing.T) {
	b := serve(t, Config{Wait: 50 * time.Millisecond})
	one := b.dial("r", "a", "b")
	b.send(one, []byte("is anybody there?"))
	if code, _ := b.end(one); code != StatusAlone {
		t.Fatal(code)
	}
}

func TestIdlePairEnds(t *testing.T) {
	b := serve(t, Config{Idle: 100 * time.Millisecond, PingEvery: 20 * time.Millisecond})
	one, two := b.pair()
	for _, c := range []*websocket.Conn{one, two} {
		go func() { b.receiveQuietly(c) }()
	}
	until(t, func() string {
		if st := b.Stats(); st.Sockets != 0 || st.Ended[endIdle] != 2 {
			return fmt.Sprintf("%+v", st)
		}
		return ""
	})
}

func (b *bench) receiveQuietly(c *websocket.Conn) {
	for {
		if _, _, err := c.Read(context.Background()); err != nil {
			return
		}
	}
}

// An end that answers no ping is gone, though its TCP connection stands.
func TestDeadEndIsNoticed(t *testing.T) {
	b := serve(t, Config{PingEvery: 100 * time.Millisecond})
	_, two := b.pair() // the first is never read, so it answers nothing
	if code, _ := b.end(two); code != StatusLost {
		t.Fatal(code)
	}
	if st := b.Stats(); st.Ended[endSilent] != 1 {
		t.Errorf("%+v", st)
	}
}

// A quiet end that answers stays.
func TestQuietEndStays(t *testing.T) {
	b := serve(t, Config{PingEvery: 20 * time.Millisecond})
	one, two := b.pair()
	go b.receiveQuietly(one)
	got := make(chan []byte, 1)
	go func() { _, m, _ := two.Read(context.Background()); got <- m }()
	// Pings of ours are answered as well: after ten of them, the server has asked too.
	for range 10 {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		if err := one.Ping(ctx); err != nil {
			t.Fatal(err)
		}
		cancel()
		time.Sleep(10 * time.Millisecond) // only spreads the pings
	}
	b.send(one, []byte("still here"))
	if m := <-got; string(m) != "still here" {
		t.Fatalf("%q", m)
	}
}

// Who does not read holds up the sender, not the server's memory; and is left after a while.
func TestSlowReaderHoldsUpTheSender(t *testing.T) {
	b := serve(t, Config{Stall: 500 * time.Millisecond, PingEvery: 50 * time.Millisecond})
	one, _ := b.pair()
	var before, during runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	message, sent := make([]byte, MaxMessage), 0
	for { // until the sender is held up, and then the pair ends
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		err := one.Write(ctx, websocket.MessageBinary, message)
		cancel()
		if err != nil {
			break
		}
		if sent++; sent > 4000 {
			t.Fatal("260 MB went to an end that reads nothing")
		}
	}
	runtime.ReadMemStats(&during)
	if grown := int64(during.HeapAlloc) - int64(before.HeapAlloc); grown > 4<<20 {
		t.Errorf("the heap grew by %d bytes", grown)
	}
	until(t, func() string {
		if st := b.Stats(); st.Sockets != 0 || st.Ended[endSilent] != 1 {
			return fmt.Sprintf("%+v", st)
		}
		return ""
	})
}

func TestCloseRoom(t *testing.T) {
	b := serve(t, Config{})
	one, two := b.pair()
	other := b.dial("q", "a", "b")
	b.CloseRoom("r", "", "Withdrawn.")
	for _, c := range []*websocket.Conn{one, two} {
		if code, reason := b.end(c); code != StatusShut || reason != "Withdrawn." {
			t.Fatal(code, reason)
		}
	}
	b.send(other, []byte("x"))
	if got := b.receive(b.dial("q", "b", "a")); string(got) != "x" {
		t.Fatal("another room was closed, too")
	}
}

// A room that is closed while a socket is on its way stays closed.
func TestNobodySlipsIntoAClosedRoom(t *testing.T) {
	const reason = "The sender has withdrawn it."
	b := serve(t, Config{})
	b.over = func() string {
		b.CloseRoom("r", "", reason) // finds what is there by now
		return reason
	}
	one := b.dial("r", "a", "b")
	if code, why := b.end(one); code != StatusShut || why != reason {
		t.Fatalf("%d %s", code, why)
	}
	if st := b.Stats(); st.Ended[endShut] != 1 {
		t.Errorf("%+v", st.Ended)
	}
}

func TestServerEnds(t *testing.T) {
	b := serve(t, Config{})
	one, two := b.pair()
	alone := b.dial("r", "c", "d")
	deaf := b.dial("r", "e", "f") // never reads, so it does not answer the close frame
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
		defer cancel()
		b.Close(ctx)
	}()
	for _, c := range []*websocket.Conn{one, two, alone} {
		if code, _ := b.end(c); code != websocket.StatusGoingAway {
			t.Fatal(code)
		}
	}
	until(t, func() string {
		if b.Stats().Sockets != 0 {
			return "an end that does not answer holds up the server"
		}
		return ""
	})
	deaf.CloseNow()
	if _, _, err := b.try("r", "a", "b"); err == nil {
		t.Fatal("let in after the end")
	}
}

// rawDial upgrades a plain connection, for clients that keep no rules.
func (b *bench) rawDial(from, to string) net.Conn {
	b.t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(b.url, "ws://"))
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { conn.Close() })
	fmt.Fprintf(conn, "GET /?room=r&from=%s&to=%s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", from, to, strings.TrimPrefix(b.url, "ws://"))
	conn.SetReadDeadline(time.Now().Add(patience))
	var head []byte
	one := make([]byte, 1)
	for !bytes.HasSuffix(head, []byte("\r\n\r\n")) {
		if _, err := conn.Read(one); err != nil {
			b.t.Fatal(err)
		}
		head = append(head, one[0])
	}
	if !bytes.HasPrefix(head, []byte("HTTP/1.1 101")) {
		b.t.Fatalf("%s", head)
	}
	return conn
}

// Whatever an end sends, the server neither falls nor keeps anything, and the other end gets only what is a message.
func FuzzHostileEnd(f *testing.F) {
	f.Add([]byte{0x82, 0x81, 1, 2, 3, 4, 5})                                        // a message of one byte
	f.Add([]byte{0x02, 0x81, 1, 2, 3, 4, 5, 0x80, 0x80, 0, 0, 0, 0})                // in two frames
	f.Add([]byte{0x82, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2}) // of 2^63 bytes
	f.Add([]byte{0x82, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 1, 2})                      // of a negative length
	f.Add([]byte{0x82, 0x01, 5})                                                    // without a mask
	f.Add([]byte{0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe8})                               // closes
	f.Add([]byte{0x88, 0x81, 0, 0, 0, 0, 1})                                        // closes with half a code
	f.Add([]byte{0x89, 0xfe, 0, 200, 0, 0, 0, 0})                                   // a ping that is too large
	f.Add([]byte{0xf2, 0x80, 0, 0, 0, 0})                                           // reserved bits
	f.Add(bytes.Repeat([]byte{0x02, 0x80, 0, 0, 0, 0}, 50))                         // begins again and again
	f.Add([]byte{0x80, 0x80, 0, 0, 0, 0})                                           // continues nothing
	f.Add([]byte("GET / HTTP/1.1\r\n\r\n"))
	b := serve(f, Config{Stall: time.Second})
	f.Fuzz(func(t *testing.T, data []byte) {
		b.t = t
		good, bad := b.dial("r", "a", "b"), b.rawDial("b", "a")
		until(t, func() string { // else it could be gone before the other end has come
			if b.Stats().Pairs != 1 {
				return "not joined"
			}
			return ""
		})
		bad.Write(data)
		bad.(*net.TCPConn).CloseWrite()
		most := len(data)
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		for {
			kind, m, err := good.Read(ctx)
			if err != nil {
				break
			}
			if most -= len(m); most < 0 || kind != websocket.MessageBinary {
				t.Fatalf("%d bytes became %v of %d", len(data), kind, len(m))
			}
		}
		if ctx.Err() != nil {
			t.Fatal("the other end is not told that this one is gone")
		}
		bad.Close()
		until(t, func() string {
			if b.Stats().Sockets != 0 {
				return "a socket stays"
			}
			return ""
		})
	})
}

// BenchmarkPair passes messages of full size from one end to the other; both are in this process, so the figures are
// of the ends as well.
func BenchmarkPair(b *testing.B) {
	s := serve(b, Config{})
	one, two := s.pair()
	message := make([]byte, MaxMessage)
	b.SetBytes(MaxMessage)
	b.ReportAllocs()
	b.ResetTimer()
	go func() {
		for range b.N {
			if one.Write(context.Background(), websocket.MessageBinary, message) != nil {
				return
			}
		}
	}()
	buf := make([]byte, MaxMessage+1)
	for range b.N {
		_, r, err := two.Reader(context.Background())
		if err != nil {
			b.Fatal(err)
		}
		if n, err := readAll(r, buf); n != MaxMessage || err != nil {
			b.Fatal(n, err)
		}
	}
}
