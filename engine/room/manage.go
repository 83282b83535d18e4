package room

import (
	"cmp"
	"encoding/json"
	"slices"
	"strconv"
	"time"

	"switchyard/protocol"
)

// What the server's API does to a room. Errors are *protocol.Error.

// Remove takes a participant out; it cannot come back while the room lives. Whoever watches by WHEP with
// the same identity goes, too. False: nobody of that identity is here.
func (r *Room) Remove(now time.Time, id protocol.ParticipantID, reason string) bool {
	found := false
	for _, s := range r.sessionsInOrder() {
		if s.who.ID != id || s.over {
			continue
		}
		found, r.removed[id] = true, true
		e := protocol.Error{Code: protocol.CodeRemoved, Fatal: true, Message: reasonOr(reason, "A moderator removed you from the room.")}
		if s.entered() {
			r.send(s, 0, protocol.TypeError, e)
		} else if s.conn != 0 { // still joining
			r.reply(s.conn, nil, s.joinID, protocol.TypeError, e)
		}
		r.end(now, s, "removed")
	}
	return found
}

// Hold mutes tracks until their owners unmute them: those that match. It returns which it found, also
// those that were muted before.
func (r *Room) Hold(match func(protocol.Track) bool) []protocol.TrackID {
	ids := []protocol.TrackID{}
	for _, p := range r.order {
		for _, t := range p.tracks {
			if match(t.info) {
				r.hold(t)
				ids = append(ids, t.info.ID)
			}
		}
	}
	return ids
}

func (r *Room) hold(t *track) {
	t.held = true
	muted := true
	r.update(t, protocol.TrackUpdate{Track: t.info.ID, Muted: &muted}, nil)
}

// EndTrack ends a track and tells everyone, its owner too. False: there is no such track.
func (r *Room) EndTrack(id protocol.TrackID) bool {
	t := r.tracks[id]
	if t == nil {
		return false
	}
	r.endOwn(t.owner.session, []*track{t})
	return true
}

// Change gives a participant another name, role, attributes or grants; absent fields and attributes stay,
// an empty attribute goes. It holds while the room lives, also when the participant comes back with its
// old token, but for the attributes, which are its own.
func (r *Room) Change(u protocol.ParticipantUpdate) error {
	p := r.participants[u.Participant]
	switch {
	case p == nil:
		return notFound("There is no participant " + snippet(string(u.Participant)) + " here.")
	case !protocol.ValidName(value(u.Name)), !protocol.ValidName(value(u.Role)):
		return bad("A name or role is longer than " + strconv.Itoa(protocol.MaxNameBytes) + " bytes or cannot be printed.")
	case attributeBytes(merged(p.info.Attributes, u.Attributes)) > r.cfg.AttributeBytes:
		return tooMuch("The attributes are larger than " + strconv.Itoa(r.cfg.AttributeBytes) + " bytes.")
	}
	u.Connected = nil
	kept := r.changed[u.Participant]
	kept.Participant = u.Participant
	kept.Name = cmp.Or(u.Name, kept.Name)
	kept.Role = cmp.Or(u.Role, kept.Role)
	kept.Grants = cmp.Or(u.Grants, kept.Grants)
	r.changed[u.Participant] = kept
	r.apply(p, u)
	return nil
}

// apply makes a change known: to all what concerns all, to the participant what it may do.
func (r *Room) apply(p *participant, u protocol.ParticipantUpdate) {
	before := r.grantsOf(p.session)
	p.session.who = r.known(p.session.who)
	set(&p.info.Name, u.Name)
	if u.Role != nil {
		role := r.role(p.session.who)
		p.info.Role, u.Role = role, &role
	}
	if u.Attributes != nil {
		u.Attributes = merged(p.info.Attributes, u.Attributes)
		p.info.Attributes = u.Attributes
	}
	after := r.grantsOf(p.session)
	if u.Grants != nil || !slices.Equal(before.Publish, after.Publish) {
		r.tellGrants(p)
	}
	u.Grants = nil
	if u.Name != nil || u.Role != nil || u.Attributes != nil {
		r.broadcast(nil, protocol.TypeParticipant, u)
	}
}

// known puts what the API changed about somebody in the place of what the token says.
func (r *Room) known(who Identity) Identity {
	c := r.changed[who.ID]
	set(&who.Name, c.Name)
	set(&who.Role, c.Role)
	if c.Grants != nil {
		who.Grants = *c.Grants
	}
	return who
}

// Grants returns what somebody with that token may do in the room now: what the API changed counts, and
// whom a moderator removed may do nothing.
func (r *Room) Grants(who Identity) protocol.Grants {
	if r.removed[who.ID] {
		return protocol.Grants{}
	}
	who = r.known(who)
	return r.options.Allow(who.Grants, r.role(who))
}

// GrantsOf returns what a participant may do; false where it is not here.
func (r *Room) GrantsOf(id protocol.ParticipantID) (protocol.Grants, bool) {
	p := r.participants[id]
	if p == nil {
		return protocol.Grants{}, false
	}
	return r.grantsOf(p.session), true
}

// Quality is how a participant's connection does by its last report: "good", "fair", "poor", or "" where
// none came.
func (r *Room) Quality(id protocol.ParticipantID) string {
	if p := r.participants[id]; p != nil {
		return p.quality
	}
	return ""
}

// Tell sends data of the server to those named, or to all, and returns how many get it.
func (r *Room) Tell(now time.Time, to []protocol.ParticipantID, topic string, payload json.RawMessage) (int, error) {
	switch {
	case len(topic) > maxTopicBytes:
		return 0, tooMuch("The topic is longer than " + strconv.Itoa(maxTopicBytes) + " bytes.")
	case len(payload) == 0:
		return 0, bad("The data has no payload.")
	case len(payload) > r.cfg.DataBytes:
		return 0, tooMuch("The payload is larger than " + strconv.Itoa(r.cfg.DataBytes) + " bytes.")
	}
	m := protocol.Data{Topic: topic, Payload: payload, At: now.UnixMilli()}
	raw := encode(protocol.TypeData, m)
	n := 0
	for _, p := range r.order {
		if !p.session.detached && (len(to) == 0 || slices.Contains(to, p.info.ID)) {
			r.sendRaw(p.session, 0, protocol.TypeData, raw)
			n++
		}
	}
	return n, nil
}
