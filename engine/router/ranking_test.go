package router

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"switchyard/protocol"
)

// talk plays levels every 200 ms, as the shards report them, and returns the changes as "1.4s:ann,ben".
func talk(r *Ranking, length time.Duration, level func(who string, at time.Duration) float64, people ...string) []string {
	var changes []string
	start := time.Unix(100, 0)
	for at := time.Duration(0); at <= length; at += 200 * time.Millisecond {
		now := start.Add(at)
		for _, who := range people {
			l := level(who, at)
			r.Level(now, protocol.TrackID(who+"-mic"), protocol.ParticipantID(who), l, l > 0)
		}
		if r.Advance(now) {
			var list []string
			for _, s := range r.Speakers() {
				list = append(list, string(s.Participant))
			}
			changes = append(changes, fmt.Sprintf("%v:%s", at, strings.Join(list, ",")))
		}
	}
	return changes
}

func TestSpeakersTakeTurns(t *testing.T) {
	var r Ranking
	got := talk(&r, 10*time.Second, func(who string, at time.Duration) float64 {
		if (who == "ann") == (at < 5*time.Second) {
			return 0.8
		}
		return 0
	}, "ann", "ben")
	if len(got) != 3 && len(got) != 4 {
		t.Fatalf("one turn makes %v", got)
	}
	if !strings.HasSuffix(got[0], ":ann") || !strings.HasSuffix(got[len(got)-1], ":ben") {
		t.Fatal(got)
	}
	if o := r.Order(); len(o) != 2 || o[0] != "ben" || o[1] != "ann" {
		t.Fatal(o)
	}
}

func TestPausesAndCoughsChangeNothing(t *testing.T) {
	var r Ranking
	got := talk(&r, 20*time.Second, func(who string, at time.Duration) float64 {
		switch {
		case who == "ann" && at%(2*time.Second) < time.Second: // speaks with pauses of a second
			return 0.8
		case who == "ben" && at == 5*time.Second: // coughs
			return 0.95
		case who == "cyd": // hum
			return 0.3
		}
		return 0
	}, "ann", "ben", "cyd")
	if len(got) != 1 || !strings.HasSuffix(got[0], ":ann") {
		t.Fatal(got)
	}
}

func TestOnlyClearDifferencesReorder(t *testing.T) {
	var r Ranking
	got := talk(&r, 25*time.Second, func(who string, at time.Duration) float64 {
		wobble := 0.02 * math.Sin(at.Seconds()*3)
		switch {
		case at > 20*time.Second && who == "ben":
			return 0.95
		case who == "ann":
			return 0.8 + wobble
		}
		return 0.8 - wobble
	}, "ann", "ben")
	if len(got) != 2 || !strings.HasSuffix(got[0], ":ann,ben") || !strings.HasSuffix(got[1], ":ben,ann") {
		t.Fatal(got)
	}
}

func TestSilenceWithoutPacketsEnds(t *testing.T) {
	var r Ranking
	talk(&r, 2*time.Second, func(string, time.Duration) float64 { return 0.9 }, "ann")
	if !r.Active() {
		t.Fatal("nobody speaks")
	}
	now := time.Unix(102, 0)
	for range 40 {
		now = now.Add(200 * time.Millisecond)
		r.Advance(now)
	}
	if len(r.Speakers()) != 0 {
		t.Fatal("still speaks", r.Speakers())
	}
	r.Leave("ann")
	if r.Active() || len(r.Order()) != 0 {
		t.Fatal("remembers who left")
	}
}

func TestLevelsOutOfRange(t *testing.T) {
	var r Ranking
	for i, l := range []float64{math.NaN(), math.Inf(1), -1, 99} {
		r.Level(time.Unix(int64(i), 0), "t", "p", l, true)
		r.Advance(time.Unix(int64(i), 1))
	}
	for _, s := range r.Speakers() {
		if !(s.Level >= 0 && s.Level <= 1) {
			t.Fatal(s)
		}
	}
}

func TestWhoSpeaksAndLeavesIsNoSpeaker(t *testing.T) {
	var r Ranking
	talk(&r, 2*time.Second, func(string, time.Duration) float64 { return 0.9 }, "ann")
	r.Remove("ann-mic")
	if !r.Active() || !r.Advance(time.Unix(102, 1)) || len(r.Speakers()) != 0 || r.Active() {
		t.Fatal("the list did not change", r.Speakers())
	}
}
