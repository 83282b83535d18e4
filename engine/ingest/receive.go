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

// receive is the road: header, layer, RTX, sequence number, payload, choice of layer.
func (t *Track) receive(now media.Time, p *media.Packet, plain []byte) Verdict {
	var h header
	if !h.parse(plain, &t.cfg.Ext) {
		return Malformed
	}
	typ := t.types[h.pt]
	if !typ.agreed {
		return UnknownFormat
	}
	var l *layer
	if typ.wrap == rtxMedia {
		t.stats.Retransmitted++
		if l = t.repairs(&h); l == nil {
			return UnknownStream
		}
		if len(h.payload) < 2 { // probing
			return Padding
		}
		// RFC 4588 §4: the original sequence number stands before the original payload.
		h.seq = binary.BigEndian.Uint16(h.payload)
		h.payload, h.pt, h.ssrc = h.payload[2:], typ.pt, l.ssrc
		h.repair = true
		typ = t.types[h.pt]
	} else if l = t.stream(now, &h); l == nil {
		return UnknownStream
	}
	return t.onMedia(now, l, p, &h, typ)
}

func (t *Track) onMedia(now media.Time, l *layer, p *media.Packet, h *header, typ payloadType) Verdict {
	ext, pos := l.window.place(h.seq, h.repair)
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
	if len(t.pending) >= maxPending {
		return Overflow
	}
	if pos == restarted {
		l.restart()
		if l == t.current {
			t.epoch++
		}
	}
	t.sequence(now, l, ext, pos)
	l.arrived = now
	if t.reportDue == media.Never {
		t.reportDue = now.Add(firstReport)
	}
	if len(h.payload) == 0 && pos != late {
		l.window.consume(ext)
		return Padding
	}
	if pos != late {
		l.setRate(t.formats[typ.format].ClockRate)
		l.format = typ.format
	}
	if pos != late && !h.repair {
		l.onArrival(now, h.ts)
		l.timing.onPacket(now, h.ts)
	}
	t.fill(now, l, p, h, typ)
	keyStart := l.frame(p, ext, pos, v)
	if keyStart {
		if v.width > 0 {
			l.width, l.height = v.width, v.height
		}
		if l == t.current {
			t.stats.Keyframes++
		}
	}
	if !t.take(now, l, keyStart) {
		return OtherLayer
	}
	if keyStart {
		t.keyframe.arrived()
	}
	if p.Seq, ok = l.window.outward(ext); !ok {
		return TooOld
	}
	p.Epoch = t.epoch
	if p.AudioLevel >= 0 {
		t.level.on(now, p.AudioLevel, p.Voice)
	}
	t.push(now, p, pos)
	return Accepted
}

// sequence marks ext as received and keeps the list of what is missing.
func (t *Track) sequence(now media.Time, l *layer, ext media.ExtSeq, pos position) {
	highest, started := l.window.highest, l.window.started
	l.window.take(ext, pos)
	switch {
	case pos == late:
		l.missing.remove(ext)
		t.stats.Recovered++
	case pos == ahead && started:
		t.stats.Lost += uint64(ext - highest - 1)
		if !t.nacks(l) {
			return
		}
		if !l.missing.add(now, highest+1, ext-1) && l == t.current {
			t.stats.GivenUp += uint64(ext - highest - 1)
			t.RequestKeyframe(now)
		}
	}
}

// nacks reports whether losses of l are asked for: only of the taken layer.
func (t *Track) nacks(l *layer) bool {
	if l != t.current {
		return false
	}
	f := t.formats[l.format]
	for i := range t.cfg.Formats {
		if t.cfg.Formats[i].Format == f {
			return t.cfg.Formats[i].NACK
		}
	}
	return false
}

// fill writes what the header says into p.
func (t *Track) fill(now media.Time, l *layer, p *media.Packet, h *header, typ payloadType) {
	p.Arrived = now
	p.Timestamp = h.ts
	if captured, ok := l.timing.at(h.ts); ok {
		p.Captured = captured
	} else {
		p.Captured = now
	}
	p.Format = typ.format
	p.RED = typ.wrap == redMedia
	p.Marker = h.marker
	p.FrameStart, p.Keyframe = false, false
	p.AudioLevel, p.Voice = h.level, h.voice
	p.Orientation = h.orientation
	p.AbsCapture = h.absCapture
	p.Payload = h.payload
}

// push puts p among the pending packets.
func (t *Track) push(now media.Time, p *media.Packet, pos position) {
	if len(t.pending) == 0 {
		t.first = now
	}
	t.pending = append(t.pending, p)
	if p.Marker || pos == late || t.cfg.Kind == media.Audio {
		t.flush = true
	}
}
