package media

import "sync/atomic"

// MaxDatagram is the largest datagram that the server receives, in bytes.
const MaxDatagram = 1500

// Packet is one RTP packet of a publisher, decrypted. It is filled by one shard, then immutable
// while any reference lives: payload bytes are written once and shared by all subscribers.
type Packet struct {
	refs atomic.Int32
	pool *Pool

	Arrived Time // when the socket gave it
	// Captured is when the frame was captured, on the server's timebase: from the publisher's sender
	// reports, before the first of them from the arrival. It moves by a few ms as they come in.
	Captured Time
	// Layer is the stream of the track that the packet is of: with simulcast the place of its RID in the
	// offer, else 0. Epoch, Seq and Timestamp are its own; Captured is comparable with other layers'.
	Layer uint8
	// Epoch changes when the stream begins anew (another SSRC, a restart of the publisher): Seq and
	// Timestamp are comparable within one epoch only.
	Epoch uint32

	Seq       ExtSeq // of the publisher's stream, RTX undone, consumed padding closed up
	Timestamp Ticks
	Format    uint8 // index into the track's formats
	Marker    bool
	RED       bool // Payload is RFC 2198 redundancy around Format
	// FrameStart is set on the first packet of a video frame, Keyframe on each packet that
	// belongs to a frame which a decoder can start with (as far as the packet itself shows it).
	FrameStart bool
	Keyframe   bool

	// Spatial and Temporal are the packet's layer within its stream (SVC, temporal scalability), 0 where
	// there is only one. Needed are the points that cannot be decoded without this frame. Switch are the
	// points that can be decoded from this frame on, if the frame itself can (RFC 9628 §4.2 U, AV1 RTP
	// §A.3). With Sync, so can the frame's own point by who has all points below it (RFC 7741 §4.2 Y).
	// LayerEnd is set on the last packet of a spatial layer's frame.
	Spatial, Temporal uint8
	Needed, Switch    Points
	Sync, LayerEnd    bool

	AudioLevel  int8 // RFC 6464: 0 (loudest) to 127 (silence) in -dBov; -1 when not given
	Voice       bool // RFC 6464 V bit
	Orientation int8 // 3GPP TS 26.114 §7.4.5 CVO byte; -1 when not given

	// Dependency is the dependency descriptor extension (AV1 RTP §A) as it came, within Data; nil without.
	Dependency []byte

	// AbsCapture is the abs-capture-time extension's NTP time, 0 when not given.
	AbsCapture NTP

	Payload []byte // within Data, padding removed; never nil for a packet in a batch
	// Odd says that the payload is a byte shorter than the longest of its frame, and that a byte of value 1
	// follows it in Data: RTP padding (RFC 3550 §5.1) with which the frame's packets have one size.
	Odd  bool
	Data [MaxDatagram]byte
}

// Retain adds a reference.
func (p *Packet) Retain() { p.refs.Add(1) }

// Release gives one reference back; the last one returns the packet to its pool.
func (p *Packet) Release() {
	switch n := p.refs.Add(-1); {
	case n == 0:
		p.pool.put(p)
	case n < 0:
		panic("media: packet released twice")
	}
}

// Batch is what arrived together of one track, in order of arrival. The sender keeps no reference
// to the slice; each Packet in it carries one reference for the receiver.
type Batch []*Packet
