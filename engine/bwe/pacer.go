package bwe

import (
	"time"

	"switchyard/media"
)

// Class is what a packet is to the pacer; the lower goes first.
type Class uint8

// The classes.
const (
	ClassAudio  Class = iota
	ClassResend       // retransmissions: somebody waits for them already
	ClassVideo
	classes
)

// Parameters of the pacer.
const (
	burst      = 40 * time.Millisecond // of the rate may leave at once
	leastBurst = 3000                  // bytes: two packets, whatever the rate
)

// longest is how long a packet of a class may wait; what is older is dropped.
var longest = [classes]time.Duration{120 * time.Millisecond, 250 * time.Millisecond, 500 * time.Millisecond}

// A keyframe is sent to its end, though it takes longer: the next one would be no smaller, and a receiver that
// never gets one whole sees nothing at all. What follows it begins to wait when it has left.
const longestKey = 2 * time.Second

// queued bounds each class's queue in packets; a full one drops as one that waited too long does.
var queued = [classes]int{64, 256, 1024}

// Verdict is what is to be done with an item that left the queue.
type Verdict uint8

// The verdicts.
const (
	Send Verdict = iota
	Late         // it waited too long
	Cut          // video behind a drop: it cannot be decoded before the stream's next keyframe
)

// Item is a packet that waits; T is the owner's reference to it.
type Item[T any] struct {
	Ref    T
	Bytes  int
	Stream uint32 // of video: what a drop cuts
	Key    bool   // first packet of a video keyframe: a cut ends here
	Whole  bool   // any packet of a video keyframe
	at     media.Time
}

// Pacer spreads what is sent: audio first, then retransmissions, then video; probe padding goes past
// it, since the estimator sets its pace. Its owner asks Admit for each packet and sends at once what
// is admitted, which costs a multiplication and a comparison while the rate is not reached; the rest
// it Pushes, and drains by Next when Deadline comes. A frame larger than a burst is so spread over
// several. Sending audio is never put off for video; it counts against the rate all the same.
type Pacer[T any] struct {
	rate   float64 // bytes/s
	debt   float64 // bytes that left and are not yet paid for by time
	paid   media.Time
	queues [classes]fifo[T]
	cut    []uint32   // streams that wait for a keyframe: few
	keyAt  media.Time // the last packet of a keyframe left
	stats  PacerStats
}

// PacerStats counts packets: In = Passed + Sent + Late + Cut + those that wait.
type PacerStats struct {
	Passed, Sent, Late, Cut uint64
	Waiting                 int
	Longest                 time.Duration // that a packet which was sent has waited
}

// NewPacer returns a pacer without a rate: everything passes.
func NewPacer[T any]() *Pacer[T] { return &Pacer[T]{} }

// SetRate sets what may leave: Estimator.Pace (gcc-02 §4). 0 lets everything pass.
func (p *Pacer[T]) SetRate(now media.Time, rate media.Bitrate) {
	p.pay(now)
	p.rate = float64(rate) / 8
}

func (p *Pacer[T]) pay(now media.Time) {
	p.debt = max(0, p.debt-p.rate*now.Sub(p.paid).Seconds())
	p.paid = now
}

func (p *Pacer[T]) room() float64 {
	return max(p.rate*burst.Seconds()/paceFast, leastBurst) - p.debt
}

// Admit reports whether a packet may leave now. What may not has to be pushed.
func (p *Pacer[T]) Admit(now media.Time, bytes int, c Class) bool {
	p.pay(now)
	for q := ClassAudio; q <= c; q++ {
		if p.queues[q].n > 0 {
			return false
		}
	}
	if p.rate > 0 && c != ClassAudio && p.room() < float64(bytes) {
		return false
	}
	p.debt += float64(bytes)
	p.stats.Passed++
	return true
}

// Spend counts bytes that go past the pacer: probe padding.
func (p *Pacer[T]) Spend(now media.Time, bytes int) {
	p.pay(now)
	p.debt += float64(bytes)
}

// Refund takes back bytes of an admitted packet that was not sent after all.
func (p *Pacer[T]) Refund(bytes int) { p.debt = max(0, p.debt-float64(bytes)) }

// Push queues a packet that was not admitted. When the class's queue is full it hands the oldest back as
// dropped; its owner gives it the treatment of Next's.
func (p *Pacer[T]) Push(now media.Time, c Class, it Item[T]) (dropped Item[T], v Verdict, ok bool) {
	it.at = now
	q := &p.queues[c]
	if q.n == queued[c] {
		dropped, v, ok = q.pop(), Late, true
		p.stats.Late++
		p.cutBehind(c, dropped)
	}
	q.push(it)
	return dropped, v, ok
}

