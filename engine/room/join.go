package room

import (
	"maps"
	"slices"
	"strconv"
	"time"

	"switchyard/protocol"
)

func (r *Room) onJoin(now time.Time, c Conn, cn *conn, e protocol.Envelope) {
	var m protocol.Join
	if cn.session != nil {
		r.refuse(c, cn.session, e, bad("This connection has joined already."))
		return
	}
	err := e.Into(&m)
	if err == nil {
		err = r.admits(cn.who, &m)
	}
	if err != nil {
		pe := asError(err)
		r.fatal(c, nil, e.ID, &pe)
		return
	}
	s := r.newSession(cn.who)
	s.conn, s.join, s.joinID, s.received = c, &m, e.ID, e.Seq
	cn.session = s
	if m.Offer == nil {
		r.enter(now, s, nil)
		return
	}
	r.ask(s, e.ID, m.Offer.SDP)
}

// Admit says whether somebody could enter now: nil, or what to tell them.
func (r *Room) Admit(who Identity) error { return r.admits(who, &protocol.Join{}) }

func (r *Room) admits(who Identity, m *protocol.Join) error {
	r.reopen()
	switch {
	case r.closed:
		return protocol.NewError(protocol.CodeRoomClosed, "The room was closed. Open its link again.")
	case r.wound() != nil:
		return r.wound()
	case who.Expired:
		return protocol.NewError(protocol.CodeUnauthorized, "The token has expired. Ask for a new invitation.")
	case r.removed[who.ID]:
		return protocol.NewError(protocol.CodeRemoved, "A moderator removed you from this room.")
	case !protocol.ValidName(m.Name):
		return bad("The name is longer than " + strconv.Itoa(protocol.MaxNameBytes) + " bytes or cannot be printed.")
	case attributeBytes(m.Attributes) > r.cfg.AttributeBytes:
		return tooMuch("The attributes are larger than " + strconv.Itoa(r.cfg.AttributeBytes) + " bytes.")
	case m.Offer != nil && m.Offer.Type != "offer":
		return bad("The join brings a description that is no offer.")
	case r.participants[who.ID] == nil && len(r.participants) >= r.mostParticipants():
		return &protocol.Error{Code: protocol.CodeRoomFull, Retryable: true, Message: "The room is full. Try again when somebody has left."}
	}
	return nil
}

func attributeBytes(a map[string]string) int {
	n := 0
	for k, v := range a {
		n += len(k) + len(v)
	}
	return n
}

func (r *Room) newSession(who Identity) *session {
	r.lastID++
	s := &session{id: r.lastID, secret: r.cfg.NewID(), who: r.known(who), auto: true}
	r.sessions[s.id] = s
	r.secrets[s.secret] = s
	return s
}

// enter makes the session a participant: the end of a join, when its offer was answered.
func (r *Room) enter(now time.Time, s *session, answer *protocol.Description) {
	old := r.participants[s.who.ID]
	replaced := old != nil && old.session.conn != 0
	if old != nil {
		r.takeOver(old, s)
	} else {
		s.p = &participant{session: s, info: r.describe(s)}
		s.p.info.JoinedAt, s.p.info.Connected = now.UnixMilli(), s.connected()
		r.participants[s.who.ID] = s.p
		r.order = append(r.order, s.p)
		r.broadcast(s.p, protocol.TypeJoined, protocol.Joined{Participant: s.p.view()})
		r.emit(ParticipantJoined{s.p.view()})
	}
	r.welcome(s, replaced, answer)
	r.occupancy(now)
	r.rerouted = true
}

func (r *Room) describe(s *session) protocol.Participant {
	p := protocol.Participant{ID: s.who.ID, Name: s.who.Name, Role: r.role(s.who)}
	if s.join != nil {
		p.Attributes = s.join.Attributes
		if p.Name == "" {
			p.Name = s.join.Name
		}
	}
	return p
}

// takeOver puts a new session in the place of one of the same identity. The others see no coming and
// going: its tracks end, and what is new about it is told.
func (r *Room) takeOver(p *participant, s *session) {
	old := p.session
	e := protocol.Error{Code: protocol.CodeReplaced, Fatal: true,
		Message: "You joined this room again from another place. Leave there to come back here."}
	r.send(old, 0, protocol.TypeError, e)
	r.unpublish(p, slices.Clone(p.tracks))
	r.release(old)

	u := protocol.ParticipantUpdate{Participant: p.info.ID}
	d := r.describe(s)
	if d.Name != p.info.Name {
		u.Name = &d.Name
	}
	if d.Role != p.info.Role {
		u.Role = &d.Role
	}
	if !maps.Equal(d.Attributes, p.info.Attributes) {
		u.Attributes = merged(nil, d.Attributes) // not nil: that they are gone must be told, too
	}
	connected := s.connected()
	if connected != p.info.Connected {
		u.Connected = &connected
	}
	p.info.Name, p.info.Role, p.info.Attributes, p.info.Connected = d.Name, d.Role, d.Attributes, connected
	p.session, s.p = s, p
	if u.Name != nil || u.Role != nil || u.Attributes != nil || u.Connected != nil {
		r.broadcast(p, protocol.TypeParticipant, u)
	}
}

// welcome answers a join (with the answer to its offer, if any).
func (r *Room) welcome(s *session, replaced bool, answer *protocol.Description) {
	if s.detached {
		return
	}
	w := r.welcomeOf(s)
	w.Replaced = replaced
	w.Answer = answer
	for _, p := range r.order {
		w.Participants = append(w.Participants, p.view())
	}
	s.join = nil
	r.send(s, s.joinID, protocol.TypeWelcome, w)
	r.tellSpeakers(s)
	r.tellQuality(s)
}

func (r *Room) welcomeOf(s *session) protocol.Welcome {
	return protocol.Welcome{
		Version: protocol.Version, Server: r.cfg.Server, Room: r.name, Session: s.secret,
		You: s.who.ID, Grants: r.grantsOf(s), Limits: r.limits(),
		ICEServers:     r.cfg.ICEServers(r.name, s.who, protocol.ServerLink),
		LinkICEServers: r.cfg.ICEServers(r.name, s.who, ""),
		Metadata:       r.options.Metadata,
	}
}
