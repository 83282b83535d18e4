package server

import (
	"net/netip"
	"sync"
	"time"
)

// limiter is a token bucket per address with bounded memory: it holds two generations of at most
// size addresses. When the young one is full the old one is forgotten, so an address that comes
// back after a flood of others starts with a full bucket. It is also forgotten when whoever is only in it has
// a full bucket again.
type limiter struct {
	rate  float64 // tokens per second
	burst float64
	size  int

	mu         sync.Mutex
	young, old map[netip.Addr]*bucket // guarded by mu
	born       time.Time              // guarded by mu; when young was empty
}

type bucket struct {
	tokens float64
	at     time.Time // when tokens was right
}

const limiterSize = 8192

func newLimiter(rate, burst float64) *limiter {
	return &limiter{rate: rate, burst: burst, size: limiterSize, young: map[netip.Addr]*bucket{}}
}

// take takes n tokens from the address's bucket and reports whether they were there. With n = 0 it
// asks whether one token is left.
func (l *limiter) take(addr netip.Addr, n float64, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.bucket(addr, now)
	b.tokens = min(l.burst, b.tokens+l.rate*max(0, now.Sub(b.at).Seconds())) // a clock set back takes nothing
	b.at = now
	if b.tokens < max(n, 1) {
		return false
	}
	b.tokens -= n
	return true
}

func (l *limiter) bucket(addr netip.Addr, now time.Time) *bucket {
	if filled := l.burst / l.rate; now.Sub(l.born).Seconds() > max(filled, 60) {
		l.grow(now)
	}
	if b := l.young[addr]; b != nil {
		return b
	}
	b := l.old[addr]
	if b == nil {
		b = &bucket{tokens: l.burst, at: now}
	}
	if len(l.young) >= l.size {
		l.grow(now)
	}
	l.young[addr] = b
	return b
}

// grow makes the young generation the old one.
func (l *limiter) grow(now time.Time) {
	l.old, l.young, l.born = l.young, map[netip.Addr]*bucket{}, now
}
