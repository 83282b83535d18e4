package egress

import (
	"switchyard/codec/rtcp"
	"switchyard/media"
)

// Slot is one sending position of a subscriber.
type Slot struct{ cfg Config }

// New returns an empty slot.
func New(c Config) *Slot { return &Slot{cfg: c} }

// Update takes renegotiated formats and extension ids; the identity (SSRCs, Seed) stays as it was.
func (s *Slot) Update(c Config) {}

// Switch makes src the source, under the given generation. Audio starts with the next packet, video
// with a keyframe. If ring (the new source's on this shard) holds a whole keyframe not older than
// 500 ms, the span to Write at once is returned, and the picture starts with it.
func (s *Slot) Switch(now media.Time, src Source, generation uint32, ring *Ring) Span { return Span{} }

// Clear takes the source away.
func (s *Slot) Clear() {}

// Write writes the complete RTP header of p, as this slot sends it, into buf (of at least MaxHeader
// bytes). The caller seals it with Payload(p) and roc. twcc is the next transport-wide sequence
// number, used up when ok and the extension was agreed.
func (s *Slot) Write(now media.Time, p *media.Packet, buf []byte, twcc uint16) (headerLen int, roc uint32, ok bool) {
	return 0, 0, false
}

// Payload returns what to seal behind the header that Write made of p: RED is stripped to its
// primary block where the receiver did not negotiate it.
func (s *Slot) Payload(p *media.Packet) []byte { return p.Payload }

// Sealed gives the slot the sealed datagram that Write and the caller made. It copies it where NACKs
// have to be answered without RTX and does nothing otherwise.
func (s *Slot) Sealed(datagram []byte) {}

// OnNACK answers the loss of one sequence number of the slot's stream from the ring given to Switch.
// buf must hold media.MaxDatagram+MaxHeader bytes; twcc is as for Write (not used up by a Sealed answer).
func (s *Slot) OnNACK(now media.Time, seq uint16, buf []byte, twcc uint16) (Resend, bool) {
	return Resend{}, false
}

// OnReport takes the receiver's report about SSRC or RTX; false when it is about neither.
func (s *Slot) OnReport(now media.Time, r rtcp.Report) bool { return false }

// SenderReport appends SR and SDES to dst; nothing before the first packet was sent.
func (s *Slot) SenderReport(now media.Time, dst []byte) []byte { return dst }

// WantsKeyframe reports whether the slot waits for a keyframe of its source.
func (s *Slot) WantsKeyframe() bool { return false }

// Paused returns why nothing is sent; Live when it flows.
func (s *Slot) Paused() Pause { return Empty }

// Generation returns the current source's generation and, once its first packet was written, that
// packet's outgoing timestamp.
func (s *Slot) Generation() (generation uint32, first media.Ticks, live bool) { return 0, 0, false }

// Stats returns a snapshot.
func (s *Slot) Stats() Stats { return Stats{} }
