package router

import (
	"slices"
	"time"

	"switchyard/protocol"
)

// How loudness becomes speech. Levels are 0 (silence) to 1 (0 dBov), linear in dB over the 127 dB of
// RFC 6464: 0.6 is -51 dBov. What is no voice has been told apart before.
const (
	speakLevel = 0.60                    // louder counts as speech
	quietLevel = 0.50                    // quieter counts as silence
	speakAfter = 200 * time.Millisecond  // of speech until one is a speaker: a cough is none
	quietAfter = 1500 * time.Millisecond // of silence until one no longer is: pauses between words
	margin     = 0.06                    // how much louder (8 dB) one must be to overtake
	smoothing  = 300 * time.Millisecond  // time constant of the loudness that ranks
	stale      = 2 * time.Second         // without a level: silent (the link is gone)
)

// Ranking tells who speaks from the loudness of audio tracks (RFC 6464), with hysteresis: short
// sounds, pauses between words and small differences change nothing. Publishers whose packets carry no
// levels count as quiet.
type Ranking struct {
	voices   map[protocol.TrackID]*voice
	speaking []*voice                 // now, the loudest first
	order    []protocol.ParticipantID // all who spoke, the last first
	removed  bool                     // one who spoke is gone since the last Advance
}

type voice struct {
	track       protocol.TrackID
	participant protocol.ParticipantID
	level       float64   // last reported
	at          time.Time // when
	smooth      float64
	advanced    time.Time // until when smooth was computed
	above       time.Time // since when it is over speakLevel; zero while it is not
	heard       time.Time // when it was last over quietLevel
	speaking    bool
}

// Level takes a track's loudness, 0 to 1. Where voice is false it is noise and counts as silence.
func (r *Ranking) Level(now time.Time, track protocol.TrackID, who protocol.ParticipantID, level float64, isVoice bool) {
	if r.voices == nil {
		r.voices = map[protocol.TrackID]*voice{}
	}
	v := r.voices[track]
	if v == nil {
		v = &voice{track: track, participant: who, advanced: now}
		r.voices[track] = v
	}
	v.smoothTo(now)
	if !isVoice || !(level > 0) { // also not a number
		level = 0
	}
	v.level, v.at = min(level, 1), now
}

// Remove forgets a track.
func (r *Ranking) Remove(track protocol.TrackID) {
	if v := r.voices[track]; v != nil {
		delete(r.voices, track)
		r.removed = r.removed || v.speaking
		r.speaking = slices.DeleteFunc(r.speaking, func(s *voice) bool { return s == v })
	}
}

// Leave forgets a participant.
func (r *Ranking) Leave(who protocol.ParticipantID) {
	for id, v := range r.voices {
		if v.participant == who {
			r.Remove(id)
		}
	}
	r.order = slices.DeleteFunc(r.order, func(p protocol.ParticipantID) bool { return p == who })
}

// Active says whether Advance may still change something without new levels.
func (r *Ranking) Active() bool {
	if len(r.speaking) > 0 || r.removed {
		return true
	}
	for _, v := range r.voices {
		if v.level > quietLevel {
			return true
		}
	}
	return false
}

// Advance says who speaks by now, and whether that list, or its order, is another than before. Call it
// about five times a second while Active.
func (r *Ranking) Advance(now time.Time) bool {
	before, removed := slices.Clone(r.speaking), r.removed
	r.removed = false
	for _, v := range r.voices {
		v.advance(now)
	}
	r.speaking = slices.DeleteFunc(r.speaking, func(v *voice) bool { return !v.speaking })
	r.admit()
	r.overtake()
	if slices.Equal(before, r.speaking) && !removed {
		return false
	}
	r.remember()
	return true
}

// admit appends those who began to speak, by track where several did at once.
func (r *Ranking) admit() {
	var fresh []*voice
	for _, v := range r.voices {
		if v.speaking && !slices.Contains(r.speaking, v) {
			fresh = append(fresh, v)
		}
	}
	slices.SortFunc(fresh, func(a, b *voice) int {
		if a.smooth != b.smooth {
			if a.smooth > b.smooth {
				return -1
			}
			return 1
		}
		if a.track < b.track {
			return -1
		}
		return 1
	})
	r.speaking = append(r.speaking, fresh...)
}

// overtake lets one pass the one before it only where it is clearly louder.
func (r *Ranking) overtake() {
	for i := len(r.speaking) - 1; i > 0; i-- {
		if r.speaking[i].smooth > r.speaking[i-1].smooth+margin {
			r.speaking[i], r.speaking[i-1] = r.speaking[i-1], r.speaking[i]
		}
	}
}

// remember keeps who spoke last: those who speak come first, the others as they were.
func (r *Ranking) remember() {
	order := make([]protocol.ParticipantID, 0, len(r.order)+1)
	for _, v := range r.speaking {
		if !slices.Contains(order, v.participant) {
			order = append(order, v.participant)
		}
	}
	for _, p := range r.order {
		if !slices.Contains(order, p) {
			order = append(order, p)
		}
	}
	r.order = order
}

// Speakers lists who speaks, the loudest first.
func (r *Ranking) Speakers() []protocol.Speaker {
	list := make([]protocol.Speaker, 0, len(r.speaking))
	for _, v := range r.speaking {
		list = append(list, protocol.Speaker{Participant: v.participant, Track: v.track, Level: v.smooth})
	}
	return list
}

// Order lists everyone who spoke: those who speak now, the loudest first, then who spoke last.
func (r *Ranking) Order() []protocol.ParticipantID { return r.order }

// smoothTo carries the smoothed loudness on to now: in the given time constant it comes within 1/e.
func (v *voice) smoothTo(now time.Time) {
	level := v.level
	if now.Sub(v.at) > stale {
		level = 0
	}
	if d := now.Sub(v.advanced); d > 0 {
		k := min(1, float64(d)/float64(smoothing)) // close enough to 1-exp(-d/T) for steps below T
		v.smooth += (level - v.smooth) * k
		v.advanced = now
	}
}

func (v *voice) advance(now time.Time) {
	v.smoothTo(now)
	if v.level >= quietLevel && now.Sub(v.at) <= stale {
		v.heard = now
	}
	switch {
	case v.smooth < speakLevel:
		v.above = time.Time{}
	case v.above.IsZero():
		v.above = now
	}
	switch {
	case v.speaking:
		v.speaking = now.Sub(v.heard) < quietAfter
	case !v.above.IsZero():
		v.speaking = now.Sub(v.above) >= speakAfter
	}
}
