package simnet

import (
	"container/heap"
	"sync"
	"time"
)

// schedule runs deliveries at their times, those of one instant in the order they were added. It has
// no goroutine of its own: one timer is armed for the earliest delivery.
type schedule struct {
	mu      sync.Mutex
	queue   deliveries
	counter uint64
	timer   *time.Timer
	armed   time.Time // what the timer waits for; zero when it does not
	running bool      // someone is delivering: order is kept
	closed  bool
}

type delivery struct {
	at  time.Time
	seq uint64
	run func()
}

// add runs f at the given time or soon after, on a goroutine of the timer. The queue is bounded by
// what the senders' latencies hold: it is for tests.
func (s *schedule) add(at time.Time, f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	s.counter++
	heap.Push(&s.queue, delivery{at: at, seq: s.counter, run: f})
	s.arm()
}

// arm sets the timer to the earliest delivery. Holds mu.
func (s *schedule) arm() {
	if s.closed || s.running || len(s.queue) == 0 {
		return
	}
	next := s.queue[0].at
	if !s.armed.IsZero() && !next.Before(s.armed) {
		return
	}
	s.armed = next
	wait := time.Until(next)
	if s.timer == nil {
		s.timer = time.AfterFunc(wait, s.deliver)
		return
	}
	s.timer.Reset(wait)
}

// deliver runs what is due. Only one deliver runs at a time.
func (s *schedule) deliver() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.armed = time.Time{}
	if s.running {
		return
	}
	s.running = true
	for !s.closed && len(s.queue) > 0 && !s.queue[0].at.After(time.Now()) {
		d := heap.Pop(&s.queue).(delivery)
		s.mu.Unlock()
		d.run()
		s.mu.Lock()
	}
	s.running = false
	s.arm()
}

// close drops what is still on its way and says how many that were.
func (s *schedule) close() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	n := len(s.queue)
	s.queue = nil
	if s.timer != nil {
		s.timer.Stop()
	}
	return n
}

// pending is how many datagrams are on their way.
func (s *schedule) pending() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.queue)
}

// deliveries is a heap by time, then by order of addition.
type deliveries []delivery

func (d deliveries) Len() int { return len(d) }
func (d deliveries) Less(i, j int) bool {
	if d[i].at.Equal(d[j].at) {
		return d[i].seq < d[j].seq
	}
	return d[i].at.Before(d[j].at)
}
func (d deliveries) Swap(i, j int) { d[i], d[j] = d[j], d[i] }
func (d *deliveries) Push(x any)   { *d = append(*d, x.(delivery)) }
func (d *deliveries) Pop() any {
	old := *d
	last := old[len(old)-1]
	old[len(old)-1] = delivery{}
	*d = old[:len(old)-1]
	return last
}
