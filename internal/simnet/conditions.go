package simnet

import (
	"math/rand/v2"
	"time"
)

// Conditions are what one direction of a path does to datagrams. The zero value delivers everything
// at once and in order.
type Conditions struct {
	// Latency is added to every datagram, Jitter a uniformly drawn share of itself on top. Jitter
	// alone does not reorder: a datagram waits for the one before it, as in a router's queue.
	Latency time.Duration
	Jitter  time.Duration
	// Loss is the probability, 0 to 1, that a datagram is dropped. Burst is the mean length of a
	// run of losses (Gilbert's model); at most 1 means that losses are independent.
	Loss  float64
	Burst float64
	// Duplicate is the probability that a second copy arrives, drawn with its own jitter.
	Duplicate float64
	// Reorder is the probability that a datagram is held back for ReorderBy (10 ms when 0), while
	// later ones overtake it.
	Reorder   float64
	ReorderBy time.Duration
	// Rate limits the direction, in bits per second of payload; 0 is no limit. Queue is how many
	// bytes may wait for the rate; the rest is dropped at the tail. 0 is 100 ms of Rate, and never
	// less than two full datagrams.
	Rate  int
	Queue int
	// MTU drops larger datagrams in silence, as a path that blocks ICMP does; 0 is no limit.
	MTU int
	// Down drops everything: an unplugged cable.
	Down bool
}

const (
	defaultReorderBy = 10 * time.Millisecond
	defaultQueueTime = 100 * time.Millisecond
	fullDatagram     = 1500
)

// DropReason says why a datagram did not arrive.
type DropReason int

// The reasons.
const (
	DropLoss     DropReason = iota // drawn by Loss
	DropQueue                      // the rate's queue was full
	DropMTU                        // larger than MTU
	DropDown                       // the direction is down
	DropNoRoute                    // nobody has that address or port
	DropReceiver                   // the receiver's buffer was full, or it closed
	DropSessions                   // Relay only: too many clients
	dropReasons  int        = iota
)

func (r DropReason) String() string {
	return [...]string{"loss", "queue", "mtu", "down", "no-route", "receiver", "sessions"}[r]
}

// Stats counts datagrams of a network or one direction of a relay: In + Duplicated = Delivered +
// all of Dropped + those still on their way.
type Stats struct {
	In         uint64
	Duplicated uint64
	Delivered  uint64
	Dropped    [dropReasons]uint64 // by DropReason
}

// Lost is the sum of all drops.
func (s Stats) Lost() uint64 {
	var n uint64
	for _, d := range s.Dropped {
		n += d
	}
	return n
}

// shaper applies Conditions to one direction. It is pure: time and size go in, arrival times come
// out. Not safe for concurrent use.
type shaper struct {
	c    Conditions
	rng  *rand.Rand
	bad  bool      // Gilbert's state: within a run of losses
	busy time.Time // when the rate's queue will be empty
	last time.Time // latest arrival so far, of those in order
}

func newShaper(c Conditions, seed1, seed2 uint64) *shaper {
	return &shaper{c: c, rng: rand.New(rand.NewPCG(seed1, seed2))}
}

// send decides about one datagram: n arrivals (1, or 2 when duplicated), or none and the reason.
func (s *shaper) send(now time.Time, size int) (at [2]time.Time, n int, reason DropReason) {
	switch {
	case s.c.Down:
		return at, 0, DropDown
	case s.c.MTU > 0 && size > s.c.MTU:
		return at, 0, DropMTU
	}
	sent, ok := s.transmit(now, size)
	if !ok {
		return at, 0, DropQueue
	}
	if s.lose() {
		return at, 0, DropLoss
	}
	at[0] = s.arrive(sent)
	if s.c.Duplicate > 0 && s.rng.Float64() < s.c.Duplicate {
		at[1] = s.arrive(sent)
		return at, 2, 0
	}
	return at, 1, 0
}

// transmit is the rate and its queue: when the last bit leaves.
func (s *shaper) transmit(now time.Time, size int) (time.Time, bool) {
	if s.c.Rate <= 0 {
		return now, true
	}
	if s.busy.Before(now) {
		s.busy = now
	}
	limit := s.c.Queue
	if limit <= 0 {
		limit = max(2*fullDatagram, int(int64(s.c.Rate)/8*int64(defaultQueueTime)/int64(time.Second)))
	}
	waiting := int(s.busy.Sub(now).Seconds() * float64(s.c.Rate) / 8)
	if waiting+size > limit && waiting > 0 {
		return now, false
	}
	s.busy = s.busy.Add(time.Duration(float64(size) * 8 / float64(s.c.Rate) * float64(time.Second)))
	return s.busy, true
}

// lose draws a loss. With a burst length b, a run ends with probability 1/b per datagram and begins
// so often that the share of losses stays what Loss says.
func (s *shaper) lose() bool {
	p := s.c.Loss
	if p <= 0 {
		return false
	}
	if s.c.Burst <= 1 || p >= 1 {
		return s.rng.Float64() < p
	}
	if end := 1 / s.c.Burst; s.bad {
		s.bad = s.rng.Float64() >= end
	} else {
		s.bad = s.rng.Float64() < end*p/(1-p)
	}
	return s.bad
}

// arrive adds latency and jitter, and keeps the order unless reordering was drawn.
func (s *shaper) arrive(sent time.Time) time.Time {
	at := sent.Add(s.c.Latency)
	if s.c.Jitter > 0 {
		at = at.Add(time.Duration(s.rng.Int64N(int64(s.c.Jitter) + 1)))
	}
	if s.c.Reorder > 0 && s.rng.Float64() < s.c.Reorder {
		by := s.c.ReorderBy
		if by <= 0 {
			by = defaultReorderBy
		}
		return at.Add(by) // s.last stays: later ones may overtake
	}
	if at.Before(s.last) {
		at = s.last
	}
	s.last = at
	return at
}
