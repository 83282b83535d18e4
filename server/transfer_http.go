package server

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"switchyard/api"
	"switchyard/engine/auth"
	"switchyard/protocol"
)

// claimLife is how long the token of a claimed code is good: it only has to find out what the link is.
const claimLife = 5 * time.Minute

// transferLife checks the request, fills in what is absent, and returns how long the link waits; a sentence where
// it is wrong.
func transferLife(q *api.CreateTransfer) (time.Duration, string) {
	setDefault(&q.Receivers, 1)
	setDefault(&q.ExpiresIn, int64(defaultTransferLife/time.Second))
	switch {
	case q.Receivers < 1 || q.Receivers > maxTransferReceivers:
		return 0, fmt.Sprintf("The number of receivers must be 1 to %d.", maxTransferReceivers)
	case q.ExpiresIn < int64(minTransferLife/time.Second) || q.ExpiresIn > int64(maxTransferLife/time.Second):
		return 0, "A link for files waits 10 seconds to 7 days: give expiresIn in seconds."
	}
	return time.Duration(q.ExpiresIn) * time.Second, ""
}

// mayTransfer says whether whoever asks may make links for files; where not, it has answered.
func (s *Server) mayTransfer(w http.ResponseWriter, r *http.Request) (admin, ok bool) {
	if r.Header.Get("Authorization") == "" {
		if s.openTo(r) {
			return false, true
		}
		s.metrics.transfers.WithLabelValues("refused").Inc()
		fail(w, http.StatusForbidden, protocol.CodeForbidden, "Sending files by this server needs a token with the data grant: open an invitation to it first, or ask whoever runs it.")
		return false, false
	}
	claims, ok := s.authorize(w, r)
	if !ok {
		return false, false
	}
	if claims.Grants.Admin || s.openTo(r) || s.mayData(claims) {
		return claims.Grants.Admin, true
	}
	s.metrics.transfers.WithLabelValues("refused").Inc()
	fail(w, http.StatusForbidden, protocol.CodeForbidden, "Your token does not let you send files: it needs the data grant for a room, or the admin grant.")
	return false, false
}

// mayData says whether a token has the data grant, and nobody took that away since. Who was let in to receive files
// was not let in to send others some.
func (s *Server) mayData(c auth.Claims) bool {
	return c.Room != "" && !isTransferRoom(c.Room) && s.dataIn(c)
}

// createTransfer is POST /v1/transfers.
func (s *Server) createTransfer(w http.ResponseWriter, r *http.Request) {
	var q api.CreateTransfer
	if !readJSON(w, r, &q) {
		return
	}
	life, wrong := transferLife(&q)
	if wrong != "" {
		fail(w, http.StatusBadRequest, protocol.CodeBadMessage, wrong)
		return
	}
	admin, ok := s.mayTransfer(w, r)
	if !ok {
		return
	}
	if s.isDraining() {
		fail(w, http.StatusServiceUnavailable, protocol.CodeShuttingDown, "The server is about to end. Try again in a minute.")
		return
	}
	now := time.Now()
	if !admin && !s.starts.take(remote(r), 1, now) {
		s.limitTransfer(w, "Many links were made from your address just now. Wait a minute, then make one more; one link can serve many receivers.")
		return
	}
	id, t, err := s.transfers.create(r.Context(), q.Receivers, life, now)
	if err != nil {
		s.unavailable(w, err)
		return
	}
	if q.Code && !s.hangNameplate(w, r, &t, now) {
		return
	}
	token, ok := s.transferToken(w, &t, transferSender, "", "sender", t.ends(), now)
	if !ok {
		return
	}
	s.metrics.transfers.WithLabelValues("made").Inc()
	reply(w, http.StatusCreated, api.Transfer{ID: id, URL: s.shareBase(r) + "/t/" + id, Room: t.Room, Identity: transferSender,
		Token: token, Expires: t.Expires, Receivers: t.Receivers, Nameplate: t.Nameplate})
}

// shareBase is what a link begins with that is for another device: its page needs HTTPS to decrypt and to write files.
func (s *Server) shareBase(r *http.Request) string {
	if s.cfg.URL == "" && secureRequest(r) && !loopbackHost(r.Host) {
		return "https://" + r.Host // as it was reached: a proxy's name, say
	}
	return s.httpsFor(r)
}

// transferToken makes a token for a transfer's room; where it cannot, it has answered.
func (s *Server) transferToken(w http.ResponseWriter, t *transfer, identity, name, role string, until, now time.Time) (string, bool) {
	token, err := auth.Mint(s.key, auth.Claims{Room: t.Room, Identity: identity, Name: name, Role: role,
		Grants: protocol.Grants{Data: true}, Expires: until, Options: t.options()}, now)
	if err != nil {
		s.log.Error("cannot mint a token", "error", err)
		fail(w, http.StatusInternalServerError, protocol.CodeInternal, "The server could not make a token. Ask whoever runs it to look at its log.")
	}
	return token, err == nil
}

