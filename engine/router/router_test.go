package router

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"switchyard/protocol"
)

// slots reads "v0+a1 v2 a3": a pair of video 0 and audio 1, a lone video 2, a lone audio 3.
func slots(spec string) []Slot {
	var list []Slot
	for i, group := range strings.Fields(spec) {
		members := strings.Split(group, "+")
		for _, m := range members {
			s := Slot{MID: m, Kind: protocol.KindVideo}
			if m[0] == 'a' {
				s.Kind = protocol.KindAudio
			}
			if len(members) > 1 {
				s.Pair = fmt.Sprint("p", i)
			}
			list = append(list, s)
		}
	}
	return list
}

// tracks reads "ann:cam,mic ben:cam,mic,screen,screenaudio/g1": ids are the participant and source.
func tracks(spec string) []Track {
	var list []Track
	for _, who := range strings.Fields(spec) {
		name, sources, _ := strings.Cut(who, ":")
		for _, src := range strings.Split(sources, ",") {
			src, group, _ := strings.Cut(src, "/")
			src, muted := strings.CutSuffix(src, "!")
			t := Track{ID: protocol.TrackID(name + "-" + src), Participant: protocol.ParticipantID(name), Group: group, Muted: muted}
			switch strings.TrimRight(src, "0123456789") {
			case "cam":
				t.Kind, t.Source = protocol.KindVideo, protocol.SourceCamera
			case "mic":
				t.Kind, t.Source = protocol.KindAudio, protocol.SourceMicrophone
			case "screen":
				t.Kind, t.Source = protocol.KindVideo, protocol.SourceScreen
			case "screenaudio":
				t.Kind, t.Source = protocol.KindAudio, protocol.SourceScreenAudio
			}
			list = append(list, t)
		}
	}
	return list
}

func names(spec string) []protocol.ParticipantID {
	var list []protocol.ParticipantID
	for _, s := range strings.Fields(spec) {
		list = append(list, protocol.ParticipantID(s))
	}
	return list
}

func wishes(spec string) []protocol.Wish {
	var list []protocol.Wish
	for _, s := range strings.Fields(spec) {
		id, pinned := strings.CutSuffix(s, "!")
		list = append(list, protocol.Wish{Track: protocol.TrackID(id), Pinned: pinned})
	}
	return list
}

// now shows what feeds the slots: "v0=ann-cam a1=ann-mic".
func show(s *State, list []Slot) string {
	var b []string
	for _, slot := range list {
		if t, _ := s.Feeds(slot.MID); t != "" {
			b = append(b, slot.MID+"="+string(t))
		}
	}
	return strings.Join(b, " ")
}

type step struct {
	tracks, wishes, speakers string
	auto, program            bool
	want                     string
	need                     Need
}

