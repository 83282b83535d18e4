package egress

import (
	"switchyard/codec/vp8"
	"switchyard/codec/vp9"
	"switchyard/media"
)

// pictures continues the picture ids of VP8 and VP9 through switches of the source, as sequence
// numbers and timestamps are: a receiver that has frames of the old source left would otherwise
// order, or drop, the new ones by unrelated numbers.
type pictures struct {
	any bool
	id  uint16 // the newest sent, 15 bits
	tl0 uint8  // its TL0PICIDX
}

// shift is what a segment adds to the ids of its source.
type shift struct {
	id  uint16
	tl0 uint8
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

// begin returns the shift of a segment whose first packet has the payload b.
func (p *pictures) begin(codec media.Codec, b []byte) shift {
	id, tl0, ok := ids(codec, b)
	if !ok || !p.any {
		return shift{}
	}
	return shift{(p.id + 1 - id) & 0x7fff, p.tl0 + 1 - tl0}
}

// sent notes what left under a segment's shift.
func (p *pictures) sent(codec media.Codec, b []byte, by shift) {
	id, tl0, ok := ids(codec, b)
	if !ok {
		return
	}
	id, tl0 = (id+by.id)&0x7fff, tl0+by.tl0
	if ahead := int16((id - p.id) << 1); !p.any || ahead > 0 {
		*p = pictures{true, id, tl0}
	}
}

// apply returns b with its ids shifted: b itself where nothing changes, else a copy in buf.
func (by shift) apply(codec media.Codec, b, buf []byte) []byte {
	if by == (shift{}) || len(buf) < len(b) {
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
