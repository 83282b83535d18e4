package server

import (
	"context"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
)

// proxied marks, in a request's context, that a trusted proxy brought it, and whether it came to that one
// by TLS.
type proxied struct{}

// behindProxies puts the client's address in the place of the proxy's, where the proxy is one of
// Config.TrustedProxies, so that limits, logs and everything behind see who really asks.
func (s *Server) behindProxies(next http.Handler) http.Handler {
	if len(s.cfg.TrustedProxies) == 0 {
		return s.noticeProxy(next)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		peer, err := netip.ParseAddrPort(r.RemoteAddr)
		if err == nil && s.trusts(peer.Addr()) {
			secure := strings.EqualFold(r.Header.Get("X-Forwarded-Proto"), "https")
			r = r.WithContext(context.WithValue(r.Context(), proxied{}, secure))
			if client, ok := s.clientOf(r.Header); ok {
				r.RemoteAddr = netip.AddrPortFrom(client, 0).String()
			}
		}
		next.ServeHTTP(w, r)
	})
}

// noticeProxy says once that a proxy of this machine should be named: until then all people have one address,
// which limits do not hold, and who guesses invitations shuts out everybody.
func (s *Server) noticeProxy(next http.Handler) http.Handler {
	var once sync.Once
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if h := r.Header; h.Get("X-Forwarded-For") != "" || h.Get("Forwarded") != "" {
			if addr := remote(r); addr.IsLoopback() || addr.IsPrivate() {
				once.Do(func() {
					s.log.Warn("requests come through a reverse proxy, so that limits take everybody for one: name it with --trusted-proxy", "proxy", addr)
				})
			}
		}
		next.ServeHTTP(w, r)
	})
}

func (s *Server) trusts(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	return slices.ContainsFunc(s.cfg.TrustedProxies, func(p netip.Prefix) bool { return p.Contains(a) })
}

// clientOf reads who asked the first of our proxies from X-Forwarded-For or Forwarded (RFC 7239). A
// proxy writes one of the two and passes the other on as the client sent it: where they differ, somebody
// lies, and the request counts as the proxy's own.
func (s *Server) clientOf(h http.Header) (netip.Addr, bool) {
	x, okX := s.lastForeign(forwardedFor(h.Values("X-Forwarded-For"), bareAddress))
	f, okF := s.lastForeign(forwardedFor(h.Values("Forwarded"), forwardedAddress))
	switch {
	case okX && okF && x != f:
		return netip.Addr{}, false
	case okX:
		return x, true
	}
	return f, okF
}

// lastForeign is the last address that is none of our proxies: what stands before it was written by
// whoever has that address.
func (s *Server) lastForeign(hops []netip.Addr) (netip.Addr, bool) {
	for _, a := range slices.Backward(hops) {
		if !a.IsValid() {
			return netip.Addr{}, false
		}
		if !s.trusts(a) {
			return a, true
		}
	}
	return netip.Addr{}, false
}

// maxHops bounds how much of a forwarded header is read, from its end.
const maxHops = 16

// forwardedFor returns the addresses of a header that may stand more than once, the nearest proxy's
// word last; a hop without an address is invalid.
func forwardedFor(values []string, address func(string) netip.Addr) (out []netip.Addr) {
	list := strings.Split(strings.Join(values, ","), ",")
	for _, hop := range list[max(0, len(list)-maxHops):] {
		if hop = strings.TrimSpace(hop); hop != "" {
			out = append(out, address(hop))
		}
	}
	return out
}

// forwardedAddress reads for= of one element of Forwarded (RFC 7239 §4, §6).
func forwardedAddress(element string) netip.Addr {
	for pair := range strings.SplitSeq(element, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(pair), "=")
		if strings.EqualFold(name, "for") {
			return bareAddress(strings.Trim(value, `"`))
		}
	}
	return netip.Addr{}
}

// bareAddress reads an address with or without a port, IPv6 with or without brackets.
func bareAddress(s string) netip.Addr {
	if ap, err := netip.ParseAddrPort(s); err == nil {
		return ap.Addr().Unmap().WithZone("")
	}
	a, err := netip.ParseAddr(strings.Trim(s, "[]"))
	if err != nil {
		return netip.Addr{}
	}
	return a.Unmap().WithZone("")
}
