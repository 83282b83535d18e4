package server

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"switchyard/api"
	"switchyard/engine/auth"
	"switchyard/protocol"
)

// startRoom starts a room and returns its name and key.
func (s *testServer) startRoom() (room, key string) {
	s.t.Helper()
	made := asks[struct{ Room, Key string }](s, 201, "POST", "/v1/open-rooms", "")
	return made.Room, made.Key
}

// enter enters a room and returns what its token says.
func (s *testServer) enter(room, body string) auth.Claims {
	s.t.Helper()
	a := asks[api.Accepted](s, 200, "POST", "/v1/open-rooms/"+room+"/enter", body)
	c, err := auth.Verify(s.key, a.Token, time.Now())
	if err != nil || c.Opens(room) != nil || c.Identity != a.Identity || c.Role != a.Role {
		s.t.Fatalf("%+v %+v %v", a, c, err)
	}
	return c
}

// idle is a server that serves nothing: tests call its handlers and change its settings.
func idle(t testing.TB) *Server {
	t.Helper()
	s, err := New(Config{
		HTTP: "127.0.0.1:0", Media: "127.0.0.1:0", Data: t.TempDir(), Files: testFiles, GuessRate: 1e9, GuessBurst: 1e9,
		backend: func(*Server) (*Backend, error) { return &Backend{}, nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func yes() *bool { v := true; return &v }
func no() *bool  { v := false; return &v }

func TestOpenRoom(t *testing.T) {
	s := run(t, Config{Open: yes()})
	room, key := s.startRoom()
	if !regexp.MustCompile(`^[a-z]+-[a-z]+-\d{3,4}$`).MatchString(room) || !protocol.ValidRoom(room) || len(key) < 26 {
		t.Fatalf("%q %q", room, key)
	}
	if c := s.enter(room, `{"name":" Ann ","key":"`+key+`"}`); !c.Grants.Moderate || c.Role != "host" || c.Name != "Ann" {
		t.Fatalf("who started it: %+v", c)
	}
	for _, body := range []string{`{"name":"Ben"}`, `{"key":"` + strings.Repeat("A", 26) + `"}`, ""} {
		if c := s.enter(room, body); c.Grants.Moderate || c.Role != "guest" || !c.Grants.Subscribe {
			t.Fatalf("%s: %+v", body, c)
		}
	}
	if status, _, body := s.call("GET", "/v1/open-rooms/"+room, ""); status != 200 || body != `{"room":"`+room+`","role":"guest"}`+"\n" {
		t.Fatalf("%d %s", status, body)
	}
	status, h, body := s.call("POST", "/v1/open-rooms/"+room+"/enter", `{"name":"`+strings.Repeat("x", 65)+`"}`)
	wantProblem(t, "long name", status, h, body, 400, protocol.CodeBadMessage)
	if other, _ := s.startRoom(); other == room {
		t.Fatal("two rooms of one name")
	}
	if strings.Contains(s.log.String(), key) {
		t.Fatal("the log holds the key")
	}
}

// A room that people are invited to is not opened by its name.
func TestOpenRoomIsNotAnyRoom(t *testing.T) {
	s := run(t, Config{Open: yes()})
	s.invite(`{"room":"board"}`, s.bearer("", "admin"))
	for _, room := range []string{"board", "nothing", "a%20b", strings.Repeat("x", 3000)} {
		status, h, body := s.call("POST", "/v1/open-rooms/"+room+"/enter", `{}`)
		wantProblem(t, room, status, h, body, 404, protocol.CodeNotFound)
		status, h, body = s.call("GET", "/v1/open-rooms/"+room, "")
		wantProblem(t, room, status, h, body, 404, protocol.CodeNotFound)
	}
}

func TestOpenRoomClosed(t *testing.T) {
	dir := t.TempDir()
	s := run(t, Config{Open: yes(), Data: dir})
	room, key := s.startRoom()
	s.stop()
	s = run(t, Config{Open: no(), Data: dir})
	status, h, body := s.call("POST", "/v1/open-rooms", "")
	wantProblem(t, "start", status, h, body, 403, protocol.CodeForbidden)
	status, h, body = s.call("POST", "/v1/open-rooms/"+room+"/enter", "{}")
	wantProblem(t, "enter by name", status, h, body, 404, protocol.CodeNotFound)
	if c := s.enter(room, `{"key":"`+key+`"}`); !c.Grants.Moderate { // it stays theirs
		t.Fatalf("%+v", c)
	}
	if _, _, body := s.call("GET", "/v1/server", ""); !strings.Contains(body, `"open":false`) {
		t.Fatal(body)
	}
}

func TestOpenRoomIsKept(t *testing.T) {
	s := run(t, Config{})
	now := time.Now()
	room, _, err := s.openRooms.start(t.Context(), now.Add(-29*24*time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	s.enter(room, "")
	if r, err := s.openRooms.get(t.Context(), room); err != nil || r.Used.Before(now.Add(-time.Minute)) {
		t.Fatalf("%+v %v", r, err)
	}
}

func TestStartsAreLimited(t *testing.T) {
	s := run(t, Config{StartBurst: 2, StartRate: 0.001})
	s.startRoom()
	s.startRoom()
	status, h, body := s.call("POST", "/v1/open-rooms", "")
	wantProblem(t, "third", status, h, body, 429, protocol.CodeLimit)
	if h.Get("Retry-After") == "" {
		t.Fatal("no Retry-After")
	}
}

func TestOpenRoomGuessed(t *testing.T) {
	s := run(t, Config{GuessBurst: 3, GuessRate: 0.001})
	room, key := s.startRoom()
	for _, guess := range []string{"calm-otter-1", "calm-otter-2", "calm-otter-3"} {
		status, h, body := s.call("POST", "/v1/open-rooms/"+guess+"/enter", "{}")
		wantProblem(t, guess, status, h, body, 404, protocol.CodeNotFound)
	}
	status, h, body := s.call("POST", "/v1/open-rooms/"+room+"/enter", `{"key":"`+key+`"}`)
	wantProblem(t, "too many guesses", status, h, body, 429, protocol.CodeLimit)
}

func TestOpenToWhoSitsHere(t *testing.T) {
	s := &Server{}
	for _, c := range []struct {
		remote, host, mark string
		open               bool
	}{
		{"127.0.0.1:5000", "localhost:8080", "", true},
		{"[::1]:5000", "[::1]:8080", "", true},
		{"127.0.0.1:5000", "127.0.0.1:8080", "", true},
		{"127.0.0.1:5000", "meet.example.org", "", false},
		{"192.0.2.7:5000", "localhost:8080", "", false},
		{"127.0.0.1:5000", "localhost:8080", "X-Forwarded-For", false},
		{"127.0.0.1:5000", "localhost:8080", "Forwarded", false},
		{"", "localhost:8080", "", false},
	} {
		r := httptest.NewRequest(http.MethodPost, "/v1/open-rooms", nil)
		r.RemoteAddr, r.Host = c.remote, c.host
		if c.mark != "" {
			r.Header.Set(c.mark, "192.0.2.7")
		}
		if got := s.openTo(r); got != c.open {
			t.Errorf("%+v: %v", c, got)
		}
		if s.cfg.Open = yes(); !s.openTo(r) {
			t.Errorf("%+v: closed on an open server", c)
		}
		s.cfg.Open = nil
	}
}

func TestHTTPSAddress(t *testing.T) {
	s := idle(t)
	port := strconv.Itoa(int(s.MediaAddr().Port()))
	for host, want := range map[string]string{
		"localhost:8080": "https://localhost:" + port,
		"192.0.2.7":      "https://192.0.2.7:" + port,
		"[2001:db8::1]":  "https://[2001:db8::1]:" + port,
	} {
		r := httptest.NewRequest(http.MethodGet, "/v1/server", nil)
		r.Host = host
		if got := s.httpsFor(r); got != want {
			t.Errorf("%s: %s, want %s", host, got, want)
		}
	}
	s.backend.Addresses = func() []netip.Addr {
		return []netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("fe80::1"), netip.MustParseAddr("192.168.1.5"), netip.MustParseAddr("10.0.0.1")}
	}
	for host, want := range map[string]string{ // what this machine calls itself is of no use to others
		"localhost:8080": "https://192.168.1.5:" + port,
		"192.0.2.7":      "https://192.0.2.7:" + port,
	} {
		r := httptest.NewRequest(http.MethodGet, "/v1/server", nil)
		r.Host = host
		if got := s.httpsFor(r); got != want {
			t.Errorf("%s: %s, want %s", host, got, want)
		}
	}
	s.cfg.URL = "https://meet.example/"
	if got := s.httpsFor(httptest.NewRequest(http.MethodGet, "/", nil)); got != "https://meet.example" {
		t.Error(got)
	}
}

func FuzzEnterRoom(f *testing.F) {
	f.Add("calm-otter-421", `{"name":"Ann","key":"AAAAAAAAAAAAAAAAAAAAAAAAAA"}`)
	f.Add("..%2f", `{"name":5}`)
	f.Add("", `[]`)
	s := idle(f)
	f.Fuzz(func(t *testing.T, room, body string) {
		r := httptest.NewRequest(http.MethodPost, "/v1/open-rooms/x/enter", strings.NewReader(body))
		r.SetPathValue("room", room)
		w := httptest.NewRecorder()
		s.enterRoom(w, r)
		if w.Code < 400 || w.Code >= 500 {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
	})
}
