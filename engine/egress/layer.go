package egress

import "switchyard/media"

// SetTarget says what the slot is to send from now on, of this source and the next ones. What flows goes
// on until a keyframe of the target's layer comes; see WantsKeyframe.
func (s *Slot) SetTarget(t Target) {
	t.Layer %= MaxLayers
	if t.Off {
		s.flowing = false
	}
	s.target = t
	s.selector.aim(t)
}

// WantsKeyframe returns the layer of which the slot waits for a keyframe, to begin or to change over.
func (s *Slot) WantsKeyframe() (layer uint8, waits bool) {
	switch s.Paused() {
	case Keyframe:
		return s.target.Layer, true
	case Live:
		return s.target.Layer, s.video && (s.segment().layer != s.target.Layer || s.selector.waits())
	}
	return 0, false
}

// Carries reports whether packets of a layer are of use to the slot now.
func (s *Slot) Carries(layer uint8) bool {
	switch {
	case s.target.Off:
		return false
	case layer == s.target.Layer:
		return true
	case s.flowing:
		return s.begun > 0 && s.segment().layer == layer
	}
	return s.target.Instead&(1<<(layer%32)) != 0
}

// Needs returns the layers, one bit each, that have to reach the slot: what flows, and what is to.
func (s *Slot) Needs() uint32 {
	if !s.fed || s.target.Off || s.refused {
		return 0
	}
	layers := uint32(1) << s.target.Layer
	if s.flowing {
		layers |= 1 << s.segment().layer
	}
	return layers
}

// Break lets nothing of a video source flow until the next keyframe of the target: what flowed lost packets
// here, or is too much.
func (s *Slot) Break() {
	if s.video {
		s.flowing = false
	}
}

// Skip counts packets that were not given to the slot because it does not carry their layer.
func (s *Slot) Skip(packets int) {
	if s.target.Off {
		s.stats.Drops[DropOff] += uint64(packets)
		return
	}
	s.stats.Drops[DropLayer] += uint64(packets)
}

// change takes the first packet of a keyframe of the target's layer, and changes over to it. The packet
// of another layer than flows is of no other use.
func (s *Slot) change(p *media.Packet) bool {
	switch o := &s.table[p.Format%maxFormats]; {
	case !p.FrameStart || !p.Keyframe:
		s.drop(DropKeyframe)
		return false
	case !o.ok:
		s.drop(DropCodec)
		return false
	case !s.begin(p, p.Seq, s.sent.highest+1):
		s.drop(DropBackwards)
		return false
	}
	s.selector.begin()
	s.stats.LayerSwitches++
	return true
}

// pick decides whether p, which is of the layer that flows, is sent, and under which number.
func (s *Slot) pick(g *segment, p *media.Packet) bool {
	s.filler = false
	if p.Seq > g.seen {
		sends, fresh := true, false
		if s.video {
			sends, fresh = s.selector.takes(p)
		}
		g.seen = p.Seq
		if !sends {
			s.cutOut(g, p, fresh)
			s.drop(DropLayer)
			return false
		}
		s.place = place{out: g.out + (p.Seq - g.in) - media.ExtSeq(g.removed), pictures: g.pictures}
		return true
	}
	at, ok := s.placeOf(g, p)
	if !ok {
		s.drop(DropLayer)
		return false
	}
	// What was lost on the way here left its number open. Where it turns out that it would not have been
	// sent, the number is filled with padding, or the receiver would go on asking for it.
	s.filler = at.taken || s.video && g.removed > 0 && p.Needed&s.selector.want == 0
	s.place = at
	return true
}

// Layer returns the layer that flows, else the target's.
func (s *Slot) Layer() uint8 {
	if s.flowing {
		return s.segment().layer
	}
	return s.target.Layer
}
