package server

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
)

func TestClientBehindProxies(t *testing.T) {
	s := &Server{cfg: Config{TrustedProxies: []netip.Prefix{
		netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8:1::/48"),
	}}}
	cases := []struct {
		what, from string
		header     http.Header
		want       string // remote() of the request
	}{
		{"no proxy", "203.0.113.9:1", nil, "203.0.113.9"},
		{"a liar", "203.0.113.9:1", http.Header{"X-Forwarded-For": {"1.2.3.4"}}, "203.0.113.9"},
		{"one proxy", "10.0.0.1:1", http.Header{"X-Forwarded-For": {"203.0.113.9"}}, "203.0.113.9"},
		{"one proxy, mapped", "[::ffff:10.0.0.1]:1", http.Header{"X-Forwarded-For": {"203.0.113.9"}}, "203.0.113.9"},
		{"two proxies", "10.0.0.1:1", http.Header{"X-Forwarded-For": {"203.0.113.9, 10.2.2.2"}}, "203.0.113.9"},
		{"a client that makes up hops", "10.0.0.1:1", http.Header{"X-Forwarded-For": {"1.2.3.4", "10.9.9.9, 203.0.113.9"}}, "203.0.113.9"},
		{"a proxy that says nothing", "10.0.0.1:1", nil, "10.0.0.1"},
		{"only proxies", "10.0.0.1:1", http.Header{"X-Forwarded-For": {"10.2.2.2"}}, "10.0.0.1"},
		{"nonsense in the last hop", "10.0.0.1:1", http.Header{"X-Forwarded-For": {"203.0.113.9, unknown"}}, "10.0.0.1"},
		{"Forwarded", "10.0.0.1:1", http.Header{"Forwarded": {`for=192.0.2.60;proto=http;by=203.0.113.43`}}, "192.0.2.60"},
		{"Forwarded, IPv6 and port", "10.0.0.1:1", http.Header{"Forwarded": {`For="[2001:db8:cafe::17]:4711"`}}, "2001:db8:cafe::"},
		{"Forwarded, hidden", "10.0.0.1:1", http.Header{"Forwarded": {`for=_gazonk`}}, "10.0.0.1"},
		{"proxy by IPv6", "[2001:db8:1::5]:1", http.Header{"X-Forwarded-For": {"203.0.113.9"}}, "203.0.113.9"},
		{"the client forged the other header", "10.0.0.1:1",
			http.Header{"X-Forwarded-For": {"203.0.113.9"}, "Forwarded": {"for=1.2.3.4"}}, "10.0.0.1"},
		{"both say the same", "10.0.0.1:1",
			http.Header{"X-Forwarded-For": {"203.0.113.9"}, "Forwarded": {"for=203.0.113.9"}}, "203.0.113.9"},
	}
	for _, c := range cases {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = c.from
		for k, v := range c.header {
			r.Header[k] = v
		}
		var got netip.Addr
		s.behindProxies(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = remote(r) })).ServeHTTP(nil, r)
		if got.String() != c.want {
			t.Errorf("%s: counted under %v, want %s", c.what, got, c.want)
		}
	}
}

func TestTrustedProxyInFrontOfTheServer(t *testing.T) {
	s := run(t, Config{TrustedProxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, RequestRate: 0.001, RequestBurst: 2})
	for i, want := range []int{200, 200, 429} {
		if got, _, _ := s.call("GET", "/healthz", "", "X-Forwarded-For: 203.0.113.9"); got != want {
			t.Errorf("request %d of one client: %d, want %d", i, got, want)
		}
	}
	if got, _, _ := s.call("GET", "/healthz", "", "X-Forwarded-For: 203.0.113.10"); got != 200 {
		t.Errorf("another client: %d", got)
	}
	if !strings.Contains(s.log.String(), "from=203.0.113.9") {
		t.Error("the log does not name the client")
	}
}

func TestSecureAsTheProxySays(t *testing.T) {
	s := &Server{cfg: Config{TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}}
	for from, want := range map[string]bool{"10.0.0.1:1": true, "203.0.113.9:1": false} {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = from
		r.Header.Set("X-Forwarded-Proto", "https")
		s.behindProxies(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			if secureRequest(r) != want {
				t.Errorf("from %s: secure %v", from, !want)
			}
		})).ServeHTTP(nil, r)
	}
}

func FuzzForwarded(f *testing.F) {
	s := &Server{cfg: Config{TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}}
	f.Add("203.0.113.9, 10.2.2.2", `for="[2001:db8::1]:4711";proto=https, for=10.1.1.1`)
	f.Add("::ffff:1.2.3.4%eth0", `for=unknown;;=`)
	f.Add(strings.Repeat(",", 100), `for="`)
	f.Fuzz(func(t *testing.T, x, fwd string) {
		if a, ok := s.clientOf(http.Header{"X-Forwarded-For": {x}, "Forwarded": {fwd}}); ok && (!a.IsValid() || s.trusts(a)) {
			t.Errorf("%q and %q give %v", x, fwd, a)
		}
	})
}

// A proxy that nobody named is told of once.
func TestUnnamedProxyIsNoticed(t *testing.T) {
	s := run(t, Config{})
	s.call("GET", "/healthz", "")
	if strings.Contains(s.log.String(), "--trusted-proxy") {
		t.Error("a proxy is seen where there is none")
	}
	for range 3 {
		s.call("GET", "/healthz", "", "X-Forwarded-For: 192.0.2.7")
	}
	if n := strings.Count(s.log.String(), "--trusted-proxy"); n != 1 {
		t.Errorf("told %d times", n)
	}
}
