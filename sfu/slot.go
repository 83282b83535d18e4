package sfu

import (
	"slices"

	"switchyard/engine/bwe"
	"switchyard/engine/egress"
	"switchyard/media"
	"switchyard/peer"
)

// slot is one sending position of a link. Owned by the link's shard.
type slot struct {
	link       *Link
	fan        *fanout // what feeds it, nil when empty
	ssrc       media.SSRC
	rtx        media.SSRC
	kind       media.Kind
	twcc       bool   // packets carry a transport-wide sequence number
	red        bool   // the receiver reads RED
	ccfb       bool   // the receiver reports by sequence numbers of RTP (RFC 8888)
	live       bool   // SlotLive told of it
	codec      bool   // SlotPaused told that the codec cannot be decoded
	generation uint32 // of what feeds it
	hopes      uint32 // layers that it would get if they lived
	needs      uint32 // layers that its fanout counts it for
	out        egress.Slot

	mid        string
	view       View            // how it is shown
	preference Preference      // of this feeding
	allowed    Preference      // by bandwidth
	options    []egress.Option // to choose from for want of bandwidth
	bounds     []Preference    // that they stand for
	tallied    tallied
}

func newSlot(l *Link, m *peer.Media, seed uint64) *slot {
	s := &slot{link: l, mid: m.MID, ssrc: m.SlotSSRC, rtx: m.SlotRTX, kind: m.Kind, twcc: m.Ext.TWCC != 0}
	s.ccfb, s.red = reportsByRTP(m), readsRED(m)
	s.out = *egress.New(l.egressConfig(m, seed))
	return s
}

func (s *slot) update(m *peer.Media) {
	s.twcc, s.ccfb, s.red = m.Ext.TWCC != 0, reportsByRTP(m), readsRED(m)
	unable := s.out.Paused() == egress.Codec
	s.out.Update(s.link.egressConfig(m, 0))
	if unable && s.fan != nil { // it may be able to now, and then needs packets again
		s.start(s.link.shard.clock.Now())
	}
}

// readsRED reports whether a codec of the m-line may come with redundancy around it (RFC 2198).
func readsRED(m *peer.Media) bool {
	return slices.ContainsFunc(m.Codecs, func(c peer.Codec) bool { return c.RED != 0 })
}

// feed makes t the source, from now on under generation; t may be nil.
func (s *slot) feed(now media.Time, t *Track, generation uint32) {
	s.clear()
	if t == nil {
		return
	}
	sh := s.link.shard
	fan := &t.fans[sh.index]
	if fan.closed {
		return
	}
	s.live, s.codec, s.preference, s.allowed = false, false, Preference{}, Preference{}
	s.fan, s.generation = fan, generation
	fan.add(s)
	if s.kind == media.Video {
		s.link.allocate(now, s)
	}
	s.start(now)
}

// start begins with the source that feeds the slot, out of the cache where that is possible. Before the
// link is up it only asks for a keyframe, so that the cache has one when the link comes up and the slot
// is started again: what was sent into nothing would cost the joiner a keyframe interval.
func (s *slot) start(now media.Time) {
	formats := *s.fan.track.formats.Load()
	if len(formats) == 0 {
		return // Publish is on its way to the publisher's shard, and starts the slot when it gets there
	}
	var caches *egress.Rings
	if s.link.up {
		caches = &s.fan.rings
	}
	s.aim()
	source := egress.Source{Formats: formats, Current: *s.fan.track.current.Load()}
	s.write(now, s.out.Switch(now, source, s.generation, caches))
	s.account()
	s.after(now)
}

// idle says that nothing flows for want of a keyframe.
func (s *slot) idle() bool { return s.out.Paused() == egress.Keyframe }

// write sends a span of the cache: what a joiner may see at once.
func (s *slot) write(now media.Time, span egress.Span) {
	if !span.Any {
		return
	}
	ring := s.fan.rings[span.Layer]
	for seq := span.First; seq <= span.Last; seq++ {
		if p := ring.Get(seq); p != nil {
			s.send(now, p)
		}
	}
}

func (s *slot) clear() {
	if s.fan != nil {
		s.fan.account(s.needs, 0)
		s.needs = 0
		s.fan.remove(s)
		s.fan = nil
		s.out.Clear()
	}
}

