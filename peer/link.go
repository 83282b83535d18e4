package peer

import (
	"errors"
	"log/slog"
	"time"

	"switchyard/media"
	"switchyard/peer/ice"
	"switchyard/peer/srtp"
)

// LinkConfig is what a link needs. Session, Certificate, Clock, Send, Post and OnEvent must be set.
type LinkConfig struct {
	Session              *Session
	LocalUfrag, LocalPwd string // empty: those of Session
	Certificate          *Certificate
	Clock                *media.Clock
	Log                  *slog.Logger // nil discards

	// Loopback allows checks to loopback addresses: our own candidates are such.
	Loopback bool

	// Send sends one datagram; it must not keep b and must not block. Called from any goroutine.
	Send func(p Path, b []byte)
	// Post runs f on the shard that owns the link, in order. Called from any goroutine. f may be
	// dropped when the shard is gone.
	Post func(f func())
	// OnEvent is called on the shard. It may call Close.
	OnEvent func(LinkEvent)
	// OnDataChannel is called on the shard for each channel that the other end opens; set its
	// OnMessage and OnClose there. nil refuses data channels.
	OnDataChannel func(*DataChannel)

	// DataWindow is the SCTP receive window in bytes; 0 means 1 MB.
	DataWindow uint32
	// MaxMessageSize is the largest data channel message that is taken, in bytes (what our SDP
	// says in a=max-message-size); 0 means 256 KiB. A channel with a longer one is closed.
	MaxMessageSize uint32
	// MaxBuffered bounds the bytes that one data channel may hold unsent; 0 means 1 MB. All
	// channels of a link together may hold four times as much.
	MaxBuffered uint64
}

const (
	// connectTimeout is how long ICE and DTLS may take, from Start.
	connectTimeout = 30 * time.Second
	// lostTimeout is how long a link without consent is kept; consent itself lasts 30 s.
	lostTimeout = 30 * time.Second
)

// LinkEventKind says what happened to a link.
type LinkEventKind uint8

// The events of a link.
const (
	// Connected: the keys are installed and Path is known. It fires again after a Disconnected
	// that was overcome.
	Connected LinkEventKind = iota + 1
	// Disconnected: consent to send was lost (RFC 7675). An ICE restart, or the other end's checks,
	// bring it back; after 30 s without, the link fails.
	Disconnected
	// Failed: the link never came up, or cannot go on; Err says why. Close it.
	Failed
	// Closed: the other end closed it. Close it.
	Closed
	// PathChanged: Path moved.
	PathChanged
	// DataReady: the SCTP association is up; OpenDataChannel works from now on.
	DataReady
)

// LinkEvent is one event of a link.
type LinkEvent struct {
	Kind LinkEventKind
	Err  error // of Failed
}

// Errors of a link.
var (
	ErrNotConnected       = errors.New("peer: link is not connected")
	ErrClosed             = errors.New("peer: link is closed")
	ErrConnectTimeout     = errors.New("peer: no connection within 30 s: no usable address, or DTLS was not answered")
	ErrConsentLost        = errors.New("peer: the other end is gone")
	ErrFingerprintChanged = errors.New("peer: the other end changed its certificate; a new link is needed")
)

// linkState is where a link stands.
type linkState uint8

const (
	linkNew linkState = iota
	linkConnecting
	linkUp
	linkLost // no consent
	linkEnded
)

// Link is one WebRTC association at the server: ICE (RFC 8445), DTLS (RFC 6347), SRTP keyed by it
// (RFC 5764), and SCTP over it (RFC 8261) where data was negotiated. Its methods are called on the
// shard that owns it, but for those of its data channels.
type Link struct {
	// Owned by the shard. What every packet touches comes first.
	sender   *srtp.Sender
	receiver *srtp.Receiver
	tap      func(now media.Time, in bool, packet []byte)
	state    linkState
	hasPath  bool
	failAt   media.Time
	agent    *ice.Agent
	icePath  ice.Path
	path     Path
	tapped   []byte // scratch

	cfg     LinkConfig
	session *Session
	dtls    *transport
}

