package egress

import (
	"encoding/binary"

	"switchyard/codec/opus"
	"switchyard/media"
)

// Write writes the complete RTP header of p, as this slot sends it, into buf (of at least MaxHeader
// bytes). The caller seals it with Payload and roc. twcc is the next transport-wide sequence
// number, used up when ok and the extension was agreed.
func (s *Slot) Write(now media.Time, p *media.Packet, buf []byte, twcc uint16) (headerLen int, roc uint32, ok bool) {
	if !s.admit(p) {
		return 0, 0, false
	}
	g := s.segment()
	if !s.pick(g, p) {
		return 0, 0, false
	}
	out := s.place.out
	switch {
	case s.sent.old(out):
		s.drop(DropOld)
		return 0, 0, false
	case s.sent.has(out):
		s.drop(DropDuplicate)
		return 0, 0, false
	}
	ts, ok := s.stamp(g, p)
	if !ok {
		s.drop(DropBackwards)
		return 0, 0, false
	}
	s.sent.add(out)
	if p.Seq > g.highest || !g.started {
		g.highest, g.lastIn = p.Seq, p.Timestamp
	}
	o := &g.table[p.Format%maxFormats]
	marker := p.Marker || s.video && s.selector.ends(p) || !s.video && !g.started
	g.started = true
	if !s.any || ts.After(s.lastTS) {
		s.lastTS, s.any = ts, true
	}
	s.lastAt = p.Arrived
	if !s.live {
		s.live, s.first = true, ts
	}
	if s.filler {
		return s.fill(p, g, now, ts, buf, twcc)
	}
	if s.video {
		s.pictures.sent(p, o.codec, g.shift.less(s.place.pictures, o.codec))
	}
	pt, payload := s.wrap(g, o, p)
	s.stats.Packets++
	s.stats.Bytes += uint64(payload)
	s.refill(now, payload/resendShare)
	putHeader(buf, marker, pt, uint16(out), ts, s.cfg.SSRC)
	return s.extensions(now, p, buf, twcc, g.shift), uint32(out >> 16), true
}

// wrap decides how the payload of p goes out: with redundancy where the receiver reads that.
func (s *Slot) wrap(g *segment, o *outgoing, p *media.Packet) (pt media.PayloadType, size int) {
	s.wrapped = false
	if passesRED(o, p) {
		return o.red, len(p.Payload)
	}
	size = len(plain(p))
	if s.red, s.wrapped = g.redundant(o, p); s.wrapped {
		s.stats.Redundant++
		return o.red, size + len(s.red.data) + opus.REDOverhead
	}
	return o.pt, size
}

// admit finds out whether p flows, and begins a segment with it where that is due.
func (s *Slot) admit(p *media.Packet) bool {
	if !s.fed {
		s.drop(DropEmpty)
		return false
	}
	if !s.Carries(p.Layer) {
		s.Skip(1)
		return false
	}
	if s.flowing {
		g := s.segment()
		if p.Layer != g.layer {
			return s.change(p)
		}
		switch d := int32(p.Epoch - g.epoch); {
		case d < 0 || d == 0 && p.Seq < g.in:
			s.drop(DropBefore)
			return false
		case d > 0, g.out+(p.Seq-g.in) > s.sent.highest+maxGap+media.ExtSeq(g.removed):
			// Another stream, or so far ahead that the receiver could lose the roll-over count.
			s.flowing = false
		}
	}
	o := &s.table[p.Format%maxFormats]
	s.codec = !o.ok || p.RED && !passesRED(o, p) && len(plain(p)) == 0
	if s.codec {
		s.flowing = false
		s.drop(DropCodec)
		return false
	}
	s.refused = false
	if s.flowing {
		return s.anchor(p)
	}
	if s.video && !(p.FrameStart && p.Keyframe) {
		s.drop(DropKeyframe)
		return false
	}
	if !s.begin(p, p.Seq, s.sent.highest+1) {
		s.drop(DropBackwards)
		return false
	}
	s.selector.begin()
	return true
}

