package sfu

import (
	"math/rand/v2"
	"slices"
	"testing"

	"switchyard/media"
)

// Links come, go and move their deadlines; all must be due at their deadlines, and none before.
func TestTimersAreDueInTime(t *testing.T) {
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 2))
		sh := &shard{}
		var links []*Link
		now := media.Time(0)
		for range 3000 {
			switch n := r.IntN(10); {
			case n == 0 || len(links) == 0:
				l := &Link{shard: sh, deadline: now + media.Time(r.IntN(1000)), heapAt: -1}
				sh.timers.add(l)
				links = append(links, l)
			case n == 1:
				i := r.IntN(len(links))
				sh.timers.remove(links[i])
				sh.timers.remove(links[i]) // once more does nothing
				links = slices.Delete(links, i, i+1)
			case n < 8:
				links[r.IntN(len(links))].setDeadline(now + media.Time(r.IntN(1000)))
			default:
				now += media.Time(r.IntN(200))
				for l := sh.timers.due(now); l != nil; l = sh.timers.due(now) {
					if l.deadline > now {
						t.Fatalf("seed %d: due at %d, now %d", seed, l.deadline, now)
					}
					l.setDeadline(now + 1 + media.Time(r.IntN(1000)))
				}
				for _, l := range links {
					if l.deadline <= now {
						t.Fatalf("seed %d: forgotten at %d, due at %d", seed, now, l.deadline)
					}
				}
			}
			least := media.Never
			for _, l := range links {
				if sh.timers[l.heapAt].link != l {
					t.Fatalf("seed %d: an entry is another link's", seed)
				}
				least = min(least, l.deadline)
			}
			if len(sh.timers) != len(links) || sh.timers.next() > least {
				t.Fatalf("seed %d: %d entries of %d, next %d, but one is due at %d", seed, len(sh.timers), len(links), sh.timers.next(), least)
			}
		}
	}
}
