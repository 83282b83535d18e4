package server

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"switchyard/engine/auth"
	"switchyard/protocol"

	"github.com/coder/websocket"
)

var testFiles = fstest.MapFS{
	"index.html":    {Data: []byte("<!doctype html><title>app</title>" + strings.Repeat("<!-- long -->", 100))},
	"assets/app.js": {Data: []byte("export {}")},
}

// patience is how long a test waits for what must come: it says when to give up, not what is fast enough.
const patience = time.Minute

// testServer is a running server on free ports of the loopback interface.
type testServer struct {
	*Server
	t     *testing.T
	base  string // of the HTTP listener
	media string // host:port of the media port
	log   *logBuffer
	stop  func()
}

func run(t *testing.T, cfg Config) *testServer {
	t.Helper()
	log := &logBuffer{out: t.Output()}
	cfg.Log = slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	setDefault(&cfg.HTTP, "127.0.0.1:0")
	setDefault(&cfg.Media, "127.0.0.1:0")
	if cfg.Data == "" {
		cfg.Data = t.TempDir()
	}
	if cfg.Files == nil {
		cfg.Files = testFiles
	}
	if cfg.backend == nil {
		cfg.backend = func(*Server) (*Backend, error) { return &Backend{}, nil }
	}
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx) }()
	stop := sync.OnceFunc(func() {
		cancel()
		if err := <-served; err != nil {
			t.Errorf("serve: %v", err)
		}
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	t.Cleanup(stop)
	return &testServer{Server: s, t: t, base: "http://" + s.HTTPAddr().String(), media: s.MediaAddr().String(), log: log, stop: stop}
}

var discard = slog.New(slog.DiscardHandler)

// logBuffer keeps the log for tests to look into.
type logBuffer struct {
	mu  sync.Mutex
	b   bytes.Buffer
	out io.Writer
}

func (l *logBuffer) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.b.Write(b)
	return l.out.Write(b)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// call makes a request with headers given as "Name: value" and returns status, header and body.
func (s *testServer) call(method, path, body string, headers ...string) (int, http.Header, string) {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), method, s.base+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	for _, h := range headers {
		if name, value, ok := strings.Cut(h, ": "); ok {
			if name == "Host" {
				req.Host = value
			}
			req.Header.Set(name, value)
		}
	}
	client := &http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true, DisableCompression: true}}
	res, err := client.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return res.StatusCode, res.Header, string(data)
}

// asks makes a request that must be answered with that status, and returns the answer.
func asks[T any](s *testServer, want int, method, path, body string, headers ...string) (answer T) {
	s.t.Helper()
	status, _, text := s.call(method, path, body, headers...)
	if err := json.Unmarshal([]byte(text), &answer); err != nil || status != want {
		s.t.Fatalf("%s %s: %d %s", method, path, status, text)
	}
	return answer
}

// refuses makes a request that must be answered with that problem, and returns the answer's header.
func (s *testServer) refuses(what string, want int, code, method, path, body string, headers ...string) http.Header {
	s.t.Helper()
	status, h, text := s.call(method, path, body, headers...)
	wantProblem(s.t, what, status, h, text, want, code)
	return h
}

// dial opens a WebSocket.
func (s *testServer) dial(path, subprotocol string) *websocket.Conn {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	conn, _, err := websocket.Dial(ctx, "ws"+strings.TrimPrefix(s.base, "http")+path, &websocket.DialOptions{Subprotocols: []string{subprotocol}})
	if err != nil {
		s.t.Fatal(err)
	}
	conn.SetReadLimit(1 << 20)
	s.t.Cleanup(func() { conn.CloseNow() })
	return conn
}

// bearer returns the header with a token of that room and those grants; an empty room makes an
// admin's.
func (s *testServer) bearer(room, grants string) string {
	g, err := auth.ParseGrants(grants)
	if err != nil {
		s.t.Fatal(err)
	}
	c := auth.Claims{Room: room, Identity: "tester", Grants: g}
	if room == "" {
		c.Identity = ""
	}
	token, err := auth.Mint(s.key, c, time.Now())
	if err != nil {
		s.t.Fatal(err)
	}
	return "Authorization: Bearer " + token
}

