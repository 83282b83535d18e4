package clip

import (
	"errors"
	"testing"
	"time"
)

func TestTalkTakesTurns(t *testing.T) {
	for turn := range 3 {
		c, err := Open("green")
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Talk(turn, 3); err != nil {
			t.Fatal(err)
		}
		if c.Length() != 12*time.Second || c.Video.Length != c.Audio.Length || len(c.Audio.frames) != 600 || len(c.Video.frames) != 12*FPS {
			t.Fatalf("%v, picture %v, %d packets, %d frames", c.Length(), c.Video.Length, len(c.Audio.frames), len(c.Video.frames))
		}
		loud, size := make([]int, 3), make([]int, 3)
		for i, f := range c.Audio.frames {
			if f.at != time.Duration(i)*20*time.Millisecond {
				t.Fatalf("packet %d at %v", i, f.at)
			}
			n := int(f.at / (TurnSeconds * time.Second))
			size[n] += int(f.size)
			if level, voice := c.Audio.level(f.at); voice != (level < 50) {
				t.Fatalf("level %d, voice %v", level, voice)
			} else if voice {
				loud[n]++
			}
		}
		for n := range 3 {
			if n == turn && (loud[n] != 100 || size[n] < 3000) || n != turn && (loud[n] != 0 || size[n] > 3000) {
				t.Errorf("turn %d: in %d, %d packets are loud, of %d bytes", turn, n, loud[n], size[n])
			}
		}
	}
	if err := (&Clip{}).Talk(0, 1); !errors.Is(err, ErrNoTalk) {
		t.Error(err)
	}
}
