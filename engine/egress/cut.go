package egress

import "switchyard/media"

// A cut is a run of packets in a segment that are not sent because no frame that is sent needs them. What
// comes after it moves up, so that the receiver sees no gap.
type cut struct {
	segment     uint32
	first, last media.ExtSeq // as published
	removed     uint32       // packets taken out of the segment up to last
	pictures    uint16       // and frames
	head, tail  frameID      // its first and last frame
}

// frameID names a frame of one stream, or of one spatial layer of it.
type frameID struct {
	ts      media.Ticks
	spatial uint8
}

func frameOf(p *media.Packet) frameID { return frameID{p.Timestamp, p.Spatial} }

// maxCuts is how many are remembered for late packets and NACKs: some 4 s of every second frame.
const maxCuts = 64

// cuts are made when the first packet is taken out: most slots send all that their source has.
type cuts struct {
	ring [maxCuts]cut
	made uint32
}

// back is a walk from the newest cut of a segment to its oldest.
type back struct {
	cuts    *cuts
	segment uint32
	at      uint32 // cuts passed
}

// next returns the cut before, nil after the oldest that is known.
func (b *back) next() *cut {
	for b.cuts != nil && b.at < min(b.cuts.made, maxCuts) {
		c := &b.cuts.ring[(b.cuts.made-1-b.at)%maxCuts]
		if c.segment < b.segment {
			return nil
		}
		b.at++
		if c.segment == b.segment {
			return c
		}
	}
	return nil
}

// complete says whether all cuts of the segment were still known.
func (b *back) complete() bool { return b.cuts == nil || b.at < maxCuts }

func (s *Slot) cutsOf(g *segment) back { return back{cuts: s.cuts, segment: g.id} }

// cutOut takes p, which is ahead of all that was handled, out of its segment. fresh says that a frame
// begins with it.
func (s *Slot) cutOut(g *segment, p *media.Packet, fresh bool) {
	if s.cuts == nil {
		s.cuts = new(cuts)
	}
	walk := s.cutsOf(g)
	c := walk.next()
	same := c != nil && c.tail == frameOf(p)
	switch {
	case c != nil && (same || c.last+1 == p.Seq): // what is missing within a frame goes with it
		g.removed += uint32(p.Seq - c.last)
	default:
		c = &s.cuts.ring[s.cuts.made%maxCuts]
		s.cuts.made++
		g.removed++
		*c = cut{segment: g.id, first: p.Seq, head: frameOf(p)}
	}
	if fresh || !same {
		g.pictures++
	}
	c.last, c.removed, c.pictures, c.tail = p.Seq, g.removed, g.pictures, frameOf(p)
}

// place is where a published packet stands in the outgoing stream.
type place struct {
	out      media.ExtSeq
	pictures uint16 // taken out before it
	taken    bool   // it was taken out, or its frame was
}

// placeOf returns the place of p; false when it is too old to tell.
func (s *Slot) placeOf(g *segment, p *media.Packet) (place, bool) {
	if g.removed == 0 {
		return place{out: g.out + (p.Seq - g.in)}, true
	}
	at := place{}
	var removed uint32
	walk := s.cutsOf(g)
	for {
		c := walk.next()
		if c == nil {
			if !walk.complete() {
				return place{}, false
			}
			break
		}
		at.taken = at.taken || c.head == frameOf(p) || c.tail == frameOf(p)
		if p.Seq > c.last {
			removed, at.pictures = c.removed, c.pictures
			break
		}
		if p.Seq >= c.first {
			return place{}, false
		}
	}
	at.out = g.out + (p.Seq - g.in) - media.ExtSeq(removed)
	return at, true
}

// published returns which published packet of g went out under a number; false when that is forgotten.
func (s *Slot) published(g *segment, out media.ExtSeq) (media.ExtSeq, bool) {
	if g.removed == 0 {
		return g.in + (out - g.out), true
	}
	for walk := s.cutsOf(g); ; {
		c := walk.next()
		if c == nil {
			return g.in + (out - g.out), walk.complete()
		}
		if after := g.out + (c.last + 1 - g.in) - media.ExtSeq(c.removed); out >= after {
			return c.last + 1 + (out - after), true
		}
	}
}
