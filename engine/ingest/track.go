package ingest

import (
	"time"

	"switchyard/codec/rtcp"
	"switchyard/media"
)

// Track is one publication as it arrives.
type Track struct{ cfg Config }

// New returns a track for the m-line that c describes.
func New(c Config) *Track { return &Track{cfg: c} }

// Update takes a renegotiated m-line: payload types and extension ids may be new, the streams go on.
// Formats keep their index: those no longer agreed stay in the table, new ones are added.
func (t *Track) Update(c Config) {}

// OnRTP takes one decrypted packet: plain is header and payload within p.Data. On Accepted the track
// holds the caller's reference to p until Ready hands it out.
func (t *Track) OnRTP(now media.Time, p *media.Packet, plain []byte) Verdict { return Malformed }

// Ready returns what may go out now: audio at once, video at a frame's end or 2 ms after the first
// pending packet. The slice is valid until the next call of OnRTP or Ready, the packets carry one
// reference each, which goes to the caller. nil when nothing is due.
func (t *Track) Ready(now media.Time) media.Batch { return nil }

// Deadline returns when Ready or Feedback want to be called next, media.Never for neither.
func (t *Track) Deadline() media.Time { return media.Never }

// Feedback appends the RTCP packets that are due (RR, NACK, PLI or FIR) to dst.
func (t *Track) Feedback(now media.Time, dst []byte) []byte { return dst }

// RequestKeyframe asks the publisher for a keyframe: at most once per 500 ms, repeated until one
// arrives. Requests during the wait are answered together when it ends.
func (t *Track) RequestKeyframe(now media.Time) {}

// OnSR takes a sender report. It returns false when the report is of none of the track's streams.
func (t *Track) OnSR(now media.Time, s rtcp.SenderInfo) bool { return false }

// OnBye takes the end of a stream (RFC 3550 §6.6); false when it is none of the track's.
func (t *Track) OnBye(ssrc media.SSRC) bool { return false }

// SetRTT tells the round-trip time to the publisher, which spaces the NACKs.
func (t *Track) SetRTT(rtt time.Duration) {}

// CaptureTime returns the server's time of an RTP timestamp of the taken layer, false before its
// first packet.
func (t *Track) CaptureTime(ts media.Ticks) (media.Time, bool) { return 0, false }

// Level returns the smoothed audio level, 0 (silence) to 1 (full scale), and whether somebody
// speaks. Without the extension of RFC 6464 it is 0, false.
func (t *Track) Level(now media.Time) (level float64, voice bool) { return 0, false }

// Formats is the table that Packet.Format indexes. It only grows; a longer one is another slice.
func (t *Track) Formats() []media.Format { return nil }

// Current returns the format of the newest packet, false before the first.
func (t *Track) Current() (media.Format, bool) { return media.Format{}, false }

// Size returns the size of the taken layer's last keyframe in pixels, 0 when unknown.
func (t *Track) Size() (width, height int) { return 0, 0 }

// Epoch returns the current Packet.Epoch.
func (t *Track) Epoch() uint32 { return 0 }

// Stats returns a snapshot of the counters.
func (t *Track) Stats() Stats { return Stats{} }

// Close releases what is pending.
func (t *Track) Close() {}
