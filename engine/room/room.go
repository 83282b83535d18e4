// Package room is one room as a state machine: who is in it, what they publish, what they may do, and
// which messages follow from that. It has no sockets, goroutines or clock. Its owner (app/conference,
// one goroutine per room) calls methods with the time, then drains Outputs: messages to send and
// things for the media side to do. docs/protocol.md says what clients see of it.
package room

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"switchyard/protocol"
)

// Conn names a WebSocket. The owner numbers them, from 1; a number is never used twice.
type Conn uint64

// ID names a session within its room, for the owner; clients know it by a secret.
type ID uint64

// Identity is what a verified token says about who connects.
type Identity struct {
	ID         protocol.ParticipantID
	Name, Role string
	Grants     protocol.Grants
	// Host is the name that the client reached the server by, "" where that is not known.
	Host string
	// Expired: the token was good once. A session that it began can be resumed, none begun.
	Expired bool
}

// Room is one room. Not safe for concurrent use.
type Room struct {
	name string
	cfg  Config

	conns        map[Conn]*conn
	sessions     map[ID]*session // all: entered, joining, waiting to be resumed, detached
	secrets      map[string]*session
	participants map[protocol.ParticipantID]*participant
	order        []*participant // by joining
	tracks       map[protocol.TrackID]*track
	backups      map[protocol.TrackID]*backup
	trackCount   uint64
	removed      map[protocol.ParticipantID]bool                       // by a moderator: they stay out while the room lives
	changed      map[protocol.ParticipantID]protocol.ParticipantUpdate // by the API: it outlives a session
	options      protocol.RoomOptions

	viewers  int
	speakers []protocol.Speaker
	lastID   ID
	empty    time.Time // since when nobody is here; zero while somebody is
	closed   bool
	shut     bool // closed by Close, not by being empty
	winding  bool // by WindDown

	rerouted bool
	outputs  []Output
}

// conn is a WebSocket that has brought a valid token.
type conn struct {
	who     Identity
	session *session // nil before join or resume
}

// participant is who the others see; it has exactly one session.
type participant struct {
	info    protocol.Participant // without Tracks
	session *session
	tracks  []*track
	quality string
}

// track is one publication.
type track struct {
	info   protocol.Track
	owner  *participant
	mid    string
	number uint64 // grows with each publication in the room
	held   bool   // muted by a moderator: no media flows until the owner unmutes
	// backups are further encodings of it that its owner sends for those who cannot decode the first.
	backups []*backup
}

// New returns an empty room.
func New(name string, c Config, now time.Time) *Room {
	return &Room{
		name: name, cfg: c.withDefaults(), empty: now,
		conns: map[Conn]*conn{}, sessions: map[ID]*session{}, secrets: map[string]*session{},
		participants: map[protocol.ParticipantID]*participant{}, tracks: map[protocol.TrackID]*track{},
		backups: map[protocol.TrackID]*backup{},
		removed: map[protocol.ParticipantID]bool{}, changed: map[protocol.ParticipantID]protocol.ParticipantUpdate{},
	}
}

// Name returns the room's name.
func (r *Room) Name() string { return r.name }

// Closed says that the room is over: its owner drains Outputs once more and forgets it.
func (r *Room) Closed() bool { return r.closed }

// Outputs returns what is to be done since the last call, in order, and forgets it.
func (r *Room) Outputs() []Output {
	out := r.outputs
	r.outputs = nil
	return out
}

// Rerouted says whether something changed since the last call that decides which track feeds which
// slot: tracks, wishes, links or grants.
func (r *Room) Rerouted() bool {
	was := r.rerouted
	r.rerouted = false
	return was
}

func (r *Room) emit(o Output) { r.outputs = append(r.outputs, o) }

// Deadline is when Advance wants to be called; zero when nothing waits.
func (r *Room) Deadline() time.Time {
	var d time.Time
	sooner := func(t time.Time) {
		if d.IsZero() || t.Before(d) {
			d = t
		}
	}
	for _, s := range r.sessions {
		if !s.dropped.IsZero() {
			sooner(s.dropped.Add(r.cfg.Grace))
		}
		if r.renews(s) && !s.iceAt.IsZero() {
			sooner(s.iceAt)
		}
	}
	if !r.empty.IsZero() && !r.closed {
		sooner(r.empty.Add(r.emptyFor()))
	}
	if end := r.endsAt(); !end.IsZero() && !r.closed {
		sooner(end)
	}
	return d
}

