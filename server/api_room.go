package server

import (
	"crypto/rand"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"switchyard/api"
	"switchyard/app/conference"
	"switchyard/protocol"
	"switchyard/store"
)

// listRooms is GET /v1/rooms: those that are open, and those that are kept.
func (s *Server) listRooms(w http.ResponseWriter, r *http.Request) {
	p, ok := pageOf(w, r)
	if !ok {
		return
	}
	keptOf, err := s.rooms.all(r.Context())
	if err != nil {
		s.unavailable(w, err)
		return
	}
	names := map[string]bool{}
	for name := range keptOf {
		names[name] = true
	}
	if s.backend.Host != nil {
		for _, name := range s.backend.Host.Names() {
			names[name] = true
		}
	}
	all := make([]string, 0, len(names))
	for name := range names {
		all = append(all, name)
	}
	part, next := cut(p, all, func(name string) string { return name })
	list := api.RoomList{Rooms: []api.Room{}, Next: next}
	for _, name := range part {
		o, isKept := keptOf[name]
		if room, ok := s.roomView(name, o, isKept); ok {
			list.Rooms = append(list.Rooms, room)
		}
	}
	reply(w, http.StatusOK, list)
}

// roomView shows a room; false where it is neither open nor kept.
func (s *Server) roomView(name string, o protocol.RoomOptions, isKept bool) (api.Room, bool) {
	view := api.Room{Room: name, Kept: isKept, KeptOptions: o, Options: o.Over(s.cfg.Rooms).WithKind()}
	if s.backend.Host == nil {
		return view, isKept
	}
	snap, err := s.backend.Host.Find(name)
	if err != nil {
		return view, isKept
	}
	view.Open, view.OpenedAt, view.Options = true, snap.Opened.UnixMilli(), snap.Options
	view.Participants, view.Viewers = len(snap.Participants), snap.Viewers
	for _, p := range snap.Participants {
		view.Tracks += len(p.Tracks)
	}
	return view, true
}

// getRoom is GET /v1/rooms/{room}: the room as JSON, or its WebSocket where that is asked for.
func (s *Server) getRoom(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Upgrade") != "" {
		orNotFound(s.backend.Rooms).ServeHTTP(w, r)
		return
	}
	s.moderator(func(w http.ResponseWriter, r *http.Request, room string, _ caller) {
		s.replyRoom(w, r, http.StatusOK, room)
	})(w, r)
}

// replyRoom answers with a room as it is now.
func (s *Server) replyRoom(w http.ResponseWriter, r *http.Request, status int, name string) {
	k, revision, err := s.rooms.read(r.Context(), name)
	isKept := !errors.Is(err, errNotKept)
	if err != nil && isKept {
		s.unavailable(w, err)
		return
	}
	view, ok := s.roomView(name, k.Options, isKept)
	if !ok {
		fail(w, http.StatusNotFound, protocol.CodeNotFound, noRoom)
		return
	}
	w.Header().Set("ETag", etagOf(revision))
	reply(w, status, view)
}

const noRoom = "There is no such room: nobody is in it, and nothing is kept for it. Create it with POST /v1/rooms."

// etagOf names a version of the kept options; "0" is that nothing is kept.
func etagOf(revision uint64) string { return `"` + strconv.FormatUint(revision, 10) + `"` }

// createRoom is POST /v1/rooms.
func (s *Server) createRoom(w http.ResponseWriter, r *http.Request) {
	var q api.CreateRoom
	if !readStrict(w, r, &q) {
		return
	}
	if q.Room == "" {
		q.Room = strings.ToLower(rand.Text()[:12])
	}
	now := time.Now()
	wrong := checkOptions(&q.Options, now)
	if !protocol.ValidRoom(q.Room) {
		wrong = "The room's name must have 1 to 64 letters, digits, '-', '_' or '.'."
	}
	if wrong != "" {
		fail(w, http.StatusBadRequest, protocol.CodeBadMessage, wrong)
		return
	}
	revision, err := s.rooms.create(r.Context(), q.Room, q.Options, now)
	if errors.Is(err, store.ErrExists) {
		fail(w, http.StatusConflict, api.CodeExists, "There is a room of that name already. Change it with PATCH, or choose another name.")
		return
	}
	if err != nil {
		s.unavailable(w, err)
		return
	}
	s.configure(q.Room, q.Options, revision)
	w.Header().Set("Location", "/v1/rooms/"+q.Room)
	s.replyRoom(w, r, http.StatusCreated, q.Room)
}

