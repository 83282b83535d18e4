package egress

import (
	"slices"
	"time"

	"switchyard/media"
)

// Slot is one sending position of a subscriber. What every packet touches comes first: among many
// subscribers each line of memory costs as much as the work on it.
type Slot struct {
	cfg Config

	video      bool
	fed        bool // there is a source
	flowing    bool // the newest segment goes on; else video waits for a keyframe
	codec      bool // the source's format cannot be decoded
	refused    bool // and that was known before a packet came
	lean       bool // no RED, for want of bandwidth
	live       bool // the generation's first packet was written
	any        bool // something was sent
	filler     bool // the packet that was written last went out as padding
	wrapped    bool // it went out with the redundancy
	heard      bool // a report came: the receiver knows our SSRC
	repeats    bool // a format can only be resent as it was: the receiver sends NACKs and does not know RTX
	target     Target
	selector   selector
	place      place  // of the packet that was written last
	begun      uint32 // segments so far: the newest is segments[(begun-1)%maxSegments]
	generation uint32
	first      media.Ticks // outgoing, of the generation's first packet
	lastTS     media.Ticks // latest sent
	lastAt     media.Time  // arrival of the packet sent last
	time       timeline
	pictures   pictures
	budget     int // bytes that may be resent now
	refilled   media.Time
	rings      *Rings
	cuts       *cuts
	stats      Stats
	playout    playout
	red        redundancy
	sent       history

	// The stretches of the outgoing stream, for the slot's life.
	segments [maxSegments]segment

	source  Source
	table   [maxFormats]outgoing // of the source's formats
	moved   [maxMoved]movedFrame
	movedN  uint32
	filled  uint32
	fillers [8]media.ExtSeq // outgoing numbers of packets of padding, a ring
	rtx     media.ExtSeq    // newest on the RTX stream
	resent  [64]resent      // by sequence number
	sealed  sealedRing
}

// New returns an empty slot. It may be copied until it is first used.
func New(c Config) *Slot {
	s := &Slot{cfg: c, video: c.Kind == media.Video, budget: resendBurst}
	// RFC 3711 §3.3.1: below 2^15, so that a lost first packet does not confuse the roll-over count.
	s.sent.highest = media.ExtSeq(c.Seed & 0x7fff)
	s.rtx = media.ExtSeq(c.Seed >> 16 & 0x7fff)
	s.time.base = media.Ticks(c.Seed >> 32)
	s.time.rate = int64(c.ClockRate)
	if s.time.rate == 0 {
		s.time.rate = 48000
		if s.video {
			s.time.rate = 90000
		}
	}
	s.selector.aim(s.target)
	return s
}

// Update takes renegotiated formats, extension ids and MID; the identity (SSRCs, Seed) stays as it was.
func (s *Slot) Update(c Config) {
	c.SSRC, c.RTXSSRC, c.Seed, c.Kind = s.cfg.SSRC, s.cfg.RTXSSRC, s.cfg.Seed, s.cfg.Kind
	if c.MID != s.cfg.MID {
		s.heard = false
	}
	s.cfg = c
	if s.fed {
		s.renegotiate()
	}
}

// renegotiate applies another way to send the source's formats to what flows.
func (s *Slot) renegotiate() {
	s.negotiate(s.source)
	if s.flowing {
		s.segment().table = s.table
	}
}

// Switch makes src the source, under the given generation. Audio starts with the next packet, video
// with a keyframe. rings are the new source's on this shard (nil: nothing will be resent). If that of the
// target's layer, or of one that may stand in for it, holds a whole keyframe not older than 500 ms, the
// span to Write at once is returned, and the picture starts with it: its frames get timestamps 1 ms
// apart, the newest its true one.
func (s *Slot) Switch(now media.Time, src Source, generation uint32, rings *Rings) Span {
	if rings == nil {
		rings = new(Rings)
	}
	s.rings, s.generation = rings, generation
	s.fed, s.flowing, s.live = true, false, false
	s.negotiate(src)
	if !s.video || s.target.Off {
		return Span{}
	}
	if span := s.recall(now, s.target.Layer); span.Any {
		return span
	}
	for layer := range uint8(MaxLayers) {
		if s.target.Instead&(1<<layer) == 0 {
			continue
		}
		if span := s.recall(now, layer); span.Any {
			return span
		}
	}
	return Span{}
}

