package sfu

import (
	"testing"
	"time"

	"switchyard/media"
)

// drive takes a turn whenever the shard looks and finds something, which comes every so often, and returns how many
// it took in a second and how long what came waited at the most.
func drive(every time.Duration, brings bool) (turns int, longest time.Duration) {
	r := rhythm{}
	const second = media.Time(time.Second)
	start := media.Time(time.Hour)
	next := start
	for now := start; now < start+second; {
		if next > now { // nothing is there: the shard waits for it
			now = next
		}
		longest = max(longest, now.Sub(next))
		for next <= now {
			next = next.Add(every)
		}
		r.begin(now, 1, 64)
		r.more = brings
		turns++
		now = now.Add(max(r.pause(now), time.Microsecond))
	}
	return turns, longest
}

func TestRhythm(t *testing.T) {
	for _, c := range []struct {
		name         string
		every        time.Duration
		media        bool
		least, most  int // turns a second
		waits, delay time.Duration
	}{
		{"a publisher of 30 frames a second is heard at once", 33 * time.Millisecond, true, 30, 32, 0, 0},
		{"packets of a frame wait for each other", 100 * time.Microsecond, true, 500, 520, turnGap, turnEvery},
		{"many publishers are heard every two milliseconds", 700 * time.Microsecond, true, 450, 520, 0, turnEvery},
		{"what comes alone waits for nothing", time.Millisecond, false, 1000, 1001, 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			turns, longest := drive(c.every, c.media)
			if turns < c.least || turns > c.most {
				t.Errorf("%d turns a second, want %d to %d", turns, c.least, c.most)
			}
			if longest < c.waits || longest > c.delay {
				t.Errorf("waited %v at the most, want %v to %v", longest, c.waits, c.delay)
			}
		})
	}
}

func TestAFewTurnsFollowSoon(t *testing.T) {
	r := rhythm{}
	now := media.Time(time.Hour)
	for i := range turnsSaved {
		r.begin(now, 1, 64)
		r.more = true
		if d := r.pause(now); d != turnGap {
			t.Fatalf("turn %d: rests %v, want %v", i, d, turnGap)
		}
		now = now.Add(turnGap)
	}
	for range 20 {
		r.begin(now, 1, 64)
		r.more = true
		now = now.Add(r.pause(now))
	}
	r.begin(now, 1, 64)
	r.more = true
	if d := r.pause(now); d != turnEvery {
		t.Fatalf("after many turns: rests %v, want %v", d, turnEvery)
	}
}

func TestFullTurnsFollowAtOnce(t *testing.T) {
	r := rhythm{}
	r.begin(media.Time(time.Hour), 64, 64)
	r.more = true
	if d := r.pause(media.Time(time.Hour)); d != 0 {
		t.Errorf("rests %v with a full queue", d)
	}
}
