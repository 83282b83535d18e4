package server

import (
	"errors"
	"net/http"
	"strings"
	"time"
	"unicode"

	"switchyard/engine/auth"
	"switchyard/protocol"
	"switchyard/store"
)

// authorize returns the claims of the request's bearer token (RFC 6750 §2.1); where there is no good
// one, it has answered.
func (s *Server) authorize(w http.ResponseWriter, r *http.Request) (auth.Claims, bool) {
	claims, err := s.keys.verify(bearer(r), time.Now())
	if err != nil {
		s.metrics.unauthorized.Inc()
		fail(w, http.StatusUnauthorized, protocol.CodeUnauthorized, auth.Sentence(err))
		return auth.Claims{}, false
	}
	return claims, true
}

// authorizeAdmin is authorize for what only an admin token opens.
func (s *Server) authorizeAdmin(w http.ResponseWriter, r *http.Request) bool {
	claims, ok := s.authorize(w, r)
	if ok && !claims.Grants.Admin {
		fail(w, http.StatusForbidden, protocol.CodeForbidden, "This needs an admin token: make one with switchyard token --admin.")
	}
	return ok && claims.Grants.Admin
}

func bearer(r *http.Request) string {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}

// unavailable answers a request that failed because of the store.
func (s *Server) unavailable(w http.ResponseWriter, err error) {
	s.log.Error("the store failed", "error", err)
	w.Header().Set("Retry-After", "2")
	detail := "The server cannot reach its store now. Try again in a moment."
	if errors.Is(err, store.ErrFull) {
		detail = "The server has no disk space left. Ask whoever runs it to free some."
	}
	fail(w, http.StatusServiceUnavailable, protocol.CodeInternal, detail)
}

func unprintable(r rune) bool { return !unicode.IsPrint(r) }
