package room

import (
	"maps"
	"strconv"
	"time"

	"switchyard/protocol"
)

// onParticipant sets attributes: the sender's own, or, for a moderator, anyone's (a hand is put down).
// Everyone is told, the sender too, in one order: so all have the same picture.
func (r *Room) onParticipant(_ time.Time, s *session, e protocol.Envelope) error {
	var m protocol.ParticipantUpdate
	if err := e.Into(&m); err != nil {
		return err
	}
	p := r.participants[m.Participant]
	switch {
	case p == nil:
		return notFound("There is no participant " + snippet(string(m.Participant)) + " here.")
	case p != s.p && !s.who.Grants.Moderate:
		return forbidden("Your token does not allow to change others. Ask for an invitation that does.")
	}
	attributes := merged(p.info.Attributes, m.Attributes)
	if attributeBytes(attributes) > r.cfg.AttributeBytes {
		return tooMuch("The attributes are larger than " + strconv.Itoa(r.cfg.AttributeBytes) + " bytes.")
	}
	r.ok(s, e)
	if !maps.Equal(attributes, p.info.Attributes) {
		p.info.Attributes = attributes
		r.broadcast(nil, protocol.TypeParticipant, protocol.ParticipantUpdate{Participant: p.info.ID, Attributes: attributes})
	}
	return nil
}

// merged is a copy of old with the changes; an empty string takes a key away.
func merged(old, changes map[string]string) map[string]string {
	now := make(map[string]string, len(old)+len(changes))
	maps.Copy(now, old)
	maps.Copy(now, changes)
	maps.DeleteFunc(now, func(_, v string) bool { return v == "" })
	return now
}

// tellQuality tells a session that has just come how the others' connections do; later it hears of
// changes.
func (r *Room) tellQuality(s *session) {
	var list []protocol.ParticipantQuality
	for _, p := range r.order {
		if p.quality != "" && p != s.p {
			list = append(list, qualityOf(p))
		}
	}
	if len(list) > 0 {
		r.send(s, 0, protocol.TypeQuality, protocol.Quality{Participants: list})
	}
}

func qualityOf(p *participant) protocol.ParticipantQuality {
	report := p.session.report
	return protocol.ParticipantQuality{Participant: p.info.ID, Quality: p.quality, Loss: report.Loss, RTT: report.RTT}
}
