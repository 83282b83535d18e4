package clip

import (
	"errors"
	"time"
)

// The shape of talk: a tone of 100 ms every 200 ms, for the time of a turn. What beeps once a second is
// nobody who speaks (it could be a cough); this is.
const (
	TurnSeconds = 4 // a multiple of the coloured clips' two seconds
	maxTurns    = 8
	syllable    = 10 // packets of 20 ms
	sounding    = 6  // of which hold the beep and its end
)

// ErrNoTalk means that a clip has no beeps to make talk of.
var ErrNoTalk = errors.New("clip: only the built-in clips can talk")

// Talk makes a coloured clip talk in one of several turns, 8 at most, and be silent in the others, so that
// players of several clips that begin together speak one after the other. Turns count from 0.
func (c *Clip) Talk(turn, of int) error {
	of = max(1, min(of, maxTurns))
	if c.Audio == nil || c.Audio.level == nil || len(c.Audio.frames) < 3*syllable || c.Video == nil {
		return ErrNoTalk
	}
	const turnTime = TurnSeconds * time.Second
	begin := time.Duration(turn%of) * turnTime
	s, cycle := c.Audio, time.Duration(of)*turnTime
	beep := s.frames[:3*syllable] // sounds in its first packets, and is silent behind them
	var frames []frame
	for at := time.Duration(0); at < cycle; at += 20 * time.Millisecond {
		i := len(frames) % syllable
		if at < begin || at >= begin+turnTime || i >= sounding {
			i += 2 * syllable
		}
		f := beep[i]
		f.at = at
		frames = append(frames, f)
	}
	s.frames, s.Length = frames, cycle
	s.level = func(at time.Duration) (uint8, bool) {
		if at < begin || at >= begin+turnTime || at%(syllable*20*time.Millisecond) >= BeepSeconds*1000*time.Millisecond {
			return 127, false
		}
		return 9, true
	}
	c.Video.repeat(cycle)
	return nil
}
