package sfu

import (
	"testing"
	"time"
)

// told polls the SFU's counters.
func told(t *testing.T, s *SFU, what string, ok func(Stats) bool) {
	t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		st := s.Stats()
		if ok(st) {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%s: %+v", what, st)
		}
	}
}

func TestWhatSlotsDoIsCounted(t *testing.T) {
	s := newSFU(t, 2)
	c, track := publishSimulcast(t, s)
	c.change(func(ls *[3]sentLayer) { ls[2].tids = true })
	v, viewer, mid := view(t, s, track)
	v.until(2)
	told(t, s, "the slot that flows", func(st Stats) bool { return st.Slots["live"] == 1 && st.KeyframesAsked > 0 && st.Keyframes > 0 })
	viewer.link.Prefer(mid, Preference{Layers: 1})
	v.until(0)
	switches := uint64(v.changes - 1) // it may have begun with a smaller layer, whose keyframe was there first
	told(t, s, "the switch", func(st Stats) bool { return st.LayerSwitches == switches })
	viewer.link.Prefer(mid, Preference{Off: true})
	told(t, s, "the slot that is off", func(st Stats) bool { return st.Slots["off"] == 1 && st.Slots["live"] == 0 })
	viewer.link.Close()
	told(t, s, "nothing", func(st Stats) bool { return st.Slots["off"] == 0 && st.LayerSwitches == switches })
}

func TestALinkSaysWhichLayersItsSlotsShow(t *testing.T) {
	s := newSFU(t, 1)
	c, track := publishSimulcast(t, s)
	c.change(func(ls *[3]sentLayer) {
		for i := range ls {
			ls[i].tids = true
		}
	})
	v, viewer, mid := view(t, s, track)
	v.until(2)
	slot := func(ok func(SlotStats) bool) {
		t.Helper()
		var st LinkStats
		for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
			st, _ = viewer.link.Stats()
			if len(st.Slots) == 1 && ok(st.Slots[0]) {
				return
			}
		}
		t.Fatalf("%+v", st.Slots)
	}
	slot(func(s SlotStats) bool {
		return s.Showing.Width == 640 && s.Temporals == 3 && s.TemporalsOf == 3 && s.Reason == PausedNot
	})
	viewer.link.Prefer(mid, Preference{Layers: 2, Temporals: 2})
	slot(func(s SlotStats) bool { return s.Showing.Height == 180 && s.Temporals == 2 && s.TemporalsOf == 3 })
	viewer.link.Prefer(mid, Preference{Off: true})
	slot(func(s SlotStats) bool { return s.Showing.Width == 0 && s.Reason == PausedNot && s.Pause == "off" })
	st, _ := c.link.Stats()
	if len(st.Tracks) != 1 || len(st.Tracks[0].Layers) != 3 || st.Tracks[0].Needed&^0b111 != 0 {
		t.Errorf("the track: %+v", st.Tracks)
	}
}
