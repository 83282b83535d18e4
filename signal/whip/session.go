package whip

import (
	"crypto/subtle"
	"io"
	"net/http"
	"strings"
)

const maxFragment = 16 << 10 // bytes

// session is what a Location stands for.
type session struct {
	// immutable after keep
	id, protocol, room, token string
	peer                      Session

	// guarded by Handler.mu
	closed     bool
	restarting bool
	offer      string // the last accepted one: an ICE restart repeats it with other credentials
	ufrag      string // of the client
	etag       string // of the ICE session (RFC 9725 §4.3)
}

// keep registers a session, unless it has ended meanwhile.
func (h *Handler) keep(s *session) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !s.closed {
		h.sessions[s.id] = s
	}
}

// forget removes a session and reports whether this call did it.
func (h *Handler) forget(s *session) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	first := !s.closed
	s.closed = true
	delete(h.sessions, s.id)
	if len(h.sessions) == 0 {
		h.sessions = map[string]*session{} // a map keeps the room that it had for many
	}
	return first
}

// resource serves the URLs that stand for sessions.
func (h *Handler) resource(protocol string) http.HandlerFunc {
	const methods = "PATCH, DELETE, OPTIONS"
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodOptions {
			options(w, methods, "Accept-Patch", typeFragment) // no word on whether the session exists
			return
		}
		if r.Method != http.MethodPatch && r.Method != http.MethodDelete {
			refuseMethod(w, r, methods)
			return
		}
		h.mu.Lock()
		s := h.sessions[r.PathValue("id")]
		h.mu.Unlock()
		if s == nil || s.protocol != protocol || s.room != r.PathValue("room") {
			refuse(w, http.StatusNotFound, "this session has ended or never was; POST a new offer")
			return
		}
		if t := token(r); t != "" && subtle.ConstantTimeCompare([]byte(t), []byte(s.token)) != 1 {
			refuse(w, http.StatusForbidden, "this is not the token that made the session; send that one, or none")
			return
		}
		if r.Method == http.MethodPatch {
			h.patch(w, r, s)
			return
		}
		if !h.forget(s) {
			refuse(w, http.StatusNotFound, "this session has ended already")
			return
		}
		s.peer.Close()
		w.WriteHeader(http.StatusOK)
	}
}

// patch takes candidates or restarts ICE (RFC 9725 §4.3).
func (h *Handler) patch(w http.ResponseWriter, r *http.Request, s *session) {
	body, ok := readBody(w, r, typeFragment, maxFragment)
	if !ok {
		return
	}
	match := r.Header.Get("If-Match")
	if match == "" {
		refuse(w, http.StatusPreconditionRequired, `say which ICE session you mean: If-Match with the last ETag, or "*" to restart`)
		return
	}
	fragment, err := ParseFragment(body)
	if err != nil {
		refuse(w, http.StatusBadRequest, err.Error())
		return
	}
	h.mu.Lock()
	fresh := match == "*" || matches(match, s.etag)
	restart := fragment.Ufrag != "" && fragment.Ufrag != s.ufrag
	busy, offer := s.restarting, s.offer
	start := fresh && restart && !busy && fragment.Pwd != ""
	s.restarting = busy || start
	h.mu.Unlock()
	switch {
	case !fresh:
		refuse(w, http.StatusPreconditionFailed, "ICE was restarted since; use the ETag of the last response")
	case !restart:
		w.WriteHeader(http.StatusNoContent) // the server's agent finds the client by its checks
	case fragment.Pwd == "":
		refuse(w, http.StatusUnprocessableEntity, "a restart needs a=ice-pwd next to a=ice-ufrag")
	case busy:
		refuse(w, http.StatusConflict, "an ICE restart is under way; wait for its response")
	default:
		h.restart(w, r, s, withCredentials(offer, fragment.Ufrag, fragment.Pwd), fragment.Ufrag)
	}
}

// restart repeats the offer with new ICE credentials and answers with ours.
func (h *Handler) restart(w http.ResponseWriter, r *http.Request, s *session, offer, ufrag string) {
	answer, err := s.peer.Offer(r.Context(), offer)
	if err != nil {
		h.restarted(s, "", "")
		refuseError(w, err)
		return
	}
	w.Header().Set("ETag", h.restarted(s, offer, ufrag))
	w.Header().Set("Content-Type", typeFragment)
	w.WriteHeader(http.StatusOK)
	_, _ = io.WriteString(w, fragmentOf(answer).String()) // an error means that the client has gone
}

// restarted ends a restart and returns the new ETag; without an offer it failed and all stays.
func (h *Handler) restarted(s *session, offer, ufrag string) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	s.restarting = false
	if offer != "" {
		s.offer, s.ufrag, s.etag = offer, ufrag, newETag()
	}
	return s.etag
}

// matches tells whether an If-Match list names a tag (RFC 9110 §13.1.1). Some clients leave the
// quotes out.
func matches(list, etag string) bool {
	for item := range strings.SplitSeq(list, ",") {
		if item = strings.TrimSpace(item); item == etag || `"`+item+`"` == etag {
			return true
		}
	}
	return false
}
