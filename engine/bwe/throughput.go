package bwe

import (
	"time"

	"switchyard/media"
)

// Windows of the acknowledged rate, on the receiver's clock (gcc-02 §5.5: 0.5 to 1 s). The short one
// tells the capacity when a queue has suddenly begun to grow: the long one would still hold what
// arrived before.
const (
	longWindow   = 500 * time.Millisecond
	shortWindow  = 150 * time.Millisecond
	suddenWindow = 80 * time.Millisecond
)

// window is one of those that every feedback asks for.
type window uint8

const (
	inLong window = iota
	inShort
	inSudden
	windows
)

var windowLength = [windows]time.Duration{inLong: longWindow, inShort: shortWindow, inSudden: suddenWindow}

// throughput remembers what arrived lately, in slices of time.
type throughput struct {
	n     int
	total int          // bytes so far
	first [windows]int // number of the oldest slice within the window before the newest arrival; it only grows
	ring  [128]slice   // at least sliceTime apart: 640 ms
}

// slice is what arrived within sliceTime of its beginning.
type slice struct {
	begin, end time.Duration // arrival
	sent       media.Time    // of the last one
	total      int           // bytes that had arrived at its end, since the start
}

const sliceTime = 5 * time.Millisecond

func (t *throughput) add(at media.Time, arrived time.Duration, bytes int) {
	t.total += bytes
	if t.n > 0 {
		if s := t.at(0); arrived < s.begin+sliceTime { // reordered ones count as the newest
			s.end = max(s.end, arrived)
			s.sent = max(s.sent, at)
			s.total = t.total
			return
		}
	}
	t.ring[t.n%len(t.ring)] = slice{begin: arrived, end: arrived, sent: at, total: t.total}
	t.n++
}

func (t *throughput) at(back int) *slice { return &t.ring[(t.n-1-back)%len(t.ring)] }

// over returns the rate of arrival in bit/s within about the window before the newest arrival, and how
// much of the rate at which the same packets were sent that is (1: they arrive as fast as they were
// sent, 0: they were sent at once). False while there is too little to tell.
func (t *throughput) over(w window) (rate, share float64, ok bool) {
	first := &t.first[w]
	*first = t.oldest(*first, windowLength[w])
	return t.since(*first, windowLength[w])
}

// within is over for any length.
func (t *throughput) within(length time.Duration) (rate, share float64, ok bool) {
	return t.since(t.oldest(0, length), length)
}

// oldest returns the number of the oldest slice within a window, which is from or a later one.
func (t *throughput) oldest(from int, length time.Duration) int {
	from = max(from, t.n-len(t.ring), 0)
	for from < t.n-1 && t.at(0).end-t.ring[from%len(t.ring)].end > length {
		from++
	}
	return from
}

// since is what over returns of what arrived after the slice of a number, or of three slices where that is longer.
func (t *throughput) since(oldest int, length time.Duration) (rate, share float64, ok bool) {
	if t.n < 3 {
		return 0, 0, false
	}
	newest, first := t.at(0), &t.ring[min(oldest, max(t.n-1-3, 0))%len(t.ring)]
	span := newest.end - first.end
	if span < length/4 || span > 4*length {
		return 0, 0, false
	}
	return float64((newest.total-first.total)*8) / span.Seconds(), max(float64(newest.sent.Sub(first.sent)), 0) / float64(span), true
}

// Windows of the least delay. Two of the first are believed: that covers drifting clocks and new
// routes. Beside a rival the base is kept for longer, since the queue does not empty to show it.
const (
	baseWindow  = 10 * time.Second
	rivalWindow = 60 * time.Second
	lowWindow   = 3 * time.Second
	rivalQueue  = 40 * time.Millisecond
)

// queue measures how far the delay is above the least one.
type queue struct {
	base, next time.Duration // least of the last window and of this one
	until      time.Duration // end of this window, arrival clock
	started    bool
	last       [2]time.Duration // of the newest groups
	newest     time.Duration    // of the newest packet

	low      time.Duration // least queueing delay of this lowWindow
	lowUntil time.Duration
	rival    bool
}

func (q *queue) add(g group) {
	if !q.started {
		q.started = true
		q.base, q.next, q.until = g.delay, g.delay, g.end+baseWindow
		q.last = [2]time.Duration{g.delay, g.delay}
		q.low, q.lowUntil = 0, g.end+lowWindow
	}
	if g.end > q.until {
		q.base, q.next = q.next, g.delay
		q.until = g.end + baseWindow
		if q.rival {
			q.until = g.end + rivalWindow
		}
	}
	q.next = min(q.next, g.delay)
	q.base = min(q.base, q.next)
	q.last[1], q.last[0] = q.last[0], g.delay
	q.judge(g.end)
}

// judge finds out whether a rival keeps the queue full: flows of ours empty it every few seconds, a
// loss-based one does not (after the mode switching of Copa, NSDI 2018 §2.2).
func (q *queue) judge(now time.Duration) {
	d := q.delay()
	q.low = min(q.low, d)
	if d < rivalQueue/2 {
		q.rival = false
	}
	if now > q.lowUntil {
		q.rival = q.low > rivalQueue
		q.low, q.lowUntil = d, now+lowWindow
	}
}

// tip is the queueing delay of the newest packet, its own burst included.
func (q *queue) tip() time.Duration { return max(q.newest-q.base, 0) }

// delay is the queueing delay that a burst finds, one late group disregarded.
func (q *queue) delay() time.Duration { return max(min(q.last[0], q.last[1])-q.base, 0) }

// outflow is what was sent in the last half second, and since the last feedback.
type outflow struct {
	newest  int64 // number of the newest bucket: sentBuckets before it are kept
	bytes   [sentBuckets]int32
	unheard int        // bytes since the last feedback
	heard   media.Time // last feedback, or first packet sent after it
	probing bool       // packets belong to a cluster
}

// sent counts a packet that feedback will tell of.
func (o *outflow) sent(now media.Time, size int) {
	o.add(now, size)
	if o.unheard == 0 {
		o.heard = now
	}
	o.unheard += size
}

func (o *outflow) add(now media.Time, size int) {
	number := int64(now) / int64(sentBucket)
	if number > o.newest {
		o.move(number)
	}
	o.bytes[o.newest%sentBuckets] += int32(size)
}

// move empties the buckets up to number.
func (o *outflow) move(number int64) {
	for n := max(o.newest+1, number-sentBuckets+1); n <= number; n++ {
		o.bytes[n%sentBuckets] = 0
	}
	o.newest = number
}

// rate returns the rate of what was sent in the last half second.
func (o *outflow) rate(now media.Time) float64 {
	if number := int64(now) / int64(sentBucket); number > o.newest {
		o.move(number)
	}
	bytes := 0
	for _, n := range o.bytes {
		bytes += int(n)
	}
	return float64(bytes*8) / (sentBuckets * sentBucket).Seconds()
}
