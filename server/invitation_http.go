package server

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"switchyard/api"
	"switchyard/engine/auth"
	"switchyard/protocol"
)

// invitationLife checks the request, fills in what is absent, and returns the invitation's lifetime; a
// sentence where it is wrong.
func invitationLife(q *api.CreateInvitation) (time.Duration, string) {
	if q.Role == "" {
		q.Role = "guest"
	}
	if q.Uses == 0 {
		q.Uses = -1
	}
	life := defaultInvitationLife
	if q.ExpiresIn != 0 {
		life = maxInvitationLife + 1
		if q.ExpiresIn > 0 && q.ExpiresIn <= int64(maxInvitationLife/time.Second) {
			life = time.Duration(q.ExpiresIn) * time.Second
		}
	}
	_, known := roles[q.Role]
	switch {
	case !protocol.ValidRoom(q.Room):
		return 0, "The room's name must have 1 to 64 letters, digits, '-', '_' or '.'."
	case !known:
		return 0, fmt.Sprintf("There is no role %q: use host, guest or viewer.", q.Role)
	case q.Uses < -1 || q.Uses > maxInvitationUses:
		return 0, fmt.Sprintf("The number of uses must be 1 to %d, or 0 for any number.", maxInvitationUses)
	case life > maxInvitationLife:
		return 0, "An invitation expires after 1 second to 366 days: give expiresIn in seconds."
	}
	return life, ""
}

// listInvitations is GET /v1/invitations?room=: those of one room for its moderators, of all for admins.
func (s *Server) listInvitations(w http.ResponseWriter, r *http.Request) {
	claims, ok := s.authorize(w, r)
	if !ok {
		return
	}
	room := r.URL.Query().Get("room")
	if !s.mayInvite(claims, room) {
		fail(w, http.StatusForbidden, protocol.CodeForbidden, "Your token does not let you see these invitations: it needs the moderate grant for the room that the parameter room names, or the admin grant.")
		return
	}
	page, ok := pageOf(w, r)
	if !ok {
		return
	}
	all, err := s.invitations.list(r.Context())
	if err != nil {
		s.unavailable(w, err)
		return
	}
	list, base := []api.Invitation{}, s.baseFor(r)
	for _, inv := range all {
		if room == "" || inv.Room == room {
			list = append(list, s.describe(inv, base))
		}
	}
	list, next := cut(page, list, func(i api.Invitation) string { return i.ID })
	reply(w, http.StatusOK, api.InvitationList{Invitations: list, Next: next})
}

// createInvitation is POST /v1/invitations.
func (s *Server) createInvitation(w http.ResponseWriter, r *http.Request) {
	claims, ok := s.authorize(w, r)
	if !ok {
		return
	}
	var q api.CreateInvitation
	if !readJSON(w, r, &q) {
		return
	}
	life, wrong := invitationLife(&q)
	if wrong != "" {
		fail(w, http.StatusBadRequest, protocol.CodeBadMessage, wrong)
		return
	}
	if !s.mayInvite(claims, q.Room) {
		fail(w, http.StatusForbidden, protocol.CodeForbidden, "Your token does not let you invite to this room: it needs the moderate grant for it.")
		return
	}
	if !claims.Grants.Admin && !s.invites.take(remote(r), 1, time.Now()) {
		s.metrics.invitations.WithLabelValues("limited").Inc()
		w.Header().Set("Retry-After", "10")
		fail(w, http.StatusTooManyRequests, protocol.CodeLimit, "Many invitations were made from your address just now. One of them can serve any number of people; or wait a minute.")
		return
	}
	inv, err := s.invitations.create(r.Context(), q.Room, q.Role, q.Uses, life, time.Now())
	if err != nil {
		s.unavailable(w, err)
		return
	}
	s.metrics.invitations.WithLabelValues("made").Inc()
	reply(w, http.StatusCreated, s.describe(inv, s.baseFor(r)))
}

func (s *Server) mayInvite(c auth.Claims, room string) bool {
	return c.Grants.Admin || s.moderates(c, room)
}

// describe shows an invitation to whoever may make one.
func (s *Server) describe(inv Invitation, base string) api.Invitation {
	return api.Invitation{ID: inv.ID, URL: base + "/i/" + inv.ID, Room: inv.Room, Role: inv.Role,
		Uses: max(inv.Uses, 0), Expires: inv.Expires, Reason: reason(inv.state(time.Now()))}
}

// baseFor is what links begin with: as configured, else as the one who asks reached this server,
// unless that is by a name which nobody else can use.
func (s *Server) baseFor(r *http.Request) string {
	if s.cfg.URL != "" || loopbackHost(r.Host) {
		return s.BaseURL()
	}
	scheme := "http"
	if secureRequest(r) {
		scheme = "https"
	}
	return scheme + "://" + r.Host
}

