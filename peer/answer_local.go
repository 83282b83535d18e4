package peer

import (
	"net/netip"

	"switchyard/media"
)

// LocalDescription is our side of a link: what Answer says about us, and how it chooses. Only
// Ufrag, Pwd and Fingerprint must be set.
type LocalDescription struct {
	// Ufrag and Pwd are fresh ICE credentials (RFC 8445 §5.3). They are used for a first offer and
	// for one that restarts ICE; any other offer keeps those of the previous session. What the
	// answer used stands in Session.LocalUfrag and LocalPwd.
	Ufrag, Pwd string
	// Fingerprint is that of our certificate.
	Fingerprint Fingerprint

	// Candidates are all our addresses, the most reachable first. The answer lists UDP before TCP
	// and otherwise keeps their order: some clients read the first UDP candidate only.
	Candidates []Candidate

	// SessionID and Version stand in the o= line (RFC 8866 §5.2). The version grows by one with
	// each answer of a link.
	SessionID, Version uint64

	// MaxMessageSize is the largest DataChannel message that we accept, in bytes (RFC 8841 §6);
	// 0 means 262144.
	MaxMessageSize uint32

	// RecvCodecs are the codecs that we take from the other end and SendCodecs those that a slot
	// may carry, the most wanted first; others are declined. Empty means all that the server
	// forwards, in the offer's order.
	RecvCodecs, SendCodecs []media.Codec

	// MaxBitrate is what the other end is asked to keep each video m-line to that it sends on, in bits
	// per second; 0: as much as it likes.
	MaxBitrate int

	// NoRecv declines everything that the other end would send (WHEP), NoSend everything that it
	// would receive (WHIP): an m-line whose one direction is declined keeps the other.
	NoRecv, NoSend bool

	// NewSSRC and NewStreamID make the identities of slots; nil means random ones. Answer asks
	// again when it is given one that the session has already.
	NewSSRC     func() media.SSRC
	NewStreamID func() string
}

// Candidate is one host candidate of ours. A TCP candidate is passive (RFC 6544 §4.5): clients
// open the connection.
type Candidate struct {
	Addr netip.AddrPort
	TCP  bool
}

// OfferError says why an offer cannot be answered, in words for the developer of the client that
// made it: what was found, and what to change.
type OfferError struct{ Reason string }

func (e *OfferError) Error() string { return "peer: offer refused: " + e.Reason }
