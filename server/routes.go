package server

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"strings"

	"switchyard/api"
	"switchyard/protocol"
)

// routes is the whole HTTP surface. docs/protocol.md describes the part below /v1/.
func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()

	mux.HandleFunc("GET /{$}", s.app.page)
	mux.HandleFunc("GET /r/{room}", s.app.page)
	mux.HandleFunc("GET /i/{id}", s.app.page)
	mux.HandleFunc("GET /t/{id}", unlisted(s.app.page))
	mux.HandleFunc("GET /send", s.app.page)
	mux.HandleFunc("POST /send", sharedTooEarly)
	mux.HandleFunc("GET /doctor", s.app.page)
	mux.HandleFunc("GET /admin", s.app.page)
	mux.HandleFunc("/", s.app.file)

	handlers := s.handlers()
	for _, route := range api.Routes {
		mux.HandleFunc(route.Method+" "+route.Path, handlers[route.Name])
	}
	for _, path := range []string{"/{room}", "/{room}/{rest...}"} {
		mux.Handle("/whip"+path, orNotFound(s.backend.WHIP))
		mux.Handle("/whep"+path, orNotFound(s.backend.WHEP))
	}

	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		reply(w, http.StatusOK, map[string]string{"status": "ok"})
	})
	mux.HandleFunc("GET /readyz", s.serveReady)
	mux.HandleFunc("GET /metrics", s.serveMetrics)
	mux.HandleFunc("/v1/", notThere)
	return s.behindProxies(s.observe(secure(s.limits(s.origins(mux)))))
}

// unlisted keeps a page with a secret in its address out of search engines.
func unlisted(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Robots-Tag", "noindex, nofollow, noarchive, nosnippet")
		next(w, r)
	}
}

// sharedTooEarly answers what a phone's share menu gives to the page where no service worker took it. What was shared is
// not for us, and not read; the page says that it must be shared once more.
func sharedTooEarly(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Connection", "close") // with what nobody reads
	http.Redirect(w, r, "/send?shared=lost", http.StatusSeeOther)
}

// methods are those of the API, by path: what is asked with another one is told so (RFC 9110 §15.5.6).
var methods = func() *http.ServeMux {
	allowed, mux := map[string][]string{}, http.NewServeMux()
	for _, route := range api.Routes {
		allowed[route.Path] = append(allowed[route.Path], route.Method)
		if route.Method == http.MethodGet {
			allowed[route.Path] = append(allowed[route.Path], http.MethodHead)
		}
	}
	for path, list := range allowed {
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Allow", strings.Join(list, ", "))
			if r.Method == http.MethodOptions {
				w.WriteHeader(http.StatusNoContent)
				return
			}
			fail(w, http.StatusMethodNotAllowed, protocol.CodeBadMessage, "This address of the API takes "+strings.Join(list, ", ")+" only.")
		})
	}
	return mux
}()

// notThere answers what none of the API's routes is for.
func notThere(w http.ResponseWriter, r *http.Request) {
	if h, pattern := methods.Handler(r); pattern != "" {
		h.ServeHTTP(w, r)
		return
	}
	fail(w, http.StatusNotFound, protocol.CodeNotFound, "There is nothing at this address of the API. See docs/api.md and docs/protocol.md.")
}

func orNotFound(h http.Handler) http.Handler {
	if h != nil {
		return h
	}
	return http.HandlerFunc(noSuchService)
}

func noSuchService(w http.ResponseWriter, _ *http.Request) {
	fail(w, http.StatusNotFound, protocol.CodeNotFound, "This server does not serve this. Use a build that does.")
}

// serveReady is GET /readyz: whether new people can join.
func (s *Server) serveReady(w http.ResponseWriter, r *http.Request) {
	err := s.store.Ready(r.Context())
	if err == nil && s.backend.Ready != nil {
		err = s.backend.Ready(r.Context())
	}
	switch {
	case s.isDraining():
		fail(w, http.StatusServiceUnavailable, protocol.CodeShuttingDown, "The server is ending. Use another one.")
	case err != nil:
		s.log.Warn("not ready", "error", err)
		fail(w, http.StatusServiceUnavailable, protocol.CodeInternal, "The server is not ready. Its log says why.")
	default:
		reply(w, http.StatusOK, map[string]string{"status": "ready"})
	}
}

// encrypted marks, in a connection's context, TLS that net/http does not know of because the media
// port had to look inside it.
type encrypted struct{}

func connContext(ctx context.Context, conn net.Conn) context.Context {
	if p, ok := conn.(*prefixConn); ok {
		if _, ok := p.Conn.(*tls.Conn); ok {
			return context.WithValue(ctx, encrypted{}, true)
		}
	}
	return ctx
}

// secureRequest reports whether the request came by TLS, to us or to a trusted proxy.
func secureRequest(r *http.Request) bool {
	if secure, behind := r.Context().Value(proxied{}).(bool); behind {
		return secure
	}
	return r.TLS != nil || r.Context().Value(encrypted{}) != nil
}
