package conference

import (
	"slices"
	"time"

	"switchyard/protocol"
	"switchyard/sfu"
)

// restBeforeLess is how long an encoding that nobody needs goes on: a layout that changes for a moment
// shall not stop and start encoders.
const restBeforeLess = time.Second

// need is what somebody receives of a track: nothing, or the layers with these RIDs, which a track without
// simulcast has none of.
type need struct {
	any  bool
	rids []string
}

// covers reports whether n has all that m has.
func (n need) covers(m need) bool {
	if !m.any {
		return true
	}
	return n.any && !slices.ContainsFunc(m.rids, func(rid string) bool { return !slices.Contains(n.rids, rid) })
}

func (n need) with(m need) need {
	sum := need{n.any || m.any, slices.Clone(n.rids)}
	for _, rid := range m.rids {
		if !slices.Contains(sum.rids, rid) {
			sum.rids = append(sum.rids, rid)
		}
	}
	return sum
}

// demand is what the publisher of a track was told to send, and what is needed now.
type demand struct {
	fresh     bool // nothing was told yet: it sends everything
	told, now need
	lessAt    time.Time // when to tell that less is needed; zero when nothing is due
}

// take takes what is needed from now on and reports whether the publisher is to be told at once: of more,
// never of less.
func (d *demand) take(now time.Time, n need) (tell bool) {
	d.now = n
	if tell = !d.fresh && !d.told.covers(n); tell {
		d.told = d.told.with(n)
	}
	switch {
	case !d.fresh && n.covers(d.told):
		d.lessAt = time.Time{}
	case d.lessAt.IsZero():
		d.lessAt = now.Add(restBeforeLess)
	}
	return tell
}

// rest reports whether it is time to tell of less.
func (d *demand) rest(now time.Time) (tell bool) {
	if d.lessAt.IsZero() || now.Before(d.lessAt) {
		return false
	}
	d.fresh, d.told, d.lessAt = false, d.now, time.Time{}
	return true
}

// message is what the publisher is told.
func (d *demand) message(id protocol.TrackID) protocol.WantedTrack {
	return protocol.WantedTrack{Track: id, None: !d.told.any, Layers: d.told.rids}
}

// need is called when it changed what the subscribers of a track receive of one of its encodings.
func (a *actor) need(now time.Time, e sfu.TrackWanted) {
	p := a.tracks[protocol.TrackID(e.Track.ID)]
	if p == nil {
		return
	}
	enc := p.on(e.Track.MID)
	if enc == nil {
		return
	}
	id := enc.id
	d := a.demands[id]
	if d == nil {
		d = &demand{fresh: true}
		a.demands[id] = d
	}
	if d.take(now, need{e.Any, e.RIDs}) {
		a.room.Wanted(d.message(id))
	}
}

// tellLess tells publishers what nobody has needed for a while.
func (a *actor) tellLess(now time.Time) {
	for id, d := range a.demands {
		if d.rest(now) {
			a.room.Wanted(d.message(id))
		}
	}
}

// lessAt is when the next publisher is to be told of less, zero for never.
func (a *actor) lessAt() time.Time {
	var first time.Time
	for _, d := range a.demands {
		if !d.lessAt.IsZero() && (first.IsZero() || d.lessAt.Before(first)) {
			first = d.lessAt
		}
	}
	return first
}
