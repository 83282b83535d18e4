package ice

import "switchyard/media"

// Advance does what is due at now: first checks, retransmissions, consent, nomination.
func (a *Agent) Advance(now media.Time) {
	a.expire(now)
	a.startWaiting(now)
	for _, pr := range a.pairs {
		if pr.check.next > now {
			continue
		}
		if pr.check.tries < pr.maxTries() && !pr.valid {
			a.transmit(now, pr)
		} else {
			pr.check.next = media.Never // failed; a check of the other end starts another
		}
	}
	if sel := a.selected; sel != nil && sel.check.again <= now {
		sel.check.again = now.Add(jitter(consentInterval))
		a.newCheck(now, sel, sel.nominated)
	}
	if a.nominationDue() <= now {
		a.firstValid = now // and once more if this is lost
		a.newCheck(now, a.nominee(), true)
	}
	a.reschedule(now)
}

// startWaiting sends first checks to candidates, one at a time (RFC 8445 §6.1.4.2).
func (a *Agent) startWaiting(now media.Time) {
	if len(a.waiting) == 0 || a.nextWaiting > now {
		return
	}
	pr := a.waiting[0]
	a.waiting = a.waiting[1:]
	a.nextWaiting = now.Add(checkPace)
	if !pr.valid && pr.check.tries == 0 {
		a.newCheck(now, pr, false)
	}
}

// nominationDue returns when a controlling agent nominates what is best by then.
func (a *Agent) nominationDue() media.Time {
	if !a.controlling || a.firstValid == 0 || a.nominee() == nil {
		return media.Never
	}
	return a.firstValid.Add(nominateAfter)
}

// nominee is the pair to nominate, nil when that is done or there is none.
func (a *Agent) nominee() *pair {
	if a.selected != nil && a.selected.nominated && a.selected.gen == a.cur {
		return nil
	}
	var best *pair
	for _, pr := range a.pairs {
		if pr.valid && pr.gen == a.cur && a.better(pr, best) {
			best = pr
		}
	}
	return best
}

// expire ends consent that ran out, and forgets pairs on which nothing comes.
func (a *Agent) expire(now media.Time) {
	for _, pr := range a.pairs {
		if pr.valid && (pr.consent <= now || pr.closed()) {
			pr.valid, pr.nominated = false, false
			pr.check.next = media.Never
		}
	}
	a.remove(func(pr *pair) bool {
		return !pr.valid && (pr.closed() || now.Sub(pr.heard) >= pairIdle)
	})
	if a.selected != nil && !a.selected.valid {
		a.selected = nil
	}
	if a.selected == nil {
		a.reselect(now)
	}
}

func (pr *pair) closed() bool { return pr.path.Stream != nil && pr.path.Stream.Closed() }

// reschedule finds the next deadline.
func (a *Agent) reschedule(now media.Time) {
	next := a.nominationDue()
	if len(a.waiting) > 0 {
		next = min(next, max(a.nextWaiting, now))
	}
	for _, pr := range a.pairs {
		next = min(next, pr.check.next)
		if pr.valid {
			next = min(next, pr.consent)
		} else {
			next = min(next, pr.heard.Add(pairIdle))
		}
	}
	if a.selected != nil {
		next = min(next, a.selected.check.again)
	}
	a.deadline = next
}