func TestAssignments(t *testing.T) {
	for name, c := range map[string]struct {
		slots string
		self  string
		steps []step
	}{
		"a participant's audio goes beside its video": {"v0+a1 v2+a3", "", []step{
			{tracks: "ann:mic,cam ben:cam,mic", auto: true, want: "v0=ann-cam a1=ann-mic v2=ben-cam a3=ben-mic"},
		}},
		"nobody gets what it publishes itself": {"v0+a1", "ann", []step{
			{tracks: "ann:cam,mic ben:cam,mic", auto: true, want: "v0=ben-cam a1=ben-mic"},
		}},
		"who leaves makes place, and nobody else moves": {"v0+a1 v2+a3", "", []step{
			{tracks: "ann:cam,mic ben:cam,mic cyd:cam,mic", auto: true, want: "v0=ann-cam a1=ann-mic v2=ben-cam a3=ben-mic", need: Need{1, 1}},
			{tracks: "ben:cam,mic cyd:cam,mic", auto: true, want: "v0=cyd-cam a1=cyd-mic v2=ben-cam a3=ben-mic"},
		}},
		"a speaker displaces who never spoke": {"v0+a1 v2+a3", "", []step{
			{tracks: "ann:cam,mic ben:cam,mic cyd:cam,mic", auto: true, want: "v0=ann-cam a1=ann-mic v2=ben-cam a3=ben-mic", need: Need{1, 1}},
			{tracks: "ann:cam,mic ben:cam,mic cyd:cam,mic", speakers: "cyd", auto: true, want: "v0=ann-cam a1=ann-mic v2=cyd-cam a3=cyd-mic", need: Need{1, 1}},
			{tracks: "ann:cam,mic ben:cam,mic cyd:cam,mic", speakers: "ben cyd", auto: true, want: "v0=ben-cam a1=ben-mic v2=cyd-cam a3=cyd-mic", need: Need{1, 1}},
		}},
		"a speaker who is not shown is heard in a lone slot": {"v0+a1 a2 a3", "", []step{
			{tracks: "ann:cam,mic ben:mic cyd:mic dan:mic", wishes: "ann-cam!", speakers: "dan ann", auto: true, want: "v0=ann-cam a1=ann-mic a2=dan-mic a3=ben-mic", need: Need{1, 0}},
		}},
		"audio comes to its video when that is shown": {"v0+a1 a2", "", []step{
			{tracks: "ann:mic", auto: true, want: "a2=ann-mic"},
			{tracks: "ann:mic,cam", auto: true, want: "v0=ann-cam a1=ann-mic"},
		}},
		"without lone slots, audio goes beside no picture, then anywhere": {"v0+a1 v2+a3", "", []step{
			{tracks: "ann:cam ben:mic cyd:mic", auto: true, want: "v0=ann-cam a1=cyd-mic a3=ben-mic"},
		}},
		"a screen and its audio have a pair of their own": {"v0+a1 v2+a3", "", []step{
			{tracks: "ann:cam,mic,screen,screenaudio", auto: true, want: "v0=ann-screen a1=ann-screenaudio v2=ann-cam a3=ann-mic"},
		}},
		"groups tell two screens apart": {"v0+a1 v2+a3", "", []step{
			{tracks: "ann:screen1/x,screenaudio1/y,screen2/y,screenaudio2/x", auto: true, want: "v0=ann-screen1 a1=ann-screenaudio2 v2=ann-screen2 a3=ann-screenaudio1"},
		}},
		"only what is wished, in order, pinned first": {"v0+a1 v2+a3", "", []step{
			{tracks: "ann:cam,mic ben:cam,mic cyd:cam,mic", wishes: "ann-cam ben-cam ben-mic cyd-cam!", want: "v0=cyd-cam v2=ann-cam a1=ben-mic", need: Need{0, 1}},
			{tracks: "ann:cam,mic ben:cam,mic cyd:cam,mic", wishes: "", want: ""},
		}},
		"wishes for what is gone are nothing": {"v0", "", []step{
			{tracks: "ann:cam", wishes: "zoe-cam ann-cam ann-cam", want: "v0=ann-cam"},
		}},
		"what is muted comes last": {"v0+a1", "", []step{
			{tracks: "ann:cam!,mic ben:cam,mic", auto: true, want: "v0=ben-cam a1=ben-mic", need: Need{1, 1}},
		}},
		"a viewer gets the latest screen and the speaker's voice": {"v0+a1", "", []step{
			{tracks: "ann:cam,mic ben:cam,mic", program: true, want: "v0=ann-cam a1=ann-mic"},
			{tracks: "ann:cam,mic ben:cam,mic", speakers: "ben", program: true, want: "v0=ben-cam a1=ben-mic"},
			{tracks: "ann:cam,mic,screen1 ben:cam,mic", speakers: "ben", program: true, want: "v0=ann-screen1 a1=ben-mic"},
			{tracks: "ann:cam,mic,screen1 ben:cam,mic,screen2,screenaudio2", program: true, want: "v0=ben-screen2 a1=ben-screenaudio2"},
			{tracks: "ann:cam,mic", speakers: "", program: true, want: "v0=ann-cam a1=ann-mic"},
		}},
		"a viewer of one publisher": {"v0 a1", "", []step{
			{tracks: "cam:mic,cam", program: true, want: "v0=cam-cam a1=cam-mic"},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			var s State
			list := slots(c.slots)
			for i, st := range c.steps {
				_, need := s.Assign(Input{Slots: list, Scene: NewScene(tracks(st.tracks), names(st.speakers)),
					Self: protocol.ParticipantID(c.self), Wishes: wishes(st.wishes), Auto: st.auto, Program: st.program})
				if got := sorted(show(&s, list)); got != sorted(st.want) {
					t.Errorf("step %d: %s, want %s", i, got, st.want)
				}
				if need != st.need {
					t.Errorf("step %d: need %v, want %v", i, need, st.need)
				}
			}
		})
	}
}

