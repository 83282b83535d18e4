// Package egress is the sending half of the packet's road: a Slot is one sending position of a
// subscriber. It decides from which packet on a source flows, rewrites RTP headers so that the
// receiver sees one continuous stream whatever is switched behind it, and answers NACKs from the
// shard's Ring. Owned by one shard; sans-IO.
package egress

import (
	"time"

	"switchyard/media"
)

// MaxHeader is the most that a slot writes in front of a payload, in bytes.
const MaxHeader = 12 + 4 + 96 + maxDependency

// Format is one payload type that the receiver can decode.
type Format struct {
	PT     media.PayloadType
	RTX    media.PayloadType // 0 when not agreed
	RED    media.PayloadType // RFC 2198 around PT, 0 when not agreed
	Format media.Format
	NACK   bool // the receiver may ask for retransmissions
}

// Extensions are the agreed header extension ids; 0 when not agreed. Ids above 14 are not written.
type Extensions struct {
	MID            uint8
	TWCC           uint8
	AudioLevel     uint8
	AbsSendTime    uint8
	AbsCaptureTime uint8
	Orientation    uint8
	PlayoutDelay   uint8
	Dependency     uint8 // the dependency descriptor
	// Mixed says that packets with two-byte elements may stand among those with one-byte elements
	// (RFC 8285 §6, a=extmap-allow-mixed): descriptors with a structure are longer than one-byte elements can be.
	Mixed bool
}

// Config describes a slot. SSRC, RTXSSRC and Seed never change in a slot's life: a slot must be kept
// as long as the link's keys live, so that no SRTP index is used twice.
type Config struct {
	Kind      media.Kind
	MID       string
	SSRC      media.SSRC
	RTXSSRC   media.SSRC // 0 when RTX was not agreed
	ClockRate uint32     // Hz; 0 means 90000 for video, 48000 for audio
	Formats   []Format
	Ext       Extensions
	CNAME     string
	Origin    media.NTP // of the server's clock
	Seed      uint64    // random: first sequence numbers and timestamp
}

// Source describes what feeds a slot: the formats table that Packet.Format indexes.
type Source struct {
	Formats []media.Format
	// Current is the format that comes now; zero while it is not known. A slot of video that cannot send that
	// needs nothing: with another, it has to be switched anew.
	Current media.Format
}

// MaxLayers bounds Packet.Layer.
const MaxLayers = 8

// Rings are a source's caches on one shard, by Packet.Layer; nil where there is none.
type Rings [MaxLayers]*Ring

// Target says what of its source a slot sends. The zero value is layer 0 with all that it has.
type Target struct {
	// Off sends nothing.
	Off bool
	// Layer is the Packet.Layer to send, from its next keyframe on.
	Layer uint8
	// Spatials and Temporals are how many layers within the stream are sent at most; 0: all.
	Spatials, Temporals uint8
	// Instead are the layers, one bit each, of which one may go out where nothing does, until there is a
	// keyframe of Layer.
	Instead uint32
}

// Span is a range of sequence numbers of one layer's ring, both ends included. The zero Span is empty.
type Span struct {
	Layer       uint8
	First, Last media.ExtSeq
	Any         bool
}

// Pause says why a slot with a source sends nothing.
type Pause uint8

// The reasons.
const (
	Live     Pause = iota // it sends
	Empty                 // no source
	Keyframe              // waits for the first packet of a keyframe
	Codec                 // the receiver did not negotiate the source's format
	Off                   // its target is to send nothing
	pauses
)

var pauseNames = [pauses]string{"live", "empty", "keyframe", "codec", "off"}

func (p Pause) String() string {
	if p < pauses {
		return pauseNames[p]
	}
	return "unknown"
}

// Drop is why a packet was not sent.
type Drop uint8

// The reasons.
const (
	DropEmpty     Drop = iota // no source
	DropKeyframe              // waiting for a keyframe
	DropCodec                 // not negotiated
	DropBefore                // from before the switch
	DropDuplicate             // this sequence number was sent
	DropOld                   // further back than the slot remembers
	DropBackwards             // would go back in time (audio after a switch)
	DropNoRTX                 // NACK: no longer there, or not allowed
	DropTooSoon               // NACK: answered within the last round trip
	DropBudget                // NACK: over the budget of retransmission
	DropOff                   // the slot's target is to send nothing
	DropLayer                 // of a layer that the slot does not send, spatial and temporal ones included
	drops
)

var dropNames = [drops]string{"empty", "keyframe", "codec", "before-switch", "duplicate", "old", "backwards",
	"nack-gone", "nack-repeated", "nack-budget", "off", "layer"}

func (d Drop) String() string {
	if d < drops {
		return dropNames[d]
	}
	return "unknown"
}

// Stats is a snapshot of a slot.
type Stats struct {
	Packets, Bytes uint64 // sent first time; bytes of payload
	Retransmitted  uint64
	Redundant      uint64      // of Packets: with the one before in RED that was made here
	Filled         uint64      // of Packets: padding in place of what came late and was not needed
	LayerSwitches  uint64      // changes of the layer without a change of the source
	Layer          uint8       // Packet.Layer that flows
	Codec          media.Codec // that flows; UnknownCodec while nothing does
	Target         Target
	Padding        uint64 // bytes, on the RTX stream
	Drops          [drops]uint64

	// From the receiver's last report.
	FractionLost float64 // 0 to 1
	Lost         int64
	RTT          time.Duration // 0 when unknown
	Jitter       time.Duration
}

// Resend is the answer to a NACK. Either Sealed is the datagram to repeat as it is, or the header
// stands in buf[:HeaderLen] and the payload after it, to be sealed in place.
type Resend struct {
	Sealed                []byte
	HeaderLen, PayloadLen int
	ROC                   uint32
}
