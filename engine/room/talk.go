package room

import (
	"strconv"
	"time"

	"switchyard/protocol"
)

// Bounds of what passes between participants.
const (
	maxLinkBytes  = 64
	maxTopicBytes = 64
	maxWishes     = 1000
)

func (r *Room) onSignal(now time.Time, s *session, e protocol.Envelope) error {
	var m protocol.Signal
	if err := e.Into(&m); err != nil {
		return err
	}
	if m.Link == protocol.ServerLink {
		return r.onServerSignal(s, e, &m)
	}
	return r.forwardSignal(s, e, &m)
}

// onServerSignal takes an offer for the link to the server, or its end. Candidates are not needed:
// the server is always reachable at the addresses in its answer.
func (r *Room) onServerSignal(s *session, e protocol.Envelope, m *protocol.Signal) error {
	switch {
	case m.Close:
		s.offer = nil
		r.emit(CloseLink{Session: s.id})
		r.dropLink(s)
		r.ok(s, e)
	case m.Description == nil:
		r.ok(s, e)
	case m.Description.Type != "offer":
		return protocol.NewError(protocol.CodeBadOffer, "On the link to the server the client offers and the server answers.")
	case s.offer != nil:
		return protocol.NewError(protocol.CodeBadOffer, "The last offer is not answered yet. Wait for the answer.")
	default:
		r.ask(s, e.ID, m.Description.SDP)
	}
	return nil
}

// forwardSignal passes a message about a link between participants on.
func (r *Room) forwardSignal(s *session, e protocol.Envelope, m *protocol.Signal) error {
	switch {
	case !s.who.Grants.Data:
		return forbidden("Your token does not allow links to other participants. Ask for an invitation that does.")
	case m.Link == "" || len(m.Link) > maxLinkBytes:
		return bad("A link has a name of 1 to " + strconv.Itoa(maxLinkBytes) + " bytes.")
	case m.To == s.who.ID:
		return bad("A link goes to somebody else.")
	}
	to := r.participants[m.To]
	if to == nil {
		return notFound("There is no participant " + snippet(string(m.To)) + " here.")
	}
	m.From, m.To = s.who.ID, ""
	r.send(to.session, 0, protocol.TypeSignal, m)
	r.ok(s, e)
	return nil
}

func (r *Room) onData(now time.Time, s *session, e protocol.Envelope) error {
	var m protocol.Data
	if err := e.Into(&m); err != nil {
		return err
	}
	switch {
	case !s.who.Grants.Data:
		return forbidden("Your token does not allow to send data. Ask for an invitation that does.")
	case len(m.Topic) > maxTopicBytes:
		return tooMuch("The topic is longer than " + strconv.Itoa(maxTopicBytes) + " bytes.")
	case len(m.Payload) == 0:
		return bad("The data has no payload.")
	case len(m.Payload) > r.cfg.DataBytes:
		return tooMuch("The payload is larger than " + strconv.Itoa(r.cfg.DataBytes) + " bytes. Use a DataChannel.")
	}
	to := m.To
	m.From, m.To, m.At = s.who.ID, nil, now.UnixMilli()
	if len(to) == 0 {
		r.broadcast(s.p, protocol.TypeData, m)
	} else if r.sendTo(s, to, m) == 0 {
		return notFound("None of the receivers is here any more.")
	}
	r.ok(s, e)
	return nil
}

// sendTo passes data to those of the receivers that are here, each once, and returns how many.
func (r *Room) sendTo(s *session, to []protocol.ParticipantID, m protocol.Data) int {
	raw := encode(protocol.TypeData, m)
	sent := map[*participant]bool{}
	for _, id := range to {
		if p := r.participants[id]; p != nil && p != s.p && !sent[p] {
			sent[p] = true
			r.sendRaw(p.session, 0, protocol.TypeData, raw)
		}
	}
	return len(sent)
}

