package ingest

import (
	"time"

	"switchyard/media"
)

const (
	stall    = time.Second            // a stream that is silent so long is left for another
	takeover = 200 * time.Millisecond // the same, where the publisher went on to another SSRC
)

func (t *Track) bySSRC(ssrc media.SSRC) *stream {
	for _, s := range t.streams {
		if s.ssrc == ssrc {
			return s
		}
	}
	return nil
}

func (t *Track) byRID(rid int) *stream {
	for _, s := range t.streams {
		if s.rid == rid {
			return s
		}
	}
	return nil
}

// ridIndex returns the place of a RID in the offer, -1 when it was not offered.
func (t *Track) ridIndex(rid []byte) int {
	for i := range t.cfg.RIDs {
		if t.cfg.RIDs[i] == string(rid) {
			return i
		}
	}
	return -1
}

// assign returns the stream of a media packet: by SSRC, else by RID (RFC 8852 §3), else, without
// simulcast, a new one. nil when it cannot be told.
func (t *Track) assign(h *header) *stream {
	s := t.bySSRC(h.ssrc)
	if s != nil && (len(t.cfg.RIDs) == 0 || s.rid >= 0) {
		return s
	}
	rid := -1
	if len(t.cfg.RIDs) > 0 {
		if rid = t.ridIndex(h.rid); rid < 0 {
			return nil
		}
		if s != nil { // declared without its RID
			t.place(s, rid)
			return s
		}
		if known := t.byRID(rid); known != nil {
			t.moveTo(known, h.ssrc)
			return known
		}
	}
	s = t.addStream(h.ssrc, 0, rid)
	t.learn(h.ssrc)
	return s
}

// moveTo lets a simulcast layer begin anew on another SSRC.
func (t *Track) moveTo(s *stream, ssrc media.SSRC) {
	if s.ssrc != 0 {
		s.restart()
		s.window = window{}
		s.rtx = 0
		if s == s.out.current {
			s.out.epoch++
		}
	}
	s.ssrc = ssrc
	t.learn(ssrc)
}

// place makes s the stream of a RID, or of no RID (-1).
func (t *Track) place(s *stream, rid int) {
	s.rid = rid
	to := t.layers[max(rid, 0)]
	if from := s.out; from != nil && from != to && from.current == s {
		from.current, from.live = nil, false
		from.epoch++
		t.changed++
	}
	s.out = to
}

// repairs returns the stream that an RTX packet repairs: by SSRC, by repaired RID, or the only one.
func (t *Track) repairs(h *header) *stream {
	for _, s := range t.streams {
		if s.rtx == h.ssrc && (len(t.cfg.RIDs) == 0 || s.rid >= 0) {
			return s
		}
	}
	var s *stream
	if len(t.cfg.RIDs) > 0 {
		if rid := t.ridIndex(h.rrid); rid >= 0 {
			s = t.byRID(rid)
		}
	} else if s = t.layers[0].current; s != nil && s.rtx != 0 {
		s = nil // its repair stream is another one
	}
	if s == nil {
		return nil
	}
	s.rtx = h.ssrc
	t.learn(h.ssrc)
	return s
}

// addStream makes room by forgetting the stream that is silent for the longest time.
func (t *Track) addStream(ssrc, rtx media.SSRC, rid int) *stream {
	s := &stream{ssrc: ssrc, rtx: rtx}
	t.place(s, rid)
	s.missing.clear()
	s.window.bad = noBad
	s.timing.sync = t.cfg.Sync
	s.timing.rate = 90000
	if t.cfg.Kind == media.Audio {
		s.timing.rate = 48000
	}
	if len(t.formats) > 0 && t.formats[0].ClockRate > 0 {
		s.timing.rate = int64(t.formats[0].ClockRate)
	}
	if len(t.streams) < maxStreams {
		t.streams = append(t.streams, s)
		return s
	}
	oldest := -1
	for i, o := range t.streams {
		if o != o.out.current && (oldest < 0 || o.arrived < t.streams[oldest].arrived) {
			oldest = i
		}
	}
	t.streams[oldest] = s // there are more streams than layers
	return s
}

func (t *Track) learn(ssrc media.SSRC) {
	if t.demux != nil {
		t.demux.learn(ssrc, t)
	}
}

// take decides whether s is the stream that goes out in its layer, and changes over to it where it
// should be. Video changes over at a keyframe only.
func (t *Track) take(now media.Time, s *stream, keyStart bool) bool {
	l := s.out
	if s == l.current {
		return true
	}
	if l.current == nil {
		l.change(s)
		return true
	}
	silent := now.Sub(l.current.arrived)
	if t.cfg.Kind == media.Audio {
		if silent < takeover {
			return false
		}
		l.change(s)
		return true
	}
	if silent >= stall && !keyStart {
		t.RequestKeyframe(now, l.index) // of any stream that is alive, see keyframeTarget
		return false
	}
	if !keyStart || silent < takeover && s.size() <= l.current.size() {
		return false
	}
	l.change(s)
	t.stats.Keyframes++
	return true
}

func (l *layer) change(s *stream) {
	if l.current != nil {
		l.epoch++
		l.current.missing.clear()
	}
	l.current = s
}