// Next returns the next packet to send or to drop; false when nothing may leave now.
func (p *Pacer[T]) Next(now media.Time) (Item[T], Class, Verdict, bool) {
	p.pay(now)
	for c := ClassAudio; c < classes; c++ {
		q := &p.queues[c]
		if q.n == 0 {
			continue
		}
		it := q.head()
		switch {
		case c == ClassVideo && p.isCut(it):
			p.stats.Cut++
			return q.pop(), c, Cut, true
		case now > p.until(c, it):
			p.stats.Late++
			p.cutBehind(c, *it)
			return q.pop(), c, Late, true
		case p.rate > 0 && p.room() < float64(it.Bytes) && p.debt > 0:
			return Item[T]{}, 0, 0, false
		}
		p.debt += float64(it.Bytes)
		p.stats.Sent++
		if it.Whole {
			p.keyAt = now
		}
		p.stats.Longest = max(p.stats.Longest, now.Sub(it.at))
		return q.pop(), c, Send, true
	}
	return Item[T]{}, 0, 0, false
}

// until returns how long an item may wait.
func (p *Pacer[T]) until(c Class, it *Item[T]) media.Time {
	if c != ClassVideo {
		return it.at.Add(longest[c])
	}
	most := it.at.Add(longestKey)
	if it.Whole {
		return most
	}
	return min(max(it.at, p.keyAt).Add(longest[c]), most)
}

// isCut reports whether a drop took what the packet depends on; a keyframe ends that.
func (p *Pacer[T]) isCut(it *Item[T]) bool {
	for i, s := range p.cut {
		if s != it.Stream {
			continue
		}
		if it.Key {
			p.cut[i] = p.cut[len(p.cut)-1]
			p.cut = p.cut[:len(p.cut)-1]
			return false
		}
		return true
	}
	return false
}

func (p *Pacer[T]) cutBehind(c Class, it Item[T]) {
	if c != ClassVideo {
		return
	}
	for _, s := range p.cut {
		if s == it.Stream {
			return
		}
	}
	p.cut = append(p.cut, it.Stream)
}

// Waits reports whether a stream was cut and needs a keyframe: its owner asks for one.
func (p *Pacer[T]) Waits(stream uint32) bool {
	for _, s := range p.cut {
		if s == stream {
			return true
		}
	}
	return false
}

// Restart forgets that a stream was cut: it begins anew with a keyframe that was admitted.
func (p *Pacer[T]) Restart(stream uint32) {
	it := Item[T]{Stream: stream, Key: true}
	p.isCut(&it)
}

// Deadline returns when Next has something, media.Never while nothing waits. It is at most a burst away,
// so one look for each burst is enough: no timer per packet.
func (p *Pacer[T]) Deadline() media.Time {
	next := media.Never
	for c := ClassAudio; c < classes; c++ {
		q := &p.queues[c]
		if q.n == 0 {
			continue
		}
		it := q.head()
		next = min(next, p.until(c, it).Add(1))
		if lack := float64(it.Bytes) - p.room(); lack > 0 && p.rate > 0 {
			next = min(next, p.paid.Add(time.Duration(lack/p.rate*1e9)+1))
		} else {
			next = min(next, p.paid)
		}
		break
	}
	return next
}

// Stats returns a snapshot.
func (p *Pacer[T]) Stats() PacerStats {
	st := p.stats
	for c := range p.queues {
		st.Waiting += p.queues[c].n
	}
	return st
}

// fifo is a ring that grows to what its class allows.
type fifo[T any] struct {
	ring    []Item[T]
	head0   int
	n       int
	nothing Item[T]
}

func (f *fifo[T]) head() *Item[T] { return &f.ring[f.head0] }

func (f *fifo[T]) push(it Item[T]) {
	if f.n == len(f.ring) {
		grown := make([]Item[T], max(16, 2*len(f.ring)))
		for i := range f.n {
			grown[i] = f.ring[(f.head0+i)%len(f.ring)]
		}
		f.ring, f.head0 = grown, 0
	}
	f.ring[(f.head0+f.n)%len(f.ring)] = it
	f.n++
}

func (f *fifo[T]) pop() Item[T] {
	it := f.ring[f.head0]
	f.ring[f.head0] = f.nothing // let go of the reference
	f.head0 = (f.head0 + 1) % len(f.ring)
	f.n--
	return it
}