func (s *Server) limitTransfer(w http.ResponseWriter, sentence string) {
	s.metrics.transfers.WithLabelValues("limited").Inc()
	w.Header().Set("Retry-After", "10")
	fail(w, http.StatusTooManyRequests, protocol.CodeLimit, sentence)
}

// findTransfer finds the transfer of the path. Addresses that guess are slowed down.
func (s *Server) findTransfer(w http.ResponseWriter, r *http.Request) (transfer, bool) {
	addr, now := remote(r), time.Now()
	if !s.guesses.take(addr, 0, now) {
		s.metrics.limited.Inc()
		s.limitTransfer(w, "Too many unknown links were tried from your address. Wait a minute, then open the whole link again.")
		return transfer{}, false
	}
	t, err := s.transfers.get(r.Context(), r.PathValue("id"))
	if errors.Is(err, errNoTransfer) {
		s.guesses.take(addr, 1, now)
		s.metrics.transfers.WithLabelValues("unknown").Inc()
		fail(w, http.StatusNotFound, protocol.CodeNotFound, "There is no such link for files, or it ended long ago. Check that you have the whole link, or ask for a new one.")
		return transfer{}, false
	}
	if err != nil {
		s.unavailable(w, err)
		return transfer{}, false
	}
	return t, true
}

// transferFacts is GET /v1/transfers/{id}: what the page shows before the click. It takes nothing, so preview bots
// do no harm.
func (s *Server) transferFacts(w http.ResponseWriter, r *http.Request) {
	t, ok := s.findTransfer(w, r)
	if !ok {
		return
	}
	err := t.state(time.Now())
	reply(w, http.StatusOK, api.TransferFacts{Valid: err == nil, Reason: reason(err), Expires: t.Expires, Left: t.Left})
}

var sorryTransfer = map[string]string{
	"expired": "Nobody accepted this link in time, and it has expired. Ask the sender for a new one.",
	"revoked": transferWithdrawn,
	"used-up": "Somebody else has accepted this link already. Ask the sender for a new one.",
}

// acceptTransfer is POST /v1/transfers/{id}/accept.
func (s *Server) acceptTransfer(w http.ResponseWriter, r *http.Request) {
	name, once, ok := acceptedName(w, r)
	if !ok {
		return
	}
	t, ok := s.findTransfer(w, r)
	if !ok {
		return
	}
	now := time.Now()
	t, identity, err := s.transfers.accept(r.Context(), t.Room, once, now)
	if s.failTransfer(w, err) {
		return
	}
	if t.Left == 0 { // there is nothing to try a code for any more
		s.takeDown(r, t.Nameplate, t.Room)
	}
	if s.seatReceiver(w, &t, identity, name, t.ends(), now) {
		s.metrics.transfers.WithLabelValues("accepted").Inc()
	}
}

// acceptedName reads who accepts; where it cannot, it has answered.
func acceptedName(w http.ResponseWriter, r *http.Request) (name, once string, ok bool) {
	var q api.AcceptTransfer
	if !readJSON(w, r, &q) {
		return "", "", false
	}
	name, ok = cleanName(q.Name)
	switch {
	case !ok:
		fail(w, http.StatusBadRequest, protocol.CodeBadMessage, badName)
	case q.Once != "" && (len(q.Once) < 16 || len(q.Once) > 64):
		ok = false
		fail(w, http.StatusBadRequest, protocol.CodeBadMessage, "once must be a random text of 16 to 64 characters, or absent.")
	}
	return name, q.Once, ok
}

// failTransfer answers where a transfer cannot be had; false where nothing is wrong.
func (s *Server) failTransfer(w http.ResponseWriter, err error) bool {
	if err == nil {
		return false
	}
	why := reason(err)
	if why == "" {
		s.unavailable(w, err)
		return true
	}
	s.metrics.transfers.WithLabelValues(why).Inc()
	fail(w, http.StatusGone, why, sorryTransfer[why])
	return true
}

// seatReceiver answers with a token for an identity.
func (s *Server) seatReceiver(w http.ResponseWriter, t *transfer, identity, name string, until, now time.Time) bool {
	token, ok := s.transferToken(w, t, identity, name, "receiver", until, now)
	if ok {
		reply(w, http.StatusOK, api.Accepted{Token: token, Room: t.Room, Identity: identity, Role: "receiver"})
	}
	return ok
}

