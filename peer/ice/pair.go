package ice

import (
	"crypto/rand"

	"switchyard/media"
)

// recentChecks is how many of a pair's last checks may still be answered.
const recentChecks = 4

// pair is a path under one generation of credentials.
type pair struct {
	path Path
	gen  *generation

	priority uint32 // the other end's candidate, from its checks; 0 when it never sent one
	pinhole  bool   // made from a candidate; no check came from there

	valid     bool       // a check of ours was answered, and consent has not expired
	consent   media.Time // until when, while valid
	heard     media.Time // last authentic message
	nominated bool       // by whichever end is controlling
	insisted  bool       // the last check that came carried USE-CANDIDATE

	check check
}

// check is the last of our own checks on a pair.
type check struct {
	recent [recentChecks]sent // the newest first
	tries  int                // how often the newest was sent
	next   media.Time         // retransmission, or giving up; Never when nothing is under way
	again  media.Time         // of the next consent check, while selected
}

// sent is a request that may be answered.
type sent struct {
	id          transactionID
	at          media.Time // when it was sent first
	controlling bool       // the role that it claimed
	nominates   bool
	used        bool
}

// find returns the pair for p, which may be one made from a candidate, whose local address is open.
func (a *Agent) find(p Path, g *generation) *pair {
	for _, pr := range a.pairs {
		if pr.gen == g && pr.path == p {
			return pr
		}
	}
	for _, pr := range a.pairs {
		if pr.gen == g && !pr.path.Local.IsValid() && pr.path.Remote == p.Remote && pr.path.Stream == p.Stream {
			return pr
		}
	}
	return nil
}

// addPair makes a pair, at the cost of one that is of no use; nil when all are.
func (a *Agent) addPair(now media.Time, p Path, g *generation) *pair {
	if len(a.pairs) >= maxPairs && !a.evict() {
		return nil
	}
	pr := &pair{path: p, gen: g, heard: now, pinhole: true}
	pr.check.next, pr.check.again = media.Never, media.Never
	a.pairs = append(a.pairs, pr)
	return pr
}

// evict removes the pair that is neither valid nor nominated and was silent longest.
func (a *Agent) evict() bool {
	var worst *pair
	for _, pr := range a.pairs {
		if !pr.valid && !pr.nominated && (worst == nil || pr.heard < worst.heard) {
			worst = pr
		}
	}
	if worst != nil {
		a.remove(func(pr *pair) bool { return pr == worst })
	}
	return worst != nil
}

func (a *Agent) remove(dead func(*pair) bool) {
	keep := func(l []*pair) []*pair {
		n := 0
		for _, pr := range l {
			if !dead(pr) {
				l[n] = pr
				n++
			}
		}
		clear(l[n:])
		return l[:n]
	}
	a.pairs, a.waiting = keep(a.pairs), keep(a.waiting)
	if a.selected != nil && dead(a.selected) {
		a.selected = nil
	}
}

// forget drops a generation with its pairs.
func (a *Agent) forget(g *generation) {
	if g != nil {
		a.remove(func(pr *pair) bool { return pr.gen == g })
	}
}

// localPriority ranks our end of p (RFC 8445 §5.1.2.1): UDP over TCP over relays, IPv6 over IPv4. That of a
// relay must be here, since the other end's checks through one look like any of its own.
func localPriority(p Path) uint32 {
	typ, pref := uint32(126), uint32(65534)
	switch {
	case p.Relayed:
		typ = 0 // RFC 8445 §5.1.2.2
	case p.Stream != nil:
		typ = 90
	}
	if p.Remote.Addr().Is6() {
		pref = 65535
	}
	return typ<<24 | pref<<8 | 255
}

// reflexivePriority is what our checks say (RFC 8445 §7.1.1): our end's rank as peer-reflexive.
func reflexivePriority(p Path) uint32 {
	typ := uint32(110)
	if p.Stream != nil {
		typ = 80
	}
	return typ<<24 | localPriority(p)&0xffffff
}

// rank is the pair's priority (RFC 8445 §6.1.2.3).
func (a *Agent) rank(pr *pair) uint64 {
	g, d := uint64(pr.priority), uint64(localPriority(pr.path))
	if a.controlling {
		g, d = d, g
	}
	r := min(g, d)<<32 + 2*max(g, d)
	if g > d {
		r++
	}
	return r
}

// nominate notes that the controlling end chose pr, and moves there if it is valid.
func (a *Agent) nominate(now media.Time, pr *pair) {
	pr.nominated = true
	if pr.valid && pr != a.selected && a.yields(now, pr) {
		a.selectPair(now, pr)
	}
}

