// Package router decides which track feeds which slot: for one subscriber, from the slots it has, the
// tracks there are, its wishes and who speaks, with as few changes as can be. It is pure: it keeps
// only what feeds the slots now, and the generations.
package router

import (
	"cmp"
	"slices"

	"switchyard/protocol"
)

// Slot is a receive position of the subscriber.
type Slot struct {
	MID  string
	Kind protocol.TrackKind
	// Pair is the stream id that an audio and a video slot share; alone, it makes no pair.
	Pair string
}

// Track is something that can be shown, in the order of publication.
type Track struct {
	ID          protocol.TrackID
	Participant protocol.ParticipantID
	Kind        protocol.TrackKind
	Source      protocol.TrackSource
	Group       string
	Muted       bool
	// Held tracks are never sent: a moderator muted them.
	Held bool

	order int // of publication; set by NewScene
}

// Input is what an assignment follows from.
type Input struct {
	Slots []Slot
	Scene *Scene
	// Self is never sent what it publishes.
	Self   protocol.ParticipantID
	Wishes []protocol.Wish
	// Auto fills the slots that the wishes leave.
	Auto bool
	// Sound fills the audio slots as Auto does, and no video slots.
	Sound bool
	// Program replaces wishes and Auto: the latest screen, else the speaker (WHEP).
	Program bool
}

// Change is a slot that is fed by another track than before; none empties it.
type Change struct {
	MID        string
	Kind       protocol.TrackKind
	Track      protocol.TrackID
	Generation uint32
}

// Need counts the wanted tracks that found no slot.
type Need struct{ Audio, Video int }

// State is what feeds the slots of one subscriber. The zero value has none.
type State struct {
	slots map[string]*position
}

// position is a slot with what feeds it.
type position struct {
	Slot
	track      protocol.TrackID
	generation uint32
	gone       bool // the m-line is not there now; the generation must go on if it comes back
}

// Assign brings the slots in line with in and returns what changed, in the order of the slots.
func (s *State) Assign(in Input) ([]Change, Need) {
	s.adopt(in.Slots)
	a := newAssigner(s, in)
	a.placeVideo()
	a.placeAudio()
	var changes []Change
	for _, slot := range in.Slots {
		p := s.slots[slot.MID]
		if next := a.feeds[slot.MID]; next != p.track {
			p.track = next
			p.generation++
			changes = append(changes, Change{MID: slot.MID, Kind: slot.Kind, Track: next, Generation: p.generation})
		}
	}
	return changes, a.need
}

// Feeds returns the track and the generation of a slot; "" where nothing feeds it.
func (s *State) Feeds(mid string) (protocol.TrackID, uint32) {
	p := s.slots[mid]
	if p == nil {
		return "", 0
	}
	return p.track, p.generation
}

// Forget empties all slots without a change: their link is gone. Generations go on.
func (s *State) Forget() {
	for _, p := range s.slots {
		if p.track != "" {
			p.track = ""
			p.generation++
		}
	}
}

// adopt takes the slots that there are now; a slot that changed its kind starts empty.
func (s *State) adopt(slots []Slot) {
	if s.slots == nil {
		s.slots = map[string]*position{}
	}
	for _, p := range s.slots {
		p.gone = true
	}
	for _, slot := range slots {
		p := s.slots[slot.MID]
		if p == nil {
			p = &position{}
			s.slots[slot.MID] = p
		}
		if p.Kind != slot.Kind && p.track != "" {
			p.track = ""
			p.generation++
		}
		p.Slot, p.gone = slot, false
	}
	for _, p := range s.slots {
		if p.gone && p.track != "" {
			p.track = ""
			p.generation++
		}
	}
}

// assigner is one run of Assign.
type assigner struct {
	in    Input
	scene *Scene
	feeds map[string]protocol.TrackID // the result, by MID
	at    map[protocol.TrackID]string // its inverse
	was   map[protocol.TrackID]string // what fed which slot until now
	pair  map[string]string           // MID of the other slot of a pair
	need  Need
}

func newAssigner(s *State, in Input) *assigner {
	if in.Scene == nil {
		in.Scene = NewScene(nil, nil)
	}
	n := len(in.Slots)
	a := &assigner{
		in: in, scene: in.Scene, pair: pairs(in.Slots), feeds: make(map[string]protocol.TrackID, n),
		at: make(map[protocol.TrackID]string, n), was: make(map[protocol.TrackID]string, n),
	}
	for _, slot := range in.Slots {
		if t := s.slots[slot.MID].track; t != "" {
			a.was[t] = slot.MID
		}
	}
	return a
}

// track returns a track that may be sent to the subscriber, nil for others.
func (a *assigner) track(id protocol.TrackID) *Track {
	t := a.scene.byID[id]
	if t == nil || t.Held || t.Participant == a.in.Self {
		return nil
	}
	return t
}

// pairs maps each slot of a pair to the other. The first audio and the first video slot of a stream
// id make the pair.
func pairs(slots []Slot) map[string]string {
	type pair struct{ audio, video string }
	byPair := map[string]*pair{}
	for _, s := range slots {
		if s.Pair == "" {
			continue
		}
		p := byPair[s.Pair]
		if p == nil {
			p = &pair{}
			byPair[s.Pair] = p
		}
		if s.Kind == protocol.KindAudio && p.audio == "" {
			p.audio = s.MID
		} else if s.Kind == protocol.KindVideo && p.video == "" {
			p.video = s.MID
		}
	}
	other := map[string]string{}
	for _, p := range byPair {
		if p.audio != "" && p.video != "" {
			other[p.audio], other[p.video] = p.video, p.audio
		}
	}
	return other
}

// wanted lists the tracks of one kind that the subscriber should get, the most wanted first.
func (a *assigner) wanted(kind protocol.TrackKind) []*Track {
	if a.in.Program {
		return a.program(kind)
	}
	var list []*Track
	seen := map[protocol.TrackID]bool{}
	add := func(t *Track) {
		if t != nil && t.Kind == kind && !seen[t.ID] {
			seen[t.ID] = true
			list = append(list, t)
		}
	}
	for _, pinned := range []bool{true, false} {
		for _, w := range a.in.Wishes {
			if w.Pinned == pinned {
				add(a.track(w.Track))
			}
		}
	}
	if a.in.Auto || a.in.Sound && kind == protocol.KindAudio {
		for _, t := range a.automatic(kind) {
			add(t)
		}
	}
	return list
}

// automatic lists all tracks of a kind: what is muted last, then screens and their audio before
// people, those who spoke last before those who did not, what is shown now before what is not, and the
// rest by publication.
func (a *assigner) automatic(kind protocol.TrackKind) []*Track {
	var list []*Track
	for i := range a.scene.tracks {
		t := &a.scene.tracks[i]
		if t.Kind == kind && a.track(t.ID) != nil {
			list = append(list, t)
		}
	}
	slices.SortStableFunc(list, func(x, y *Track) int {
		return cmp.Or(
			boolFirst(!x.Muted, !y.Muted),
			boolFirst(isScreen(x), isScreen(y)),
			cmp.Compare(a.scene.rankOf(x), a.scene.rankOf(y)),
			boolFirst(a.shown(x), a.shown(y)),
		)
	})
	return list
}

func boolFirst(x, y bool) int {
	switch {
	case x && !y:
		return -1
	case y && !x:
		return 1
	}
	return 0
}

func isScreen(t *Track) bool {
	return t.Source == protocol.SourceScreen || t.Source == protocol.SourceScreenAudio
}

// shown says whether the track feeds a slot until now.
func (a *assigner) shown(t *Track) bool { return a.was[t.ID] != "" }
