package server

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/pion/webrtc/v4"

	"switchyard/client"
	"switchyard/client/clip"
	"switchyard/protocol"
)

func TestRedaction(t *testing.T) {
	cases := []struct{ in, want string }{
		{"a room opened", "a room opened"},
		{"auth: token expired", "auth: token expired"},
		{"GET /v1/rooms/r?token=abc&x=1", "GET /v1/rooms/r?token=[secret]&x=1"},
		{"got eyJhbGciOiJIUzI1NiJ9.eyJyb29tIjoiciJ9.c2ln here", "got [secret] here"},
		{"/i/ABCDEFGHIJKLMNOPQRSTUVWX23", "/i/[secret]"},
		{"session abcdefghijklmnopqrstuvwx23 gone", "session [secret] gone"},
		{"a=ice-pwd:0123456789\r\na=ice-ufrag:abcd", "a=ice-pwd:[secret]\r\na=ice-ufrag:[secret]"},
		{"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj", "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:[secret]"},
		{"candidate:1 1 udp 1 192.0.2.1 5 typ host ufrag AbCd network-id 1", "candidate:1 1 udp 1 192.0.2.1 5 typ host ufrag [secret] network-id 1"},
		{`{"username":"u","credential":"hush"}`, `{"username":"u","credential":"[secret]"}`},
		{"Authorization: Bearer hush", "Authorization: Bearer [secret]"},
		{"nats://user:hush@example.org", "nats://[secret]example.org"},
	}
	for _, c := range cases {
		if got := redact(c.in); got != c.want {
			t.Errorf("%q becomes %q, want %q", c.in, got, c.want)
		}
	}
}

type holder struct{ Token string }

func TestRedactorReachesEveryPlace(t *testing.T) {
	const jwt = "eyJhbGciOiJIUzI1NiJ9.eyJyb29tIjoiciJ9.c2ln"
	for name, form := range map[string]func(io.Writer) slog.Handler{
		"text": func(w io.Writer) slog.Handler { return slog.NewTextHandler(w, nil) },
		"json": func(w io.Writer) slog.Handler { return slog.NewJSONHandler(w, nil) },
	} {
		var out bytes.Buffer
		log := slog.New(redactor{form(&out)})
		log.Info("with "+jwt, "error", fmt.Errorf("wrapped: %w", errors.New(jwt)), "Token", "short",
			slog.Group("g", "a", jwt, slog.Group("h", "b", jwt)), "any", holder{jwt}, "bytes", []string{jwt}, "kept", 7)
		log.With("w", jwt, "took", time.Second).WithGroup("G").Info("x", "y", jwt, "lazy", lazy(jwt))
		if strings.Contains(out.String(), jwt) || strings.Contains(out.String(), "short") {
			t.Errorf("%s: %s", name, out.String())
		}
		if !strings.Contains(out.String(), "7") || strings.Count(out.String(), redacted) != 10 {
			t.Errorf("%s: %d redacted: %s", name, strings.Count(out.String(), redacted), out.String())
		}
	}
}

type lazy string

func (l lazy) LogValue() slog.Value { return slog.StringValue(string(l)) }

func FuzzRedact(f *testing.F) {
	f.Add("Bearer x token=y a=ice-pwd:z eyJhbGci.eyJ.c")
	f.Add(strings.Repeat("a:", 1000))
	f.Fuzz(func(t *testing.T, text string) {
		if once := redact(text); len(once) > 64+12*len(text) {
			t.Errorf("%d bytes of %d", len(once), len(text))
		}
	})
}

// wiretap passes connections on to a server and keeps what is sent both ways.
type wiretap struct {
	addr string
	mu   sync.Mutex
	seen bytes.Buffer // guarded by mu
	open []net.Conn   // guarded by mu
}

func newWiretap(t *testing.T, to string) *wiretap {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &wiretap{addr: l.Addr().String()}
	t.Cleanup(func() { l.Close(); w.cut() })
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", to)
			if err != nil {
				in.Close()
				continue
			}
			w.mu.Lock()
			w.open = append(w.open, in, out)
			w.mu.Unlock()
			go w.copy(in, out)
			go w.copy(out, in)
		}
	}()
	return w
}

func (w *wiretap) copy(to, from net.Conn) {
	io.Copy(to, io.TeeReader(from, w))
	to.Close()
}

func (w *wiretap) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.seen.Write(b)
}

// cut drops all connections.
func (w *wiretap) cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.open {
		c.Close()
	}
	w.open = nil
}

// secrets are those that went over the wire, by what they are.
func (w *wiretap) secrets() map[string][]string {
	w.mu.Lock()
	defer w.mu.Unlock()
	found := map[string][]string{}
	for what, shape := range map[string]string{
		"token":      `(eyJ[A-Za-z0-9_-]+\.eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+)`,
		"invitation": `/v1/invitations/([A-Z2-7]{26})`,
		"session":    `"session":"([a-z2-7]{26})"`,
		"password":   `ice-pwd:([A-Za-z0-9+/]{22,})`,
		"ufrag":      `ice-ufrag:([A-Za-z0-9+/]{8,})`,
		"credential": `"credential":"([^"]+)"`,
		"resource":   `Location: \S*/([A-Z2-7]{26})`,
	} {
		for _, m := range regexp.MustCompile(shape).FindAllSubmatch(w.seen.Bytes(), -1) {
			found[what] = append(found[what], string(m[1]))
		}
	}
	return found
}