// invitationFacts is GET /v1/invitations/{id}: what the page shows before the click. It never uses
// the invitation up, so preview bots do no harm.
func (s *Server) invitationFacts(w http.ResponseWriter, r *http.Request) {
	inv, _, ok := s.lookup(w, r)
	if !ok {
		return
	}
	err := inv.state(time.Now())
	reply(w, http.StatusOK, api.InvitationFacts{Room: inv.Room, Role: inv.Role, Valid: err == nil, Reason: reason(err)})
}

func reason(err error) string {
	switch {
	case errors.Is(err, errExpired):
		return "expired"
	case errors.Is(err, errRevoked):
		return "revoked"
	case errors.Is(err, errUsedUp):
		return "used-up"
	}
	return ""
}

// lookup finds the invitation of the path. Addresses that guess are slowed down.
func (s *Server) lookup(w http.ResponseWriter, r *http.Request) (Invitation, uint64, bool) {
	addr, now := remote(r), time.Now()
	if !s.guesses.take(addr, 0, now) {
		s.metrics.limited.Inc()
		w.Header().Set("Retry-After", "10")
		fail(w, http.StatusTooManyRequests, protocol.CodeLimit, "Too many unknown invitations were tried from your address. Wait a minute, then open the whole link again.")
		return Invitation{}, 0, false
	}
	inv, rev, err := s.invitations.get(r.Context(), r.PathValue("id"))
	if errors.Is(err, errNoInvitation) {
		s.guesses.take(addr, 1, now)
		s.metrics.invitations.WithLabelValues("unknown").Inc()
		fail(w, http.StatusNotFound, protocol.CodeNotFound, "There is no such invitation. Check that you have the whole link, or ask for a new one.")
		return Invitation{}, 0, false
	}
	if err != nil {
		s.unavailable(w, err)
		return Invitation{}, 0, false
	}
	return inv, rev, true
}

// acceptInvitation is POST /v1/invitations/{id}/accept with {"name":…}.
func (s *Server) acceptInvitation(w http.ResponseWriter, r *http.Request) {
	var q api.Accept
	if !readJSON(w, r, &q) {
		return
	}
	name, ok := cleanName(q.Name)
	if !ok {
		fail(w, http.StatusBadRequest, protocol.CodeBadMessage, badName)
		return
	}
	if _, _, ok := s.lookup(w, r); !ok {
		return
	}
	now := time.Now()
	inv, err := s.invitations.accept(r.Context(), r.PathValue("id"), now)
	if why := reason(err); why != "" {
		s.metrics.invitations.WithLabelValues(why).Inc()
		fail(w, http.StatusGone, why, sorry[why])
		return
	}
	if err != nil {
		s.unavailable(w, err)
		return
	}
	if s.seat(w, inv.Room, inv.Role, name, now) {
		s.metrics.invitations.WithLabelValues("accepted").Inc()
	}
}

const badName = "A name has at most 64 characters that can be printed."

var sorry = map[string]string{
	"expired": "This invitation has expired. Ask for a new one.",
	"revoked": "This invitation was withdrawn. Ask for a new one.",
	"used-up": "This invitation has been used as often as it may be. Ask for a new one.",
}

// revokeInvitation is DELETE /v1/invitations/{id}.
func (s *Server) revokeInvitation(w http.ResponseWriter, r *http.Request) {
	claims, ok := s.authorize(w, r)
	if !ok {
		return
	}
	inv, _, ok := s.lookup(w, r)
	if !ok {
		return
	}
	if !s.mayInvite(claims, inv.Room) {
		fail(w, http.StatusForbidden, protocol.CodeForbidden, "Your token does not let you withdraw this invitation: it needs the moderate grant for its room.")
		return
	}
	if err := s.invitations.revoke(r.Context(), inv.ID, time.Now()); err != nil {
		s.unavailable(w, err)
		return
	}
	s.metrics.invitations.WithLabelValues("withdrawn").Inc()
	w.WriteHeader(http.StatusNoContent)
}

// cleanName trims a name and says whether others can be shown it.
func cleanName(name string) (string, bool) {
	name = strings.Join(strings.Fields(name), " ")
	if len([]rune(name)) > 64 || name != strings.ToValidUTF8(name, "") {
		return "", false
	}
	return name, !strings.ContainsFunc(name, unprintable)
}

// readJSON reads the body into v and lets fields pass that v does not have; where it cannot, it has answered.
// An empty body is an empty object.
func readJSON(w http.ResponseWriter, r *http.Request, v any) bool {
	data, ok := readBody(w, r)
	if !ok || len(data) == 0 {
		return ok
	}
	if err := json.Unmarshal(data, v); err != nil {
		fail(w, http.StatusBadRequest, protocol.CodeBadMessage, "The request is not the JSON that is expected here: "+words(err)+".")
		return false
	}
	return true
}