// Receivers says who gets a message that came on a DataChannel from a session: those named, each once, or
// everyone else; false where the grants do not allow it.
func (r *Room) Receivers(id ID, to []protocol.ParticipantID) (from protocol.ParticipantID, ids []ID, ok bool) {
	s := r.sessions[id]
	if s == nil || !s.entered() || !s.who.Grants.Data {
		return "", nil, false
	}
	if len(to) == 0 {
		for _, p := range r.order {
			if p != s.p {
				ids = append(ids, p.session.id)
			}
		}
		return s.who.ID, ids, true
	}
	named := map[*participant]bool{nil: true, s.p: true}
	for _, name := range to {
		if p := r.participants[name]; !named[p] {
			named[p] = true
			ids = append(ids, p.session.id)
		}
	}
	return s.who.ID, ids, true
}

func (r *Room) onSubscribe(_ time.Time, s *session, e protocol.Envelope) error {
	var m protocol.Subscribe
	if err := e.Into(&m); err != nil {
		return err
	}
	switch {
	case !s.who.Grants.Subscribe:
		return forbidden("Your token does not allow to receive tracks. Ask for an invitation that does.")
	case len(m.Wishes) > maxWishes:
		return tooMuch("There can be " + strconv.Itoa(maxWishes) + " wishes at once.")
	case m.Playout != "" && m.Playout != "smooth" && m.Playout != "immediate":
		return bad("The playout can be smooth or immediate, or left out.")
	}
	s.wishes, s.auto, s.sound, s.playout = m.Wishes, m.Auto, m.Sound, m.Playout
	r.rerouted = true
	r.ok(s, e)
	return nil
}

func (r *Room) onReady(_ time.Time, s *session, e protocol.Envelope) error {
	var m protocol.Ready
	if err := e.Into(&m); err != nil {
		return err
	}
	s.epoch = max(s.epoch, m.Epoch)
	return nil
}

func (r *Room) onReport(_ time.Time, s *session, e protocol.Envelope) error {
	var m protocol.Report
	if err := e.Into(&m); err != nil {
		return err
	}
	if len(m.Links) > maxWishes {
		return tooMuch("The report names too many links.")
	}
	s.report = m
	if q := quality(&m); q != s.p.quality {
		s.p.quality = q
		r.broadcastNow(protocol.TypeQuality, protocol.Quality{Participants: []protocol.ParticipantQuality{qualityOf(s.p)}})
	}
	return nil
}

// quality puts a participant's connection in words, from what calls bear: Opus and NACK hide 2 % of
// loss, 10 % freezes pictures, and talk stumbles over 400 ms of round trip.
func quality(m *protocol.Report) string {
	switch {
	case m.Loss >= 0.10 || m.RTT >= 800:
		return "poor"
	case m.Loss >= 0.02 || m.RTT >= 400:
		return "fair"
	}
	return "good"
}

func (r *Room) onModerate(now time.Time, s *session, e protocol.Envelope) error {
	var m protocol.Moderate
	if err := e.Into(&m); err != nil {
		return err
	}
	if !s.who.Grants.Moderate {
		return forbidden("Your token does not allow to moderate. Ask for an invitation that does.")
	}
	switch m.Action {
	case "mute":
		return r.mute(s, e, &m)
	case "remove":
		return r.remove(now, s, e, &m)
	case "close":
		r.ok(s, e)
		r.Close(now, protocol.Error{Code: protocol.CodeRoomClosed, Message: reasonOr(m.Reason, "A moderator closed the room.")})
		return nil
	}
	return bad("The action of moderate is mute, remove or close.")
}

// mute silences a track until its owner unmutes it.
func (r *Room) mute(s *session, e protocol.Envelope, m *protocol.Moderate) error {
	t := r.tracks[m.Track]
	if t == nil || m.Participant != "" && t.owner.info.ID != m.Participant {
		return notFound("There is no track " + snippet(string(m.Track)) + " any more.")
	}
	r.ok(s, e)
	r.hold(t)
	return nil
}

func (r *Room) remove(now time.Time, s *session, e protocol.Envelope, m *protocol.Moderate) error {
	if r.participants[m.Participant] == nil {
		return notFound("There is no participant " + snippet(string(m.Participant)) + " here.")
	}
	r.ok(s, e)
	r.Remove(now, m.Participant, m.Reason)
	return nil
}

const maxReasonBytes = 256

func reasonOr(reason, otherwise string) string {
	if reason == "" || len(reason) > maxReasonBytes {
		return otherwise
	}
	return reason
}
