// Package ice is the server's ICE agent (RFC 8445): full, normally controlled, on sockets that are
// shared with other agents. It is sans-IO: time is an argument, and messages to send are drained.
//
// It follows RFC 8489 (STUN, short-term credentials), RFC 6544 (ICE-TCP, passive) and RFC 7675
// (consent). Towards an ICE-lite end, or after a role conflict, it is controlling. It has no
// candidates of its own to pair: each address that a check arrives from makes a pair
// (peer-reflexive), is answered, and is checked in turn. Candidates of the other end are only
// checked to open pinholes.
//
// Where it is more lenient than RFC 7675 §5.1: a path whose consent expired may be used again with
// the same credentials once a new check of ours on it was answered, so that a laptop that slept
// comes back without signalling.
package ice

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1"
	"encoding/binary"
	"hash"
	mathrand "math/rand/v2"
	"net/netip"
	"time"

	"switchyard/media"
)

// Stream is a TCP connection as far as the agent cares. Its dynamic type must be comparable.
type Stream interface{ Closed() bool }

// Path is a pair of addresses, or a TCP connection, or a way through a relay.
type Path struct {
	Remote  netip.AddrPort
	Local   netip.Addr // invalid: any of ours
	Stream  Stream     // nil for UDP
	Relayed bool       // Stream is a relay, which ranks last
}

// Credentials are both ends' user fragments and passwords (RFC 8445 §5.3).
type Credentials struct {
	LocalUfrag, LocalPwd   string
	RemoteUfrag, RemotePwd string
	RemoteLite             bool
}

// Config of an agent.
type Config struct {
	Credentials
	Loopback bool // checks may go to loopback addresses
}

const (
	maxPairs      = 32
	maxCandidates = 16

	checkPace     = 50 * time.Millisecond  // between first checks (RFC 8445 §14.2, Ta)
	checkRTO      = 500 * time.Millisecond // of the first retransmission (RFC 8445 §14.3)
	checkTries    = 7                      // RFC 8489 §6.2.1, Rc
	pinholeTries  = 5
	triggerGap    = 100 * time.Millisecond // at least, between triggered checks on a pair
	streamTimeout = 10 * time.Second       // of a check over TCP, which is sent once

	consentInterval = 5 * time.Second // RFC 7675 §5.1, ±20 %
	consentTimeout  = 30 * time.Second
	pairIdle        = 60 * time.Second // a pair on which nothing came so long is forgotten
	silence         = 3 * time.Second  // a selected pair so silent gives way to any nomination
	nominateAfter   = 100 * time.Millisecond

	// Browsers gather TCP candidates last, and stop gathering once a pair works: a relay that is near would
	// keep a better path from ever being tried. Its first checks so long are left to their repetition.
	relayHold = 200 * time.Millisecond

	unknownBurst = 64 // requests from new addresses
	unknownRate  = 32 // and how many more each second
)

// Stats counts what the agent took and refused.
type Stats struct {
	Requests, Responses uint64 // authentic
	Malformed           uint64
	UnknownUser         uint64 // USERNAME of nobody
	BadIntegrity        uint64
	RateLimited         uint64 // requests from new addresses beyond the limit
	Unmatched           uint64 // responses to nothing that we asked, or from elsewhere
	Refused             uint64 // requests answered with an error: role conflict, unknown attribute
	PairsFull           uint64 // requests answered without making a pair of them
	Held                uint64 // requests through a relay that came too early to be answered
}

// Agent is one ICE agent of one component (RTCP is always multiplexed). It has one owner.
type Agent struct {
	loopback    bool
	tieBreaker  uint64
	controlling bool
	cur, old    *generation // old: of before an ICE restart that is not complete
	pairs       []*pair
	selected    *pair
	waiting     []*pair // made from candidates, first check still to be sent
	nextWaiting media.Time
	candidates  int // taken in this generation

	tokens     float64 // of the limit on requests from new addresses
	tokensAt   media.Time
	deadline   media.Time
	out        []output
	buf        []byte
	stats      Stats
	rtt        time.Duration
	firstValid media.Time // controlling: when there was something to nominate; 0 before
	msg        message    // scratch
}

type output struct {
	path Path
	n    int // length in buf
}

// generation is one set of credentials.
type generation struct {
	localUfrag, remoteUfrag string
	local, remote           hash.Hash  // keyed by the passwords
	username                []byte     // of our requests
	relayed                 media.Time // when the first check came through a relay; 0 before
}

