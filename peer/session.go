package peer

import (
	"net/netip"

	"switchyard/media"
)

// Session is what an offer and our answer to it agreed on: everything that the packet road and the
// transports need, and nothing of SDP's syntax. It is immutable; a new offer makes a new one.
type Session struct {
	RemoteUfrag, RemotePwd string
	RemoteFingerprint      Fingerprint
	DTLSClient             bool // our DTLS role: true when the offer said setup:passive
	RemoteICELite          bool

	// LocalUfrag and LocalPwd are our ICE credentials as the answer says them. They differ from
	// those of the session before exactly when the offer restarted ICE.
	LocalUfrag, LocalPwd string

	// RemoteCandidates are those in the offer. Our agent is controlled and full, and needs none.
	RemoteCandidates []netip.AddrPort

	Media []Media // in the order of the m-lines
	Data  *Data   // nil without an application m-line

	// MIDs are those of all m-lines in their order: media, data and rejected ones.
	MIDs []string
}

// Fingerprint is a certificate's hash (RFC 8122).
type Fingerprint struct {
	Hash  string // "sha-256"
	Value string // upper-case hex with colons
}

// Data is the negotiated SCTP association (RFC 8841).
type Data struct {
	MID            string
	Port           uint16
	MaxMessageSize uint32 // what the other end accepts, in bytes; 0 means any
}

// Media is one audio or video m-line.
type Media struct {
	MID      string
	Kind     media.Kind
	Rejected bool // port 0, or nothing in common: carries no media

	// Recv: the other end sends on this m-line. Send: we do (it is a slot). Both can be set.
	Recv, Send bool

	Codecs []Codec // agreed, in the order of our preference
	Ext    Extensions
	// MixedExt says that packets may have two-byte extensions beside others with one-byte ones (RFC 8285 §6).
	MixedExt bool

	// What the other end declared about what it sends, where Recv is set.
	SSRCs    []DeclaredSSRC
	RIDs     []string // simulcast layers, in the offer's order; empty without simulcast
	StreamID string   // msid of the offer, "" when not given
	TrackID  string

	// Our sending identity on a slot, constant for the life of the link, where Send is set.
	SlotSSRC, SlotRTX media.SSRC
	SlotStreamID      string // pairs an audio and a video slot
}

// DeclaredSSRC is an a=ssrc of the offer with its repair stream (a=ssrc-group:FID), 0 without.
type DeclaredSSRC struct{ SSRC, RTX media.SSRC }

// Codec is one agreed payload type.
type Codec struct {
	PT     media.PayloadType
	RTX    media.PayloadType // of the RTX stream that repairs it; 0 when not agreed
	Format media.Format
	FMTP   string // as offered

	NACK, PLI, FIR, TWCC, REMB bool
	CCFB                       bool // RFC 8888; only where nothing is received and TWCC is not agreed

	RED media.PayloadType // RFC 2198 payload type that may wrap this audio codec; 0 when not agreed
}

// Extensions are the agreed RTP header extension ids of an m-line; 0 when not agreed.
type Extensions struct {
	MID, RID, RepairedRID uint8 // RFC 8843, RFC 8852
	AudioLevel            uint8 // RFC 6464
	TWCC                  uint8 // draft-holmer-rmcat-transport-wide-cc-extensions-01
	AbsSendTime           uint8
	AbsCaptureTime        uint8
	Orientation           uint8 // 3GPP TS 26.114 (urn:3gpp:video-orientation)
	PlayoutDelay          uint8
	DependencyDescriptor  uint8
}

// Codec returns the agreed codec that sends or receives f, and false when the other end cannot.
func (m *Media) Codec(f media.Format) (Codec, bool) {
	for _, c := range m.Codecs {
		if c.Format == f {
			return c, true
		}
	}
	return Codec{}, false
}

// ByMID returns the m-line with that MID, nil when there is none.
func (s *Session) ByMID(mid string) *Media {
	for i := range s.Media {
		if s.Media[i].MID == mid {
			return &s.Media[i]
		}
	}
	return nil
}