func sorted(s string) string {
	f := strings.Fields(s)
	slices.Sort(f)
	return strings.Join(f, " ")
}

func TestHeldTracksAreNotSent(t *testing.T) {
	var s State
	list := tracks("ann:cam,mic")
	list[1].Held = true
	s.Assign(Input{Slots: slots("v0+a1"), Scene: NewScene(list, nil), Auto: true})
	if got := show(&s, slots("v0+a1")); got != "v0=ann-cam" {
		t.Error(got)
	}
}

func TestGenerationsGrowAndSurviveTheirSlot(t *testing.T) {
	var s State
	in := Input{Slots: slots("v0"), Scene: NewScene(tracks("ann:cam"), nil), Auto: true}
	if c, _ := s.Assign(in); len(c) != 1 || c[0].Generation != 1 {
		t.Fatal(c)
	}
	if c, _ := s.Assign(in); len(c) != 0 {
		t.Fatal("changed without a cause", c)
	}
	s.Assign(Input{Scene: in.Scene, Auto: true}) // the m-line goes
	if c, _ := s.Assign(in); len(c) != 1 || c[0].Generation != 3 {
		t.Fatal(c)
	}
	s.Forget()
	if c, _ := s.Assign(in); len(c) != 1 || c[0].Generation != 5 {
		t.Fatal(c)
	}
}

// world is a random room that changes by steps.
type world struct {
	rng      *rand.Rand
	tracks   []Track
	speakers []protocol.ParticipantID
	slots    []Slot
	wishes   []protocol.Wish
	auto     bool
	next     int
}

func (w *world) step() {
	switch w.rng.IntN(6) {
	case 0: // somebody comes
		w.next++
		who := fmt.Sprint("p", w.next)
		w.tracks = append(w.tracks, tracks(who+[]string{":cam,mic", ":mic", ":cam", ":screen,screenaudio", ":cam,mic,screen,screenaudio"}[w.rng.IntN(5)])...)
	case 1: // somebody goes
		if len(w.tracks) > 0 {
			who := w.tracks[w.rng.IntN(len(w.tracks))].Participant
			w.tracks = slices.DeleteFunc(slices.Clone(w.tracks), func(t Track) bool { return t.Participant == who })
		}
	case 2, 3: // somebody speaks
		if len(w.tracks) > 0 {
			who := w.tracks[w.rng.IntN(len(w.tracks))].Participant
			w.speakers = append([]protocol.ParticipantID{who}, slices.DeleteFunc(w.speakers, func(p protocol.ParticipantID) bool { return p == who })...)
		}
	case 4: // other wishes
		w.auto = w.rng.IntN(2) == 0
		w.wishes = nil
		for range w.rng.IntN(5) {
			if len(w.tracks) > 0 {
				w.wishes = append(w.wishes, protocol.Wish{Track: w.tracks[w.rng.IntN(len(w.tracks))].ID, Pinned: w.rng.IntN(4) == 0})
			}
		}
	case 5: // a track mutes
		if len(w.tracks) > 0 {
			w.tracks = slices.Clone(w.tracks)
			t := &w.tracks[w.rng.IntN(len(w.tracks))]
			t.Muted = !t.Muted
		}
	}
}

