package server

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"switchyard/engine/auth"
	"switchyard/protocol"
	"switchyard/signal/splice"
)

// serveRelay is GET /v1/relay/{room}?token=…&peer=…: one of two WebSockets that the server joins.
func (s *Server) serveRelay(w http.ResponseWriter, r *http.Request) {
	ends, ok := s.relayEnds(w, r)
	if !ok {
		return
	}
	switch err := s.backend.Relays.Serve(w, r, ends); {
	case errors.Is(err, splice.ErrClosed):
		fail(w, http.StatusServiceUnavailable, protocol.CodeShuttingDown, "The server is about to end. Try again in a minute.")
	case err != nil:
		w.Header().Set("Retry-After", "10")
		fail(w, http.StatusTooManyRequests, protocol.CodeLimit, "The server relays as many connections as it may. Try again in a minute.")
	}
}

// relayEnds says who comes, and to whom; where it may not, it has answered.
func (s *Server) relayEnds(w http.ResponseWriter, r *http.Request) (splice.Ends, bool) {
	room, peer := r.PathValue("room"), r.URL.Query().Get("peer")
	claims, err := s.keys.verify(relayToken(r), time.Now())
	if err == nil {
		err = claims.Opens(room)
	}
	switch {
	case err != nil:
		s.metrics.unauthorized.Inc()
		fail(w, http.StatusUnauthorized, protocol.CodeUnauthorized, auth.Sentence(err))
	case s.backend.Relays == nil:
		noSuchService(w, r)
	case !s.dataIn(claims):
		fail(w, http.StatusForbidden, protocol.CodeForbidden, "Your token does not let you send data in this room.")
	case !protocol.ValidIdentity(peer) || peer == claims.Identity:
		fail(w, http.StatusBadRequest, protocol.CodeBadMessage, "The parameter peer must name another participant of the room.")
	case !strings.EqualFold(r.Header.Get("Upgrade"), "websocket"):
		fail(w, http.StatusBadRequest, protocol.CodeBadMessage, "This address is for WebSockets (subprotocol "+splice.Subprotocol+").")
	default:
		over := func() string { return s.transferOver(r.Context(), room) }
		return splice.Ends{Room: room, From: claims.Identity, To: peer, Addr: remote(r), Over: over}, s.transferOpen(w, r, room)
	}
	return splice.Ends{}, false
}

// dataIn says whether the bearer of a token may send data in its room, and nobody took that away since.
func (s *Server) dataIn(c auth.Claims) bool {
	if s.backend.Host == nil {
		return c.Grants.Data
	}
	return s.backend.Host.Grants(c.Room, c.Identity, c.Role, c.Grants).Data
}

// transferOpen says whether a room is still to be used; where it is of a transfer that is over, it has answered.
func (s *Server) transferOpen(w http.ResponseWriter, r *http.Request, room string) bool {
	err := s.transfers.admits(r.Context(), room)
	over, ok := errors.AsType[*protocol.Error](err)
	switch {
	case ok:
		fail(w, http.StatusGone, over.Code, over.Message)
	case err != nil:
		s.unavailable(w, err)
	}
	return err == nil
}

// relayToken is the bearer token of the request, or the query's: browsers set no headers on a WebSocket.
func relayToken(r *http.Request) string {
	if token := bearer(r); token != "" {
		return token
	}
	return r.URL.Query().Get("token")
}

// closeRelays ends what is relayed in a room, or of one of its participants.
func (s *Server) closeRelays(room, identity, reason string) {
	if s.backend.Relays != nil {
		s.backend.Relays.CloseRoom(room, identity, reason)
	}
}

func relaySamples(st splice.Stats) []Sample {
	out := []Sample{
		gauge("relay_sockets", "WebSockets of relays now.", st.Sockets),
		gauge("relay_pairs", "Relays now: two WebSockets that are joined.", st.Pairs),
		total("relay_joined", "Relays made.", st.Joined),
		total("relay_messages", "Messages passed on by relays.", st.Messages),
		total("relay_bytes", "Bytes passed on by relays.", st.Bytes),
	}
	for why, n := range st.Ended {
		out = append(out, total("relay_ended", "WebSockets of relays that ended, by why.", n).by("reason", why))
	}
	for whose, n := range st.Held {
		out = append(out, total("relay_held", "Messages of relays behind which the next had to wait, by whose rate.", n).by("limit", whose))
	}
	for why, n := range st.Refused {
		out = append(out, total("relay_refused", "WebSockets of relays refused, by why.", n).by("reason", why))
	}
	return out
}
