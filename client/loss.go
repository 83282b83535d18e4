package client

import (
	"slices"
	"time"
)

// When a lost packet is asked for. Pion's own generator asks each 100 ms whatever the round trip is, and does not
// see what RTX repaired.
const (
	reorderWait = 10 * time.Millisecond // a packet may be late by so much before it counts as lost
	firstRTT    = 100 * time.Millisecond
	leastRTT    = 10 * time.Millisecond
	mostRTT     = time.Second
	nackTries   = 10
	maxMissing  = 256 // of one stream; the oldest are given up
	maxJump     = 512 // a larger jump of numbers is another stream
)

// missing is a packet that was passed over.
type missing struct {
	seq   int64
	asked time.Time // first
	due   time.Time // to ask, or after the last try to give up
	tries int
}

// losses knows which packets of a stream have to be asked for and when. Time is an argument.
type losses struct {
	any     bool
	highest int64     // extended sequence number
	missing []missing // by number
	rtt     time.Duration
}

// arrived takes the sequence number of a packet that came, itself or by RTX. It reports whether something is
// missing that was not before.
func (l *losses) arrived(now time.Time, seq uint16, repair bool) bool {
	if !l.any {
		if !repair {
			l.any, l.highest, l.rtt = true, int64(seq), firstRTT
		}
		return false
	}
	n := l.highest + int64(int16(seq-uint16(l.highest)))
	switch {
	case n <= l.highest:
		l.found(now, n)
		return false
	case repair: // what was never missing
		return false
	case n-l.highest > maxJump:
		l.highest, l.missing = n, l.missing[:0]
		return false
	}
	for m := l.highest + 1; m < n; m++ {
		l.missing = append(l.missing, missing{seq: m, due: now.Add(reorderWait)})
	}
	if over := len(l.missing) - maxMissing; over > 0 {
		l.missing = slices.Delete(l.missing, 0, over)
	}
	gap := n-l.highest > 1
	l.highest = n
	return gap
}

// found strikes a packet off, and learns from it how long an answer takes. Of one that was asked for more than
// once nobody knows which time was answered; from the first on it is too long rather than too short.
func (l *losses) found(now time.Time, n int64) {
	i, ok := slices.BinarySearchFunc(l.missing, n, func(m missing, n int64) int { return int(m.seq - n) })
	if !ok {
		return
	}
	if m := &l.missing[i]; m.tries > 0 {
		took := min(max(now.Sub(m.asked), leastRTT), mostRTT)
		l.rtt += (took - l.rtt) / 8 // RFC 6298 §2.3
	}
	l.missing = slices.Delete(l.missing, i, i+1)
}

// due appends the numbers to ask for now, and gives up those that were asked for often enough.
func (l *losses) due(now time.Time, dst []uint16) []uint16 {
	l.missing = slices.DeleteFunc(l.missing, func(m missing) bool { return m.tries == nackTries && !now.Before(m.due) })
	for i := range l.missing {
		m := &l.missing[i]
		if now.Before(m.due) {
			continue
		}
		if m.tries == 0 {
			m.asked = now
		}
		m.tries++
		m.due = now.Add(l.rtt * 5 / 4)
		dst = append(dst, uint16(m.seq))
	}
	return dst
}

// deadline is when due has something to do; false when nothing is missing.
func (l *losses) deadline() (at time.Time, ok bool) {
	for _, m := range l.missing {
		if !ok || m.due.Before(at) {
			at, ok = m.due, true
		}
	}
	return at, ok
}
