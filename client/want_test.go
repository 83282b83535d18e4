package client

import (
	"testing"

	"switchyard/client/clip"
	"switchyard/protocol"
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
		if !p.Audio.Enabled() {
			t.Errorf("none %v: the sound is off", step.none)
		}
	}
}

func TestWhatIsWantedMayComeBeforeTheTrackIsKnown(t *testing.T) {
	media, err := clip.Open("layers")
	if err != nil {
		t.Fatal(err)
	}
	p := clip.NewPlayer(media, clip.PlayerOptions{})
	c := &Client{}
	pub := &Publication{c: c, local: p.Video}
	c.pubs = append(c.pubs, pub)
	c.onWanted(protocol.Wanted{Tracks: []protocol.WantedTrack{{Track: "t1", Layers: []string{"q"}}}})
	if !p.Video.Enabled() {
		t.Error("a word about another track switches this one off")
	}
	pub.track.ID = "t1" // the answer comes
	c.wantedOf(pub)
	if p.Video.Enabled() || !p.Video.Lower()[0].Enabled() {
		t.Error("what was said before is forgotten")
	}
	c.onWanted(protocol.Wanted{Tracks: []protocol.WantedTrack{{Track: "t1"}}})
	if !p.Video.Enabled() {
		t.Error("what is wanted again stays off")
	}
}