// configure applies options that were just kept.
func (s *Server) configure(room string, o protocol.RoomOptions, revision uint64) {
	if s.backend.Host != nil {
		s.backend.Host.Configure(room, o, revision)
	}
}

// checkOptions says in a sentence what is wrong with options that somebody gave now.
func checkOptions(o *protocol.RoomOptions, now time.Time) string {
	if o.EndsAt > 0 && o.EndsAt <= now.UnixMilli() {
		return "endsAt is in the past: give a time to come, in milliseconds since 1970."
	}
	return o.Check()
}

// changeRoom is PATCH /v1/rooms/{room} with a merge patch of its options.
func (s *Server) changeRoom(w http.ResponseWriter, r *http.Request) {
	room := r.PathValue("room")
	patch, ok := readBody(w, r)
	if !ok {
		return
	}
	expected, ok := ifMatch(w, r)
	if !ok {
		return
	}
	now := time.Now()
	o, revision, err := s.rooms.change(r.Context(), room, expected, now, func(o protocol.RoomOptions, isKept bool) (protocol.RoomOptions, error) {
		before := o.EndsAt
		o, err := patchOptions(o, patch)
		if err != nil {
			return o, err
		}
		if !isKept && !s.isOpen(room) {
			return o, conference.ErrNoRoom
		}
		wrong := o.Check()
		if o.EndsAt != before {
			wrong = checkOptions(&o, now)
		}
		if wrong != "" {
			return o, sentence(wrong)
		}
		return o, nil
	})
	wrong, isWrong := errors.AsType[sentence](err)
	switch {
	case isWrong:
		fail(w, http.StatusBadRequest, protocol.CodeBadMessage, string(wrong))
	case errors.Is(err, conference.ErrNoRoom):
		fail(w, http.StatusNotFound, protocol.CodeNotFound, noRoom)
	case errors.Is(err, errChanged):
		fail(w, http.StatusPreconditionFailed, api.CodeConflict, "The room's options were changed since you read them. Read them again, then decide anew.")
	case err != nil:
		s.unavailable(w, err)
	default:
		s.configure(room, o, revision)
		s.replyRoom(w, r, http.StatusOK, room)
	}
}

func (s *Server) isOpen(room string) bool {
	if s.backend.Host == nil || !protocol.ValidRoom(room) {
		return false
	}
	_, err := s.backend.Host.Find(room)
	return err == nil
}

// ifMatch reads the header If-Match (RFC 9110 §13.1.1); nil where it is absent or any version is fine.
// Where it is none of our versions, it has answered.
func ifMatch(w http.ResponseWriter, r *http.Request) (*uint64, bool) {
	h := strings.TrimSpace(r.Header.Get("If-Match"))
	if h == "" || h == "*" {
		return nil, true
	}
	if len(h) > 2 && h[0] == '"' && h[len(h)-1] == '"' {
		if n, err := strconv.ParseUint(h[1:len(h)-1], 10, 64); err == nil {
			return &n, true
		}
	}
	fail(w, http.StatusPreconditionFailed, api.CodeConflict, "If-Match names no version of this room. Send the ETag of the room as you read it.")
	return nil, false
}

// closeRoom is DELETE /v1/rooms/{room}?reason=. An admin also has what is kept for it forgotten.
func (s *Server) closeRoom(w http.ResponseWriter, r *http.Request, room string, who caller) {
	if who.admin {
		if err := s.rooms.forget(r.Context(), room); err != nil {
			s.unavailable(w, err)
			return
		}
	}
	s.backend.Host.CloseRoom(room, r.URL.Query().Get("reason"))
	s.closeRelays(room, "", "The room was closed.")
	w.WriteHeader(http.StatusNoContent)
}
