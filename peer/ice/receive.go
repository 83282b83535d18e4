package ice

import (
	"bytes"
	"time"

	"switchyard/media"
)

// Receive takes a STUN message that arrived on p. It reports whether the message was authentic, that
// is, whether p leads to the other end.
func (a *Agent) Receive(now media.Time, p Path, b []byte) bool {
	m := &a.msg
	defer func() { m.raw, m.user = nil, nil }()
	if m.parse(b) != nil {
		a.stats.Malformed++
		return false
	}
	ok := false
	switch m.typ {
	case bindingRequest:
		ok = a.onRequest(now, p, m)
	case bindingSuccess, bindingError:
		ok = a.onResponse(now, p, m)
	}
	if ok {
		a.reschedule(now)
	}
	return ok
}

func (a *Agent) onRequest(now media.Time, p Path, m *message) bool {
	g := a.generationOf(m.user)
	switch {
	case g == nil:
		a.stats.UnknownUser++
		return false
	case !m.fingerprint:
		a.stats.Malformed++
		return false
	}
	pr := a.find(p, g)
	if pr == nil && !a.allow(now) {
		a.stats.RateLimited++
		return false
	}
	if !m.authentic(g.local) { // silence, so that nothing can be made to answer into the blue
		a.stats.BadIntegrity++
		return false
	}
	a.stats.Requests++
	if a.refuse(p, m, g) {
		return true
	}
	if pr == nil && g.holds(now, p) {
		a.stats.Held++
		return true
	}
	if pr == nil {
		if pr = a.addPair(now, p, g); pr == nil {
			a.stats.PairsFull++
		}
	}
	a.push(p, func(b []byte) []byte {
		return seal(appendMapped(appendHeader(b, bindingSuccess, m.id), p.Remote, m.id), g.local)
	})
	if pr != nil {
		a.onCheck(now, pr, p, m)
	}
	return true
}

// onCheck does what a check of the other end calls for (RFC 8445 §7.3.1).
func (a *Agent) onCheck(now media.Time, pr *pair, p Path, m *message) {
	pr.path, pr.priority, pr.pinhole = p, m.priority, false
	pr.heard, pr.insisted = now, m.useCandidate
	renew := pr.valid && pr != a.selected && pr.consent.Sub(now) < consentTimeout/2
	if (!pr.valid && !pr.underWay(now)) || (renew && pr.check.next == media.Never) {
		a.newCheck(now, pr, false)
	}
	if m.useCandidate && !a.controlling {
		a.nominate(now, pr)
	}
}

// generationOf finds the credentials of a USERNAME, which is our ufrag, a colon, and theirs.
func (a *Agent) generationOf(user []byte) *generation {
	local, _, ok := bytes.Cut(user, []byte{':'})
	if !ok {
		return nil
	}
	for _, g := range [...]*generation{a.cur, a.old} {
		if g != nil && string(local) == g.localUfrag && g.localUfrag != "" {
			// After an offer that restarted only their end, our ufrag does not tell which.
			if a.old == nil || a.old.localUfrag != a.cur.localUfrag || string(user[len(local)+1:]) == g.remoteUfrag {
				return g
			}
		}
	}
	return nil
}

// allow takes a token of the limit on requests from new addresses, each of which costs an HMAC.
func (a *Agent) allow(now media.Time) bool {
	a.tokens = min(unknownBurst, a.tokens+now.Sub(a.tokensAt).Seconds()*unknownRate)
	a.tokensAt = now
	if a.tokens < 1 {
		return false
	}
	a.tokens--
	return true
}

// refuse answers an authentic request that cannot be taken with an error: a role conflict that the
// other end must resolve (RFC 8445 §7.3.1.1), or attributes that we do not know.
func (a *Agent) refuse(p Path, m *message, g *generation) bool {
	if m.nUnknown > 0 {
		a.refuseWith(p, m, g, 420, "Unknown Attribute")
		return true
	}
	conflict := m.role == attrControlled && !a.controlling || m.role == attrControlling && a.controlling
	if !conflict {
		return false
	}
	// The larger tie-breaker controls.
	if a.controlling == (a.tieBreaker >= m.tieBreaker) {
		a.refuseWith(p, m, g, 487, "Role Conflict")
		return true
	}
	a.setRole(!a.controlling)
	return false
}

func (a *Agent) setRole(controlling bool) {
	a.controlling, a.firstValid = controlling, 0
	for _, pr := range a.pairs {
		pr.nominated = false
		if controlling && pr.valid {
			a.firstValid = pr.heard
		}
	}
}

func (a *Agent) refuseWith(p Path, m *message, g *generation, code int, reason string) {
	a.stats.Refused++
	a.push(p, func(b []byte) []byte {
		b = appendHeader(b, bindingError, m.id)
		v := append([]byte{0, 0, byte(code / 100), byte(code % 100)}, reason...)
		b = appendAttr(b, attrErrorCode, v)
		if m.nUnknown > 0 {
			v = v[:0]
			for _, u := range m.unknown[:m.nUnknown] {
				v = append(v, byte(u>>8), byte(u))
			}
			b = appendAttr(b, attrUnknown, v)
		}
		return seal(b, g.local)
	})
}

func (a *Agent) onResponse(now media.Time, p Path, m *message) bool {
	pr, s := a.asked(m.id)
	// It must come from where the request went, to where it left from (RFC 8445 §7.2.5.2.1).
	if pr == nil || pr.path.Remote != p.Remote || pr.path.Stream != p.Stream ||
		pr.path.Local.IsValid() && pr.path.Local != p.Local {
		a.stats.Unmatched++
		return false
	}
	if !m.authentic(pr.gen.remote) {
		a.stats.BadIntegrity++
		return false
	}
	a.stats.Responses++
	if m.typ == bindingError {
		a.onError(now, pr, s, m)
		return true
	}
	s.used = false
	if once := s == &pr.check.recent[0] && pr.check.tries == 1; once { // else it is not known which was answered
		a.onRTT(now.Sub(s.at))
	}
	pr = a.adopt(pr, p)
	pr.check.next = media.Never
	a.validate(now, pr)
	if s.nominates {
		a.nominate(now, pr)
	}
	return true
}

// onRTT smooths a measured round-trip time (RFC 6298 §2).
func (a *Agent) onRTT(rtt time.Duration) {
	if a.rtt == 0 {
		a.rtt = rtt
		return
	}
	a.rtt += (rtt - a.rtt) / 8
}

// adopt gives a pair made from a candidate the local address that it turned out to have. Where a
// check of the other end has made that pair already, that is the one.
func (a *Agent) adopt(pr *pair, p Path) *pair {
	if pr.path == p {
		return pr
	}
	for _, other := range a.pairs {
		if other != pr && other.gen == pr.gen && other.path == p {
			a.remove(func(x *pair) bool { return x == pr })
			return other
		}
	}
	pr.path = p
	return pr
}

// asked finds the pair and the request that id is of.
func (a *Agent) asked(id transactionID) (*pair, *sent) {
	for _, pr := range a.pairs {
		for i := range pr.check.recent {
			if s := &pr.check.recent[i]; s.used && s.id == id {
				return pr, s
			}
		}
	}
	return nil, nil
}

// onError resolves a role conflict (RFC 8445 §7.2.5.1); any other error fails the check.
func (a *Agent) onError(now media.Time, pr *pair, s *sent, m *message) {
	s.used = false
	pr.check.next = media.Never
	if m.errorCode != 487 {
		return
	}
	if s.controlling == a.controlling {
		a.setRole(!a.controlling)
		a.tieBreaker = randomUint64()
	}
	a.newCheck(now, pr, false)
}
