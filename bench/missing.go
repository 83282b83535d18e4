package bench

import "time"

const (
	askAgain    = 200 * time.Millisecond // a retransmission that did not come is asked for again
	giveUpAfter = time.Second
	maxMissing  = 512 // of a stream; the oldest are given up
)

// missing is what a stream lacks, for its negative acknowledgements (RFC 4585 §6.2.1). Time is an
// argument, so that the shaped downlink and tests can have theirs.
type missing struct {
	started bool
	high    uint16
	list    []lacking // in the order in which they were missed

	givenUp uint64 // for good
}

type lacking struct {
	seq   uint16
	since time.Time
	asked time.Time // zero before
}

// note takes the number of a packet that arrived; it returns true when something is newly missing.
func (m *missing) note(now time.Time, seq uint16) bool {
	d := int16(seq - m.high)
	switch {
	case !m.started, d > maxMissing: // it began, or began anew
		m.started, m.high = true, seq
		m.givenUp += uint64(len(m.list))
		m.list = m.list[:0]
	case d <= 0:
		m.found(seq)
	default:
		for n := m.high + 1; n != seq; n++ {
			m.list = append(m.list, lacking{seq: n, since: now})
		}
		if over := len(m.list) - maxMissing; over > 0 {
			m.givenUp += uint64(over)
			m.list = append(m.list[:0], m.list[over:]...)
		}
		m.high = seq
		return d > 1
	}
	return false
}

// found takes a number that is not missing any more; false when it was not.
func (m *missing) found(seq uint16) bool {
	for i := range m.list {
		if m.list[i].seq == seq {
			m.list = append(m.list[:i], m.list[i+1:]...)
			return true
		}
	}
	return false
}

// ask appends the numbers that shall be asked for now; lost says that some were given up, so that only a
// keyframe helps.
func (m *missing) ask(now time.Time, dst []uint16) (seqs []uint16, lost bool) {
	keep := m.list[:0]
	for _, l := range m.list {
		if now.Sub(l.since) >= giveUpAfter {
			m.givenUp++
			lost = true
			continue
		}
		if now.Sub(l.asked) >= askAgain {
			l.asked = now
			dst = append(dst, l.seq)
		}
		keep = append(keep, l)
	}
	m.list = keep
	return dst, lost
}