func wantProblem(t *testing.T, what string, status int, header http.Header, body string, want int, code string) {
	t.Helper()
	var p problem
	if err := json.Unmarshal([]byte(body), &p); err != nil {
		t.Fatalf("%s: %d %q is no problem: %v", what, status, body, err)
	}
	if status != want || p.Status != want || p.Code != code || header.Get("Content-Type") != "application/problem+json" || !strings.HasSuffix(p.Detail, ".") {
		t.Fatalf("%s: got %d %+v, want %d %s", what, status, p, want, code)
	}
}

func TestAppIsServed(t *testing.T) {
	s := run(t, Config{})
	for _, path := range []string{"/", "/r/some-room", "/i/ABCDEF"} {
		status, h, body := s.call("GET", path, "")
		if status != 200 || !strings.Contains(body, "<title>app</title>") {
			t.Fatalf("%s: %d %q", path, status, body)
		}
		for name, want := range map[string]string{
			"Content-Type": "text/html; charset=utf-8", "X-Content-Type-Options": "nosniff",
			"Referrer-Policy": "no-referrer", "Cross-Origin-Opener-Policy": "same-origin",
		} {
			if got := h.Get(name); got != want {
				t.Errorf("%s: %s is %q, want %q", path, name, got, want)
			}
		}
		csp := strings.Replace(h.Get("Content-Security-Policy"), " 'wasm-unsafe-eval';", ";", 1) // WebAssembly, and no script
		if !strings.Contains(csp, "script-src 'self';") || strings.Contains(csp, "unsafe") {
			t.Errorf("%s: CSP %q", path, csp)
		}
	}
	status, h, body := s.call("GET", "/assets/app.js", "")
	if status != 200 || body != "export {}" || h.Get("Content-Type") != "text/javascript; charset=utf-8" {
		t.Fatalf("%d %q %v", status, body, h)
	}
	if status, _, _ := s.call("GET", "/assets/app.js", "", "If-None-Match: "+h.Get("ETag")); status != http.StatusNotModified {
		t.Fatalf("with its ETag: %d", status)
	}
	if _, h, body := s.call("GET", "/", "", "Accept-Encoding: gzip"); h.Get("Content-Encoding") != "gzip" || !strings.HasPrefix(body, "\x1f\x8b") {
		t.Fatalf("not compressed: %v", h)
	}
}

func TestUnknownAddress(t *testing.T) {
	s := run(t, Config{})
	status, h, body := s.call("GET", "/nothing", "", "Accept: text/html,*/*")
	if status != 404 || h.Get("Content-Type") != "text/html; charset=utf-8" || !strings.Contains(body, "<title>app</title>") {
		t.Fatalf("browser: %d %v %q", status, h, body)
	}
	for _, path := range []string{"/nothing", "/v1/nothing", "/../../etc/passwd", "/v1/rooms/r", "/whip/r"} {
		status, h, body = s.call("GET", path, "", "Upgrade: websocket")
		wantProblem(t, path, status, h, body, 404, protocol.CodeNotFound)
	}
	status, h, body = s.call("POST", "/", "")
	wantProblem(t, "POST", status, h, body, 405, protocol.CodeBadMessage)
}