// yields reports whether the selected pair gives way to pr, which is nominated and valid. With
// aggressive nomination all pairs are nominated and the highest rank counts (RFC 8445 §8.1.1, RFC
// 5245 §8.1.1.2); an end that moves to a lower one has stopped insisting on the old one.
func (a *Agent) yields(now media.Time, pr *pair) bool {
	sel := a.selected
	switch {
	case sel == nil || !sel.nominated:
		return true
	case pr.gen != sel.gen:
		return pr.gen == a.cur
	case !sel.insisted || now.Sub(sel.heard) > silence:
		return true
	}
	return a.rank(pr) > a.rank(sel)
}

// validate notes that a check of ours on pr was answered.
func (a *Agent) validate(now media.Time, pr *pair) {
	pr.valid, pr.consent, pr.heard = true, now.Add(consentTimeout), now
	sel := a.selected
	switch {
	case pr == sel:
	case pr.nominated:
		if a.yields(now, pr) {
			a.selectPair(now, pr)
		}
	case sel == nil:
		a.selectPair(now, pr)
	case !sel.nominated && pr.gen == sel.gen && a.rank(pr) > a.rank(sel):
		a.selectPair(now, pr) // the best so far carries DTLS and media before nomination
	}
	if a.controlling && a.firstValid == 0 {
		a.firstValid = now
	}
}

func (a *Agent) selectPair(now media.Time, pr *pair) {
	a.selected = pr
	pr.check.again = now.Add(jitter(consentInterval))
	if pr.gen == a.cur && pr.nominated && a.old != nil {
		a.forget(a.old)
		a.old = nil
	}
}

// reselect chooses the best that is left after the selected pair was lost.
func (a *Agent) reselect(now media.Time) {
	var best *pair
	for _, pr := range a.pairs {
		if pr.valid && now.Sub(pr.heard) < consentTimeout/2 && a.better(pr, best) {
			best = pr
		}
	}
	if best != nil {
		a.selectPair(now, best)
	}
}

func (a *Agent) better(pr, than *pair) bool {
	switch {
	case than == nil:
		return true
	case pr.gen != than.gen:
		return pr.gen == a.cur
	case pr.nominated != than.nominated:
		return pr.nominated
	}
	return a.rank(pr) > a.rank(than)
}

// newCheck sends a new request on pr; a controlling agent may nominate pr by it.
func (a *Agent) newCheck(now media.Time, pr *pair, nominates bool) {
	c := &pr.check
	copy(c.recent[1:], c.recent[:])
	c.recent[0] = sent{at: now, controlling: a.controlling, nominates: nominates && a.controlling, used: true}
	_, _ = rand.Read(c.recent[0].id[:]) // never fails
	c.tries = 0
	a.transmit(now, pr)
}

// transmit sends pr's newest request, and sets when to do so again.
func (a *Agent) transmit(now media.Time, pr *pair) {
	c := &pr.check
	a.request(pr)
	c.tries++
	switch {
	case pr.path.Stream != nil:
		c.next = now.Add(streamTimeout)
	case pr.valid:
		c.next = media.Never // a consent check is not repeated (RFC 7675 §5.1)
	default:
		c.next = now.Add(checkRTO << min(c.tries-1, 4))
	}
}

func (pr *pair) maxTries() int {
	switch {
	case pr.path.Stream != nil:
		return 1
	case pr.pinhole:
		return pinholeTries
	}
	return checkTries
}

// request queues pr's newest check (RFC 8445 §7.2.4).
func (a *Agent) request(pr *pair) {
	s := &pr.check.recent[0]
	a.push(pr.path, func(b []byte) []byte {
		b = appendHeader(b, bindingRequest, s.id)
		b = appendAttr(b, attrUsername, pr.gen.username)
		role := uint16(attrControlled)
		if s.controlling {
			role = attrControlling
		}
		b = appendUint64(b, role, a.tieBreaker)
		b = appendUint32(b, attrPriority, reflexivePriority(pr.path))
		if s.nominates {
			b = appendAttr(b, attrUseCandidate, nil)
		}
		return seal(b, pr.gen.remote)
	})
}

// underWay reports whether a check left so lately that another would only double it.
func (pr *pair) underWay(now media.Time) bool {
	c := &pr.check
	if c.next == media.Never || c.tries == 0 {
		return false
	}
	wait := checkRTO << min(c.tries-1, 4)
	if pr.path.Stream != nil {
		wait = streamTimeout
	}
	return now.Sub(c.next.Add(-wait)) < triggerGap
}
