package ingest

import (
	"time"

	"switchyard/media"
)

const (
	maxMissing  = 256 // packets asked for at once; more is not repaired but replaced by a keyframe
	maxTries    = 10
	reorderWait = 3 * time.Millisecond // before the first NACK: it may only be late
	minRetry    = 20 * time.Millisecond
)

type missing struct {
	seq   media.ExtSeq
	due   media.Time
	tries uint8
}

// missingList is what a stream lacks, in ascending order. Bounded: a gap that does not fit clears it.
type missingList struct {
	items [maxMissing]missing
	n     int
	due   media.Time // not later than the earliest due; Never when empty
}

// add notes the gap from first to last; false when it does not fit, then nothing is left.
func (l *missingList) add(now media.Time, first, last media.ExtSeq) bool {
	if last-first >= maxMissing || l.n+int(last-first)+1 > maxMissing {
		l.clear()
		return false
	}
	if l.n == 0 {
		l.due = media.Never
	}
	due := now.Add(reorderWait)
	for s := first; s <= last; s++ {
		l.items[l.n] = missing{seq: s, due: due}
		l.n++
	}
	l.due = min(l.due, due)
	return true
}

func (l *missingList) clear() { l.n, l.due = 0, media.Never }

// remove takes seq out; false when it is not there.
func (l *missingList) remove(seq media.ExtSeq) bool {
	for i := range l.n {
		if l.items[i].seq == seq {
			copy(l.items[i:l.n-1], l.items[i+1:l.n])
			l.n--
			return true
		}
	}
	return false
}

// collect appends the sequence numbers to ask for now and forgets those asked for too often. It
// returns them, how many were given up, and the newest of these.
func (l *missingList) collect(now media.Time, rtt time.Duration, lost []uint16) (_ []uint16, gone int, newest media.ExtSeq) {
	retry := max(minRetry, rtt+rtt/4)
	l.due = media.Never
	kept := 0
	for i := range l.n {
		m := l.items[i]
		if m.due <= now {
			if m.tries == maxTries {
				gone, newest = gone+1, m.seq
				continue
			}
			lost = append(lost, uint16(m.seq))
			m.tries++
			m.due = now.Add(retry)
		}
		l.items[kept] = m
		kept++
		l.due = min(l.due, m.due)
	}
	l.n = kept
	return lost, gone, newest
}

func (l *missingList) deadline() media.Time {
	if l.n == 0 {
		return media.Never
	}
	return l.due
}
