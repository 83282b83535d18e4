package room

import (
	"cmp"
	"slices"

	"switchyard/protocol"
)

// Subscriber is a session that can receive tracks: what decides about its slots.
type Subscriber struct {
	Session     ID
	Participant protocol.ParticipantID // "" for a viewer
	Lines       []Line
	Wishes      []protocol.Wish
	Auto        bool
	Sound       bool
	Playout     string // "", "smooth" or "immediate"
	Program     bool
}

// Subscribers lists the sessions that have a link, by session.
func (r *Room) Subscribers() []Subscriber {
	var subs []Subscriber
	for _, s := range r.sessionsInOrder() {
		if s.link == linkNone || !s.entered() && !s.program {
			continue
		}
		sub := Subscriber{Session: s.id, Lines: s.lines, Wishes: s.wishes, Auto: s.auto, Sound: s.sound, Playout: s.playout, Program: s.program}
		if !s.who.Grants.Subscribe { // its slots stay empty, or become so where it lost the grant
			sub.Wishes, sub.Auto, sub.Sound = nil, false, false
		}
		if s.p != nil {
			sub.Participant = s.p.info.ID
		}
		subs = append(subs, sub)
	}
	return subs
}

// Published is a track and whether a moderator holds it back.
type Published struct {
	protocol.Track
	Held bool
}

// Tracks lists the tracks in the order of publication.
func (r *Room) Tracks() []Published {
	all := make([]*track, 0, len(r.tracks))
	for _, t := range r.tracks {
		all = append(all, t)
	}
	slices.SortFunc(all, func(a, b *track) int { return cmp.Compare(a.number, b.number) })
	list := make([]Published, 0, len(all))
	for _, t := range all {
		list = append(list, Published{Track: t.info, Held: t.held})
	}
	return list
}

// Participants lists who is in the room, by joining.
func (r *Room) Participants() []protocol.Participant {
	list := make([]protocol.Participant, 0, len(r.order))
	for _, p := range r.order {
		list = append(list, p.view())
	}
	return list
}

// Viewers counts those who only watch.
func (r *Room) Viewers() int { return r.viewers }

// Has says whether there is such a session.
func (r *Room) Has(id ID) bool { return r.sessions[id] != nil }

// Present says whether somebody is in the room.
func (r *Room) Present(id protocol.ParticipantID) bool { return r.participants[id] != nil }

// Who returns the participant of a session; false for a viewer, and where there is none.
func (r *Room) Who(id ID) (protocol.ParticipantID, bool) {
	s := r.sessions[id]
	if s == nil || s.p == nil {
		return "", false
	}
	return s.who.ID, true
}

// Report returns what a session measured last.
func (r *Room) Report(id ID) (protocol.Report, bool) {
	s := r.sessions[id]
	if s == nil {
		return protocol.Report{}, false
	}
	return s.report, true
}
