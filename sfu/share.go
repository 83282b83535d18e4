package sfu

import (
	"time"

	"switchyard/engine/egress"
	"switchyard/media"
)

// View is how a subscriber shows a slot.
type View struct {
	Width, Height int   // in device pixels; 0: not known, then the largest layer is wanted
	Rank          uint8 // who is served first where bandwidth is short: lower ones
	Screen        bool  // keeps its resolution and gives up frames
	Playout       egress.Playout
}

// pixels is 0 for any size.
func (v View) pixels() int {
	return min(max(v.Width, 0), maxShown) * min(max(v.Height, 0), maxShown)
}

const maxShown = 1 << 15 // pixels in one direction; more is the same

// share is how a link's estimate is divided over its video slots. Owned by the link's shard.
type share struct {
	alloc  egress.Allocator
	claims []egress.Claim
	slots  []*slot // of claims
	budget media.Bitrate
	given  media.Bitrate // what all choices cost together
	// strained: what is sent goes on only while there is no queue.
	strained bool
	stale    bool       // slots, views or layers changed since the last division
	last     media.Time // of the last division
}

const (
	shareEvery = 200 * time.Millisecond
	shareSoon  = 50 * time.Millisecond // where something changed, or the estimate fell
	shareFell  = 0.95                  // of the budget that was divided last
	shareRose  = 1.05

	// What is taken for granted of a path that was never found full, so that a call begins sharp.
	hopefulBudget = 2_500_000
	audioBudget   = 40_000 // one slot, with headers
	redBudget     = 36_000 // more where each packet carries the one before
	redShare      = 4      // sound with redundancy has so much of the estimate at most: one of these parts
	probeBeyond   = 1.25   // of what all slots could use: choices rise only with room to spare
	headers       = 1.06   // RTP, SRTP, UDP and IP around a layer's payload
	tooMuch       = 15     // tenths of the whole budget: more than that is not sent to the end
	keepShare     = 0.85   // of what arrived is the estimate after an over-use (gcc-02 §5.5: beta)
	keepCalm      = 0.75   // while no queue says that it was one: rates of layers and of arrival are measured apart
	keepQueue     = 50 * time.Millisecond
	layerStep     = 3 // a layer that does not live costs so many times the one below
	firstLayer    = 150_000
)

// divide shares the estimate anew where that is due.
func (l *Link) divide(now media.Time) {
	sh := &l.share
	urgent, rose := l.shifted()
	if since := now.Sub(sh.last); urgent && since >= shareSoon || rose && since >= shareEvery {
		sh.last, sh.stale = now, false
		l.allocate(now, nil)
	}
}

// shifted reports whether the estimate is to be shared anew: soon, or in its time.
func (l *Link) shifted() (urgent, rose bool) {
	sh := &l.share
	budget := float64(l.rate.est.Steady())
	urgent = sh.stale || budget < shareFell*float64(sh.budget) || sh.strained && l.rate.est.Queue() >= keepQueue
	return urgent, budget > shareRose*float64(sh.budget)
}

// allocate gives each video slot its share. fresh, which is about to start, is only told.
func (l *Link) allocate(now media.Time, fresh *slot) {
	sh := &l.share
	sh.claims, sh.slots = sh.claims[:0], sh.slots[:0]
	sh.budget = l.rate.est.Steady()
	left := float64(sh.budget)
	proven := l.rate.est.Congested()
	if !proven {
		left = max(left, hopefulBudget)
	}
	sound := l.sound(sh.budget, proven)
	left -= float64(sound)
	for _, s := range l.slots {
		if s.fan == nil || s.kind == media.Audio {
			continue
		}
		s.offer()
		sh.slots = append(sh.slots, s)
		sh.claims = append(sh.claims, egress.Claim{Options: s.options, Pixels: s.view.pixels(),
			Rank: s.view.Rank, Screen: s.view.Screen, Chosen: s.chosen()})
	}
	left = max(left, float64(sh.budget)/2) / headers
	if !proven { // nobody is paused for an estimate that nothing speaks for
		least := media.Bitrate(0)
		for i := range sh.claims {
			if o := sh.claims[i].Options; len(o) > 0 {
				least += o[0].Rate
			}
		}
		left = max(left, 1.2*float64(least))
	}
	share := keepShare
	if l.rate.est.Queue() < keepQueue {
		share = keepCalm
	}
	kept := keep(media.Bitrate(left), sh.claims, share)
	sh.strained = float64(kept)*keepShare > left
	wanted := sh.alloc.Allocate(kept, sh.claims)
	l.rate.demand = media.Bitrate(float64(wanted)*headers*probeBeyond) + sound
	sh.given = 0
	for i, s := range sh.slots {
		if c := &sh.claims[i]; c.Chosen != egress.None && len(c.Options) > 0 {
			sh.given += c.Options[c.Chosen].Rate
		}
		s.bound(now, sh.claims[i], s == fresh)
	}
}

