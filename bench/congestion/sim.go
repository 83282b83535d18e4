// Package congestion tries the bandwidth estimation on a simulated network in virtual time: a
// bottleneck with a queue, flows of ours and TCP flows that share it, in the test cases of RFC 8867.
// The same run that the tests judge is drawn as a chart. Everything is seeded: a run is always the same.
package congestion

import (
	"container/heap"
	"math/rand/v2"
	"time"

	"switchyard/media"
)

// sim is the clock and the agenda. Owned by the one goroutine that runs it.
type sim struct {
	now    media.Time
	agenda agenda
	count  uint64
	rng    *rand.Rand
}

func newSim(seed uint64) *sim { return &sim{rng: rand.New(rand.NewPCG(seed, 1))} }

// event is something that happens at a time.
type event struct {
	at  media.Time
	seq uint64 // those of one instant happen in the order they were planned
	do  func()
}

type agenda []event

func (a agenda) Len() int { return len(a) }
func (a agenda) Less(i, j int) bool {
	return a[i].at < a[j].at || a[i].at == a[j].at && a[i].seq < a[j].seq
}
func (a agenda) Swap(i, j int) { a[i], a[j] = a[j], a[i] }
func (a *agenda) Push(x any)   { *a = append(*a, x.(event)) }
func (a *agenda) Pop() any {
	old := *a
	e := old[len(old)-1]
	old[len(old)-1] = event{}
	*a = old[:len(old)-1]
	return e
}

func (s *sim) after(d time.Duration, do func()) { s.at(s.now.Add(d), do) }

func (s *sim) at(t media.Time, do func()) {
	s.count++
	heap.Push(&s.agenda, event{max(t, s.now), s.count, do})
}

// run lets time pass until end.
func (s *sim) run(end media.Time) {
	for len(s.agenda) > 0 && s.agenda[0].at <= end {
		e := heap.Pop(&s.agenda).(event)
		s.now = e.at
		e.do()
	}
	s.now = end
}

// every runs do at each period until it returns false.
func (s *sim) every(start media.Time, period time.Duration, do func() bool) {
	s.at(start, func() {
		if do() {
			s.every(s.now.Add(period), period, do)
		}
	})
}
