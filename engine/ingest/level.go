package ingest

import (
	"time"

	"switchyard/media"
)

// level smooths the audio levels of RFC 6464: it rises within a syllable and falls within a
// pause between words, so that speakers do not flicker.
type level struct {
	value  float64
	spoken media.Time // when voice was heard last
	heard  bool
	last   media.Time
}

const (
	levelRise  = 50 * time.Millisecond
	levelFall  = 400 * time.Millisecond
	voiceHold  = 300 * time.Millisecond
	voiceFloor = 50 // -dBov: quieter than this is nobody speaking, whatever the V bit says
)

// on takes one packet's level in -dBov.
func (l *level) on(now media.Time, dBov int8, voice bool) {
	target := 1 - float64(dBov)/127
	l.settle(now, target)
	if dBov < voiceFloor && (voice || dBov < 40) { // some senders never set V
		l.spoken, l.heard = now, true
	}
}

// settle moves the value towards target by the time that has passed.
func (l *level) settle(now media.Time, target float64) {
	tau := levelFall
	if target > l.value {
		tau = levelRise
	}
	dt := min(now.Sub(l.last), time.Second)
	l.last = now
	if dt > 0 {
		l.value += (target - l.value) * float64(dt) / float64(dt+tau)
	}
}

// at returns the level now: it decays where no packets come (DTX, mute).
func (l *level) at(now media.Time) (float64, bool) {
	v := l.value
	if silent := now.Sub(l.last) - 100*time.Millisecond; silent > 0 {
		v *= float64(levelFall) / float64(levelFall+silent)
	}
	return v, l.heard && now.Sub(l.spoken) < voiceHold
}