// holds reports whether a check on p is not to be answered yet, since it came through a relay.
func (g *generation) holds(now media.Time, p Path) bool {
	if p.Relayed && g.relayed == 0 {
		g.relayed = now
	}
	return p.Relayed && now.Sub(g.relayed) < relayHold
}

func newGeneration(c Credentials) *generation {
	return &generation{
		localUfrag:  c.LocalUfrag,
		remoteUfrag: c.RemoteUfrag,
		local:       hmac.New(sha1.New, []byte(c.LocalPwd)),
		remote:      hmac.New(sha1.New, []byte(c.RemotePwd)),
		username:    []byte(c.RemoteUfrag + ":" + c.LocalUfrag),
	}
}

// New returns an agent.
func New(cfg Config) *Agent {
	return &Agent{
		loopback:    cfg.Loopback,
		tieBreaker:  randomUint64(),
		controlling: cfg.RemoteLite,
		cur:         newGeneration(cfg.Credentials),
		tokens:      unknownBurst,
		deadline:    media.Never,
	}
}

// Restart changes the credentials (RFC 8445 §9). What was selected stays so until the other end has
// nominated a pair under the new ones. Unchanged credentials do nothing.
func (a *Agent) Restart(now media.Time, c Credentials) {
	g := newGeneration(c)
	if g.localUfrag == a.cur.localUfrag && g.remoteUfrag == a.cur.remoteUfrag {
		return
	}
	a.forget(a.old)
	a.old, a.cur = a.cur, g
	a.controlling, a.firstValid = c.RemoteLite, 0
	a.candidates = 0
	a.reschedule(now)
}

// AddCandidate has a candidate of the other end checked, to open a pinhole in its firewall or ours,
// or, when it is ICE-lite, to reach it at all. At most 16 in each generation are taken.
func (a *Agent) AddCandidate(now media.Time, p Path) {
	if a.candidates >= maxCandidates || !a.allowed(p.Remote) || a.find(p, a.cur) != nil {
		return
	}
	if pr := a.addPair(now, p, a.cur); pr != nil {
		a.candidates++
		a.waiting = append(a.waiting, pr)
		a.reschedule(now)
	}
}

func (a *Agent) allowed(r netip.AddrPort) bool {
	ip := r.Addr()
	switch {
	case !r.IsValid(), r.Port() == 0, ip.IsUnspecified(), ip.IsMulticast(), ip.Is4In6():
		return false
	case ip.IsLoopback():
		return a.loopback
	case ip.Is6() && ip.IsLinkLocalUnicast():
		return ip.Zone() != ""
	}
	return ip != netip.AddrFrom4([4]byte{255, 255, 255, 255})
}

// Path returns where to send, and false when nothing is validated or consent was lost.
func (a *Agent) Path() (Path, bool) {
	if a.selected == nil || a.selected.closed() {
		return Path{}, false
	}
	return a.selected.path, true
}

// Nominated reports whether Path was chosen by the controlling end, and is not just the best so far.
func (a *Agent) Nominated() bool { return a.selected != nil && a.selected.nominated }

// Controlling reports whether the agent has the controlling role.
func (a *Agent) Controlling() bool { return a.controlling }

// RTT returns the smoothed round-trip time of our checks, 0 before the first answer.
func (a *Agent) RTT() time.Duration { return a.rtt }

// Stats returns the counters.
func (a *Agent) Stats() Stats { return a.stats }

// Deadline returns when Advance must be called next, media.Never without need.
func (a *Agent) Deadline() media.Time { return a.deadline }

// Drain calls send for each message that is to be sent; b is valid during the call.
func (a *Agent) Drain(send func(p Path, b []byte)) {
	b := a.buf
	for _, o := range a.out {
		send(o.path, b[:o.n:o.n])
		b = b[o.n:]
	}
	clear(a.out) // lets go of streams
	a.out, a.buf = a.out[:0], a.buf[:0]
}

// push queues the message that build appends to an empty slice.
func (a *Agent) push(p Path, build func(b []byte) []byte) {
	if len(a.out) >= 4*maxPairs {
		return // the owner does not drain
	}
	at := len(a.buf)
	if cap(a.buf)-at < maxMessage {
		a.buf = append(make([]byte, 0, 2*cap(a.buf)+maxMessage), a.buf...)
	}
	m := build(a.buf[at:at:cap(a.buf)])
	a.buf = a.buf[:at+len(m)]
	a.out = append(a.out, output{p, len(m)})
}

func randomUint64() uint64 {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	return binary.BigEndian.Uint64(b[:])
}

// jitter returns d ±20 %.
func jitter(d time.Duration) time.Duration {
	return time.Duration(float64(d) * (0.8 + 0.4*mathrand.Float64()))
}