// recall begins with what the cache has of a layer, if it has enough.
func (s *Slot) recall(now media.Time, layer uint8) Span {
	ring := s.rings[layer%MaxLayers]
	first := ring.keyframe(now)
	if first == nil || !s.table[first.Format%maxFormats].ok || !s.replay(ring, first) {
		return Span{}
	}
	return Span{Layer: layer, First: first.Seq, Last: ring.newest, Any: true}
}

// negotiate works out how each of the source's formats is sent.
func (s *Slot) negotiate(src Source) {
	s.source = src
	s.table = [maxFormats]outgoing{}
	s.codec, s.repeats = true, false
	for i, f := range src.Formats {
		if i == maxFormats {
			break
		}
		for _, c := range s.cfg.Formats {
			if c.Format != f {
				continue
			}
			o := outgoing{codec: f.Codec, ok: true, nack: c.NACK, pt: c.PT, rate: f.ClockRate}
			if !s.lean {
				o.red = c.RED
			}
			if s.cfg.RTXSSRC != 0 {
				o.rtx = c.RTX
			}
			s.table[i], s.codec = o, false
			s.repeats = s.repeats || o.nack && o.rtx == 0
			break
		}
	}
	s.refused = s.video && src.Current.Codec != media.UnknownCodec && !s.Takes(src.Current)
	s.codec = s.codec || s.refused
}

// Takes reports whether the receiver negotiated a format.
func (s *Slot) Takes(f media.Format) bool {
	return slices.ContainsFunc(s.cfg.Formats, func(c Format) bool { return c.Format == f })
}

// Clear takes the source away.
func (s *Slot) Clear() {
	s.fed, s.flowing, s.live = false, false, false
	s.rings, s.source = nil, Source{}
}

// Paused returns why nothing is sent; Live when it flows.
func (s *Slot) Paused() Pause {
	switch {
	case !s.fed:
		return Empty
	case s.codec:
		return Codec
	case s.target.Off:
		return Off
	case s.video && !s.flowing:
		return Keyframe
	}
	return Live
}

// Generation returns the current source's generation and, once its first packet was written, that
// packet's outgoing timestamp.
func (s *Slot) Generation() (generation uint32, first media.Ticks, live bool) {
	return s.generation, s.first, s.live
}

// RTT returns the round-trip time of the last report that told it; 0 before.
func (s *Slot) RTT() time.Duration { return s.stats.RTT }

// Stats returns a snapshot.
func (s *Slot) Stats() Stats {
	out := s.stats
	out.Target = s.target
	if s.flowing {
		out.Layer, out.Codec = s.segment().layer, s.segment().codec
	}
	return out
}

func (s *Slot) drop(d Drop) { s.stats.Drops[d]++ }

func (s *Slot) segment() *segment { return &s.segments[(s.begun-1)%maxSegments] }

// A capture time is believed within captureSlack of the arrival, so that a source cannot take the
// slot's timestamps away. A timestamp that is further than jump from its capture time says that the
// publisher's timestamps were set anew.
const (
	captureSlack = 3 * time.Second
	jump         = 10 * time.Second
	forgotten    = time.Hour // after such a pause timestamps modulo 2^32 can no longer be compared
)

// captured returns when p was captured, within reason.
func captured(p *media.Packet) media.Time {
	return min(max(p.Captured, p.Arrived.Add(-captureSlack)), p.Arrived.Add(captureSlack))
}

