package sfu

import (
	"runtime"
	"time"

	"switchyard/media"
)

// Waking up costs more than most turns do. So what comes alone waits for what comes with it: after a turn that brought
// media the shard rests before it looks again, briefly as long as turns are few, longer where they would be many.
const (
	// turnGap is the least time between the starts of two turns of which the first brought media: the packets of a
	// frame come one by one within it.
	turnGap = 500 * time.Microsecond
	// turnEvery is that time where many publishers send at once, each in its own rhythm: no more turns a second than
	// that are worth waking up for.
	turnEvery = 2 * time.Millisecond
	// turnsSaved are so many turns that may follow at turnGap after a quiet time: the frames of a few publishers.
	turnsSaved = 8
)

// yieldEvery is how often a busy shard lets Go's scheduler see it. Go's monitor takes the processor of a
// goroutine away that is in system calls and has not been rescheduled for 10 ms, and keeps awake to do
// so: unyielding, that was a third of the server's time. To yield wakes another thread, in vain.
const yieldEvery = 6 * time.Millisecond

// rhythm is when a shard's turns are. Owned by its loop.
type rhythm struct {
	turned  media.Time // when the last turn began
	more    bool       // it brought what more follows soon
	full    bool       // it brought all that a turn takes: what follows is there already
	paid    media.Time // the turns up to now are paid for until then, at turnEvery each
	yielded media.Time
}

// begin notes a turn that begins, with so many datagrams of those that it could take.
func (r *rhythm) begin(now media.Time, n, most int) { r.turned, r.more, r.full = now, false, n == most }

// pause returns how long the shard is to rest before it looks again.
func (r *rhythm) pause(now media.Time) time.Duration {
	if !r.more || r.full {
		return 0
	}
	r.paid = max(r.paid, r.turned.Add(-turnsSaved*turnEvery)).Add(turnEvery)
	return max(r.turned.Add(turnGap), r.paid).Sub(now)
}

// rest keeps the distance to a turn that more may follow.
func (s *shard) rest() {
	now := s.clock.Now()
	if d := s.rhythm.pause(now); d > 0 {
		s.sock.Rest(d)
	}
	if now.Sub(s.rhythm.yielded) >= yieldEvery {
		s.rhythm.yielded = now
		runtime.Gosched()
	}
}
