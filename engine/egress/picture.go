package egress

import (
	"switchyard/codec/dependency"
	"switchyard/codec/vp8"
	"switchyard/codec/vp9"
	"switchyard/media"
)

// pictures continues the picture ids of VP8 and VP9, and the frame numbers of dependency descriptors,
// through switches of the source, as sequence numbers and timestamps are: a receiver that has frames of the old source left would otherwise
// order, or drop, the new ones by unrelated numbers.
type pictures struct {
	any bool
	id  uint16 // the newest sent, 15 bits
	tl0 uint8  // its TL0PICIDX

	numbered bool
	frame    uint16 // newest number in a dependency descriptor

	noted  bool // the frame that was sent last is
	noteOf frameID
}

// shift is what a segment adds to the ids of its source.
type shift struct {
	id    uint16
	tl0   uint8
	frame uint16
}

// less returns the shift where some frames were taken out before. VP9 refers to frames by the difference
// of their ids, which must stay; VP8's say by a gap that something was lost.
func (by shift) less(pictures uint16, codec media.Codec) shift {
	if codec == media.VP8 {
		by.id = (by.id - pictures) & 0x7fff
	}
	return by
}

// ids are the numbers in a payload's descriptor.
func ids(codec media.Codec, b []byte) (id uint16, tl0 uint8, ok bool) {
	var picture int32
	var base int16
	switch codec {
	case media.VP8:
		d, read := vp8.Parse(b)
		picture, base, ok = d.PictureID, d.TL0PicIdx, read
	case media.VP9:
		d, read := vp9.Parse(b)
		picture, base, ok = d.PictureID, d.TL0PicIdx, read
	}
	return uint16(picture), uint8(max(base, 0)), ok && picture >= 0
}

// begin returns the shift of a segment whose first packet is first.
func (p *pictures) begin(first *media.Packet, codec media.Codec) (by shift) {
	p.noted = false
	if id, tl0, ok := ids(codec, first.Payload); ok && p.any {
		by.id, by.tl0 = (p.id+1-id)&0x7fff, p.tl0+1-tl0
	}
	if frame, ok := dependency.Frame(first.Dependency); ok && p.numbered {
		by.frame = p.frame + 1 - frame
	}
	return by
}

// sent notes what left under a segment's shift.
func (p *pictures) sent(packet *media.Packet, codec media.Codec, by shift) {
	if p.noted && p.noteOf == frameOf(packet) { // packets of one frame have one id
		return
	}
	p.noted, p.noteOf = true, frameOf(packet)
	if frame, ok := dependency.Frame(packet.Dependency); ok {
		frame += by.frame
		if !p.numbered || int16(frame-p.frame) > 0 {
			p.numbered, p.frame = true, frame
		}
	}
	id, tl0, ok := ids(codec, packet.Payload)
	if !ok {
		return
	}
	id, tl0 = (id+by.id)&0x7fff, tl0+by.tl0
	if ahead := int16((id - p.id) << 1); !p.any || ahead > 0 {
		p.any, p.id, p.tl0 = true, id, tl0
	}
}

// apply returns b with its ids shifted: b itself where nothing changes, else a copy in buf.
func (by shift) apply(codec media.Codec, b, buf []byte) []byte {
	if by.id == 0 && by.tl0 == 0 || len(buf) < len(b) {
		return b
	}
	out := buf[:copy(buf, b)]
	switch codec {
	case media.VP8:
		vp8.Shift(out, by.id, by.tl0)
	case media.VP9:
		vp9.Shift(out, by.id, by.tl0)
	}
	return out
}
