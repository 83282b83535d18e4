package ingest

import "switchyard/media"

func (t *Track) bySSRC(ssrc media.SSRC) *layer {
	for _, l := range t.layers {
		if l.ssrc == ssrc {
			return l
		}
	}
	return nil
}

func (t *Track) byRID(rid int) *layer {
	for _, l := range t.layers {
		if l.rid == rid {
			return l
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

// stream returns the layer of a media packet: by SSRC, else by RID (RFC 8852 §3), else, without
// simulcast, a new one. nil when it cannot be told.
func (t *Track) stream(now media.Time, h *header) *layer {
	l := t.bySSRC(h.ssrc)
	if l != nil && (len(t.cfg.RIDs) == 0 || l.rid >= 0) {
		return l
	}
	rid := -1
	if len(t.cfg.RIDs) > 0 {
		if rid = t.ridIndex(h.rid); rid < 0 {
			return nil
		}
		if l != nil { // declared without its RID
			l.rid = rid
			return l
		}
		if known := t.byRID(rid); known != nil {
			if known.ssrc != 0 { // the layer begins anew on another SSRC
				known.restart()
				known.window = window{}
				known.rtx = 0
				if known == t.current {
					t.epoch++
				}
			}
			known.ssrc = h.ssrc
			t.learn(h.ssrc)
			return known
		}
	}
	l = t.addLayer(h.ssrc, 0, rid)
	t.learn(h.ssrc)
	return l
}

// repairs returns the layer that an RTX packet repairs: by SSRC, by repaired RID, or the only one.
func (t *Track) repairs(h *header) *layer {
	for _, l := range t.layers {
		if l.rtx == h.ssrc {
			return l
		}
	}
	var l *layer
	if len(t.cfg.RIDs) > 0 {
		if rid := t.ridIndex(h.rrid); rid >= 0 {
			l = t.byRID(rid)
		}
	} else if l = t.current; l != nil && l.rtx != 0 {
		l = nil // its repair stream is another one
	}
	if l == nil {
		return nil
	}
	l.rtx = h.ssrc
	t.learn(h.ssrc)
	return l
}

// addLayer makes room by forgetting the layer that is silent for the longest time.
func (t *Track) addLayer(ssrc, rtx media.SSRC, rid int) *layer {
	l := &layer{ssrc: ssrc, rtx: rtx, rid: rid}
	l.missing.clear()
	l.window.bad = noBad
	l.timing.sync = t.cfg.Sync
	l.timing.rate = 90000
	if t.cfg.Kind == media.Audio {
		l.timing.rate = 48000
	}
	if len(t.formats) > 0 && t.formats[0].ClockRate > 0 {
		l.timing.rate = int64(t.formats[0].ClockRate)
	}
	if len(t.layers) < maxLayers {
		t.layers = append(t.layers, l)
		return l
	}
	oldest := -1
	for i, o := range t.layers {
		if o != t.current && (oldest < 0 || o.arrived < t.layers[oldest].arrived) {
			oldest = i
		}
	}
	t.layers[oldest] = l
	return l
}

func (t *Track) learn(ssrc media.SSRC) {
	if t.demux != nil {
		t.demux.learn(ssrc, t)
	}
}

// take decides whether l is the layer that goes out, and changes over to it where it should be.
// Video changes over at a keyframe only.
func (t *Track) take(now media.Time, l *layer, keyStart bool) bool {
	if l == t.current {
		return true
	}
	if t.current == nil {
		t.change(l)
		return true
	}
	silent := now.Sub(t.current.arrived)
	if t.cfg.Kind == media.Audio {
		if silent < takeover {
			return false
		}
		t.change(l)
		return true
	}
	if silent >= stall && !keyStart {
		t.RequestKeyframe(now) // of any layer that is alive, see keyframeRequest
		return false
	}
	left := stall
	if len(t.cfg.RIDs) == 0 { // the publisher went on to another SSRC
		left = takeover
	}
	if !keyStart || silent < left && !t.better(l) {
		return false
	}
	t.change(l)
	t.stats.Keyframes++
	return true
}

// better reports whether l is to be preferred to the current layer while both are alive.
func (t *Track) better(l *layer) bool {
	c := t.current
	switch {
	case l.size() != c.size():
		return l.size() > c.size()
	case l.size() == 0:
		return l.rid < c.rid
	}
	return false
}

func (t *Track) change(l *layer) {
	if t.current != nil {
		t.epoch++
		t.current.missing.clear()
	}
	t.current = l
}
