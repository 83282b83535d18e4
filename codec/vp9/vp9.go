// Package vp9 reads the RTP payload descriptor of VP9 (RFC 9628 §4.2), its scalability structure,
// and the size in a keyframe's uncompressed header (VP9 bitstream specification §6.2).
package vp9

import "switchyard/codec/bits"

// Descriptor is what one RTP payload tells about its frame.
type Descriptor struct {
	FrameStart bool // first packet of a picture: of its lowest spatial layer frame
	Keyframe   bool // belongs to a picture that needs none before it
	FrameEnd   bool // E: last packet of a layer frame

	PictureID  int32 // 7 or 15 bits, -1 when not given
	TL0PicIdx  int16 // -1 when not given (always so in flexible mode)
	TemporalID uint8
	SpatialID  uint8
	SwitchUp   bool // U: switching up to this temporal layer is possible here
	InterLayer bool // D: needs the spatial layer below
	Flexible   bool // F
	TopOnly    bool // Z: the spatial layers above do not need it
	HeaderLen  int  // of the descriptor, in bytes

	Width, Height int // pixels, of the largest layer, on a keyframe's packets that carry them; else 0
	// Layers is the number of spatial layers, from a scalability structure; 0 without one. Sizes are
	// theirs in pixels, where the structure has them.
	Layers int
	Sizes  [maxSpatial]Size
}

// Size is the width and height of a layer in pixels.
type Size struct{ Width, Height int }

const maxSpatial = 8 // N_S has three bits

// Parse reads the payload b; false when it is cut off.
func Parse(b []byte) (Descriptor, bool) {
	d := Descriptor{PictureID: -1, TL0PicIdx: -1}
	if len(b) == 0 {
		return d, false
	}
	h := b[0]
	predicted, begin := h&0x40 != 0, h&0x08 != 0
	d.Flexible, d.FrameEnd, d.TopOnly = h&0x10 != 0, h&0x04 != 0, h&0x01 != 0
	at, ok := d.ids(b)
	if !ok {
		return d, false
	}
	if d.Flexible && predicted {
		if at, ok = skipReferences(b, at); !ok {
			return d, false
		}
	}
	if h&0x02 != 0 { // V
		if at, ok = d.structure(b, at); !ok {
			return d, false
		}
	}
	if at >= len(b) {
		return d, false
	}
	d.HeaderLen = at
	d.FrameStart = begin && d.SpatialID == 0
	d.Keyframe = !predicted
	if d.FrameStart && d.Keyframe && d.Width == 0 {
		d.frameHeader(b[at:])
	}
	return d, true
}

// ids reads picture id and layer indices, and returns where they end.
func (d *Descriptor) ids(b []byte) (at int, ok bool) {
	at = 1
	if b[0]&0x80 != 0 { // I
		if at >= len(b) {
			return 0, false
		}
		d.PictureID = int32(b[at] & 0x7f)
		if b[at]&0x80 != 0 {
			at++
			if at >= len(b) {
				return 0, false
			}
			d.PictureID = d.PictureID<<8 | int32(b[at])
		}
		at++
	}
	if b[0]&0x20 != 0 { // L
		if at >= len(b) {
			return 0, false
		}
		d.TemporalID = b[at] >> 5
		d.SwitchUp = b[at]&0x10 != 0
		d.SpatialID = b[at] >> 1 & 7
		d.InterLayer = b[at]&1 != 0
		at++
		if !d.Flexible {
			if at >= len(b) {
				return 0, false
			}
			d.TL0PicIdx = int16(b[at])
			at++
		}
	}
	return at, true
}

// skipReferences passes over at most three P_DIFFs.
func skipReferences(b []byte, at int) (int, bool) {
	for range 3 {
		if at >= len(b) {
			return 0, false
		}
		more := b[at]&1 != 0
		at++
		if !more {
			return at, true
		}
	}
	return 0, false // a fourth one is announced
}

// structure reads the scalability structure (§4.2.1).
func (d *Descriptor) structure(b []byte, at int) (int, bool) {
	if at >= len(b) {
		return 0, false
	}
	layers := int(b[at]>>5) + 1
	sizes, group := b[at]&0x10 != 0, b[at]&0x08 != 0
	at++
	d.Layers = layers
	if sizes {
		if at+4*layers > len(b) {
			return 0, false
		}
		for i := range layers {
			w, h := int(b[at])<<8|int(b[at+1]), int(b[at+2])<<8|int(b[at+3])
			d.Sizes[i] = Size{w, h}
			if w*h > d.Width*d.Height {
				d.Width, d.Height = w, h
			}
			at += 4
		}
	}
	if !group {
		return at, true
	}
	if at >= len(b) {
		return 0, false
	}
	pictures := int(b[at])
	at++
	for range pictures {
		if at >= len(b) {
			return 0, false
		}
		at += 1 + int(b[at]>>2&3)
	}
	return at, at <= len(b)
}

// frameHeader reads the size from an uncompressed header.
func (d *Descriptor) frameHeader(b []byte) {
	r := bits.NewReader(b)
	if r.Bits(2) != 2 {
		return
	}
	profile := r.Bit() | r.Bit()<<1
	if profile == 3 {
		r.Skip(1)
	}
	if r.Bits(2) != 0 { // show_existing_frame, or not a key frame
		return
	}
	r.Skip(2) // show_frame, error_resilient_mode
	if r.Bits(24) != 0x498342 {
		return
	}
	if profile >= 2 {
		r.Skip(1) // bit depth
	}
	const srgb = 7
	if r.Bits(3) != srgb {
		r.Skip(1) // range
		if profile == 1 || profile == 3 {
			r.Skip(3)
		}
	} else if profile == 1 || profile == 3 {
		r.Skip(1)
	}
	w, h := int(r.Bits(16))+1, int(r.Bits(16))+1
	if !r.Overrun() {
		d.Width, d.Height = w, h
	}
}

// Shift adds to the picture id and TL0PICIDX of the payload b in place, each modulo its width. b must be
// one that Parse reads; fields that it does not have stay absent.
func Shift(b []byte, picture uint16, tl0 uint8) {
	if len(b) < 2 {
		return
	}
	at := 1
	if b[0]&0x80 != 0 { // I
		if b[1]&0x80 == 0 || len(b) < 3 {
			b[1] = b[1]&0x80 | (b[1]+uint8(picture))&0x7f
			at = 2
		} else {
			id := (uint16(b[1])<<8 | uint16(b[2])) + picture
			b[1], b[2] = 0x80|uint8(id>>8), uint8(id)
			at = 3
		}
	}
	flexible := b[0]&0x10 != 0
	if b[0]&0x20 != 0 && !flexible && at+1 < len(b) {
		b[at+1] += tl0
	}
}