// Advance does what is due by now: sessions that nobody resumed end, and a room that stayed empty
// closes.
func (r *Room) Advance(now time.Time) {
	for _, s := range r.sessionsInOrder() {
		if !s.dropped.IsZero() && !now.Before(s.dropped.Add(r.cfg.Grace)) {
			r.end(now, s, "lost")
		}
		r.renewICE(now, s)
	}
	if end := r.endsAt(); !end.IsZero() && !r.closed && !now.Before(end) {
		r.Close(now, *errOver)
	}
	if !r.empty.IsZero() && !r.closed && !now.Before(r.empty.Add(r.emptyFor())) {
		r.closed = true
	}
}

// renews reports whether a session is to get fresh ICE servers in time. One whose socket is away gets
// them by the welcome that resumes it.
func (r *Room) renews(s *session) bool {
	return r.cfg.ICERenew > 0 && s.entered() && !s.detached && s.conn != 0
}

// renewICE sends fresh ICE servers before the credentials of the last ones end.
func (r *Room) renewICE(now time.Time, s *session) {
	if !r.renews(s) {
		s.iceAt = time.Time{} // a resumed session begins anew: its welcome brought fresh ones
		return
	}
	if !s.iceAt.IsZero() && !now.Before(s.iceAt) {
		for _, link := range []string{protocol.ServerLink, ""} {
			if servers := r.cfg.ICEServers(r.name, s.who, link); servers != nil {
				r.send(s, 0, protocol.TypeICE, protocol.ICE{Link: link, ICEServers: servers})
			}
		}
		s.iceAt = time.Time{}
	}
	if s.iceAt.IsZero() {
		s.iceAt = now.Add(r.cfg.ICERenew)
	}
}

// sessionsInOrder makes what follows from one instant deterministic.
func (r *Room) sessionsInOrder() []*session {
	all := make([]*session, 0, len(r.sessions))
	for _, s := range r.sessions {
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b *session) int { return cmp.Compare(a.id, b.id) })
	return all
}

// Close ends every session with that error, made fatal, and closes the room.
func (r *Room) Close(now time.Time, why protocol.Error) {
	why.Fatal = true
	for _, p := range r.order {
		for _, t := range p.tracks {
			r.emit(TrackUnpublished{t.info})
		}
		r.emit(ParticipantLeft{p.view(), "closed"})
	}
	for _, s := range r.sessionsInOrder() {
		r.send(s, 0, protocol.TypeError, why)
		r.release(s)
	}
	for c := range r.conns { // those that had not joined
		r.reply(c, nil, 0, protocol.TypeError, why)
		r.emit(Hangup{Conn: c})
	}
	clear(r.conns)
	r.participants, r.order = map[protocol.ParticipantID]*participant{}, nil
	r.tracks, r.backups = map[protocol.TrackID]*track{}, map[protocol.TrackID]*backup{}
	r.empty, r.closed, r.shut = now, true, true
}

// send gives a message to a session: over its socket now, and again after a resume if need be.
func (r *Room) send(s *session, re uint64, typ string, body any) {
	if s.detached {
		return
	}
	r.sendRaw(s, re, typ, encode(typ, body))
}

func (r *Room) sendRaw(s *session, re uint64, typ string, body json.RawMessage) {
	if s.detached || s.over {
		return
	}
	e := s.out.push(protocol.Envelope{Type: typ, Re: re, Body: body}, r.cfg)
	if s.conn != 0 {
		e.Ack = s.received
		r.emit(Send{Conn: s.conn, Envelope: e})
	}
}

// broadcast gives a message to everyone in the room but one (or nil), encoded once.
func (r *Room) broadcast(but *participant, typ string, body any) {
	raw := encode(typ, body)
	for _, p := range r.order {
		if p != but {
			r.sendRaw(p.session, 0, typ, raw)
		}
	}
}

// broadcastNow is broadcast for what is worthless later: those whose socket is away miss it.
func (r *Room) broadcastNow(typ string, body any) {
	raw := encode(typ, body)
	for _, p := range r.order {
		if p.session.conn != 0 {
			r.sendRaw(p.session, 0, typ, raw)
		}
	}
}

// reply answers on a socket outside of a session, or within s where it is not nil.
func (r *Room) reply(c Conn, s *session, re uint64, typ string, body any) {
	if s != nil && s.entered() {
		r.send(s, re, typ, body)
		return
	}
	r.emit(Send{Conn: c, Envelope: protocol.Envelope{Type: typ, Re: re, Body: encode(typ, body)}})
}

// encode cannot fail: bodies are structs of package protocol, and what they hold of RawMessage came
// through its decoder.
func encode(typ string, body any) json.RawMessage {
	e, err := protocol.NewEnvelope(typ, body)
	if err != nil {
		return json.RawMessage("{}")
	}
	return e.Body
}

// snippet shortens what a client wrote, to quote it in an error.
func snippet(s string) string {
	const most = 40
	s = strings.ToValidUTF8(s, "?")
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}
