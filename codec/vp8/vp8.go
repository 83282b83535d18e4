// Package vp8 reads the RTP payload descriptor of VP8 (RFC 7741 §4.2) and the size in a keyframe's
// header (RFC 6386 §9.1).
package vp8

// Descriptor is what one RTP payload tells about its frame.
type Descriptor struct {
	FrameStart   bool  // first packet of a frame
	Keyframe     bool  // FrameStart of a keyframe; later packets of it do not show it
	NonReference bool  // N: no other frame needs this one
	PictureID    int32 // 7 or 15 bits, -1 when not given
	TL0PicIdx    int16 // -1 when not given
	TemporalID   uint8 // 0 when not given
	LayerSync    bool  // Y
	KeyIdx       int8  // 5 bits, -1 when not given
	HeaderLen    int   // of the descriptor, in bytes

	Width, Height int // pixels, of a keyframe's first packet; else 0
}

// Parse reads the payload b; false when it is cut off.
func Parse(b []byte) (Descriptor, bool) {
	d := Descriptor{PictureID: -1, TL0PicIdx: -1, KeyIdx: -1}
	if len(b) == 0 {
		return d, false
	}
	at := 1
	d.NonReference = b[0]&0x20 != 0
	d.FrameStart = b[0]&0x10 != 0 && b[0]&0x07 == 0
	if b[0]&0x80 != 0 {
		n, ok := d.extension(b)
		if !ok {
			return d, false
		}
		at = n
	}
	if at >= len(b) {
		return d, false
	}
	d.HeaderLen = at
	if d.FrameStart {
		d.frameHeader(b[at:])
	}
	return d, true
}

func (d *Descriptor) extension(b []byte) (end int, ok bool) {
	if len(b) < 2 {
		return 0, false
	}
	x, at := b[1], 2
	if x&0x80 != 0 { // I
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
	if x&0x40 != 0 { // L
		if at >= len(b) {
			return 0, false
		}
		d.TL0PicIdx = int16(b[at])
		at++
	}
	if x&0x30 != 0 { // T or K share a byte
		if at >= len(b) {
			return 0, false
		}
		if x&0x20 != 0 {
			d.TemporalID = b[at] >> 6
			d.LayerSync = b[at]&0x20 != 0
		}
		if x&0x10 != 0 {
			d.KeyIdx = int8(b[at] & 0x1f)
		}
		at++
	}
	return at, true
}

// frameHeader reads the frame tag and, of a keyframe, the start code and size.
func (d *Descriptor) frameHeader(b []byte) {
	if b[0]&1 != 0 {
		return
	}
	d.Keyframe = true
	if len(b) >= 10 && b[3] == 0x9d && b[4] == 0x01 && b[5] == 0x2a {
		d.Width = int(b[6]) | int(b[7]&0x3f)<<8
		d.Height = int(b[8]) | int(b[9]&0x3f)<<8
	}
}

// Shift adds to the picture id and TL0PICIDX of the payload b in place, each modulo its width. b must be
// one that Parse reads; fields that it does not have stay absent.
func Shift(b []byte, picture uint16, tl0 uint8) {
	if len(b) < 2 || b[0]&0x80 == 0 {
		return
	}
	x, at := b[1], 2
	if x&0x80 != 0 && at < len(b) {
		at += shiftID(b[at:], picture)
	}
	if x&0x40 != 0 && at < len(b) {
		b[at] += tl0
	}
}

// shiftID adds to a picture id of 7 or 15 bits and returns its length in bytes.
func shiftID(b []byte, picture uint16) int {
	if b[0]&0x80 == 0 || len(b) < 2 {
		b[0] = b[0]&0x80 | (b[0]+uint8(picture))&0x7f
		return 1
	}
	id := (uint16(b[0])<<8 | uint16(b[1])) + picture
	b[0], b[1] = 0x80|uint8(id>>8), uint8(id)
	return 2
}
