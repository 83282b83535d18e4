package whip_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"switchyard/peer"
	"switchyard/signal/whip"
)

// rooms is a server without media: its answers are the real ones, of peer.Answer.
type rooms struct {
	mu       sync.Mutex
	requests []whip.Request
	sessions []*session
	hold     chan struct{} // when set, Offer waits for it
}

type session struct {
	rooms *rooms

	mu      sync.Mutex
	agreed  *peer.Session
	version uint64
	closed  int
}

func (r *rooms) Publish(_ context.Context, q whip.Request) (whip.Session, string, error) {
	return r.join(q, peer.LocalDescription{NoSend: true})
}

func (r *rooms) Watch(_ context.Context, q whip.Request) (whip.Session, string, error) {
	return r.join(q, peer.LocalDescription{NoRecv: true})
}

func (r *rooms) join(q whip.Request, local peer.LocalDescription) (whip.Session, string, error) {
	switch {
	case q.Token == "":
		return nil, "", &whip.Error{Status: http.StatusUnauthorized, Detail: "send a token"}
	case q.Token == "watcher":
		return nil, "", &whip.Error{Status: http.StatusForbidden, Detail: "this token may not publish"}
	case q.Room == "taken":
		return nil, "", &whip.Error{Status: http.StatusConflict, Detail: "somebody publishes here"}
	case q.Room == "absent":
		return nil, "", &whip.Error{Status: http.StatusNotFound, Detail: "no such room"}
	case q.Room == "full":
		return nil, "", &whip.Error{Status: http.StatusServiceUnavailable, Detail: "full", RetryAfter: 1500 * time.Millisecond}
	case q.Room == "broken":
		return nil, "", errors.New("a secret of the server")
	}
	s := &session{rooms: r}
	answer, err := s.answer(q.Offer, local)
	if err != nil {
		return nil, "", err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.requests = append(r.requests, q)
	r.sessions = append(r.sessions, s)
	if q.Room == "brief" {
		q.Closed() // ended before the response was written
	}
	return s, answer, nil
}

func (s *session) answer(offer string, local peer.LocalDescription) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.version++
	local.Ufrag, local.Pwd = fmt.Sprintf("srv%d", s.version), "0123456789abcdefghijkl"
	local.Fingerprint = peer.Fingerprint{Hash: "sha-256", Value: strings.Repeat("AB:", 31) + "AB"}
	local.Candidates = []peer.Candidate{{Addr: netip.MustParseAddrPort("192.0.2.1:8443")}, {Addr: netip.MustParseAddrPort("192.0.2.1:8443"), TCP: true}}
	local.Version = s.version
	agreed, answer, err := peer.Answer(offer, local, s.agreed)
	var refused *peer.OfferError
	if errors.As(err, &refused) {
		return "", &whip.Error{Status: http.StatusUnprocessableEntity, Detail: refused.Reason}
	}
	if err == nil {
		s.agreed = agreed
	}
	return answer, err
}

func (s *session) Offer(ctx context.Context, offer string) (string, error) {
	if s.rooms.hold != nil {
		select {
		case <-s.rooms.hold:
		case <-ctx.Done():
			return "", ctx.Err()
		}
	}
	return s.answer(offer, peer.LocalDescription{NoSend: true})
}

func (s *session) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed++
}