// NewLink makes a link; nothing is sent before Start.
func NewLink(cfg LinkConfig) (*Link, error) {
	switch {
	case cfg.Session == nil || cfg.Certificate == nil || cfg.Clock == nil:
		return nil, errors.New("peer: a link needs Session, Certificate and Clock")
	case cfg.Send == nil || cfg.Post == nil || cfg.OnEvent == nil:
		return nil, errors.New("peer: a link needs Send, Post and OnEvent")
	}
	cfg.setDefaults()
	l := &Link{cfg: cfg, session: cfg.Session, failAt: media.Never}
	l.agent = ice.New(ice.Config{
		Credentials: credentials(cfg.Session, cfg.LocalUfrag, cfg.LocalPwd),
		Loopback:    cfg.Loopback,
	})
	l.dtls = newTransport(l)
	return l, nil
}

func (cfg *LinkConfig) setDefaults() {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.LocalUfrag == "" {
		cfg.LocalUfrag, cfg.LocalPwd = cfg.Session.LocalUfrag, cfg.Session.LocalPwd
	}
	if cfg.DataWindow == 0 {
		cfg.DataWindow = 1 << 20
	}
	if cfg.MaxMessageSize == 0 {
		cfg.MaxMessageSize = 256 << 10
	}
	if cfg.MaxBuffered == 0 {
		cfg.MaxBuffered = 1 << 20
	}
}

func credentials(s *Session, ufrag, pwd string) ice.Credentials {
	return ice.Credentials{
		LocalUfrag: ufrag, LocalPwd: pwd,
		RemoteUfrag: s.RemoteUfrag, RemotePwd: s.RemotePwd,
		RemoteLite: s.RemoteICELite,
	}
}

// Start begins checks and lets DTLS begin.
func (l *Link) Start() {
	if l.state != linkNew {
		return
	}
	now := l.cfg.Clock.Now()
	l.state, l.failAt = linkConnecting, now.Add(connectTimeout)
	l.addCandidates(now)
	l.agent.Advance(now)
	l.settle(now)
}

func (l *Link) addCandidates(now media.Time) {
	for _, c := range l.session.RemoteCandidates {
		l.agent.AddCandidate(now, ice.Path{Remote: c})
	}
}

// AddCandidate takes a trickled remote candidate; p.Local may be invalid.
func (l *Link) AddCandidate(now media.Time, p Path) {
	l.agent.AddCandidate(now, icePath(p))
}

// Update installs what a new offer agreed on. New ICE credentials in it restart ICE.
func (l *Link) Update(s *Session) {
	if s.LocalUfrag != "" {
		l.cfg.LocalUfrag, l.cfg.LocalPwd = s.LocalUfrag, s.LocalPwd
	}
	l.Restart(s, l.cfg.LocalUfrag, l.cfg.LocalPwd)
}

// Restart installs what an offer that restarts ICE agreed on, with our new credentials.
func (l *Link) Restart(s *Session, localUfrag, localPwd string) {
	if l.state == linkEnded {
		return
	}
	now := l.cfg.Clock.Now()
	if s.RemoteFingerprint != l.session.RemoteFingerprint {
		l.fail(ErrFingerprintChanged)
		return
	}
	l.session = s
	l.cfg.LocalUfrag, l.cfg.LocalPwd = localUfrag, localPwd
	l.agent.Restart(now, credentials(s, localUfrag, localPwd))
	l.addCandidates(now)
	if s.Data != nil {
		l.dtls.wantData(s.Data)
	}
	l.settle(now)
}

// OnSTUN takes a STUN message that arrived on p. It reports whether it was authentic: from then on
// datagrams from that address belong to this link.
func (l *Link) OnSTUN(now media.Time, p Path, b []byte) bool {
	if l.state == linkNew || l.state == linkEnded {
		return false
	}
	ok := l.agent.Receive(now, icePath(p), b)
	l.settle(now)
	return ok
}

