package whip

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	typeSDP      = "application/sdp"
	typeFragment = "application/trickle-ice-sdpfrag"
	maxRoom      = 128 // bytes
)

type joinFunc func(context.Context, Request) (Session, string, error)

// endpoint serves /whip/{room} or /whep/{room}.
func (h *Handler) endpoint(protocol string, join joinFunc) http.HandlerFunc {
	const methods = "POST, OPTIONS"
	return func(w http.ResponseWriter, r *http.Request) {
		switch r.Method {
		case http.MethodOptions:
			options(w, methods, "Accept-Post", typeSDP)
		case http.MethodPost:
			h.post(w, r, protocol, join)
		default:
			refuseMethod(w, r, methods)
		}
	}
}

// post lets a publisher or viewer in.
func (h *Handler) post(w http.ResponseWriter, r *http.Request, protocol string, join joinFunc) {
	room := r.PathValue("room")
	if !validRoom(room) {
		refuse(w, http.StatusBadRequest, fmt.Sprintf("a room's name has 1 to %d bytes and no control characters", maxRoom))
		return
	}
	offer, ok := readBody(w, r, typeSDP, h.opts.MaxOffer)
	if !ok {
		return
	}
	if !accepts(r, typeSDP) {
		refuse(w, http.StatusNotAcceptable, "the answer is "+typeSDP+"; name it in Accept, or leave Accept out")
		return
	}
	s := &session{id: rand.Text(), protocol: protocol, room: room, token: token(r), offer: offer, etag: newETag()}
	request := Request{Room: room, Token: s.token, Offer: offer, RemoteAddr: r.RemoteAddr, Host: r.Host, Closed: func() { h.forget(s) }}
	peer, answer, err := join(r.Context(), request)
	if err != nil {
		refuseError(w, err)
		return
	}
	s.peer, s.ufrag = peer, fragmentOf(offer).Ufrag
	h.keep(s)
	head := w.Header()
	head.Set("Location", "/"+protocol+"/"+url.PathEscape(room)+"/"+s.id)
	head.Set("ETag", s.etag)
	head.Set("Accept-Patch", typeFragment)
	head.Set("Content-Type", typeSDP)
	if h.opts.ICEServers != nil {
		for _, server := range h.opts.ICEServers(request, peer) {
			head.Add("Link", server.link())
		}
	}
	w.WriteHeader(http.StatusCreated)
	_, _ = io.WriteString(w, answer) // an error means that the client has gone; ICE will notice
}

func validRoom(name string) bool {
	return name != "" && len(name) <= maxRoom && utf8.ValidString(name) && !strings.ContainsFunc(name, unicode.IsControl)
}

// readBody reads a body of the given type; false means that it has refused.
func readBody(w http.ResponseWriter, r *http.Request, want string, limit int64) (string, bool) {
	got, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || got != want {
		w.Header().Set("Accept", want)
		refuse(w, http.StatusUnsupportedMediaType, fmt.Sprintf("the Content-Type must be %s", want))
		return "", false
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		refuse(w, http.StatusRequestEntityTooLarge, fmt.Sprintf("the body has more than %d bytes; offer fewer codecs", limit))
		return "", false
	case err != nil:
		refuse(w, http.StatusBadRequest, "the body could not be read to its end; send it again")
		return "", false
	case strings.TrimSpace(string(body)) == "":
		refuse(w, http.StatusBadRequest, "the body is empty; it must be "+want)
		return "", false
	}
	return string(body), true
}

// accepts tells whether a response of type t is welcome (RFC 9110 §12.5.1). A weight of 0 excludes.
func accepts(r *http.Request, t string) bool {
	values := r.Header.Values("Accept")
	if len(values) == 0 {
		return true
	}
	family, _, _ := strings.Cut(t, "/")
	for item := range strings.SplitSeq(strings.Join(values, ","), ",") {
		got, params, err := mime.ParseMediaType(strings.TrimSpace(item))
		if err != nil || strings.Trim(params["q"], "0.") == "" && params["q"] != "" {
			continue
		}
		if got == "*/*" || got == family+"/*" || got == t {
			return true
		}
	}
	return false
}

// link formats a server for the Link header (RFC 8288, RFC 9725 §4.6).
func (s ICEServer) link() string {
	l := fmt.Sprintf(`<%s>; rel="ice-server"`, s.URL)
	if s.Username != "" {
		l += fmt.Sprintf(`; username=%s; credential=%s; credential-type="password"`, quote(s.Username), quote(s.Credential))
	}
	return l
}

// quote makes a quoted-string (RFC 9110 §5.6.4).
func quote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

func newETag() string { return `"` + rand.Text() + `"` }
