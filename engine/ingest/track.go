package ingest

import (
	"slices"
	"time"

	"switchyard/media"
)

// Track is one publication as it arrives.
type Track struct {
	cfg     Config
	formats []media.Format // what Packet.Format indexes; only grows
	types   [128]payloadType

	layers  []*layer  // by Packet.Layer: the offered RIDs, or one; only grows
	streams []*stream // more than layers can hold at once
	wanted  uint32    // bit i: somebody needs layer i
	changed uint32
	framed  media.Time // when the newest frame of any layer began to arrive
	resumed media.Time // when frames came again after all layers had been silent
	demux   *Demux     // learns SSRCs; nil without
	rtt     time.Duration

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
	maxPending = 1024                 // of a layer; more are dropped: the shard has not drained for long
	maxLayers  = 8
)

// New returns a track for the m-line that c describes.
func New(c Config) *Track {
	t := &Track{
		rtt:       50 * time.Millisecond,
		wanted:    ^uint32(0),
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
	before := t.cfg.RIDs
	t.cfg, t.types = c, [128]payloadType{}
	t.offered(before)
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
		if known := t.bySSRC(s.SSRC); known == nil {
			t.addStream(s.SSRC, s.RTX, -1)
		} else {
			known.rtx = s.RTX
		}
	}
}

// offered brings layers and streams in line with the RIDs that are offered now.
func (t *Track) offered(before []string) {
	if len(t.cfg.RIDs) > maxLayers {
		t.cfg.RIDs = t.cfg.RIDs[:maxLayers]
	}
	for len(t.layers) < max(1, len(t.cfg.RIDs)) {
		l := &layer{index: uint8(len(t.layers)), interval: 33 * time.Millisecond}
		t.layers = append(t.layers, l)
		t.changed++
	}
	for i, l := range t.layers {
		l.rid = ""
		if i < len(t.cfg.RIDs) {
			l.rid = t.cfg.RIDs[i]
		}
	}
	if slices.Equal(before, t.cfg.RIDs) {
		return
	}
	t.changed++
	for _, s := range t.streams {
		rid := -1
		if s.rid >= 0 && s.rid < len(before) {
			rid = slices.Index(t.cfg.RIDs, before[s.rid])
		}
		t.place(s, rid)
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

// Current returns the format of the newest packet of the largest layer, false before the first.
func (t *Track) Current() (media.Format, bool) {
	l := t.main()
	if l == nil || int(l.current.format) >= len(t.formats) {
		return media.Format{}, false
	}
	return t.formats[l.current.format], true
}

// Size returns the size of the largest layer's last keyframe in pixels, 0 when unknown.
func (t *Track) Size() (width, height int) {
	l := t.main()
	if l == nil {
		return 0, 0
	}
	return l.current.width, l.current.height
}

// Level returns the smoothed audio level, 0 (silence) to 1 (full scale), and whether somebody
// speaks. Without the extension of RFC 6464 it is 0, false.
func (t *Track) Level(now media.Time) (level float64, voice bool) { return t.level.at(now) }

// CaptureTime returns the server's time of an RTP timestamp of a layer, false before its first packet.
func (t *Track) CaptureTime(layer uint8, ts media.Ticks) (media.Time, bool) {
	if int(layer) >= len(t.layers) || t.layers[layer].current == nil {
		return 0, false
	}
	return t.layers[layer].current.timing.at(ts)
}

// SetRTT tells the round-trip time to the publisher, which spaces the NACKs.
func (t *Track) SetRTT(rtt time.Duration) {
	t.rtt = min(max(rtt, time.Millisecond), 2*time.Second)
}

// Stats returns a snapshot of the counters.
func (t *Track) Stats() Stats {
	s := t.stats
	s.Layers = 0
	for _, r := range t.streams {
		if r.window.started {
			s.Layers++
		}
	}
	if l := t.main(); l != nil {
		s.Jitter = media.Ticks(l.current.jitter >> 4)
		s.Width, s.Height = l.current.width, l.current.height
	}
	return s
}

// Ready returns what may go out now of one layer: audio at once, video at a frame's end or 2 ms after the
// first pending packet. It is called until it returns nil: nothing more is due. The slice is valid until
// the next call of Ready, the packets carry one reference each, which goes to the caller.
func (t *Track) Ready(now media.Time) media.Batch {
	for _, l := range t.layers {
		if len(l.pending) > 0 && (l.flush || now >= l.first.Add(holdVideo)) {
			l.pending, l.given = l.given[:0], l.pending
			l.flush = false
			even(l.given)
			return l.given
		}
	}
	return nil
}

// even marks the packets that padding of one byte makes as long as the longest of their frame: encoders
// split a frame into parts that differ by a byte, and only equal ones leave in one message. The last may be
// shorter anyway.
func even(batch media.Batch) {
	for len(batch) > 1 {
		n, longest := 1, len(batch[0].Payload)
		for n < len(batch) && batch[n].Timestamp == batch[0].Timestamp {
			longest = max(longest, len(batch[n].Payload))
			n++
		}
		for _, p := range batch[:n-1] {
			if size := len(p.Payload); size == longest-1 && cap(p.Payload) > size {
				p.Payload[:size+1][size] = 1
				p.Odd = true
			}
		}
		batch = batch[n:]
	}
}

// Deadline returns when Ready or Feedback want to be called next, media.Never for neither.
func (t *Track) Deadline() media.Time {
	d := t.reportDue
	for _, l := range t.layers {
		d = min(d, t.keyframeDeadline(l))
		if l.current != nil {
			d = min(d, l.current.missing.deadline())
		}
		switch {
		case len(l.pending) == 0:
		case l.flush:
			d = min(d, l.first)
		default:
			d = min(d, l.first.Add(holdVideo))
		}
	}
	return d
}

// Close releases what is pending.
func (t *Track) Close() {
	for _, l := range t.layers {
		for _, p := range l.pending {
			p.Release()
		}
		l.pending = l.pending[:0]
	}
	if t.demux != nil {
		t.demux.Remove(t)
	}
}
