package client

import (
	"testing"

	"switchyard/client/clip"
)

func TestPublisherSendsOnlyWhatIsWanted(t *testing.T) {
	c, err := clip.Open("layers")
	if err != nil {
		t.Fatal(err)
	}
	p := clip.NewPlayer(c, clip.PlayerOptions{})
	layers := append(p.Video.Lower(), p.Video)
	pub, sound := &Publication{local: p.Video}, &Publication{local: p.Audio}
	for _, step := range []struct {
		none bool
		rids []string
		want [3]bool
	}{
		{false, []string{"q"}, [3]bool{true, false, false}},
		{true, nil, [3]bool{}},
		{false, []string{"h", "f"}, [3]bool{false, true, true}},
		{false, nil, [3]bool{true, true, true}},
	} {
		pub.want(step.none, step.rids)
		for i, l := range layers {
			if l.Enabled() != step.want[i] {
				t.Errorf("none %v, layers %v: layer %s is on: %v", step.none, step.rids, l.RID(), l.Enabled())
			}
		}
		sound.want(step.none, nil)
		if p.Audio.Enabled() == step.none {
			t.Errorf("sound is on: %v", p.Audio.Enabled())
		}
	}
}