func TestBackendIsReached(t *testing.T) {
	echo := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%s %s", r.PathValue("room"), r.URL.Query().Get("token"))
	})
	s := run(t, Config{backend: func(*Server) (*Backend, error) {
		return &Backend{Rooms: echo, WHIP: echo, WHEP: echo,
			Samples: func() []Sample {
				return []Sample{{Name: "switchyard_test_total", Help: "x", Counter: true, Label: "why", Of: "because", Value: 7}}
			}}, nil
	}})
	for _, path := range []string{"/v1/rooms/r1", "/whip/r1", "/whip/r1/abc", "/whep/r1"} {
		if status, _, body := s.call("GET", path+"?token=s3cret-token", "", "Upgrade: websocket"); status != 200 || body != "r1 s3cret-token" {
			t.Fatalf("%s: %d %q", path, status, body)
		}
	}
	if log := s.log.String(); strings.Contains(log, "s3cret") || !strings.Contains(log, "room=r1") || !strings.Contains(log, "route=/v1/rooms/{room}") {
		t.Fatalf("log: %s", log)
	}
	if _, _, body := s.call("GET", "/metrics", ""); !strings.Contains(body, `switchyard_test_total{why="because"} 7`) ||
		!strings.Contains(body, `switchyard_http_requests_total{code="200",method="GET",route="/v1/rooms/{room}"} 1`) {
		t.Fatalf("metrics: %s", body)
	}
	status, h, body := s.call("GET", "/metrics", "", "X-Forwarded-For: 192.0.2.1")
	wantProblem(t, "metrics through a proxy", status, h, body, 401, protocol.CodeUnauthorized)
	if status, _, _ := s.call("GET", "/metrics", "", "X-Forwarded-For: 192.0.2.1", s.bearer("", "admin")); status != 200 {
		t.Fatalf("metrics with an admin token: %d", status)
	}
}

func TestPanicIsAnswered(t *testing.T) {
	s := run(t, Config{backend: func(*Server) (*Backend, error) {
		return &Backend{Rooms: http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("boom") })}, nil
	}})
	status, h, body := s.call("GET", "/v1/rooms/r", "", "Upgrade: websocket")
	wantProblem(t, "panic", status, h, body, 500, protocol.CodeInternal)
	if !strings.Contains(s.log.String(), "boom") {
		t.Fatal("not logged")
	}
}

func TestOrigins(t *testing.T) {
	t.Parallel()
	s := run(t, Config{Origins: []string{"https://friend.example"}})
	admin := s.bearer("", "admin")
	host := strings.TrimPrefix(s.base, "http://")
	for _, c := range []struct {
		origin string
		status int
	}{{"", 200}, {"http://" + host, 200}, {"https://friend.example", 200}, {"https://foe.example", 403}, {"null", 403}, {"http://foe.example@" + host + ".foe.example", 403}} {
		status, h, body := s.call("GET", "/v1/admin/rooms", "", "Origin: "+c.origin, admin)
		if status != c.status {
			t.Errorf("%q: %d %s", c.origin, status, body)
		}
		if allowed := h.Get("Access-Control-Allow-Origin"); (c.origin == "https://friend.example") != (allowed == c.origin && allowed != "") {
			t.Errorf("%q: allowed %q", c.origin, allowed)
		}
	}
	status, h, _ := s.call("OPTIONS", "/v1/invitations", "", "Origin: https://friend.example", "Access-Control-Request-Method: POST")
	if status != 204 || !strings.Contains(h.Get("Access-Control-Allow-Headers"), "Authorization") {
		t.Fatalf("preflight: %d %v", status, h)
	}
}

func TestAdminAPI(t *testing.T) {
	tapped := make(chan string, 1)
	s := run(t, Config{backend: func(*Server) (*Backend, error) { return &Backend{Admin: fakeAdmin{tapped}}, nil }})
	for _, path := range []string{"/v1/admin/rooms", "/v1/admin/links", "/v1/admin/links/l1/tap"} {
		status, h, body := s.call("GET", path, "")
		wantProblem(t, path, status, h, body, 401, protocol.CodeUnauthorized)
		status, h, body = s.call("GET", path, "", s.bearer("r", "publish,moderate"))
		wantProblem(t, path, status, h, body, 403, protocol.CodeForbidden)
	}
	admin := s.bearer("", "admin")
	if _, _, body := s.call("GET", "/v1/admin/rooms", "", admin); body != `{"rooms":[{"room":"r1","participants":2,"viewers":0,"tracks":3}]}`+"\n" {
		t.Fatalf("rooms: %s", body)
	}
	if _, _, body := s.call("GET", "/v1/admin/links", "", admin); !strings.Contains(body, `"link":"l1"`) {
		t.Fatalf("links: %s", body)
	}
	for query, want := range map[string]string{
		"payload=true": "packets true, payload true", "seconds=5": "packets true, payload false", "what=events": "packets false, payload false",
	} {
		status, _, body := s.call("GET", "/v1/admin/links/l1/tap?"+query, "", admin)
		if status != 200 || body != want || <-tapped != "stopped" {
			t.Fatalf("tap?%s: %d %q", query, status, body)
		}
	}
	status, h, body := s.call("GET", "/v1/admin/links/none/tap", "", admin)
	wantProblem(t, "no link", status, h, body, 404, protocol.CodeNotFound)
	for _, query := range []string{"seconds=-1", "seconds=3601", "what=everything"} {
		status, h, body = s.call("GET", "/v1/admin/links/l1/tap?"+query, "", admin)
		wantProblem(t, query, status, h, body, 400, protocol.CodeBadMessage)
	}
}

