package ingest

import (
	"encoding/binary"

	"switchyard/media"
)

// OnRTP takes one decrypted packet: plain is header and payload within p.Data. On Accepted the track
// holds the caller's reference to p until Ready hands it out.
func (t *Track) OnRTP(now media.Time, p *media.Packet, plain []byte) Verdict {
	v := t.receive(now, p, plain)
	t.stats.Packets++
	t.stats.Bytes += uint64(len(plain))
	t.stats.Verdicts[v]++
	return v
}

// receive is the road: header, stream, RTX, sequence number, payload, layer.
func (t *Track) receive(now media.Time, p *media.Packet, plain []byte) Verdict {
	var h header
	if !h.parse(plain, &t.cfg.Ext) {
		return Malformed
	}
	typ := t.types[h.pt]
	if !typ.agreed {
		return UnknownFormat
	}
	var s *stream
	if typ.wrap == rtxMedia {
		t.stats.Retransmitted++
		if s = t.repairs(&h); s == nil {
			return UnknownStream
		}
		if len(h.payload) < 2 { // probing
			return Padding
		}
		// RFC 4588 §4: the original sequence number stands before the original payload.
		h.seq = binary.BigEndian.Uint16(h.payload)
		h.payload, h.pt, h.ssrc = h.payload[2:], typ.pt, s.ssrc
		h.repair = true
		typ = t.types[h.pt]
	} else if s = t.assign(&h); s == nil {
		return UnknownStream
	}
	return t.onMedia(now, s, p, &h, typ)
}

func (t *Track) onMedia(now media.Time, s *stream, p *media.Packet, h *header, typ payloadType) Verdict {
	ext, pos := s.window.place(h.seq, h.repair)
	switch pos {
	case duplicate:
		return Duplicate
	case tooOld:
		return TooOld
	case outside:
		return Restarting
	}
	var v look
	ok := true
	if len(h.payload) > 0 {
		v, ok = inspect(t.formats[typ.format].Codec, typ.wrap == redMedia, h.payload)
	}
	if !ok {
		return Malformed
	}
	if len(s.out.pending) >= maxPending {
		return Overflow
	}
	if pos == restarted {
		s.restart()
		if s == s.out.current {
			s.out.epoch++
		}
	}
	t.sequence(now, s, ext, pos)
	s.arrived = now
	if t.reportDue == media.Never {
		t.reportDue = now.Add(firstReport)
	}
	if len(h.payload) == 0 && pos != late {
		s.window.consume(ext)
		return Padding
	}
	if pos != late {
		s.setRate(t.formats[typ.format].ClockRate)
		s.format = typ.format
	}
	if pos != late && !h.repair {
		s.onArrival(now, h.ts)
		s.timing.onPacket(now, h.ts)
	}
	fresh := pos != late && (!s.haveTS || s.lastTS != h.ts)
	if h.dependency != nil && describes(t.formats[typ.format].Codec) {
		s.depend(&v, h.dependency)
	}
	s.scale(&v)
	s.fill(now, p, h, typ, t.formats[typ.format])
	keyStart := s.frame(p, ext, pos, v)
	if keyStart && s.resize(v) {
		t.changed++
	}
	if !t.take(now, s, keyStart) {
		return OtherStream
	}
	l := s.out
	t.heard(now, l, p, len(h.payload), fresh)
	if !t.passes(l) {
		l.skipped = true
		return Unwanted
	}
	if l.skipped { // nobody can go on over the gap: caches begin anew
		l.skipped = false
		l.epoch++
	}
	if keyStart {
		t.stats.Keyframes++
		l.keyframe.arrived()
	}
	if p.Seq, ok = s.window.outward(ext); !ok {
		return TooOld
	}
	p.Layer, p.Epoch = l.index, l.epoch
	if p.AudioLevel >= 0 {
		t.level.on(now, p.AudioLevel, p.Voice)
	}
	l.push(now, p, pos == late || t.cfg.Kind == media.Audio)
	return Accepted
}

// sequence marks ext as received and keeps the list of what is missing.
func (t *Track) sequence(now media.Time, s *stream, ext media.ExtSeq, pos position) {
	highest, started := s.window.highest, s.window.started
	s.window.take(ext, pos)
	switch {
	case pos == late:
		s.missing.remove(ext)
		t.stats.Recovered++
	case pos == ahead && started:
		t.stats.Lost += uint64(ext - highest - 1)
		if !t.nacks(s) {
			return
		}
		if !s.missing.add(now, highest+1, ext-1) {
			t.stats.GivenUp += uint64(ext - highest - 1)
			t.RequestKeyframe(now, s.out.index)
		}
	}
}

// nacks reports whether losses of s are asked for: only where somebody needs it.
func (t *Track) nacks(s *stream) bool {
	if s != s.out.current || !t.wants(s.out) {
		return false
	}
	f := t.formats[s.format]
	for i := range t.cfg.Formats {
		if t.cfg.Formats[i].Format == f {
			return t.cfg.Formats[i].NACK
		}
	}
	return false
}

// fill writes what the header says into p.
func (s *stream) fill(now media.Time, p *media.Packet, h *header, typ payloadType, format media.Format) {
	p.Arrived = now
	p.Timestamp = h.ts
	if captured, ok := s.timing.at(h.ts); ok {
		p.Captured = captured
	} else {
		p.Captured = now
	}
	p.Format = typ.format
	p.RED = typ.wrap == redMedia
	p.Marker = h.marker
	p.AudioLevel, p.Voice = h.level, h.voice
	p.Orientation = h.orientation
	p.AbsCapture = h.absCapture
	p.Dependency = nil
	if describes(format.Codec) {
		p.Dependency = h.dependency
	}
	p.Payload, p.Odd = h.payload, false
}

// push puts p among the pending packets, which go out at once where that was the last to wait for.
func (l *layer) push(now media.Time, p *media.Packet, flush bool) {
	if len(l.pending) == 0 {
		l.first = now
	}
	l.pending = append(l.pending, p)
	if p.Marker || flush {
		l.flush = true
	}
}