// OnDTLS takes a DTLS record; b is copied into a bounded queue, whose overflow is dropped and
// counted. DTLS itself tells what is authentic.
func (l *Link) OnDTLS(_ media.Time, _ Path, b []byte) {
	if l.state != linkEnded {
		l.dtls.pipe.receive(b)
	}
}

// Path returns where to send, and false when there is no consent.
func (l *Link) Path() (Path, bool) { return l.path, l.hasPath }

// RTT returns the smoothed round-trip time of ICE checks, 0 before the first answer.
func (l *Link) RTT() time.Duration { return l.agent.RTT() }

// Deadline returns when Advance wants to be called.
func (l *Link) Deadline() media.Time {
	if l.state == linkNew || l.state == linkEnded {
		return media.Never
	}
	return min(l.failAt, l.agent.Deadline())
}

// Advance does what is due.
func (l *Link) Advance(now media.Time) {
	if l.state == linkNew || l.state == linkEnded {
		return
	}
	l.agent.Advance(now)
	l.settle(now)
	if l.failAt > now || l.state == linkEnded {
		return
	}
	if l.state == linkLost {
		l.fail(ErrConsentLost)
	} else {
		l.fail(ErrConnectTimeout)
	}
}

// settle sends what the agent has to say, and follows its path.
func (l *Link) settle(now media.Time) {
	if l.state == linkNew || l.state == linkEnded {
		return
	}
	l.agent.Drain(l.sendCheck)
	p, ok := l.agent.Path()
	moved := ok && (!l.hasPath || p != l.icePath)
	if moved {
		l.icePath, l.path = p, linkPath(p)
	}
	if moved || ok != l.hasPath {
		l.hasPath = ok
		l.dtls.pipe.setPath(l.path, ok)
	}
	switch {
	case !ok && l.state == linkUp:
		l.state, l.failAt = linkLost, now.Add(lostTimeout)
		l.cfg.OnEvent(LinkEvent{Kind: Disconnected})
	case ok && l.state == linkLost:
		l.state, l.failAt = linkUp, media.Never
		l.cfg.OnEvent(LinkEvent{Kind: Connected})
	case moved && l.state == linkUp:
		l.cfg.OnEvent(LinkEvent{Kind: PathChanged})
	case ok && l.state == linkConnecting:
		l.dtls.start(l.session)
	}
}

func (l *Link) sendCheck(p ice.Path, b []byte) { l.cfg.Send(linkPath(p), b) }

// install takes the keys that DTLS agreed on; it runs on the shard.
func (l *Link) install(s *srtp.Sender, r *srtp.Receiver) {
	if l.state != linkConnecting {
		return
	}
	l.sender, l.receiver = s, r
	l.state, l.failAt = linkUp, media.Never
	l.cfg.OnEvent(LinkEvent{Kind: Connected})
	if l.state == linkUp && !l.hasPath { // consent was lost while DTLS was busy
		l.settle(l.cfg.Clock.Now())
	}
}

// fail ends the link because of err.
func (l *Link) fail(err error) { l.end(LinkEvent{Kind: Failed, Err: err}) }

// end ends the link with a word to the shard.
func (l *Link) end(e LinkEvent) {
	if l.state == linkEnded {
		return
	}
	l.Close()
	l.cfg.OnEvent(e)
}

// Close ends the link: it says so to the other end and stops its goroutines. No event follows.
func (l *Link) Close() {
	if l.state == linkEnded {
		return
	}
	l.state, l.failAt, l.hasPath = linkEnded, media.Never, false
	l.dtls.close()
}

// Stats are the counters of a link.
type Stats struct {
	ICE         ice.Stats
	DTLSDropped uint64 // datagrams that were no DTLS, found the queue full, or no path to leave by
}

// Stats returns the counters.
func (l *Link) Stats() Stats {
	return Stats{ICE: l.agent.Stats(), DTLSDropped: l.dtls.pipe.dropped.Load()}
}
