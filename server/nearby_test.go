package server

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"switchyard/api"
	"switchyard/engine/auth"
	"switchyard/protocol"
)

func (s *testServer) near(body string, headers ...string) api.Nearby {
	s.t.Helper()
	return asks[api.Nearby](s, 200, "POST", "/v1/nearby", body, headers...)
}

const device, otherDevice, pairID = "0123456789abcdef", "fedcba9876543210", "abcdefghijklmnopqrstuvwxyz"

func TestNearby(t *testing.T) {
	s := run(t, *whole(t, t.TempDir()))
	s.cfg.Nearby = yes() // this machine's address is private
	ann := s.near(`{"name":"Ann's phone","device":"` + device + `","network":true,"pairs":["` + pairID + `"]}`)
	ben := s.near(`{"name":"Ben","device":"` + otherDevice + `","network":true}`)
	if len(ann.Rooms) != 2 || len(ben.Rooms) != 1 || ann.Rooms[0].Room != ben.Rooms[0].Room || ann.Rooms[0].Pair != "" || ann.Rooms[1].Pair != pairID || ann.Hint != "" {
		t.Fatalf("%+v %+v", ann, ben)
	}
	network, pair := ann.Rooms[0], ann.Rooms[1]
	if network.Room == pair.Room || network.Identity == pair.Identity || network.Identity == ben.Rooms[0].Identity {
		t.Fatalf("%+v %+v", ann, ben)
	}
	again := s.near(`{"device":"` + device + `","network":true}`)
	if again.Rooms[0].Identity != network.Identity {
		t.Error("the device is another one when it comes back")
	}
	if a, b := s.near(`{"network":true}`), s.near(`{"network":true}`); a.Rooms[0].Identity == b.Rooms[0].Identity {
		t.Error("two devices without a name of their own are one")
	}
	for _, hidden := range []string{device, pairID, "127"} {
		if strings.Contains(network.Room+network.Identity+pair.Room+pair.Identity, hidden) {
			t.Errorf("%s shows in %+v", hidden, ann)
		}
	}
	c, err := auth.Verify(s.key, network.Token, time.Now())
	if err != nil || c.Name != "Ann's phone" || !c.Grants.Data || c.Grants.Publish != nil || c.Grants.Subscribe || c.Options.Kind != protocol.KindNearby ||
		c.Options.Participants != nearbyMost || c.Expires.After(time.Now().Add(nearbyLife)) {
		t.Fatalf("%+v %v", c, err)
	}
	if c, err := auth.Verify(s.key, pair.Token, time.Now()); err != nil || c.Name != "" || c.Options.Participants != pairMost {
		t.Fatalf("in a pair's room nobody needs a name: %+v %v", c, err)
	}
	// They see each other, and one sends the other what is for it alone.
	first := s.enterWith(network.Room, network.Token)
	s.await(first.conn, protocol.TypeWelcome)
	second := s.enterWith(network.Room, ben.Rooms[0].Token)
	if w := s.await(second.conn, protocol.TypeWelcome); !strings.Contains(string(w), "Ann's phone") {
		t.Fatalf("%s", w)
	}
	if err := second.conn.Write(t.Context(), 1, []byte(`{"type":"data","id":2,"seq":2,"body":{"to":["`+network.Identity+`"],"topic":"nearby","payload":{"t":"offer"}}}`)); err != nil {
		t.Fatal(err)
	}
	if d := s.await(first.conn, protocol.TypeData); !strings.Contains(string(d), ben.Rooms[0].Identity) {
		t.Fatalf("%s", d)
	}
}

func TestNearbyAsked(t *testing.T) {
	s := run(t, Config{Nearby: yes()})
	for _, bad := range []string{
		`{}`, `{"network":false}`, `{"network":true,"device":"short"}`, `{"pairs":["ABCDEFGHIJKLMNOPQRSTUVWXYZ"]}`, `{"pairs":["x"]}`, `{"pairs":[""]}`,
		`{"network":true,"name":"` + strings.Repeat("x", 65) + `"}`, `{"pairs":["` + strings.Repeat(pairID+`","`, 16) + pairID + `"]}`,
	} {
		s.refuses(bad, 400, protocol.CodeBadMessage, "POST", "/v1/nearby", bad)
	}
	s.refuses("who may start nothing", 403, protocol.CodeForbidden, "POST", "/v1/nearby", `{"network":true}`, "X-Forwarded-For: 192.0.2.1")
	if _, _, body := s.call("GET", "/v1/server", ""); !strings.Contains(body, `"nearby":true`) {
		t.Error(body)
	}
	s = run(t, Config{Nearby: no()})
	s.refuses("switched off", 404, protocol.CodeNotFound, "POST", "/v1/nearby", `{"network":true}`)
	if _, _, body := s.call("GET", "/v1/server", ""); !strings.Contains(body, `"nearby":false`) {
		t.Error(body)
	}
}