// TestLogHoldsNoSecrets runs a whole conversation, with all that can go wrong in it, at the most talkative
// level, and looks in the log for every secret that went over the wire.
func TestLogHoldsNoSecrets(t *testing.T) {
	t.Parallel()
	s := run(t, Config{backend: newBackend})
	w := newWiretap(t, strings.TrimPrefix(s.base, "http://"))
	s.base = "http://" + w.addr
	s.call("GET", "/v1/admin/rooms", "", s.bearer("", "admin"))

	ann, ben := s.guest("r", "Ann"), s.guest("r", "Ben")
	c, err := clip.Open("red")
	if err != nil {
		t.Fatal(err)
	}
	player := clip.NewPlayer(c, clip.PlayerOptions{})
	go player.Play(t.Context())
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if _, err := ann.Publish(ctx, player.Video, client.PublishOptions{}); err != nil {
		t.Fatal(err)
	}
	link, err := ann.OpenLink(ctx, ben.ID())
	if err != nil {
		t.Fatal(err)
	}
	opened := make(chan struct{})
	dc, err := link.Open("file", nil)
	if err != nil {
		t.Fatal(err)
	}
	dc.OnOpen(func() { close(opened) })
	select {
	case <-opened:
	case <-ctx.Done():
		t.Fatal("the link between participants does not open")
	}
	w.cut() // both resume
	eventually(t, "both are back", func() bool {
		return ann.SendData(ctx, "chat", "hello", ben.ID()) == nil
	})

	s.publish("whip", false)
	s.watch("whip", true)
	s.mistakes()
	go s.stop()
	eventually(t, "the end", func() bool { return strings.Contains(s.log.String(), "ending") })
	s.stop()

	log := s.log.String()
	found := w.secrets()
	found["server key"] = []string{string(s.key), fmt.Sprintf("%x", s.key)}
	for _, what := range []string{"token", "invitation", "session", "password", "ufrag", "credential", "resource"} {
		if len(found[what]) == 0 {
			t.Errorf("no %s went over the wire: the test proves nothing about it", what)
		}
	}
	for what, list := range found {
		for _, secret := range list {
			if strings.Contains(log, secret) {
				t.Errorf("the log holds a %s: %s", what, secret)
			}
		}
	}
	if strings.Contains(log, redacted) {
		t.Error("the code logs a secret; only the handler held it back")
	}
	for _, want := range []string{"room opened", "POST", "offer refused", "room closed"} {
		if !strings.Contains(log, want) {
			t.Errorf("the log is not that of a conversation: no %q in it", want)
		}
	}
}

// guest joins by an invitation with the Go client.
func (s *testServer) guest(room, name string) *client.Client {
	s.t.Helper()
	id := s.invite(`{"room":"`+room+`"}`, s.bearer("", "admin"))
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	a, err := client.Accept(ctx, s.base+"/i/"+id, name, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	c, err := client.Dial(ctx, client.Options{URL: a.Server, Room: a.Room, Token: a.Token, Slots: 2})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { c.Close() })
	return c
}

// mistakes are requests that fail, each with a secret in it.
func (s *testServer) mistakes() {
	s.t.Helper()
	id := s.invite(`{"room":"r","uses":1}`, s.bearer("", "admin"))
	for range 2 { // the second finds it used up
		s.call("POST", "/v1/invitations/"+id+"/accept", `{"name":"x"}`)
	}
	s.call("DELETE", "/v1/invitations/"+id, "", s.bearer("", "admin"))
	s.call("GET", "/v1/invitations/"+id, "")
	s.call("GET", "/v1/rooms/other?token="+strings.TrimPrefix(s.bearer("r", "publish"), "Authorization: Bearer "), "")
	s.call("POST", "/whip/other", "v=0\r\na=ice-pwd:abcdefghijklmnopqrstuv\r\n", "Content-Type: application/sdp", s.bearer("r", "publish"))
	s.call("POST", "/whip/r", "v=0\r\na=ice-pwd:abcdefghijklmnopqrstuv\r\n", "Content-Type: application/sdp", s.bearer("r", "publish"))
	s.call("GET", "/nothing/"+id+"?token="+id, "")

	conn := s.dialRoom("r", "Eve")
	pc, err := webrtc.NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		s.t.Fatal(err)
	}
	defer pc.Close()
	if _, err := pc.CreateDataChannel("x", nil); err != nil {
		s.t.Fatal(err)
	}
	offer, err := pc.CreateOffer(nil)
	if err != nil {
		s.t.Fatal(err)
	}
	broken := strings.ReplaceAll(offer.SDP, "a=fingerprint", "a=no-fingerprint")
	e, err := protocol.NewEnvelope(protocol.TypeJoin, protocol.Join{Offer: &protocol.Description{Type: "offer", SDP: broken}})
	if err != nil {
		s.t.Fatal(err)
	}
	e.ID, e.Seq = 1, 1
	data, err := json.Marshal(e)
	if err != nil {
		s.t.Fatal(err)
	}
	conn.Write(s.t.Context(), websocket.MessageText, data)
	s.await(conn, protocol.TypeError)
}

// A text handler prints bytes as text.
func TestBytesAreRedacted(t *testing.T) {
	var b bytes.Buffer
	slog.New(redactor{slog.NewTextHandler(&b, nil)}).Info("x", "body", []byte("token=hush-hush"), "plain", []byte("fine"))
	if out := b.String(); strings.Contains(out, "hush") || !strings.Contains(out, redacted) || !strings.Contains(out, "fine") {
		t.Error(out)
	}
}