// sendBatch sends what arrived together, so that it leaves together.
func (s *slot) sendBatch(now media.Time, batch media.Batch) {
	for _, p := range batch {
		s.send(now, p)
	}
	if s.out.Needs()|s.hopes != s.needs { // it has changed over
		s.account()
	}
	s.after(now)
}

// send sends one packet, now or when its turn comes.
func (s *slot) send(now media.Time, p *media.Packet) {
	l := s.link
	switch {
	case !l.up:
		l.shard.counters.drop(DropNoPath)
	case l.pacer == nil || l.admit(now, s, p):
		s.emit(now, p)
	}
}

// emit rewrites, seals and queues one packet.
func (s *slot) emit(now media.Time, p *media.Packet) {
	l := s.link
	buf := l.shard.writer.Reserve(sealedMax)
	headerLen, roc, ok := s.out.Write(now, p, buf, l.twccOut.Next())
	if !ok { // counted by the slot, by reason
		if l.pacer != nil {
			l.pacer.Refund(len(p.Payload) + wrapping)
		}
		return
	}
	payload := s.out.Payload(p, buf[headerLen:])
	if p.Odd && l.path.Via == nil {
		payload = padded(buf, headerLen, payload)
	}
	n := l.peer.SealRTP(buf, headerLen, payload, roc)
	if n == 0 {
		l.shard.counters.drop(DropSeal)
		return
	}
	s.out.Sealed(buf[:n])
	s.sent(now, buf[:n])
}

// padded adds a byte of RTP padding to a payload that stands in buf behind the header, or in a packet that
// has one ready (media.Packet.Odd).
func padded(buf []byte, headerLen int, payload []byte) []byte {
	n := len(payload)
	if n == 0 || buf[0]&0x20 != 0 {
		return payload
	}
	buf[0] |= 0x20
	if &payload[0] == &buf[headerLen] {
		buf[headerLen+n] = 1
	}
	return payload[:n+1]
}

// sent queues a sealed packet that stands in the writer's reserved bytes.
func (s *slot) sent(now media.Time, b []byte) {
	l := s.link
	s.note(now, b)
	l.shard.sealed++
	l.transmit(b)
}

// resend answers the loss of one packet.
func (s *slot) resend(now media.Time, seq uint16) {
	l := s.link
	if !l.up {
		return
	}
	buf := l.shard.rtx[:]
	r, ok := s.out.OnNACK(now, seq, buf, l.twccOut.Next())
	if !ok {
		return
	}
	if l.pacer != nil && !l.pacer.Admit(now, len(r.Sealed)+r.HeaderLen+r.PayloadLen, bwe.ClassResend) {
		l.shard.counters.drop(DropPaced) // repeating what a full path lost fills it again; it is asked for once more
		return
	}
	out := l.shard.writer.Reserve(sealedMax)
	if r.Sealed != nil { // byte-identical: it has a transport-wide number already
		l.shard.sealed++
		l.transmit(out[:copy(out, r.Sealed)])
		return
	}
	s.sealed(now, r, buf, out)
}

// sealed seals and sends what stands in buf, and returns its size on the wire.
func (s *slot) sealed(now media.Time, r egress.Resend, buf, out []byte) int {
	copy(out, buf[:r.HeaderLen])
	n := s.link.peer.SealRTP(out, r.HeaderLen, buf[r.HeaderLen:r.HeaderLen+r.PayloadLen], r.ROC)
	if n > 0 {
		s.sent(now, out[:n])
	}
	return n
}

// after tells the owner what the last batch changed, and asks for a keyframe where one is needed.
func (s *slot) after(now media.Time) {
	if s.fan == nil {
		return
	}
	if layer, waits := s.out.WantsKeyframe(); waits {
		s.fan.track.requestKeyframe(now, layer, s.link.shard)
	} else if s.out.Paused() == egress.Codec && !s.codec {
		s.codec = true
		s.link.emit(SlotPaused{MID: s.mid, Generation: s.generation, Reason: PausedCodec})
	}
	if s.live {
		return
	}
	_, first, live := s.out.Generation()
	if !live {
		return
	}
	s.live = true
	if s.codec {
		s.codec = false
		s.link.emit(SlotPaused{MID: s.mid, Generation: s.generation, Reason: PausedNot})
	}
	s.link.emit(SlotLive{MID: s.mid, Generation: s.generation, Timestamp: first})
}

// sealedMax is room for a header, a payload and the SRTP tag.
const sealedMax = media.MaxDatagram + egress.MaxHeader + 32