type fakeAdmin struct{ tapped chan string }

func (fakeAdmin) Rooms() []RoomInfo { return []RoomInfo{{Room: "r1", Participants: 2, Tracks: 3}} }
func (fakeAdmin) Detail() []protocol.RoomDetail {
	return []protocol.RoomDetail{{Room: "demo", Participants: []protocol.Participant{}, Links: []protocol.LinkDetail{}}}
}

func (fakeAdmin) Links() []LinkInfo { return []LinkInfo{{Link: "l1", Room: "r1"}} }
func (f fakeAdmin) Tap(link string, tap Tap) (func(), error) {
	if link != "l1" {
		return nil, ErrNoLink
	}
	w := tap.Packets
	if w == nil {
		w = tap.Events
	}
	go func() {
		fmt.Fprintf(w, "packets %v, payload %v", tap.Packets != nil, tap.Payload)
		w.Close()
	}()
	return func() { f.tapped <- "stopped" }, nil
}

func TestHealthAndDrain(t *testing.T) {
	entered, leave := make(chan struct{}), make(chan struct{})
	drained := false
	s := run(t, Config{backend: func(*Server) (*Backend, error) {
		return &Backend{
			WHIP: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { close(entered); <-leave; w.Write([]byte("bye")) }),
			Drain: func(ctx context.Context) {
				end, bounded := ctx.Deadline()
				drained = bounded && time.Until(end) <= 5*time.Second // as Serve promises
				close(leave)
			},
		}, nil
	}})
	for _, path := range []string{"/healthz", "/readyz"} {
		if status, _, body := s.call("GET", path, ""); status != 200 {
			t.Fatalf("%s: %d %s", path, status, body)
		}
	}
	answered := make(chan string, 1)
	go func() {
		_, _, body := s.call("GET", "/whip/r", "")
		answered <- body
	}()
	<-entered
	s.stop()
	if body := <-answered; body != "bye" || !drained {
		t.Fatalf("open request got %q, drained %v", body, drained)
	}
	if conn, err := net.Dial("tcp", s.media); err == nil {
		conn.Close()
		t.Fatal("the media port is still open")
	}
}

func TestDrainDoesNotWaitForever(t *testing.T) {
	t.Parallel()
	entered := make(chan struct{})
	s := run(t, Config{backend: func(*Server) (*Backend, error) {
		return &Backend{WHIP: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { close(entered); <-r.Context().Done() })}, nil
	}})
	go http.Get(s.base + "/whip/r")
	<-entered
	s.stop() // returns though the request does not end
}

func TestLimits(t *testing.T) {
	t.Parallel()
	s := run(t, Config{})
	status, h, body := s.call("POST", "/v1/invitations", strings.Repeat("x", maxBody+1), s.bearer("", "admin"))
	wantProblem(t, "large body", status, h, body, 413, protocol.CodeBadMessage)
	status, h, body = s.call("POST", "/v1/invitations", "{", s.bearer("", "admin"))
	wantProblem(t, "bad JSON", status, h, body, 400, protocol.CodeBadMessage)
	if status, _, _ := s.call("GET", "/healthz", "", "X-Large: "+strings.Repeat("x", 64<<10)); status != http.StatusRequestHeaderFieldsTooLarge {
		t.Fatalf("large header: %d", status)
	}
}