// anchor begins another segment, without a gap or a keyframe, where the publisher's timestamps jump
// within its stream.
func (s *Slot) anchor(p *media.Packet) bool {
	g := s.segment()
	if p.Timestamp == g.lastIn || p.Seq <= g.seen || !g.started {
		return true
	}
	off := duration(p.Timestamp+g.delta-s.time.at(captured(p)), g.rate)
	if max(off, -off) < jump {
		return true
	}
	if !s.begin(p, p.Seq, g.out+(p.Seq-g.in)-media.ExtSeq(g.removed)) {
		s.drop(DropBackwards)
		return false
	}
	return true
}

// stamp returns the outgoing timestamp of p: later than all before for a new frame, the frame's own
// for all of its packets. False for a late packet of a frame that has none and fits nowhere.
func (s *Slot) stamp(g *segment, p *media.Packet) (media.Ticks, bool) {
	if ts, ok := s.lookup(g, p.Timestamp); ok {
		return ts, true
	}
	ts := p.Timestamp + g.delta
	switch {
	case g.started && p.Timestamp == g.lastIn:
		return ts, true
	case p.Seq < g.highest: // recovered
		if !g.moved || ts.After(g.movedMax) {
			return ts, true
		}
		if ts, ok := s.between(g, p.Timestamp); ok {
			s.move(g, p.Timestamp, ts)
			return ts, true
		}
		return 0, false
	case !s.any:
		return ts, true
	}
	if !s.video && g.started && !ts.After(s.lastTS) {
		return 0, false
	}
	if ts.After(s.lastTS) {
		s.time.fit(captured(p), ts)
		return ts, true
	}
	ts = s.lastTS + 1
	s.move(g, p.Timestamp, ts)
	return ts, true
}

// Payload returns what to seal behind the header that Write made of p: RED is stripped to its primary
// block where the receiver did not negotiate it and made where the publisher sent none, and picture ids go on where the last source's ended.
// What is not p's own bytes is written to buf, the room behind the header.
func (s *Slot) Payload(p *media.Packet, buf []byte) []byte {
	if s.filler {
		buf[0] = 1
		return buf[:1]
	}
	g := s.segment()
	o := &g.table[p.Format%maxFormats]
	if s.wrapped {
		return s.red.wrap(o, p, buf)
	}
	return g.payload(primary(o, p), o.codec, s.place.pictures, buf)
}

// payload is b with pictures fewer before it.
func (g *segment) payload(b []byte, codec media.Codec, pictures uint16, buf []byte) []byte {
	return g.shift.less(pictures, codec).apply(codec, b, buf)
}

// fill writes the header of a packet of one byte of padding under the number of p (RFC 3550 §5.1).
func (s *Slot) fill(p *media.Packet, g *segment, now media.Time, ts media.Ticks, buf []byte, twcc uint16) (int, uint32, bool) {
	out := s.place.out
	s.fillers[s.filled%uint32(len(s.fillers))] = out
	s.filled++
	s.stats.Packets++
	s.stats.Filled++
	putHeader(buf, false, g.table[p.Format%maxFormats].pt, uint16(out), ts, s.cfg.SSRC)
	n := s.extensions(now, p, buf, twcc, shift{})
	buf[0] |= 0x20
	return n, uint32(out >> 16), true
}

func putHeader(buf []byte, marker bool, pt media.PayloadType, seq uint16, ts media.Ticks, ssrc media.SSRC) {
	buf[0], buf[1] = 2<<6, uint8(pt)
	if marker {
		buf[1] |= 0x80
	}
	binary.BigEndian.PutUint16(buf[2:], seq)
	binary.BigEndian.PutUint32(buf[4:], uint32(ts))
	binary.BigEndian.PutUint32(buf[8:], uint32(ssrc))
}
