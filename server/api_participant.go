package server

import (
	"errors"
	"net/http"

	"switchyard/api"
	"switchyard/app/conference"
	"switchyard/protocol"
)

// listParticipants is GET /v1/rooms/{room}/participants.
func (s *Server) listParticipants(w http.ResponseWriter, r *http.Request, room string, _ caller) {
	p, ok := pageOf(w, r)
	if !ok {
		return
	}
	all, err := s.backend.Host.Participants(room)
	if err != nil {
		failRoom(w, err)
		return
	}
	list, next := cut(p, append([]api.Participant{}, all...), func(p api.Participant) string { return string(p.ID) })
	reply(w, http.StatusOK, api.ParticipantList{Participants: list, Next: next})
}

// getParticipant is GET /v1/rooms/{room}/participants/{participant}.
func (s *Server) getParticipant(w http.ResponseWriter, r *http.Request, room string, _ caller) {
	all, err := s.backend.Host.Participants(room)
	if err != nil {
		failRoom(w, err)
		return
	}
	for _, p := range all {
		if string(p.ID) == r.PathValue("participant") {
			reply(w, http.StatusOK, p)
			return
		}
	}
	fail(w, http.StatusNotFound, protocol.CodeNotFound, "There is no such participant in the room. List its participants to see who is.")
}

// changeParticipant is PATCH /v1/rooms/{room}/participants/{participant}.
func (s *Server) changeParticipant(w http.ResponseWriter, r *http.Request, room string, who caller) {
	var q api.ChangeParticipant
	if !readStrict(w, r, &q) {
		return
	}
	if q.Grants != nil && q.Grants.Admin {
		fail(w, http.StatusBadRequest, protocol.CodeBadMessage, "A participant cannot have the admin grant: it is for tokens without a room.")
		return
	}
	u := protocol.ParticipantUpdate{Participant: protocol.ParticipantID(r.PathValue("participant")),
		Name: q.Name, Role: q.Role, Attributes: q.Attributes, Grants: q.Grants}
	p, err := s.backend.Host.Change(room, u, func(now protocol.Grants) error { return who.mayChange(now, &q) })
	if err != nil {
		failRoom(w, err)
		return
	}
	reply(w, http.StatusOK, p)
}

// mayChange says whether the caller may change somebody so who may do that now. A moderator lets others
// speak or not; who moderates and records is for admins to say.
func (c caller) mayChange(now protocol.Grants, q *api.ChangeParticipant) error {
	if c.admin || q.Grants == nil {
		return nil
	}
	if now.Moderate != q.Grants.Moderate || now.Record != q.Grants.Record {
		return protocol.NewError(protocol.CodeForbidden, "A moderator can change the grants publish, subscribe and data. The others need an admin token.")
	}
	return nil
}

// removeParticipant is DELETE /v1/rooms/{room}/participants/{participant}?reason=. That nobody is there is
// as good.
func (s *Server) removeParticipant(w http.ResponseWriter, r *http.Request, room string, _ caller) {
	err := s.backend.Host.Remove(room, protocol.ParticipantID(r.PathValue("participant")), r.URL.Query().Get("reason"))
	gone := errors.Is(err, conference.ErrNoRoom)
	if e, ok := errors.AsType[*protocol.Error](err); ok && e.Code == protocol.CodeNotFound {
		gone = true
	}
	if err != nil && !gone {
		failRoom(w, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}