func TestSlowRequestIsEnded(t *testing.T) {
	s := run(t, Config{headerTimeout: 100 * time.Millisecond})
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.base, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost: x\r\n")
	conn.SetReadDeadline(time.Now().Add(patience))
	if _, err := io.ReadAll(conn); err != nil {
		t.Fatalf("not ended: %v", err)
	}
}

func TestHTTPSOnTheMediaPort(t *testing.T) {
	s := run(t, Config{})
	for _, c := range []struct {
		name  string
		alpn  []string
		h2    bool
		major int
	}{{"HTTP/2", nil, true, 2}, {"HTTP/1.1", []string{"http/1.1"}, false, 1}, {"no ALPN", []string{}, false, 1}} {
		t.Run(c.name, func(t *testing.T) {
			client := &http.Client{Timeout: patience, Transport: &http.Transport{
				TLSClientConfig: &tls.Config{InsecureSkipVerify: true, NextProtos: c.alpn}, ForceAttemptHTTP2: c.h2, DisableKeepAlives: true,
			}}
			res, err := client.Get("https://" + s.media + "/readyz")
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			if body, _ := io.ReadAll(res.Body); string(body) != `{"status":"ready"}`+"\n" || res.ProtoMajor != c.major {
				t.Fatalf("%s %s", res.Proto, body)
			}
		})
	}
	t.Run("plain", func(t *testing.T) {
		s := *s
		s.base = "http://" + s.media
		if status, _, _ := s.call("GET", "/readyz", ""); status != 200 {
			t.Fatalf("got %d", status)
		}
	})
	t.Run("a person is sent to https", func(t *testing.T) {
		req, _ := http.NewRequest("GET", "http://"+s.media+"/i/X?a=b", nil)
		req.Host = "meet.example:8443"
		req.Header.Set("Accept", "text/html")
		res, err := http.DefaultTransport.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if got := res.Header.Get("Location"); res.StatusCode != 307 || got != "https://meet.example:8443/i/X?a=b" {
			t.Fatalf("%d %q", res.StatusCode, got)
		}
	})
}

func TestSelfSignedCertificateIsKept(t *testing.T) {
	dir := t.TempDir()
	serial := func() string {
		s := run(t, Config{Data: dir})
		defer s.stop()
		conn, err := tls.Dial("tcp", s.media, &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		leaf := conn.ConnectionState().PeerCertificates[0]
		if err := leaf.VerifyHostname("localhost"); err != nil {
			t.Fatal(err)
		}
		return leaf.SerialNumber.String()
	}
	if a, b := serial(), serial(); a != b {
		t.Fatalf("certificates %s and %s", a, b)
	}
}

func TestErrorsOfNew(t *testing.T) {
	s := run(t, Config{})
	taken := strings.TrimPrefix(s.base, "http://")
	noBackend := func(*Server) (*Backend, error) { return &Backend{}, nil }
	for _, c := range []struct {
		name string
		cfg  Config
		want string
	}{
		{"port in use", Config{HTTP: taken, Media: "127.0.0.1:0", Data: t.TempDir()}, "in use by another program"},
		{"bad address", Config{HTTP: "nonsense", Media: "127.0.0.1:0", Data: t.TempDir()}, "HOST:PORT"},
		{"media port in use", Config{HTTP: "127.0.0.1:0", Media: taken, Data: t.TempDir()}, "--media"},
		{"folder in use", Config{HTTP: "127.0.0.1:0", Media: "127.0.0.1:0", Data: s.cfg.Data}, "another server is using the data folder"},
		{"folder below a file", Config{HTTP: "127.0.0.1:0", Media: "127.0.0.1:0", Data: "server_test.go/x"}, "make it writable"},
		{"no certificate", Config{HTTP: "127.0.0.1:0", Media: "127.0.0.1:0", Data: t.TempDir(), CertFile: "none", KeyFile: "none"}, "cannot use the certificate none"},
		{"NATS away", Config{HTTP: "127.0.0.1:0", Media: "127.0.0.1:0", Data: t.TempDir(), NATS: "nats://127.0.0.1:1"}, "not reachable"},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.cfg.backend = noBackend
			other, err := New(c.cfg)
			if err == nil {
				other.Close()
				t.Fatal("no error")
			}
			if !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
				t.Fatalf("got %q, want %q", err, c.want)
			}
		})
	}
}

