package ingest

import (
	"time"

	"switchyard/media"
)

// Track is one publication as it arrives.
type Track struct {
	cfg     Config
	formats []media.Format // what Packet.Format indexes; only grows
	types   [128]payloadType

	layers  []*layer
	current *layer // whose packets are taken, nil before the first
	epoch   uint32
	demux   *Demux // learns SSRCs; nil without
	rtt     time.Duration

	// Pending packets, and the slice that Ready gave out last.
	pending, given media.Batch
	flush          bool // a frame ended, or a hole was filled
	first          media.Time

	keyframe  keyframeRequest
	reportDue media.Time
	lost      [maxMissing]uint16 // scratch of Feedback

	level level
	stats Stats
}

// payloadType is what a payload type stands for.
type payloadType struct {
	wrap   wrapping
	format uint8
	agreed bool
	pt     media.PayloadType // for RTX: of what it repairs
	config uint8             // index in Config.Formats
}

type wrapping uint8

const (
	plainMedia wrapping = iota
	redMedia
	rtxMedia
)

const (
	holdVideo  = 2 * time.Millisecond // pending packets of an unfinished frame
	maxPending = 1024                 // more are dropped: the shard has not drained for long
	stall      = time.Second          // a layer that is silent so long is left for another
	takeover   = 200 * time.Millisecond
)

// New returns a track for the m-line that c describes.
func New(c Config) *Track {
	t := &Track{
		rtt:       50 * time.Millisecond,
		pending:   make(media.Batch, 0, 64),
		given:     make(media.Batch, 0, 64),
		reportDue: media.Never,
	}
	t.Update(c)
	return t
}

// Update takes a renegotiated m-line: payload types and extension ids may be new, the streams go on.
// Formats keep their index: those no longer agreed stay in the table, new ones are added.
func (t *Track) Update(c Config) {
	if c.Sync == nil {
		if c.Sync = t.cfg.Sync; c.Sync == nil {
			c.Sync = new(Sync)
		}
	}
	t.cfg, t.types = c, [128]payloadType{}
	for i, f := range c.Formats {
		index := t.index(f.Format)
		t.types[f.PT&0x7f] = payloadType{format: index, agreed: true, config: uint8(i)}
		if f.RED != 0 {
			t.types[f.RED&0x7f] = payloadType{wrap: redMedia, format: index, agreed: true, config: uint8(i)}
		}
		if f.RTX != 0 {
			t.types[f.RTX&0x7f] = payloadType{wrap: rtxMedia, format: index, agreed: true, pt: f.PT, config: uint8(i)}
		}
	}
	for _, s := range c.Streams {
		if l := t.bySSRC(s.SSRC); l == nil {
			t.addLayer(s.SSRC, s.RTX, -1)
		} else {
			l.rtx = s.RTX
		}
	}
}

// index returns the place of f in the table, which is copied when it grows: others may hold it.
func (t *Track) index(f media.Format) uint8 {
	for i, g := range t.formats {
		if g == f {
			return uint8(i)
		}
	}
	t.formats = append(t.formats[:len(t.formats):len(t.formats)], f)
	return uint8(len(t.formats) - 1)
}

// Formats is the table that Packet.Format indexes. It only grows; a longer one is another slice.
func (t *Track) Formats() []media.Format { return t.formats }

// Current returns the format of the newest packet, false before the first.
func (t *Track) Current() (media.Format, bool) {
	if t.current == nil || int(t.current.format) >= len(t.formats) {
		return media.Format{}, false
	}
	return t.formats[t.current.format], true
}

// Size returns the size of the taken layer's last keyframe in pixels, 0 when unknown.
func (t *Track) Size() (width, height int) {
	if t.current == nil {
		return 0, 0
	}
	return t.current.width, t.current.height
}

// Epoch returns the current Packet.Epoch.
func (t *Track) Epoch() uint32 { return t.epoch }

// Level returns the smoothed audio level, 0 (silence) to 1 (full scale), and whether somebody
// speaks. Without the extension of RFC 6464 it is 0, false.
func (t *Track) Level(now media.Time) (level float64, voice bool) { return t.level.at(now) }

// CaptureTime returns the server's time of an RTP timestamp of the taken layer, false before its
// first packet.
func (t *Track) CaptureTime(ts media.Ticks) (media.Time, bool) {
	if t.current == nil {
		return 0, false
	}
	return t.current.timing.at(ts)
}

// SetRTT tells the round-trip time to the publisher, which spaces the NACKs.
func (t *Track) SetRTT(rtt time.Duration) {
	t.rtt = min(max(rtt, time.Millisecond), 2*time.Second)
}

// Stats returns a snapshot of the counters.
func (t *Track) Stats() Stats {
	s := t.stats
	s.Layers = 0
	for _, l := range t.layers {
		if l.window.started {
			s.Layers++
		}
	}
	if t.current != nil {
		s.Jitter = media.Ticks(t.current.jitter >> 4)
		s.Width, s.Height = t.current.width, t.current.height
	}
	return s
}

// Ready returns what may go out now: audio at once, video at a frame's end or 2 ms after the first
// pending packet. The slice is valid until the next call of Ready, the packets carry one reference
// each, which goes to the caller. nil when nothing is due.
func (t *Track) Ready(now media.Time) media.Batch {
	if len(t.pending) == 0 || !t.flush && now < t.first.Add(holdVideo) {
		return nil
	}
	t.pending, t.given = t.given[:0], t.pending
	t.flush = false
	return t.given
}

// Deadline returns when Ready or Feedback want to be called next, media.Never for neither.
func (t *Track) Deadline() media.Time {
	d := min(t.reportDue, t.keyframe.deadline(t))
	if t.current != nil {
		d = min(d, t.current.missing.deadline())
	}
	if len(t.pending) > 0 {
		if t.flush {
			return min(d, t.first)
		}
		d = min(d, t.first.Add(holdVideo))
	}
	return d
}

// Close releases what is pending.
func (t *Track) Close() {
	for _, p := range t.pending {
		p.Release()
	}
	t.pending = t.pending[:0]
	if t.demux != nil {
		t.demux.Remove(t)
	}
}
