package room

import (
	"slices"
	"time"

	"switchyard/protocol"
)

// ask hands an offer to the owner.
func (r *Room) ask(s *session, re uint64, sdp string) {
	s.tickets++
	s.offer = &offer{ticket: s.tickets, re: re}
	r.emit(AnswerOffer{Session: s.id, Ticket: s.tickets, SDP: sdp})
}

// Answered brings what became of an AnswerOffer.
func (r *Room) Answered(now time.Time, id ID, ticket uint64, a Answer) {
	s := r.sessions[id]
	if s == nil || s.offer == nil || s.offer.ticket != ticket {
		return
	}
	o := s.offer
	s.offer = nil
	switch {
	case a.Err != nil && s.join != nil: // nobody is in the room yet
		conn := s.conn
		r.fatal(conn, nil, s.joinID, a.Err)
		s.conn = 0
		r.release(s)
		r.occupancy(now)
		return
	case a.Err != nil:
		r.send(s, o.re, protocol.TypeError, *a.Err)
	case s.join != nil:
		s.link = linkNew
		s.lines = a.Lines
		r.enter(now, s, &protocol.Description{Type: "answer", SDP: a.SDP})
	default:
		if s.link == linkNone {
			s.link = linkNew
		}
		r.setLines(s, a.Lines)
		r.send(s, o.re, protocol.TypeSignal, protocol.Signal{Link: protocol.ServerLink,
			Description: &protocol.Description{Type: "answer", SDP: a.SDP}})
	}
	r.runDeferred(now, s)
}

// runDeferred takes the publish messages that waited for the answer.
func (r *Room) runDeferred(now time.Time, s *session) {
	waiting := s.deferred
	s.deferred = nil
	for _, e := range waiting {
		if err := r.onPublish(now, s, e); err != nil {
			r.refuse(s.conn, s, e, err)
		}
	}
}

// setLines takes the m-lines of a new answer; tracks whose m-line is gone end.
func (r *Room) setLines(s *session, lines []Line) {
	s.lines = lines
	var gone []*track
	for _, t := range s.p.tracks {
		if l := s.line(t.mid); l == nil || !l.Recv {
			gone = append(gone, t)
		}
	}
	r.endOwn(s, gone)
	r.endLineless(s)
	r.rerouted = true
}

// endOwn ends tracks that their publisher did not unpublish itself: it is told, too.
func (r *Room) endOwn(s *session, gone []*track) {
	if len(gone) == 0 {
		return
	}
	ids := make([]protocol.TrackID, 0, len(gone))
	for _, t := range gone {
		ids = append(ids, t.info.ID)
	}
	r.unpublish(s.p, gone)
	r.send(s, 0, protocol.TypeUnpublished, protocol.Unpublished{Tracks: ids})
}

// LinkUp says that media can flow between the session and the server.
func (r *Room) LinkUp(id ID) {
	if s := r.sessions[id]; s != nil && s.link != linkNone {
		s.link = linkUp
		r.linkShown(s)
	}
}

// LinkDown says that media stopped flowing, though the link lives: the client shall restart ICE. A
// client whose socket is away is told when it resumes.
func (r *Room) LinkDown(id ID) {
	s := r.sessions[id]
	if s == nil || s.link == linkNone {
		return
	}
	s.link = linkDown
	r.linkShown(s)
	if s.entered() {
		r.send(s, 0, protocol.TypeRestartICE, protocol.RestartICE{Link: protocol.ServerLink})
	}
}

// LinkClosed says that the link is gone for good. The session's tracks end; the client may offer a
// new link. A session that is nothing but its link (WHIP, WHEP) ends with it.
func (r *Room) LinkClosed(now time.Time, id ID) {
	s := r.sessions[id]
	if s == nil {
		return
	}
	if s.detached {
		r.end(now, s, "lost")
		return
	}
	if s.link == linkNone && s.offer == nil {
		return
	}
	r.dropLink(s)
	if s.entered() {
		r.send(s, 0, protocol.TypeSignal, protocol.Signal{Link: protocol.ServerLink, Close: true})
	}
}

// dropLink forgets everything that was on the link.
func (r *Room) dropLink(s *session) {
	s.link, s.lines = linkNone, nil
	r.rerouted = true
	if s.entered() {
		r.endOwn(s, slices.Clone(s.p.tracks))
		r.linkShown(s)
	}
}

func (r *Room) linkShown(s *session) {
	if s.entered() {
		r.showConnected(s.p)
	}
}

// Slots tells a session what feeds its slots.
func (r *Room) Slots(id ID, slots []protocol.Slot) {
	if s := r.sessions[id]; s != nil && s.entered() && len(slots) > 0 {
		r.send(s, 0, protocol.TypeSlots, protocol.Slots{Slots: slots})
	}
}

// NeedSlots tells a session how many more slots it could use.
func (r *Room) NeedSlots(id ID, audio, video int) {
	if s := r.sessions[id]; s != nil && s.entered() {
		r.send(s, 0, protocol.TypeNeedSlots, protocol.NeedSlots{Audio: audio, Video: video})
	}
}

// Speakers tells everyone who speaks, loudest first.
func (r *Room) Speakers(list []protocol.Speaker) {
	r.speakers = append([]protocol.Speaker{}, list...)
	r.broadcastNow(protocol.TypeSpeakers, protocol.Speakers{Speakers: r.speakers})
}

// tellSpeakers tells a session that has just come, or come back, who speaks. Who left does not.
func (r *Room) tellSpeakers(s *session) {
	if len(r.speakers) > 0 {
		r.send(s, 0, protocol.TypeSpeakers, protocol.Speakers{Speakers: r.speakers})
	}
}

// Warn sends an error that answers nothing and ends nothing.
func (r *Room) Warn(id ID, e protocol.Error) {
	if s := r.sessions[id]; s != nil && s.entered() {
		r.send(s, 0, protocol.TypeError, e)
	}
}
