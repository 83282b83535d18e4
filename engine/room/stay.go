package room

import (
	"slices"
	"time"

	"switchyard/protocol"
)

// onResume lets a new socket continue a session: what the client has not got is sent again.
func (r *Room) onResume(now time.Time, c Conn, cn *conn, e protocol.Envelope) {
	var m protocol.Resume
	if err := e.Into(&m); err != nil {
		r.refuse(c, cn.session, e, err)
		return
	}
	if cn.session != nil {
		r.refuse(c, cn.session, e, bad("This connection has joined already."))
		return
	}
	s := r.secrets[m.Session]
	if s == nil || !s.entered() || s.who.ID != cn.who.ID {
		r.refuse(c, nil, e, lost("The session is over. Join again."))
		return
	}
	missed, ok := s.out.after(e.Ack)
	if !ok {
		r.refuse(c, nil, e, lost("Too much was missed to go on. Join again."))
		return
	}
	if s.conn != 0 { // the old socket is half dead; the client knows better
		r.emit(Hangup{Conn: s.conn})
		delete(r.conns, s.conn)
	}
	s.conn, s.dropped, cn.session = c, time.Time{}, s
	s.who.Host, s.iceAt = cn.who.Host, time.Time{}
	r.replay(s, e, missed)
	r.tellSpeakers(s)
	r.tellQuality(s)
	r.showConnected(s.p)
	r.occupancy(now)
}

// replay sends the welcome, which has no number of its own, and then what was missed.
func (r *Room) replay(s *session, e protocol.Envelope, missed []protocol.Envelope) {
	w := r.welcomeOf(s)
	w.Resumed = true
	hello := protocol.Envelope{Type: protocol.TypeWelcome, Re: e.ID, Ack: s.received, Body: encode(protocol.TypeWelcome, w)}
	missed = slices.Clone(missed)
	s.out.acked(e.Ack)
	r.emit(Send{Conn: s.conn, Envelope: hello})
	for _, m := range missed {
		m.Ack = s.received
		r.emit(Send{Conn: s.conn, Envelope: m})
	}
}

func lost(sentence string) *protocol.Error {
	return &protocol.Error{Code: protocol.CodeSessionUnknown, Message: sentence}
}

func (r *Room) onLeave(now time.Time, s *session, e protocol.Envelope) error {
	r.ok(s, e)
	r.end(now, s, "left")
	return nil
}

// end takes a participant out of the room and tells the others why.
func (r *Room) end(now time.Time, s *session, reason string) {
	if s.over {
		return
	}
	if p := s.p; p != nil && p.session == s {
		for _, t := range p.tracks {
			delete(r.tracks, t.info.ID)
			r.dropBackups(t)
			r.emit(UnpublishTrack{Session: s.id, Track: t.info.ID})
			r.emit(TrackUnpublished{t.info})
		}
		delete(r.participants, p.info.ID)
		r.order = slices.DeleteFunc(r.order, func(o *participant) bool { return o == p })
		r.broadcast(p, protocol.TypeLeft, protocol.Left{Participant: p.info.ID, Reason: reason})
		r.emit(ParticipantLeft{p.view(), reason})
	}
	r.release(s)
	r.occupancy(now)
	r.rerouted = true
}

// release forgets a session and lets go of its socket and its link. The link takes its tracks along.
func (r *Room) release(s *session) {
	if s.over {
		return
	}
	r.unwatch(s)
	s.over = true
	if s.conn != 0 {
		r.emit(Hangup{Conn: s.conn})
		delete(r.conns, s.conn)
		s.conn = 0
	}
	s.dropped = time.Time{}
	r.emit(CloseLink{Session: s.id})
	delete(r.sessions, s.id)
	delete(r.secrets, s.secret)
	if s.program {
		r.viewers--
	}
}

// occupancy keeps the time since which nobody is here.
func (r *Room) occupancy(now time.Time) {
	switch {
	case len(r.sessions)+len(r.conns) > 0:
		r.empty = time.Time{}
	case r.empty.IsZero():
		r.empty = now
	}
}

// showConnected tells the others when a participant's connection comes or goes.
func (r *Room) showConnected(p *participant) {
	connected := p.session.connected()
	if connected == p.info.Connected {
		return
	}
	p.info.Connected = connected
	r.broadcast(p, protocol.TypeParticipant, protocol.ParticipantUpdate{Participant: p.info.ID, Connected: &connected})
}

// view is the participant as the others see it.
func (p *participant) view() protocol.Participant {
	v := p.info
	v.Tracks = make([]protocol.Track, 0, len(p.tracks))
	for _, t := range p.tracks {
		v.Tracks = append(v.Tracks, t.info)
	}
	return v
}
