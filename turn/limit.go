package turn

import (
	"net/netip"
	"sync/atomic"
	"time"
)

// bucket is a token bucket; it starts full.
type bucket struct {
	level float64
	last  time.Time
}

// take says whether n more are allowed at now.
func (b *bucket) take(now time.Time, n, rate, burst float64) bool {
	if b.last.IsZero() {
		b.level = burst
	} else if d := now.Sub(b.last); d > 0 {
		b.level = min(burst, b.level+d.Seconds()*rate)
	}
	b.last = now
	if b.level < n {
		return false
	}
	b.level -= n
	return true
}

// meter bounds bytes per second, with a second's worth at once, by the virtual scheduling of ITU-T I.371
// (GCRA). It takes no lock: packets of the shards pass through it.
type meter struct {
	due atomic.Int64 // when what was taken is paid for, in nanoseconds since 1970
}

// take says whether n more bytes are allowed at now.
func (m *meter) take(now time.Time, n, rate int) bool {
	cost := int64(n) * int64(time.Second) / int64(rate)
	at := now.UnixNano()
	for {
		due := m.due.Load()
		from := max(due, at)
		if due-at > int64(time.Second) { // the clock was set back
			from = at
		}
		after := from + cost
		if after-at > int64(time.Second) {
			return false
		}
		if m.due.CompareAndSwap(due, after) {
			return true
		}
	}
}

// Messages by UDP that prove nothing are answered this often, since their sender's address may be another's
// who would get the answers.
const (
	floodRate, floodBurst       = 50, 200 // of one address, per second
	floodAllRate, floodAllBurst = 10000, 10000
	maxFloodAddresses           = 8192 // beyond it those that were silent for longest are forgotten
	floodMemory                 = time.Minute
)

// limiter bounds unauthenticated messages. One goroutine owns it. An address that was silent for floodMemory has a
// full bucket again and is forgotten.
type limiter struct {
	young, old map[netip.Addr]*bucket
	born       time.Time // when young was empty
	all        bucket
}

func newLimiter() *limiter { return &limiter{young: map[netip.Addr]*bucket{}} }

// allow says whether a message of addr is answered. A nil limiter allows everything.
func (l *limiter) allow(now time.Time, addr netip.Addr) bool {
	if l == nil {
		return true
	}
	if addr.Is6() { // one host has 64 bits of them
		if p, err := addr.Prefix(64); err == nil {
			addr = p.Addr()
		}
	}
	if len(l.young) >= maxFloodAddresses || now.Sub(l.born) > floodMemory {
		l.old, l.young, l.born = l.young, map[netip.Addr]*bucket{}, now
	}
	b := l.young[addr]
	if b == nil {
		if b = l.old[addr]; b == nil {
			b = &bucket{}
		}
		l.young[addr] = b
	}
	return b.take(now, 1, floodRate, floodBurst) && l.all.take(now, 1, floodAllRate, floodAllBurst)
}
