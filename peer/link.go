package peer

import (
	"errors"
	"log/slog"

	"switchyard/media"
)

// LinkConfig is what a link needs. Session, LocalUfrag, LocalPwd, Certificate, Clock, Send, Post
// and OnEvent must be set.
type LinkConfig struct {
	Session              *Session
	LocalUfrag, LocalPwd string
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
	// OnEvent is called on the shard.
	OnEvent func(LinkEvent)
	// OnDataChannel is called on the shard for each channel that the other end opens; set its
	// OnMessage and OnClose there. nil refuses data channels.
	OnDataChannel func(*DataChannel)

	// DataWindow is the SCTP receive window in bytes; 0 means 1 MB.
	DataWindow uint32
	// MaxMessageSize is the largest data channel message that is taken, in bytes (what our SDP
	// says in a=max-message-size); 0 means 256 KiB.
	MaxMessageSize uint32
	// MaxBuffered bounds the bytes that one data channel may hold unsent; 0 means 1 MB.
	MaxBuffered uint64
}

// LinkEventKind says what happened to a link.
type LinkEventKind uint8

// The events of a link.
const (
	// Connected: the keys are installed and Path is known. It fires again after a Disconnected
	// that was overcome.
	Connected LinkEventKind = iota + 1
	// Disconnected: consent to send was lost (RFC 7675). An ICE restart, or the other end's checks,
	// bring it back.
	Disconnected
	// Failed: the link never came up, or cannot go on; Err says why. Close it.
	Failed
	// Closed: the other end closed it. Close it.
	Closed
	// PathChanged: Path moved.
	PathChanged
)

// LinkEvent is one event of a link.
type LinkEvent struct {
	Kind LinkEventKind
	Err  error // of Failed
}

// Errors of a link.
var (
	ErrNotConnected = errors.New("peer: link is not connected")
	ErrClosed       = errors.New("peer: link is closed")
)

// Link is one WebRTC association at the server.
type Link struct{ cfg LinkConfig }

// NewLink makes a link; nothing is sent before Start.
func NewLink(cfg LinkConfig) (*Link, error) { return &Link{cfg: cfg}, nil }

// Start begins checks and lets DTLS begin.
func (l *Link) Start() {}

// OnSTUN takes a STUN message that arrived on p. It reports whether it was authentic: from then on
// datagrams from that address belong to this link.
func (l *Link) OnSTUN(now media.Time, p Path, b []byte) bool { return false }

// OnDTLS takes a DTLS record; b is copied into a bounded queue.
func (l *Link) OnDTLS(now media.Time, p Path, b []byte) {}

// OpenRTP opens an SRTP packet in place and returns header and payload.
func (l *Link) OpenRTP(b []byte) ([]byte, error) { return nil, ErrNotConnected }

// OpenRTCP opens an SRTCP packet in place.
func (l *Link) OpenRTCP(b []byte) ([]byte, error) { return nil, ErrNotConnected }

// SealRTP seals the packet whose header stands in buf[:headerLen] and returns its length in buf,
// 0 when buf is too short or the link has no keys.
func (l *Link) SealRTP(buf []byte, headerLen int, payload []byte, roc uint32) int { return 0 }

// SealRTCP seals packet into dst and returns its length, 0 as SealRTP.
func (l *Link) SealRTCP(dst, packet []byte) int { return 0 }

// Update installs what a new offer agreed on, with our ICE credentials unchanged.
func (l *Link) Update(s *Session) {}

// Restart installs what an offer that restarts ICE agreed on, with our new credentials.
func (l *Link) Restart(s *Session, localUfrag, localPwd string) {}

// AddCandidate takes a trickled remote candidate.
func (l *Link) AddCandidate(now media.Time, p Path) {}

// Path returns where to send, and false when there is no consent.
func (l *Link) Path() (Path, bool) { return Path{}, false }

// Deadline returns when Advance wants to be called.
func (l *Link) Deadline() media.Time { return media.Never }

// Advance does what is due.
func (l *Link) Advance(now media.Time) {}

// SetTap has f called with each packet, RTP or RTCP, as it is in clear; nil switches it off.
func (l *Link) SetTap(f func(now media.Time, in bool, packet []byte)) {}

// Close ends the link. No event follows.
func (l *Link) Close() {}
