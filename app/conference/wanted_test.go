package conference

import (
	"slices"
	"testing"
	"time"

	"switchyard/protocol"
)

func TestMoreIsToldAtOnceAndLessAfterARest(t *testing.T) {
	now := time.Unix(1000, 0)
	layers := func(rids ...string) need { return need{true, rids} }
	d := &demand{fresh: true}
	if d.take(now, layers("q")) {
		t.Error("less was told at once")
	}
	if d.rest(now.Add(restBeforeLess - 1)) {
		t.Error("less was told too early")
	}
	if !d.rest(now.Add(restBeforeLess)) || !slices.Equal(d.message("t").Layers, []string{"q"}) {
		t.Errorf("after the rest: %+v", d.message("t"))
	}
	if !d.take(now, layers("f")) {
		t.Error("more was not told at once")
	}
	if got := d.message("t"); !slices.Equal(got.Layers, []string{"q", "f"}) {
		t.Errorf("until the rest what went on goes on: %+v", got)
	}
	if d.take(now.Add(time.Millisecond), layers("f", "q")) || d.rest(now.Add(time.Hour)) {
		t.Error("what is told already was told again")
	}
	d.take(now, need{})
	if !d.rest(now.Add(restBeforeLess)) || !d.message("t").None || d.message("t").Layers != nil {
		t.Errorf("nobody needs it: %+v", d.message("t"))
	}
	if !d.take(now, layers("q", "h", "f")) || d.message("t").None || len(d.message("t").Layers) != 3 {
		t.Errorf("all of it: %+v", d.message("t"))
	}
}

func TestTrackWithoutLayersIsNeededOrNot(t *testing.T) {
	now := time.Unix(1000, 0)
	d := &demand{fresh: true}
	d.take(now, need{})
	d.take(now.Add(restBeforeLess/2), need{any: true}) // somebody came in time
	if d.rest(now.Add(restBeforeLess)); d.message("t").None {
		t.Error("it was stopped although it is needed")
	}
	d.take(now, need{})
	if !d.rest(now.Add(restBeforeLess)) {
		t.Error("it goes on although nobody needs it")
	}
	if got := d.message("t"); got.Track != protocol.TrackID("t") || !got.None || got.Layers != nil {
		t.Errorf("got %+v", got)
	}
}