func capturedOffer(t testing.TB, name string) string {
	t.Helper()
	b, err := os.ReadFile("../../peer/testdata/offers/" + name + ".sdp")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// call makes one request; headers are "Name: value".
func call(t testing.TB, h http.Handler, method, path, body string, headers ...string) *http.Response {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
	for _, line := range headers {
		name, value, _ := strings.Cut(line, ": ")
		r.Header.Add(name, value)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

func read(t testing.TB, r *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// wantProblem checks that a response is a refusal with words for the developer.
func wantProblem(t testing.TB, r *http.Response, status int) string {
	t.Helper()
	body := read(t, r)
	if r.StatusCode != status {
		t.Fatalf("status %d, want %d: %s", r.StatusCode, status, body)
	}
	var p struct {
		Title, Detail string
		Status        int
	}
	if err := json.Unmarshal([]byte(body), &p); err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	if r.Header.Get("Content-Type") != "application/problem+json" || p.Status != status || p.Title == "" || p.Detail == "" {
		t.Errorf("%s, %+v", r.Header.Get("Content-Type"), p)
	}
	return p.Detail
}

const (
	isSDP      = "Content-Type: application/sdp"
	isFragment = "Content-Type: application/trickle-ice-sdpfrag"
	bearer     = "Authorization: Bearer secret"
)

// publish makes a session and returns its URL and ETag.
func publish(t testing.TB, h http.Handler) (location, etag string) {
	t.Helper()
	r := call(t, h, "POST", "/whip/room", capturedOffer(t, "chromium-whip"), isSDP, bearer)
	if r.StatusCode != http.StatusCreated {
		t.Fatalf("status %d: %s", r.StatusCode, read(t, r))
	}
	return r.Header.Get("Location"), r.Header.Get("ETag")
}

func TestPublishAndWatch(t *testing.T) {
	for name, c := range map[string]struct{ path, offer, direction string }{
		"whip chromium":  {"/whip/room", "chromium-whip", "a=recvonly"},
		"whip firefox":   {"/whip/room", "firefox-whip", "a=recvonly"},
		"whip gstreamer": {"/whip/room", "gst-publish", "a=recvonly"}, // it offers sendrecv
		"whep chromium":  {"/whep/room", "chromium-whep", "a=sendonly"},
		"whep gstreamer": {"/whep/room", "gst-watch", "a=sendonly"},
	} {
		t.Run(name, func(t *testing.T) {
			fake := &rooms{}
			h := whip.New(fake, whip.Options{})
			r := call(t, h, "POST", c.path, capturedOffer(t, c.offer), isSDP, bearer)
			answer := read(t, r)
			if r.StatusCode != 201 || r.Header.Get("Content-Type") != "application/sdp" {
				t.Fatalf("%d %s: %s", r.StatusCode, r.Header.Get("Content-Type"), answer)
			}
			if !strings.HasPrefix(answer, "v=0\r\n") || strings.Count(answer, c.direction+"\r\n") != 2 || !strings.Contains(answer, "a=end-of-candidates\r\n") {
				t.Errorf("answer:\n%s", answer)
			}
			location := r.Header.Get("Location")
			if !strings.HasPrefix(location, c.path+"/") || len(location) < len(c.path)+1+26 || r.Header.Get("ETag") == "" {
				t.Errorf("Location %s, ETag %s", location, r.Header.Get("ETag"))
			}
			if q := fake.requests[0]; q.Room != "room" || q.Token != "secret" || q.RemoteAddr == "" {
				t.Errorf("request %+v", q)
			}
			if h.Sessions() != 1 {
				t.Errorf("%d sessions", h.Sessions())
			}
		})
	}
}

func TestTokenInQuery(t *testing.T) {
	h := whip.New(&rooms{}, whip.Options{})
	r := call(t, h, "POST", "/whep/room?token=secret", capturedOffer(t, "firefox-whep"), "Content-Type: Application/SDP; charset=utf-8")
	if r.StatusCode != 201 {
		t.Fatalf("%d %s", r.StatusCode, read(t, r))
	}
	if location := r.Header.Get("Location"); strings.Contains(location, "secret") {
		t.Errorf("the token is in %s", location)
	}
}

func TestRefusals(t *testing.T) {
	offer := capturedOffer(t, "chromium-whip")
	for name, c := range map[string]struct {
		method, path, body string
		headers            []string
		status             int
	}{
		"no token":           {"POST", "/whip/room", offer, []string{isSDP}, 401},
		"not permitted":      {"POST", "/whip/room", offer, []string{isSDP, "Authorization: bearer watcher"}, 403},
		"no such room":       {"POST", "/whip/absent", offer, []string{isSDP, bearer}, 404},
		"elsewhere":          {"POST", "/whip", offer, []string{isSDP, bearer}, 404},
		"get":                {"GET", "/whip/room", "", nil, 405},
		"head":               {"HEAD", "/whep/room", "", nil, 405},
		"put":                {"PUT", "/whip/room", offer, []string{isSDP, bearer}, 405},
		"get a session":      {"GET", "/whip/room/id", "", nil, 405},
		"wants HTML":         {"POST", "/whip/room", offer, []string{isSDP, bearer, "Accept: text/html, application/sdp;q=0"}, 406},
		"taken":              {"POST", "/whip/taken", offer, []string{isSDP, bearer}, 409},
		"too large":          {"POST", "/whip/room", offer + strings.Repeat("a=x\r\n", 40000), []string{isSDP, bearer}, 413},
		"wrong type":         {"POST", "/whip/room", offer, []string{"Content-Type: application/json", bearer}, 415},
		"no type":            {"POST", "/whip/room", offer, []string{bearer}, 415},
		"empty":              {"POST", "/whip/room", " \r\n", []string{isSDP, bearer}, 400},
		"room name too long": {"POST", "/whip/" + strings.Repeat("x", 129), offer, []string{isSDP, bearer}, 400},
		"room name binary":   {"POST", "/whip/a%00b", offer, []string{isSDP, bearer}, 400},
		"no SDP":             {"POST", "/whip/room", "hello", []string{isSDP, bearer}, 422},
		"no fingerprint":     {"POST", "/whip/room", strings.ReplaceAll(offer, "a=fingerprint", "a=x"), []string{isSDP, bearer}, 422},
		"full":               {"POST", "/whip/full", offer, []string{isSDP, bearer}, 503},
		"broken":             {"POST", "/whip/broken", offer, []string{isSDP, bearer}, 503},
		"unknown session":    {"DELETE", "/whip/room/AAAAAAAAAAAAAAAAAAAAAAAAAA", "", []string{bearer}, 404},
		"patch unknown":      {"PATCH", "/whip/room/AAAAAAAAAAAAAAAAAAAAAAAAAA", "a=x", []string{isFragment, bearer, "If-Match: *"}, 404},
	} {
		t.Run(name, func(t *testing.T) {
			r := call(t, whip.New(&rooms{}, whip.Options{}), c.method, c.path, c.body, c.headers...)
			detail := wantProblem(t, r, c.status)
			switch {
			case strings.Contains(detail, "a secret of the server"):
				t.Error("an inner error reached the client")
			case c.status == 401 && r.Header.Get("WWW-Authenticate") != "Bearer":
				t.Error("no WWW-Authenticate")
			case c.status == 405 && r.Header.Get("Allow") == "":
				t.Error("no Allow")
			case name == "full" && r.Header.Get("Retry-After") != "2":
				t.Errorf("Retry-After %q", r.Header.Get("Retry-After"))
			}
			if r.Header.Get("Access-Control-Allow-Origin") != "*" {
				t.Error("a browser could not read this refusal")
			}
		})
	}
}

func TestDelete(t *testing.T) {
	fake := &rooms{}
	h := whip.New(fake, whip.Options{})
	location, _ := publish(t, h)
	wantProblem(t, call(t, h, "DELETE", location, "", "Authorization: Bearer other"), 403)
	wantProblem(t, call(t, h, "DELETE", strings.Replace(location, "whip", "whep", 1), "", bearer), 404)
	wantProblem(t, call(t, h, "DELETE", strings.Replace(location, "room", "other", 1), "", bearer), 404)
	if fake.sessions[0].closed != 0 {
		t.Fatal("closed without right")
	}
	if r := call(t, h, "DELETE", location, "", bearer); r.StatusCode != 200 {
		t.Fatalf("%d %s", r.StatusCode, read(t, r))
	}
	wantProblem(t, call(t, h, "DELETE", location, "", bearer), 404)
	wantProblem(t, call(t, h, "PATCH", location, "a=end-of-candidates", isFragment, "If-Match: *"), 404)
	if fake.sessions[0].closed != 1 || h.Sessions() != 0 {
		t.Errorf("closed %d times, %d sessions left", fake.sessions[0].closed, h.Sessions())
	}
}

// TestDeleteByLocationAlone: the URL is unguessable and authority enough.
func TestDeleteByLocationAlone(t *testing.T) {
	h := whip.New(&rooms{}, whip.Options{})
	location, _ := publish(t, h)
	if r := call(t, h, "DELETE", location, ""); r.StatusCode != 200 {
		t.Fatal(r.StatusCode)
	}
}

// TestDeleteRace sends DELETE many times at once: one succeeds, and the session is closed once.
func TestDeleteRace(t *testing.T) {
	fake := &rooms{}
	h := whip.New(fake, whip.Options{})
	location, _ := publish(t, h)
	var wg sync.WaitGroup
	codes := make([]int, 20)
	for i := range codes {
		wg.Go(func() { codes[i] = call(t, h, "DELETE", location, "").StatusCode })
	}
	wg.Wait()
	var ok int
	for _, c := range codes {
		if c == 200 {
			ok++
		}
	}
	if ok != 1 || fake.sessions[0].closed != 1 {
		t.Errorf("%d succeeded, closed %d times", ok, fake.sessions[0].closed)
	}
}

// TestSessionEndsByItself: the link failed, so the URL is gone, and Close is not called.
func TestSessionEndsByItself(t *testing.T) {
	fake := &rooms{}
	h := whip.New(fake, whip.Options{})
	location, _ := publish(t, h)
	fake.requests[0].Closed()
	fake.requests[0].Closed()
	wantProblem(t, call(t, h, "DELETE", location, "", bearer), 404)
	if fake.sessions[0].closed != 0 {
		t.Error("closed again")
	}
	r := call(t, h, "POST", "/whip/brief", capturedOffer(t, "chromium-whip"), isSDP, bearer)
	if r.StatusCode != 201 || h.Sessions() != 0 {
		t.Errorf("%d, %d sessions", r.StatusCode, h.Sessions())
	}
}

func TestTrickle(t *testing.T) {
	h := whip.New(&rooms{}, whip.Options{})
	location, etag := publish(t, h)
	ufrag := field(capturedOffer(t, "chromium-whip"), "a=ice-ufrag:")
	body := "a=ice-ufrag:" + ufrag + "\r\na=ice-pwd:" + strings.Repeat("p", 24) + "\r\nm=audio 9 RTP/AVP 0\r\na=mid:0\r\na=candidate:1 1 udp 1 192.0.2.9 5000 typ host\r\na=end-of-candidates\r\n"
	for name, c := range map[string]struct {
		headers []string
		body    string
		status  int
	}{
		"right":             {[]string{isFragment, bearer, "If-Match: " + etag}, body, 204},
		"without quotes":    {[]string{isFragment, bearer, "If-Match: " + strings.Trim(etag, `"`)}, body, 204},
		"no credentials":    {[]string{isFragment, "If-Match: " + etag}, "a=end-of-candidates\r\n", 204},
		"no If-Match":       {[]string{isFragment, bearer}, body, 428},
		"old ETag":          {[]string{isFragment, bearer, `If-Match: "old"`}, body, 412},
		"wrong type":        {[]string{isSDP, bearer, "If-Match: " + etag}, body, 415},
		"too large":         {[]string{isFragment, bearer, "If-Match: " + etag}, strings.Repeat("a=x\r\n", 4000), 413},
		"no fragment":       {[]string{isFragment, bearer, "If-Match: " + etag}, "hello", 400},
		"binary":            {[]string{isFragment, bearer, "If-Match: " + etag}, "a=mid:\x00", 400},
		"restart half":      {[]string{isFragment, bearer, "If-Match: *"}, "a=ice-ufrag:other\r\n", 422},
		"someone's token":   {[]string{isFragment, "Authorization: Bearer other", "If-Match: " + etag}, body, 403},
		"candidate flood":   {[]string{isFragment, bearer, "If-Match: " + etag}, strings.Repeat("a=candidate:1\r\n", 300), 400},
		"two transports":    {[]string{isFragment, bearer, "If-Match: " + etag}, "a=ice-ufrag:aaaa\r\na=ice-ufrag:bbbb\r\n", 400},
		"password too weak": {[]string{isFragment, bearer, "If-Match: *"}, "a=ice-ufrag:aaaa\r\na=ice-pwd:short\r\n", 400},
	} {
		t.Run(name, func(t *testing.T) {
			r := call(t, h, "PATCH", location, c.body, c.headers...)
			if c.status >= 400 {
				wantProblem(t, r, c.status)
			} else if r.StatusCode != c.status {
				t.Errorf("%d %s", r.StatusCode, read(t, r))
			}
		})
	}
}

// field returns what follows the first line with a prefix.
func field(sdp, prefix string) string {
	_, rest, _ := strings.Cut(sdp, prefix)
	value, _, _ := strings.Cut(rest, "\n")
	return strings.TrimRight(value, "\r")
}

func TestRestartICE(t *testing.T) {
	fake := &rooms{}
	h := whip.New(fake, whip.Options{})
	location, first := publish(t, h)
	restart := "a=ice-ufrag:fresh\r\na=ice-pwd:0123456789abcdefghijklmn\r\n"
	r := call(t, h, "PATCH", location, restart, isFragment, bearer, "If-Match: *")
	body := read(t, r)
	if r.StatusCode != 200 || r.Header.Get("Content-Type") != "application/trickle-ice-sdpfrag" {
		t.Fatalf("%d %s", r.StatusCode, body)
	}
	second := r.Header.Get("ETag")
	f, err := whip.ParseFragment(body)
	if err != nil || f.Ufrag != "srv2" || f.MID != "0" || len(f.Candidates) != 2 || !f.End || second == first {
		t.Errorf("ETag %s, %v, %+v", second, err, f)
	}
	if got := fake.sessions[0].agreed.RemoteUfrag; got != "fresh" {
		t.Errorf("the server has %s", got)
	}
	// The old tag is dead, the new one lives, and the same credentials again are no restart.
	wantProblem(t, call(t, h, "PATCH", location, "a=end-of-candidates\r\n", isFragment, "If-Match: "+first), 412)
	if r := call(t, h, "PATCH", location, restart, isFragment, "If-Match: "+second); r.StatusCode != 204 {
		t.Errorf("%d %s", r.StatusCode, read(t, r))
	}
}

// TestOneRestartAtATime: a second restart is told to wait, and a failed one changes nothing.
func TestOneRestartAtATime(t *testing.T) {
	fake := &rooms{hold: make(chan struct{})}
	h := whip.New(fake, whip.Options{})
	location, etag := publish(t, h)
	restart := func(ctx context.Context, ufrag string) int {
		r := httptest.NewRequestWithContext(ctx, "PATCH", location, strings.NewReader("a=ice-ufrag:"+ufrag+"\r\na=ice-pwd:0123456789abcdefghijklmn\r\n"))
		r.Header.Set("Content-Type", "application/trickle-ice-sdpfrag")
		r.Header.Set("If-Match", "*")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w.Code
	}
	ctx, cancel := context.WithCancel(t.Context())
	codes := make(chan int, 2)
	go func() { codes <- restart(ctx, "one1") }()
	go func() { codes <- restart(ctx, "two2") }()
	if got := <-codes; got != 409 {
		t.Errorf("second restart: %d", got)
	}
	cancel()
	if got := <-codes; got != 503 {
		t.Errorf("abandoned restart: %d", got)
	}
	if r := call(t, h, "PATCH", location, "a=end-of-candidates\r\n", isFragment, "If-Match: "+etag); r.StatusCode != 204 {
		t.Errorf("after a failed restart: %d", r.StatusCode)
	}
	close(fake.hold)
	if got := restart(t.Context(), "three"); got != 200 {
		t.Errorf("third restart: %d", got)
	}
}

func TestOptions(t *testing.T) {
	h := whip.New(&rooms{}, whip.Options{AllowOrigin: "https://example.com"})
	r := call(t, h, "OPTIONS", "/whip/room", "", "Origin: https://example.com", "Access-Control-Request-Method: POST")
	if r.StatusCode != 204 || r.Header.Get("Accept-Post") != "application/sdp" || r.Header.Get("Access-Control-Allow-Origin") != "https://example.com" {
		t.Errorf("%d %v", r.StatusCode, r.Header)
	}
	if !strings.Contains(r.Header.Get("Access-Control-Allow-Headers"), "Authorization") {
		t.Error("a browser could not send its token")
	}
	for _, name := range []string{"Location", "Link", "ETag"} {
		if !strings.Contains(r.Header.Get("Access-Control-Expose-Headers"), name) {
			t.Errorf("a browser could not read %s", name)
		}
	}
	r = call(t, h, "OPTIONS", "/whep/room/id", "")
	if r.StatusCode != 204 || r.Header.Get("Accept-Patch") != "application/trickle-ice-sdpfrag" || !strings.Contains(r.Header.Get("Access-Control-Allow-Methods"), "DELETE") {
		t.Errorf("%d %v", r.StatusCode, r.Header)
	}
}

func TestICEServerLinks(t *testing.T) {
	h := whip.New(&rooms{}, whip.Options{ICEServers: func(q whip.Request, _ whip.Session) []whip.ICEServer {
		return []whip.ICEServer{
			{URL: "turn:example.net:8443?transport=tcp", Username: `1:` + q.Room, Credential: `a"b\c`},
			{URL: "stun:example.net:8443"},
		}
	}})
	r := call(t, h, "POST", "/whip/room", capturedOffer(t, "firefox-whip"), isSDP, bearer)
	want := []string{
		`<turn:example.net:8443?transport=tcp>; rel="ice-server"; username="1:room"; credential="a\"b\\c"; credential-type="password"`,
		`<stun:example.net:8443>; rel="ice-server"`,
	}
	if got := r.Header.Values("Link"); strings.Join(got, "|") != strings.Join(want, "|") {
		t.Errorf("%q", got)
	}
}

// TestRoomNamesTravel checks that a room's name comes through URLs in both directions.
func TestRoomNamesTravel(t *testing.T) {
	fake := &rooms{}
	h := whip.New(fake, whip.Options{})
	r := call(t, h, "POST", "/whip/caf%C3%A9%20%2F%3F", capturedOffer(t, "chromium-whip"), isSDP, bearer)
	if r.StatusCode != 201 || fake.requests[0].Room != "café /?" {
		t.Fatalf("%d, %+v", r.StatusCode, fake.requests)
	}
	if r := call(t, h, "DELETE", r.Header.Get("Location"), ""); r.StatusCode != 200 {
		t.Errorf("%d %s", r.StatusCode, read(t, r))
	}
}
