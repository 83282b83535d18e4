package server

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"switchyard/protocol"
)

// maxBody bounds request bodies: an SDP offer with fifty pairs of slots is 289 kB.
const maxBody = 1 << 20

// contentPolicy lets the app load only from this server, and run no inline script or style. 'wasm-unsafe-eval' allows WebAssembly,
// which hashes files, and no script. A frame of our own is how a download begins that
// a service worker writes; our pages themselves cannot be framed. A page connects to programs that it has a link with, by WebTransport at
// whatever address they are, and is kept from http: all the same.
const contentPolicy = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' data: blob:; " +
	"media-src 'self' blob: mediastream:; connect-src 'self' https:; font-src 'self'; worker-src 'self' blob:; " +
	"frame-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

// secure sets the headers that every answer has.
func secure(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", contentPolicy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer") // paths hold invitations
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(self), microphone=(self), display-capture=(self), geolocation=()")
		next.ServeHTTP(w, r)
	})
}

// toHTTPS sends a person who typed the media port's address without https:// there: browsers give
// cameras only to secure pages. Programs, and pages of this machine, are served as they came.
func toHTTPS(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if secureRequest(r) || !wantsPage(r) || loopbackHost(r.Host) {
			next.ServeHTTP(w, r)
			return
		}
		http.Redirect(w, r, "https://"+r.Host+r.URL.RequestURI(), http.StatusTemporaryRedirect)
	})
}

// toDomain sends a person who came by plain HTTP to the first domain that has a certificate.
func (s *Server) toDomain(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !wantsPage(r) || loopbackHost(r.Host) {
			next.ServeHTTP(w, r)
			return
		}
		http.Redirect(w, r, s.BaseURL()+r.URL.RequestURI(), http.StatusTemporaryRedirect)
	})
}

func loopbackHost(hostport string) bool {
	host, _, err := net.SplitHostPort(hostport)
	if err != nil {
		host = hostport
	}
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	addr, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil && addr.IsLoopback()
}

// limits refuses what comes too often from one address and bounds bodies. This machine's own
// programs (a reverse proxy, a load test) are not limited.
func (s *Server) limits(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		addr := remote(r)
		if !addr.IsLoopback() && !s.requests.take(addr, 1, time.Now()) {
			s.metrics.limited.Inc()
			w.Header().Set("Retry-After", "1")
			fail(w, http.StatusTooManyRequests, protocol.CodeLimit, "Too many requests came from your address. Wait a moment and try again.")
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		next.ServeHTTP(w, r)
	})
}

// remote is the address that a request is counted under.
func remote(r *http.Request) netip.Addr {
	ap, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return network(ap.Addr())
}

// origins refuses requests that a page of another site makes through a visitor's browser, unless
// the site is configured; then it answers as CORS wants. Requests without Origin do not come from
// another site's script. WHIP and WHEP have a rule of their own: package signal/whip lets every
// site's player in, by its token.
func (s *Server) origins(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		origin := r.Header.Get("Origin")
		if origin == "" || sameOrigin(origin, r.Host) || !strings.HasPrefix(r.URL.Path, "/v1/") {
			next.ServeHTTP(w, r)
			return
		}
		if !slices.Contains(s.cfg.Origins, "*") && !slices.Contains(s.cfg.Origins, origin) {
			s.metrics.foreign.Inc()
			fail(w, http.StatusForbidden, protocol.CodeForbidden,
				"Pages of another site may not use this server. Add the site to the server's origins setting to allow it.")
			return
		}
		h := w.Header()
		h.Set("Access-Control-Allow-Origin", origin)
		h.Set("Access-Control-Expose-Headers", "ETag, Location, Retry-After")
		h.Add("Vary", "Origin")
		if r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != "" {
			h.Set("Access-Control-Allow-Methods", "GET, POST, PATCH, DELETE")
			h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, If-Match")
			h.Set("Access-Control-Max-Age", "600")
			w.WriteHeader(http.StatusNoContent)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func sameOrigin(origin, host string) bool {
	u, err := url.Parse(origin)
	return err == nil && u.Host != "" && strings.EqualFold(u.Host, host)
}