// What an address does not take is told with what it does; every other one is not there, however it is spelled.
func TestMethodsAndPaths(t *testing.T) {
	s := run(t, Config{})
	admin := s.bearer("", "admin")
	for _, c := range []struct {
		method, path, allow string
		status              int
		code                string
	}{
		{"PUT", "/v1/rooms", "GET, HEAD, POST", 405, protocol.CodeBadMessage},
		{"POST", "/v1/rooms/demo", "GET, HEAD, PATCH, DELETE", 405, protocol.CodeBadMessage},
		{"GET", "/v1/tokens", "POST", 405, protocol.CodeBadMessage},
		{"BREW", "/v1/server", "GET, HEAD", 405, protocol.CodeBadMessage},
		{"GET", "/v1/", "", 404, protocol.CodeNotFound},
		{"GET", "/v1/nothing", "", 404, protocol.CodeNotFound},
		{"GET", "/v1/rooms/demo/nothing/else", "", 404, protocol.CodeNotFound},
		{"GET", "/v1/rooms/a%2F..%2Fadmin", "", 404, protocol.CodeNotFound},
		{"GET", "/v1/rooms/%2e%2e", "", 404, protocol.CodeNotFound},
		{"GET", "/v1/invitations/..%2F..%2Fadmin%2Foverview", "", 404, protocol.CodeNotFound},
		{"GET", "/v1/admin/links/..%2F..%2Foverview/tap", "", 404, protocol.CodeNotFound},
		{"GET", "/v1/admin/profile/..%2Fheap", "", 404, protocol.CodeNotFound},
		{"GET", "/v1/admin/profile/heap?seconds=3600", "", 400, protocol.CodeBadMessage},
		{"GET", "/v1/admin/profile/cpu?seconds=x", "", 400, protocol.CodeBadMessage},
	} {
		status, h, body := s.call(c.method, c.path, "", admin)
		wantProblem(t, c.method+" "+c.path, status, h, body, c.status, c.code)
		if h.Get("Allow") != c.allow {
			t.Errorf("%s %s: allows %q, want %q", c.method, c.path, h.Get("Allow"), c.allow)
		}
	}
	if status, h, body := s.call("OPTIONS", "/v1/tokens", ""); status != 204 || h.Get("Allow") != "POST" || body != "" {
		t.Errorf("OPTIONS: %d %q %q", status, h.Get("Allow"), body)
	}
	if status, _, body := s.call("HEAD", "/v1/server", ""); status != 200 || body != "" {
		t.Errorf("HEAD: %d %q", status, body)
	}
}

// The counters are for programs of this machine: not for a page whose name was made to lead here.
func TestMetricsAreOfThisMachine(t *testing.T) {
	s := run(t, Config{})
	if status, _, body := s.call("GET", "/metrics", ""); status != 200 || !strings.Contains(body, "switchyard_http_panics_total") {
		t.Errorf("%d %s", status, body)
	}
	for _, header := range []string{"Host: evil.example.org", "X-Forwarded-For: 192.0.2.1", "Via: 1.1 x", "X-Forwarded-Host: meet.example.org"} {
		if status, _, body := s.call("GET", "/metrics", "", header); status != 401 || strings.Contains(body, "switchyard_") {
			t.Errorf("%s: %d %s", header, status, body)
		}
		if status, _, _ := s.call("GET", "/metrics", "", header, s.bearer("", "admin")); status != 200 {
			t.Errorf("%s: an admin gets %d", header, status)
		}
	}
}
