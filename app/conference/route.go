package conference

import (
	"slices"
	"time"

	"switchyard/engine/egress"
	"switchyard/engine/room"
	"switchyard/engine/router"
	"switchyard/protocol"
	"switchyard/sfu"
)

// Routing a large room costs milliseconds. routeShare keeps it below a tenth of a core: the next run
// waits ten times as long as the last one took, routeMost at most.
const (
	routeShare = 10
	routeMost  = 500 * time.Millisecond
)

// hear takes loudness and ranks the speakers when it is time.
func (a *actor) hear(now time.Time, levels map[protocol.TrackID]level) {
	for id, l := range levels {
		if t, ok := a.tracks[id]; ok {
			a.ranking.Level(now, id, t.owner, l.value, l.voice)
		}
	}
	if a.rankAt.IsZero() && (len(levels) > 0 || a.ranking.Active()) {
		a.rankAt = now
	}
	if a.rankAt.IsZero() || now.Before(a.rankAt) {
		return
	}
	a.rank(now)
	a.rankAt = time.Time{}
	if a.ranking.Active() {
		a.rankAt = now.Add(speakEvery)
	}
}

func (a *actor) rank(now time.Time) {
	if !a.ranking.Advance(now) {
		return
	}
	a.room.Speakers(a.ranking.Speakers())
	if order := a.ranking.Order(); !slices.Equal(order, a.speaking) {
		a.speaking = order
		a.routing = true
	}
}

// route brings all slots in line with tracks, wishes and speakers.
func (a *actor) route(now time.Time) {
	if !a.routing || now.Before(a.routeAt) {
		return
	}
	a.routing = false
	for _, who := range slices.Clone(a.ranking.Order()) {
		if !a.room.Present(who) {
			a.ranking.Leave(who)
		}
	}
	subs := a.room.Subscribers()
	a.forget(subs)
	scene := router.NewScene(a.scene(), a.ranking.Order())
	short := shortage{}
	for i := range subs {
		a.assign(&subs[i], scene, short)
	}
	a.backUp(now, short)
	a.routeAt = now.Add(min(routeMost, routeShare*time.Since(now)))
}

// scene lists the tracks as the router knows them.
func (a *actor) scene() []router.Track {
	list := a.room.Tracks()
	tracks := make([]router.Track, 0, len(list))
	for _, t := range list {
		if _, ok := a.tracks[t.ID]; ok {
			tracks = append(tracks, router.Track{ID: t.ID, Participant: t.Participant, Kind: t.Kind,
				Source: t.Source, Group: t.Group, Muted: t.Muted, Held: t.Held})
		}
	}
	return tracks
}

// forget drops the subscriptions of sessions that are gone.
func (a *actor) forget(subs []room.Subscriber) {
	if len(a.subs) <= len(subs) {
		return
	}
	there := make(map[room.ID]bool, len(subs))
	for _, s := range subs {
		there[s.Session] = true
	}
	for id := range a.subs {
		if !there[id] && !a.room.Has(id) {
			delete(a.subs, id)
		}
	}
}

// assign decides what feeds one subscriber's slots, has the link do it, and tells the subscriber. What it cannot
// decode goes into short.
func (a *actor) assign(sub *room.Subscriber, scene *router.Scene, short shortage) {
	l := a.links[sub.Session]
	if l == nil || l.media == nil {
		return
	}
	s := a.subs[sub.Session]
	if s == nil {
		s = &subscription{slots: map[string]protocol.Slot{}, fed: map[string]*encoding{}, shown: map[string]sfu.View{}, hidden: sub.Program}
		a.subs[sub.Session] = s
	}
	changes, need := s.Assign(router.Input{Slots: slotsOf(sub.Lines), Scene: scene, Self: sub.Participant,
		Wishes: sub.Wishes, Auto: sub.Auto, Sound: sub.Sound, Program: sub.Program})
	told := make([]protocol.Slot, 0, len(changes))
	for _, c := range changes {
		slot := protocol.Slot{MID: c.MID, Kind: c.Kind, Track: c.Track, Generation: c.Generation}
		s.slots[c.MID] = slot
		told = append(told, slot)
	}
	// Told first: SlotLive then finds what it belongs to.
	if !s.hidden {
		a.room.Slots(sub.Session, told)
		if need != s.need {
			a.room.NeedSlots(sub.Session, need.Audio, need.Video)
		}
	}
	s.need = need
	a.view(s, sub, l.media, scene) // first, so that a new picture begins in its size
	a.feed(s, sub, l.media, changes, short)
}

// feed gives each slot the encoding that its subscriber can decode. Another encoding of the same track changes
// no generation: it is the same picture.
func (a *actor) feed(s *subscription, sub *room.Subscriber, l Link, changes []router.Change, short shortage) {
	for _, c := range changes {
		delete(s.fed, c.MID)
		if a.tracks[c.Track] == nil { // an empty slot, or a track that came to nothing: the picture before it must not go on
			l.Feed(c.MID, nil, c.Generation)
		}
	}
	for i := range sub.Lines {
		line := &sub.Lines[i]
		id, generation := s.Feeds(line.MID)
		p := a.tracks[id]
		if !line.Send || p == nil {
			continue
		}
		e, ok := p.fit(line)
		if !ok {
			short[id] = append(short[id], line.Formats)
		}
		if e != s.fed[line.MID] {
			s.fed[line.MID] = e
			l.Feed(line.MID, e.media, generation)
		}
	}
}

// Who is served first where bandwidth is short.
const (
	rankPinned = iota
	rankSpeaking
	rankOthers
)

// playouts are what a subscriber can choose (protocol.Subscribe).
var playouts = map[string]egress.Playout{"immediate": egress.Immediate, "smooth": egress.Smooth}

// view tells the link how the slots are shown, as far as the wishes say.
func (a *actor) view(s *subscription, sub *room.Subscriber, l Link, scene *router.Scene) {
	wishes := make(map[protocol.TrackID]*protocol.Wish, len(sub.Wishes))
	for i := range sub.Wishes {
		wishes[sub.Wishes[i].Track] = &sub.Wishes[i]
	}
	for _, line := range sub.Lines {
		if !line.Send || kindOf(line.Kind) != protocol.KindVideo {
			continue
		}
		id, _ := s.Feeds(line.MID)
		v := sfu.View{Rank: rankOthers, Playout: playouts[sub.Playout]}
		if t := scene.Track(id); t != nil {
			v.Screen = t.Source == protocol.SourceScreen
			if v.Screen || scene.Leads(t.Participant) {
				v.Rank = rankSpeaking
			}
		}
		if w := wishes[id]; w != nil {
			v.Width, v.Height = w.Width, w.Height
			if w.Pinned {
				v.Rank = rankPinned
			}
		}
		if v != s.shown[line.MID] {
			s.shown[line.MID] = v
			l.Show(line.MID, v)
		}
	}
}

func slotsOf(lines []room.Line) []router.Slot {
	slots := make([]router.Slot, 0, len(lines))
	for _, l := range lines {
		if l.Send {
			slots = append(slots, router.Slot{MID: l.MID, Kind: kindOf(l.Kind), Pair: l.Pair})
		}
	}
	return slots
}