// sender wraps a handler that the transfer's sender may call, and admins.
func (s *Server) sender(next func(w http.ResponseWriter, r *http.Request, t transfer)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		claims, ok := s.authorize(w, r)
		if !ok {
			return
		}
		t, ok := s.findTransfer(w, r)
		if !ok {
			return
		}
		if !claims.Grants.Admin && (claims.Room != t.Room || claims.Identity != transferSender) {
			fail(w, http.StatusForbidden, protocol.CodeForbidden, "Your token is not that of this transfer's sender.")
			return
		}
		next(w, r, t)
	}
}

// revokeTransfer is DELETE /v1/transfers/{id}.
func (s *Server) revokeTransfer(w http.ResponseWriter, r *http.Request, t transfer) {
	t, err := s.transfers.revoke(r.Context(), t.Room, time.Now())
	if err != nil {
		s.unavailable(w, err)
		return
	}
	s.takeDown(r, t.Nameplate, t.Room)
	s.closeTransfer(t.Room, transferWithdrawn) // other servers of the store see it there
	s.metrics.transfers.WithLabelValues("withdrawn").Inc()
	w.WriteHeader(http.StatusNoContent)
}

// renewCode is POST /v1/transfers/{id}/code.
func (s *Server) renewCode(w http.ResponseWriter, r *http.Request, t transfer) {
	now := time.Now()
	if s.failTransfer(w, t.state(now)) {
		return
	}
	if !s.invites.take(remote(r), 1, now) {
		s.limitTransfer(w, "Many codes were made from your address just now. Wait a minute, or give the link.")
		return
	}
	if s.hangNameplate(w, r, &t, now) {
		reply(w, http.StatusOK, api.Nameplate{Nameplate: t.Nameplate})
	}
}

// hangNameplate gives the transfer a nameplate in the place of the one that it has; where it cannot, it has answered.
func (s *Server) hangNameplate(w http.ResponseWriter, r *http.Request, t *transfer, now time.Time) bool {
	n, err := s.transfers.hang(r.Context(), t.Room, t.Expires.Sub(now))
	if errors.Is(err, errAllNameplates) {
		s.limitTransfer(w, "All numbers for codes are taken. Give the link, or try again later.")
		return false
	}
	if err != nil {
		s.unavailable(w, err)
		return false
	}
	before := 0
	*t, err = s.transfers.change(r.Context(), t.Room, now, func(t *transfer) error {
		before, t.Nameplate = t.Nameplate, n
		return t.state(now)
	})
	switch {
	case err != nil: // it ended meanwhile
		s.takeDown(r, n, t.Room)
	case before != n: // else it was claimed, and is this one now
		s.takeDown(r, before, t.Room)
	}
	if s.failTransfer(w, err) {
		return false
	}
	s.metrics.transfers.WithLabelValues("code").Inc()
	return true
}

// takeDown frees a nameplate of a transfer; 0: it has none. It expires by itself where that fails.
func (s *Server) takeDown(r *http.Request, nameplate int, room string) {
	if nameplate == 0 {
		return
	}
	if err := s.transfers.unhang(r.Context(), nameplate, room); err != nil {
		s.log.Warn("cannot free a nameplate", "nameplate", nameplate, "error", err)
	}
}

// claimCode is POST /v1/codes/{nameplate}/claim. Each claim voids somebody's code, so each counts as a guess.
func (s *Server) claimCode(w http.ResponseWriter, r *http.Request) {
	name, _, ok := acceptedName(w, r)
	if !ok {
		return
	}
	now := time.Now()
	if !s.guesses.take(remote(r), 1, now) {
		s.metrics.limited.Inc()
		s.limitTransfer(w, "Many codes were tried from your address just now. Wait a minute, then try again.")
		return
	}
	var room string
	err := errNoNameplate
	if n := parseNameplate(r.PathValue("nameplate")); n != 0 {
		room, err = s.transfers.claim(r.Context(), n)
	}
	var t transfer
	if err == nil {
		t, _, err = s.transfers.ofRoom(r.Context(), room)
	}
	if errors.Is(err, errNoNameplate) || errors.Is(err, errNoTransfer) {
		s.metrics.transfers.WithLabelValues("unknown-code").Inc()
		fail(w, http.StatusNotFound, protocol.CodeNotFound, "There is no code with this number now: each is good for one try. Ask the sender for the new one.")
		return
	}
	if err == nil {
		err = t.state(now)
	}
	if s.failTransfer(w, err) {
		return
	}
	identity := "c-" + strings.ToLower(rand.Text()[:16])
	if s.seatReceiver(w, &t, identity, name, now.Add(claimLife), now) {
		s.metrics.transfers.WithLabelValues("claimed").Inc()
	}
}
