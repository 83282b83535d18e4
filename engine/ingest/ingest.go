// Package ingest is the receiving half of the packet's road: one Track per publication (m-line)
// parses what arrives, undoes RTX (RFC 4588), extends sequence numbers, marks frames and keyframes,
// puts frames on the server's timebase, and asks the publisher for what is missing (RFC 4585).
// Owned by one shard; sans-IO: time is an argument, output is drained.
package ingest

import (
	"switchyard/media"
)

// Format is one payload type that the publisher may send.
type Format struct {
	PT     media.PayloadType
	RTX    media.PayloadType // of the stream that repairs PT, 0 when not agreed
	RED    media.PayloadType // RFC 2198 around PT, 0 when not agreed
	Format media.Format

	NACK, PLI, FIR bool // what may be asked of the publisher
}

// Extensions are the agreed header extension ids; 0 when not agreed.
type Extensions struct {
	MID, RID, RepairedRID uint8
	AudioLevel            uint8
	AbsCaptureTime        uint8
	Orientation           uint8
	DependencyDescriptor  uint8
}

// Stream is an SSRC that the publisher declared, with its repair stream; RTX is 0 without.
type Stream struct{ SSRC, RTX media.SSRC }

// Config describes one m-line that receives. Slices are not changed and must not be changed later.
type Config struct {
	Kind    media.Kind
	Formats []Format
	Ext     Extensions
	Streams []Stream
	RIDs    []string   // simulcast layers in the offer's order; empty without simulcast
	Sender  media.SSRC // ours, in RTCP
	Sync    *Sync      // of the link, shared by its tracks; nil makes one of its own
}

// Verdict is what became of a packet.
type Verdict uint8

// Accepted packets belong to the Track until Ready hands them out; for every other verdict the
// caller keeps its reference.
const (
	Accepted      Verdict = iota
	Malformed             // RTP header or payload that breaks its RFC
	UnknownFormat         // payload type that was not agreed
	UnknownStream         // SSRC that cannot be assigned to a layer
	Duplicate             // already there
	TooOld                // behind the window of sequence numbers
	Padding               // probing without payload: consumed, leaves no gap
	OtherStream           // a second SSRC beside the one that is taken
	Unwanted              // simulcast layer that nobody needs now
	Restarting            // out of the stream's range: waits for a second one in sequence
	Overflow              // the caller does not drain: the track holds too many
	verdicts
)

var verdictNames = [verdicts]string{"accepted", "malformed", "unknown-format", "unknown-stream",
	"duplicate", "too-old", "padding", "other-stream", "unwanted", "restarting", "overflow"}

func (v Verdict) String() string {
	if v < verdicts {
		return verdictNames[v]
	}
	return "unknown"
}

// Stats counts what a track received. Packets = the sum of Verdicts.
type Stats struct {
	Packets, Bytes uint64 // as they arrived, RTX and padding included
	Verdicts       [verdicts]uint64
	Lost           uint64 // found missing (recovered ones included)
	Recovered      uint64 // came later after all, by RTX or late
	Retransmitted  uint64 // of Packets: on an RTX stream
	NACKs          uint64 // sequence numbers asked for
	GivenUp        uint64 // missing for good
	KeyframeAsked  uint64
	Keyframes      uint64
	Jitter         media.Ticks // interarrival jitter of the largest layer (RFC 3550 §6.4.1)
	Width, Height  int         // of the last keyframe, 0 before
	Layers         int         // streams seen
}