// What must hold for every assignment, whatever happened before.
func TestAssignmentProperties(t *testing.T) {
	for seed := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, 1))
		w := &world{rng: rng, auto: true, slots: slots([]string{"v0+a1 v2+a3 v4+a5", "v0+a1 a2 a3", "v0 v1 a2", "v0+a1 v2 a3"}[rng.IntN(4)])}
		var s State
		generations := map[string]uint32{}
		for range 100 {
			w.step()
			before := map[string]protocol.TrackID{}
			for _, slot := range w.slots {
				before[slot.MID], _ = s.Feeds(slot.MID)
			}
			in := Input{Slots: w.slots, Scene: NewScene(w.tracks, w.speakers), Wishes: w.wishes, Auto: w.auto}
			changes, need := s.Assign(in)
			checkKinds(t, seed, &s, w)
			checkChanges(t, seed, &s, w, before, changes, generations)
			checkStable(t, seed, &s, w, before)
			checkWishes(t, seed, &s, w, need)
			if again, _ := s.Assign(in); len(again) != 0 {
				t.Fatalf("seed %d: assigning again changes %v", seed, again)
			}
			if t.Failed() {
				return
			}
		}
	}
}

func checkKinds(t *testing.T, seed uint64, s *State, w *world) {
	seen := map[protocol.TrackID]bool{}
	for _, slot := range w.slots {
		id, _ := s.Feeds(slot.MID)
		if id == "" {
			continue
		}
		i := slices.IndexFunc(w.tracks, func(t Track) bool { return t.ID == id })
		switch {
		case i < 0:
			t.Errorf("seed %d: %s shows %s, which is gone", seed, slot.MID, id)
		case w.tracks[i].Kind != slot.Kind:
			t.Errorf("seed %d: %s shows %s of another kind", seed, slot.MID, id)
		case seen[id]:
			t.Errorf("seed %d: %s is in two slots", seed, id)
		}
		seen[id] = true
	}
}

func checkChanges(t *testing.T, seed uint64, s *State, w *world, before map[string]protocol.TrackID, changes []Change, generations map[string]uint32) {
	changed := map[string]bool{}
	for _, c := range changes {
		changed[c.MID] = true
		if c.Generation <= generations[c.MID] {
			t.Errorf("seed %d: generation %d of %s after %d", seed, c.Generation, c.MID, generations[c.MID])
		}
		generations[c.MID] = c.Generation
	}
	for _, slot := range w.slots {
		if now, _ := s.Feeds(slot.MID); (now != before[slot.MID]) != changed[slot.MID] {
			t.Errorf("seed %d: %s was %s, is %s, said changed: %v", seed, slot.MID, before[slot.MID], now, changed[slot.MID])
		}
	}
}

// A video that is shown before and after stays where it is.
func checkStable(t *testing.T, seed uint64, s *State, w *world, before map[string]protocol.TrackID) {
	for _, from := range w.slots {
		for _, to := range w.slots {
			if now, _ := s.Feeds(to.MID); from.Kind == protocol.KindVideo && now != "" && now == before[from.MID] && from.MID != to.MID {
				t.Errorf("seed %d: %s moved from %s to %s", seed, now, from.MID, to.MID)
			}
		}
	}
}