// Who is whose neighbour: a mistake here shows strangers to each other.
func TestNetworks(t *testing.T) {
	s := idle(t)
	ask := func(remote string, mark ...string) string {
		r := httptest.NewRequest(http.MethodPost, "/v1/nearby", nil)
		r.RemoteAddr = remote
		for _, m := range mark {
			r.Header.Set(m, "198.51.100.1")
		}
		return s.networkOf(r)
	}
	home := []netip.Addr{netip.MustParseAddr("192.168.1.5")}
	for _, c := range []struct {
		what      string
		change    func()
		addresses []netip.Addr
		private   bool // those with private addresses are one network
	}{
		{"at home", func() {}, home, true},
		{"with a public address", func() {}, append(home, netip.MustParseAddr("8.8.8.8")), false},
		{"with a public address given", func() { s.cfg.PublicIPs = []netip.Addr{netip.MustParseAddr("8.8.8.8")} }, home, false},
		{"with a name", func() { s.cfg.URL = "https://meet.example.org" }, home, false},
		{"with a certificate", func() { s.cfg.ACME.Domains = []string{"meet.example.org"} }, home, false},
		{"behind a proxy", func() { s.cfg.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")} }, home, false},
		{"with a name, as somebody wants it", func() { s.cfg.URL, s.cfg.Nearby = "https://meet.example.org", yes() }, home, true},
	} {
		s.cfg = Config{}
		c.change()
		s.backend.Addresses = func() []netip.Addr { return c.addresses }
		for _, private := range []string{"192.168.1.7:1", "10.1.1.1:1", "127.0.0.1:1", "[fd00::1]:1", "[::1]:1", "100.64.0.9:1", "[fe80::1]:1"} {
			if got := ask(private); (got == "home") != c.private || got != "" && !c.private {
				t.Errorf("%s: %s is in %q", c.what, private, got)
			}
		}
		one, two, three := ask("203.0.113.5:1"), ask("203.0.113.5:999"), ask("203.0.113.6:1")
		if one != two || one == three || one == "" || one == "home" {
			t.Errorf("%s: %q %q %q", c.what, one, two, three)
		}
		if six, seven, eight := ask("[2a00:1:2:3::1]:1"), ask("[2a00:1:2:3:ffff::9]:1"), ask("[2a00:1:2:4::1]:1"); six != seven || six == eight || six == "" {
			t.Errorf("%s: %q %q %q", c.what, six, seven, eight)
		}
		// A proxy that nobody told us of makes all the world one address.
		for _, mark := range []string{"X-Forwarded-For", "Forwarded", "Via", "X-Real-Ip"} {
			if got := ask("203.0.113.5:1", mark) + ask("127.0.0.1:1", mark); got != "" {
				t.Errorf("%s: by %s in %q", c.what, mark, got)
			}
		}
	}
}

// Each room that is asked for counts.
func TestNearbyIsLimited(t *testing.T) {
	s := run(t, Config{Nearby: yes()})
	many := `{"pairs":["` + strings.Repeat(pairID+`","`, maxPairs-1) + pairID + `"]}`
	for asked := 0; ; asked++ {
		status, h, body := s.call("POST", "/v1/nearby", many)
		if status == 200 && asked < 20 {
			continue
		}
		wantProblem(t, "too often", status, h, body, 429, protocol.CodeLimit)
		if asked < 10 || h.Get("Retry-After") == "" {
			t.Fatalf("after %d: %v", asked, h)
		}
		break
	}
	s.near(many, s.bearer("", "admin"))
}

func FuzzEnterNearby(f *testing.F) {
	f.Add(`{"name":"Ann","device":"` + device + `","network":true,"pairs":["` + pairID + `"]}`)
	f.Add(`{"pairs":["..",""]}`)
	f.Add(`[1]`)
	s := idle(f)
	s.cfg.Open, s.nearby = yes(), newLimiter(1e9, 1e9)
	f.Fuzz(func(t *testing.T, body string) {
		w := httptest.NewRecorder()
		s.enterNearby(w, httptest.NewRequest(http.MethodPost, "/v1/nearby", strings.NewReader(body)))
		if w.Code >= 500 {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
		var n api.Nearby
		if w.Code == 200 && (json.Unmarshal(w.Body.Bytes(), &n) != nil || len(n.Rooms) > maxPairs+1) {
			t.Fatalf("%s", w.Body)
		}
	})
}