// keep returns the budget, or what all that is sent now costs where that may go on: where the budget is this share
// of it. After an over-use the estimate is a share of what arrived, and what arrived did fit; what does not fit
// brings it further down.
func keep(budget media.Bitrate, claims []egress.Claim, share float64) media.Bitrate {
	sent := media.Bitrate(0)
	for i := range claims {
		if c := &claims[i]; c.Chosen >= 0 && c.Chosen < len(c.Options) {
			sent += c.Options[c.Chosen].Rate
		}
	}
	if float64(sent)*share > float64(budget) {
		return budget
	}
	return max(budget, sent)
}

// sound returns what the slots of sound may need, in bit/s. Where there are so many that their redundancy would
// take the place of pictures, they go without.
func (l *Link) sound(budget media.Bitrate, proven bool) media.Bitrate {
	plain, red, pictures := media.Bitrate(0), media.Bitrate(0), false
	for _, s := range l.slots {
		switch {
		case s.fan == nil:
		case s.kind == media.Video:
			pictures = true
		default:
			plain += audioBudget
			if s.red {
				red += redBudget
			}
		}
	}
	if pictures {
		budget /= redShare
	}
	on := !proven || plain+red <= budget
	for _, s := range l.slots {
		if s.red {
			s.out.Redundancy(on)
		}
	}
	if on {
		plain += red
	}
	return plain
}

// offer lists the ways to send what feeds the slot, up to the best that its view has use for.
func (s *slot) offer() {
	s.options, s.bounds = s.options[:0], s.bounds[:0]
	if s.out.Paused() == egress.Codec {
		return // what cannot be decoded takes nothing of the others' share
	}
	layers := s.fan.track.Layers()
	if n := s.preference.Layers; n > 0 && n < len(layers) {
		layers = layers[:n]
	}
	best := largest(layers, s.view.pixels())
	rate := media.Bitrate(0)
	for i := 0; i <= best; i++ {
		l := &layers[i]
		if !l.Live && l.Pixels() == 0 {
			continue // never heard of
		}
		if s.view.Screen || len(s.options) == 0 {
			for t := 1; t < len(l.Rates) && l.Live && l.Rates[t] > l.Rates[t-1] && l.Rates[t-1] > rate; t++ {
				rate = l.Rates[t-1]
				s.options = append(s.options, egress.Option{Rate: rate, Pixels: l.Pixels()})
				s.bounds = append(s.bounds, Preference{Layers: i + 1, Temporals: t})
			}
		}
		switch cost := l.Rate(); {
		case l.Live && cost > 0:
			rate = max(rate+1, cost)
		case rate == 0:
			rate = firstLayer
		default:
			rate *= layerStep
		}
		s.options = append(s.options, egress.Option{Rate: rate, Pixels: l.Pixels()})
		s.bounds = append(s.bounds, Preference{Layers: i + 1})
	}
	if n := len(s.bounds); n > 0 {
		// The best is bound by the view alone, so that layers that were never heard of are hoped for: the
		// publisher may have switched them off before anybody looked.
		s.bounds[n-1] = Preference{}
	}
}

// chosen is the option that the slot's bound stands for.
func (s *slot) chosen() int {
	if s.allowed.Off {
		return egress.None
	}
	for i, b := range s.bounds {
		if b == s.allowed {
			return i
		}
	}
	return len(s.options) - 1
}

// bound takes what the slot was given. Without anything to choose from it is not bound.
func (s *slot) bound(now media.Time, c egress.Claim, starting bool) {
	p := Preference{}
	switch {
	case len(s.options) == 0:
	case c.Chosen == egress.None:
		p.Off = true
	default:
		p = s.bounds[c.Chosen]
	}
	if p == s.allowed {
		return
	}
	was, before := s.allowed, s.chosen()
	s.allowed = p
	if starting {
		if p.Off {
			s.tellPause()
		}
		return
	}
	s.retarget(now)
	if c.Chosen >= 0 && before > c.Chosen && s.options[before].Rate > tooMuch*s.link.share.budget/10 {
		s.interrupt(now) // until the keyframe of the lower layer comes it would fill the queue
	}
	if was.Off != p.Off {
		s.tellPause()
	}
}

// tellPause tells the owner whether the slot is off for want of bandwidth.
func (s *slot) tellPause() {
	reason := PausedNot
	if s.allowed.Off {
		reason = PausedBandwidth
	}
	s.link.emit(SlotPaused{MID: s.mid, Generation: s.generation, Reason: reason})
}
