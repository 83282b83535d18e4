// Package bwe measures a path by transport-wide sequence numbers
// (draft-holmer-rmcat-transport-wide-cc-extensions-01): Receiver reports arrivals, Sender keeps what
// was sent and reads the reports. Owned by one shard; sans-IO. The estimator comes later.
package bwe

import (
	"time"

	"switchyard/codec/rtcp"
	"switchyard/media"
)

// Receiver notes the arrival of transport-wide numbered packets and makes feedback of it.
type Receiver struct{ ssrc media.SSRC }

// NewReceiver returns a receiver whose feedback carries sender as its own SSRC.
func NewReceiver(sender media.SSRC) *Receiver { return &Receiver{ssrc: sender} }

// OnPacket notes that the packet numbered seq arrived at now. source is any SSRC of the other end.
func (r *Receiver) OnPacket(now media.Time, seq uint16, source media.SSRC) {}

// Deadline returns when Feedback is due, media.Never when nothing arrived since the last one.
func (r *Receiver) Deadline() media.Time { return media.Never }

// Feedback appends the feedback packets that are due to dst.
func (r *Receiver) Feedback(now media.Time, dst []byte) []byte { return dst }

// Sender remembers what was sent under which transport-wide number.
type Sender struct{ next uint16 }

// NewSender returns an empty history.
func NewSender() *Sender { return &Sender{} }

// Next returns the number of the next packet. It does not move until Sent.
func (s *Sender) Next() uint16 { return s.next }

// Sent notes that the packet numbered Next, of size bytes on the wire, left at now.
func (s *Sender) Sent(now media.Time, size int) { s.next++ }

// OnFeedback takes one TWCC packet; false when it is none, or garbage.
func (s *Sender) OnFeedback(now media.Time, p rtcp.Packet) bool { return false }

// Stats returns the summary of the last second or so.
func (s *Sender) Stats() Stats { return Stats{} }

// Stats is what feedback says about the path.
type Stats struct {
	Sent, Acked, Lost uint64        // packets since the start
	AckedRate         media.Bitrate // over the last second of feedback
	Loss              float64       // 0 to 1, over the same
	RTT               time.Duration // from the newest acked packet to its feedback, 0 when unknown
	Garbage           uint64        // feedback that could not be read
}