// A wish that found no slot has no other, less wanted video in one; and no slot stays empty while a
// track is wanted.
func checkWishes(t *testing.T, seed uint64, s *State, w *world, need Need) {
	var wanted []protocol.TrackID
	for _, pinned := range []bool{true, false} {
		for _, wish := range w.wishes {
			i := slices.IndexFunc(w.tracks, func(t Track) bool { return t.ID == wish.Track })
			if i >= 0 && w.tracks[i].Kind == protocol.KindVideo && wish.Pinned == pinned && !slices.Contains(wanted, wish.Track) {
				wanted = append(wanted, wish.Track)
			}
		}
	}
	videos, shown := 0, map[protocol.TrackID]bool{}
	for _, slot := range w.slots {
		if slot.Kind == protocol.KindVideo {
			videos++
			if id, _ := s.Feeds(slot.MID); id != "" {
				shown[id] = true
			}
		}
	}
	for i, id := range wanted {
		if i < videos && !shown[id] {
			t.Errorf("seed %d: wish %d, %s, is not shown in %d slots", seed, i, id, videos)
		}
	}
	if need.Video > 0 && len(shown) < videos {
		t.Errorf("seed %d: %d videos need slots, yet only %d of %d are used", seed, need.Video, len(shown), videos)
	}
	if !w.auto && len(shown) > len(wanted) {
		t.Errorf("seed %d: %d shown, %d wished", seed, len(shown), len(wanted))
	}
}

// Thirty publishers, nine pairs of slots, one speaker after the other: one switch of a pair per change
// of speaker at most, and the speaker is always shown and heard.
func TestThirtyPublishersNinePairs(t *testing.T) {
	var spec, slotSpec []string
	for i := range 30 {
		spec = append(spec, fmt.Sprintf("p%d:cam,mic", i))
	}
	for i := range 9 {
		slotSpec = append(slotSpec, fmt.Sprintf("v%d+a%d", i, i))
	}
	list, all := slots(strings.Join(slotSpec, " ")), tracks(strings.Join(spec, " "))
	rng := rand.New(rand.NewPCG(7, 7))
	var s State
	var speakers []protocol.ParticipantID
	s.Assign(Input{Slots: list, Scene: NewScene(all, nil), Auto: true})
	for range 1000 {
		who := protocol.ParticipantID(fmt.Sprint("p", rng.IntN(30)))
		speakers = append([]protocol.ParticipantID{who}, slices.DeleteFunc(speakers, func(p protocol.ParticipantID) bool { return p == who })...)
		changes, need := s.Assign(Input{Slots: list, Scene: NewScene(all, speakers), Auto: true})
		if len(changes) != 0 && len(changes) != 2 {
			t.Fatalf("%d changes for one speaker: %v", len(changes), changes)
		}
		if need != (Need{Audio: 21, Video: 21}) {
			t.Fatal(need)
		}
		text := " " + show(&s, list) + " "
		video, audio := strings.Index(text, "="+string(who)+"-cam "), strings.Index(text, "="+string(who)+"-mic ")
		if video < 0 || audio < 0 {
			t.Fatalf("%s speaks and is not shown: %s", who, text)
		}
		for i := range 9 {
			v, _ := s.Feeds(fmt.Sprint("v", i))
			a, _ := s.Feeds(fmt.Sprint("a", i))
			if strings.TrimSuffix(string(v), "-cam") != strings.TrimSuffix(string(a), "-mic") {
				t.Fatalf("%s beside %s", a, v)
			}
		}
	}
}

func BenchmarkAssign(b *testing.B) {
	var spec []string
	for i := range 100 {
		spec = append(spec, fmt.Sprintf("p%d:cam,mic", i))
	}
	all := tracks(strings.Join(spec, " "))
	list := slots("v0+a0 v1+a1 v2+a2 v3+a3 v4+a4 v5+a5 v6+a6 v7+a7 v8+a8")
	scene := NewScene(all, names("p99 p98"))
	var s State
	for b.Loop() {
		s.Assign(Input{Slots: list, Scene: scene, Auto: true})
	}
}

func TestSoundWithoutWishesBringsAudioOnly(t *testing.T) {
	var s State
	list := slots("v0+a1 v2+a3")
	all := tracks("ann:cam,mic ben:cam,mic")
	s.Assign(Input{Slots: list, Scene: NewScene(all, nil), Wishes: wishes("ben-cam"), Sound: true})
	if got := show(&s, list); got != "v0=ben-cam a1=ben-mic a3=ann-mic" {
		t.Fatal(got)
	}
}
