package splice

import (
	"sync"
	"time"
)

// lead is how much earlier than the rate allows something may pass: timers are not so exact.
const lead = 20 * time.Millisecond

// pace holds what passes to a rate: whoever passed something waits before it reads more until that is paid. Where
// several share a pace, each waits behind the one message of each other one, so that they get as many messages each.
type pace struct {
	rate float64 // bytes a second; immutable

	mu   sync.Mutex
	paid time.Time // guarded by mu: when all that has passed is within the rate
}

// take notes that n bytes have passed, and says how long to wait.
func (p *pace) take(now time.Time, n int) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.paid.Before(now) {
		p.paid = now
	}
	p.paid = p.paid.Add(time.Duration(float64(n) / p.rate * float64(time.Second)))
	return max(0, p.paid.Sub(now)-lead)
}

// hold waits until the socket and the server are within their rates, or the socket ends.
func (k *socket) hold(n int) {
	s, now := k.server, time.Now()
	own, all := k.pace.take(now, n), s.pace.take(now, n)
	wait := max(own, all)
	if wait == 0 {
		return
	}
	if own >= all {
		s.heldOwn.Add(1)
	} else {
		s.heldAll.Add(1)
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-k.ending:
	}
}
