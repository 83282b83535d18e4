package room

import (
	"time"

	"switchyard/protocol"
)

// EnterPublisher lets in a participant without a WebSocket (WHIP), whose link is made already, and
// publishes what it sends. It replaces a participant of the same identity.
func (r *Room) EnterPublisher(now time.Time, who Identity, lines []Line, tracks []protocol.PublishTrack) (ID, error) {
	if err := r.Admit(who); err != nil {
		return 0, err
	}
	s := r.newSession(who)
	s.detached, s.auto = true, false
	s.link, s.lines = linkNew, lines
	if err := r.mayPublishAll(s, tracks); err != nil {
		s.link = linkNone
		delete(r.sessions, s.id)
		delete(r.secrets, s.secret)
		return 0, err
	}
	r.enter(now, s, nil)
	made, err := r.publish(s, tracks)
	if err != nil {
		r.end(now, s, "lost")
		return 0, err
	}
	r.announce(s.p, made)
	return s.id, nil
}

// mayPublishAll says beforehand whether publish would work.
func (r *Room) mayPublishAll(s *session, tracks []protocol.PublishTrack) error {
	if len(tracks) > r.cfg.Tracks {
		return tooMuch("The offer has too many m-lines.")
	}
	s.p = &participant{} // has no tracks yet
	defer func() { s.p = nil }()
	for i := range tracks {
		if err := r.mayPublish(s, &tracks[i], tracks[:i]); err != nil {
			return err
		}
	}
	return nil
}

// EnterViewer lets in somebody who only watches the room's program (WHEP). Viewers are not shown to
// the others and are many: one identity can watch any number of times.
func (r *Room) EnterViewer(now time.Time, who Identity, lines []Line) (ID, error) {
	if err := r.AdmitViewer(who); err != nil {
		return 0, err
	}
	s := r.newSession(who)
	s.detached, s.program = true, true
	s.link, s.lines = linkNew, lines
	r.viewers++
	r.rerouted = true
	r.occupancy(now)
	return s.id, nil
}

// AdmitViewer says whether somebody could watch now: nil, or what to tell them.
func (r *Room) AdmitViewer(who Identity) error {
	r.reopen()
	switch {
	case r.closed:
		return protocol.NewError(protocol.CodeRoomClosed, "The room was closed. Open its link again.")
	case r.wound() != nil:
		return r.wound()
	case !r.known(who).Grants.Subscribe:
		return forbidden("Your token does not allow to receive tracks. Ask for an invitation that does.")
	case r.removed[who.ID]:
		return protocol.NewError(protocol.CodeRemoved, "A moderator removed you from this room.")
	case r.viewers >= r.mostViewers():
		return &protocol.Error{Code: protocol.CodeRoomFull, Retryable: true, Message: "The room has no place for more viewers. Try again later."}
	}
	return nil
}

// Relined takes the m-lines of a new answer to a session without a WebSocket.
func (r *Room) Relined(id ID, lines []Line) {
	s := r.sessions[id]
	if s == nil {
		return
	}
	if s.p != nil {
		r.setLines(s, lines)
	} else {
		s.lines, r.rerouted = lines, true
	}
}

// End takes a session out of the room, as if it had left.
func (r *Room) End(now time.Time, id ID) {
	if s := r.sessions[id]; s != nil {
		r.end(now, s, "left")
	}
}
