package sfu

import (
	"slices"

	"switchyard/engine/egress"
	"switchyard/media"
)

// Preference bounds what a slot gets of its track. The zero value bounds nothing.
type Preference struct {
	// Off sends nothing at all.
	Off bool
	// Layers is how many of Track.Layers may be used, from the lowest on; 0: all.
	Layers int
	// Temporals is how many temporal layers may be used; 0: all.
	Temporals int
}

// TrackWanted says which layers of a track somebody needs, whenever that changes: what nobody needs, the
// publisher need not encode. Any is false when nobody needs the track at all. RIDs are those of the
// needed layers; empty where there is no simulcast.
type TrackWanted struct {
	Track *Track
	Any   bool
	RIDs  []string
}

func (TrackWanted) isEvent() {}

// Layers returns what a video track offers, the lowest first, with what each costs. It is nothing before
// the first packet, must not be changed, and is renewed several times a second.
func (t *Track) Layers() []media.Layer { return *t.layers.Load() }

// and returns the bounds of both.
func (p Preference) and(q Preference) Preference {
	return Preference{Off: p.Off || q.Off, Layers: tighter(p.Layers, q.Layers), Temporals: tighter(p.Temporals, q.Temporals)}
}

func tighter(a, b int) int {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}

// Prefer bounds what the slot at mid gets of what feeds it, whatever the bandwidth allows, until it is fed
// anew.
func (l *Link) Prefer(mid string, p Preference) {
	l.onSlot(mid, func(s *slot) {
		s.preference = p
		l.share.stale = true
		s.retarget(l.shard.clock.Now())
	})
}

// Show tells how the slot at mid is shown: it gets the largest layer that is not larger, as far as the
// bandwidth goes. It holds until it is told anew. What flows goes on until there is a keyframe of what is to
// come.
func (l *Link) Show(mid string, v View) {
	l.onSlot(mid, func(s *slot) {
		if v != s.view {
			s.view = v
			s.out.Playout(v.Playout)
			l.share.stale = true
			s.retarget(l.shard.clock.Now())
		}
	})
}

func (l *Link) onSlot(mid string, f func(*slot)) {
	l.post(func() {
		l.run(func() {
			if s := l.slot(mid); s != nil {
				f(s)
			}
		})
	})
}

// choice is what a slot should get of a track's layers.
type choice struct {
	target egress.Target
	// hopes are layers that it would get if they lived, one bit each: they count as needed, so that a
	// publisher that has switched them off switches them on.
	hopes uint32
}

// choose picks the largest layer within the preference that is not larger than pixels (0: any size), or
// where that does not live the next lower that does.
func choose(all []media.Layer, pixels int, p Preference) choice {
	layers := all
	if p.Layers > 0 && p.Layers < len(layers) {
		layers = layers[:p.Layers]
	}
	best, unheard := largest(layers, pixels), uint32(0)
	// The bound is made of what was heard: it says nothing of layers that were not, unless it is tighter.
	if top := largest(all, 0); top < len(layers) {
		for i := range all {
			if l := &all[i]; !l.Live && l.Pixels() == 0 {
				unheard |= 1 << l.Stream
			}
		}
	}
	if best < 0 {
		return choice{target: egress.Target{Off: p.Off}, hopes: unheard}
	}
	c := choice{hopes: 1 << layers[best].Stream}
	if pixels == 0 || !fits(pixels, layers[best].Pixels()) {
		c.hopes |= unheard // one of them may be larger
	}
	now := living(layers, best)
	c.target = egress.Target{Off: p.Off, Layer: layers[now].Stream, Temporals: uint8(min(max(p.Temporals, 0), media.PointsPerAxis))}
	if above := now + 1; above < len(all) && all[above].Stream == c.target.Layer {
		c.target.Spatials = layers[now].Spatial + 1
	}
	for _, l := range layers[:now] {
		if l.Live && l.Stream != c.target.Layer {
			c.target.Instead |= 1 << l.Stream
		}
	}
	return c
}

// largest returns the largest layer that was heard of and is not larger than pixels (0: any size), the lowest
// where all are larger, -1 without any.
func largest(layers []media.Layer, pixels int) int {
	best := -1
	for i := range layers {
		l := &layers[i]
		if heard := l.Live || l.Pixels() > 0; heard && (best < 0 || pixels == 0 || fits(l.Pixels(), pixels)) {
			best = i
		}
	}
	return best
}

// fits allows a layer an eighth more in each direction than it is shown at, so that a tile a little
// smaller than a layer does not get half of it.
func fits(layer, shown int) bool { return layer*64 <= shown*81 }

// living returns best if it lives, else the next lower layer that does, else the next higher.
func living(layers []media.Layer, best int) int {
	for i := best; i >= 0; i-- {
		if layers[i].Live {
			return i
		}
	}
	for i := best + 1; i < len(layers); i++ {
		if layers[i].Live {
			return i
		}
	}
	return best
}

// retarget chooses anew what the slot gets of what feeds it.
func (s *slot) retarget(now media.Time) {
	if s.fan == nil {
		return
	}
	was := s.out.Paused()
	s.aim()
	s.account()
	if was == egress.Off && s.out.Paused() != egress.Off {
		s.start(now)
		return
	}
	s.after(now)
}

// aim sets the target without asking for anything.
func (s *slot) aim() {
	c := choose(s.fan.track.Layers(), s.view.pixels(), s.preference.and(s.allowed))
	s.hopes = c.hopes
	s.out.SetTarget(c.target)
}

// account tells the fanout which layers the slot needs now.
func (s *slot) account() {
	needs := s.out.Needs()
	if needs != 0 {
		needs |= s.hopes
	}
	if needs != s.needs {
		before := s.needs
		s.needs = needs
		s.fan.account(before, needs)
	}
}

// rewant tells ingest and the owner which layers somebody needs. Owned by the publisher's shard.
func (t *Track) rewant() {
	var needed uint32
	for i := range t.fans {
		needed |= t.fans[i].needed.Load()
	}
	r := t.link.receiverOf(t)
	if needed == t.needed || r == nil {
		return
	}
	t.needed = needed
	r.in.Wanted(needed)
	t.interrupt()
	e := TrackWanted{Track: t, Any: needed != 0}
	for _, l := range t.Layers() {
		if needed&(1<<l.Stream) != 0 && l.RID != "" && !slices.Contains(e.RIDs, l.RID) {
			e.RIDs = append(e.RIDs, l.RID)
		}
	}
	t.link.emit(e)
}

// interrupt keeps the caches at home from starting anybody with layers that ingest drops now. While nobody
// needs any layer it passes on all.
func (t *Track) interrupt() {
	for i, ring := range t.fans[t.link.shard.index].rings {
		if t.needed != 0 && t.needed&(1<<i) == 0 {
			ring.Interrupt()
		}
	}
}

// relayer publishes what layers the track has; where more than their cost changed, all slots choose anew.
func (l *Link) relayer(now media.Time, r *receiver) {
	t := r.track
	layers := r.in.Layers(now, nil)
	t.layers.Store(&layers)
	if changed := r.in.Changed(); changed != t.changed {
		t.changed = changed
		for i := range t.fans {
			if t.wanted.Load()&(1<<i) != 0 {
				t.fans[i].shard.post(t.fans[i].reselect)
			}
		}
	}
}

// reselect lets every slot choose anew.
func (f *fanout) reselect() {
	now := f.shard.clock.Now()
	for _, s := range f.slots {
		s.link.share.stale = true
		s.retarget(now)
	}
}