// begin starts a segment in which the published packet in becomes out and p's timestamp stands for its
// capture time. False where audio would go backwards.
func (s *Slot) begin(p *media.Packet, in, out media.ExtSeq) bool {
	o := &s.table[p.Format%maxFormats]
	if o.rate != 0 {
		s.time.rate = int64(o.rate)
	}
	ts := s.time.at(captured(p))
	if s.any && p.Arrived.Sub(s.lastAt) > forgotten {
		s.lastTS = ts - 1
	}
	if s.any && !s.video && !ts.After(s.lastTS) {
		return false
	}
	s.begun++
	*s.segment() = segment{
		id: s.begun, ring: s.rings[p.Layer%MaxLayers], layer: p.Layer, codec: o.codec, epoch: p.Epoch, rate: s.time.rate, table: s.table,
		in: in, out: out, delta: ts - p.Timestamp, highest: in - 1, seen: in - 1,
		shift: s.pictures.begin(p, o.codec),
	}
	s.flowing = true
	return true
}

// replay begins a segment with the keyframe that starts with first, and sets the timestamps of the
// frames from there to the newest one.
func (s *Slot) replay(ring *Ring, first *media.Packet) bool {
	newest := ring.Get(ring.newest)
	var frames [maxMoved / 2]media.Ticks
	n := 0
	for seq := first.Seq; seq <= ring.newest; seq++ {
		p := ring.Get(seq)
		if p == nil || n > 0 && frames[n-1] == p.Timestamp {
			continue
		}
		if n == len(frames) || n > 0 && !p.Timestamp.After(frames[n-1]) {
			return false
		}
		frames[n] = p.Timestamp
		n++
	}
	if newest == nil || !s.begin(newest, first.Seq, s.sent.highest+1) {
		return false
	}
	s.selector.begin()
	g := s.segment()
	g.shift = s.pictures.begin(first, g.table[first.Format%maxFormats].codec)
	last, step := newest.Timestamp+g.delta, media.Ticks(s.time.rate/1000)
	if s.any {
		switch room := int32(last - s.lastTS); {
		case room < int32(n):
			last, step = s.lastTS+media.Ticks(n), 1
		case room < int32(step)*int32(n):
			step = media.Ticks(room / int32(n))
		}
	}
	for i, in := range frames[:n] {
		s.move(g, in, last-media.Ticks(n-1-i)*step)
	}
	return true
}

// move gives a frame another timestamp than the plain one.
func (s *Slot) move(g *segment, in, out media.Ticks) {
	s.moved[s.movedN%maxMoved] = movedFrame{g.id, in, out}
	s.movedN++
	if !g.moved || out.After(g.movedMax) {
		g.movedMax = out
	}
	if !g.moved || in.After(g.movedIn) {
		g.movedIn = in
	}
	g.moved = true
}

func (s *Slot) lookup(g *segment, in media.Ticks) (media.Ticks, bool) {
	if !g.moved || in.After(g.movedIn) {
		return 0, false
	}
	for i := range s.moved {
		if m := &s.moved[i]; m.segment == g.id && m.in == in {
			return m.out, true
		}
	}
	return 0, false
}

// between returns a timestamp for a whole frame that was missing among those whose timestamps were moved
// and has been recovered: where it belongs between its neighbours. False where they leave no room.
func (s *Slot) between(g *segment, in media.Ticks) (media.Ticks, bool) {
	var before, after *movedFrame
	for i := range s.moved {
		m := &s.moved[i]
		switch {
		case m.segment != g.id:
		case m.in.After(in):
			if after == nil || after.in.After(m.in) {
				after = m
			}
		case before == nil || m.in.After(before.in):
			before = m
		}
	}
	if before == nil || after == nil {
		return 0, false
	}
	room := int64(int32(after.out - before.out))
	if room < 2 {
		return 0, false
	}
	at := room * int64(int32(in-before.in)) / int64(int32(after.in-before.in))
	return before.out + media.Ticks(min(max(at, 1), room-1)), true
}
