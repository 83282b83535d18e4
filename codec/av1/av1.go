// Package av1 reads RTP payloads of AV1 (AV1 RTP specification v1.0 §4): the aggregation header, the
// OBUs in it, and the size in a sequence header (AV1 bitstream specification §5.5).
package av1

import "switchyard/codec/bits"

// OBU types (AV1 §6.2.2).
const (
	obuSequenceHeader = 1
)

// Payload is what one RTP payload tells about its temporal unit.
type Payload struct {
	Continues  bool // Z: begins with the rest of an OBU of the packet before
	Unfinished bool // Y: the last OBU goes on in the next packet
	// Keyframe is set on the first packet of a coded video sequence (N), and where a sequence header is.
	Keyframe   bool
	TemporalID uint8 // of the first OBU with an extension header
	SpatialID  uint8

	Width, Height int // pixels, from a sequence header in this payload; else 0
}

// Parse reads the payload b; false when it breaks the specification.
func Parse(b []byte) (Payload, bool) {
	if len(b) < 2 {
		return Payload{}, false
	}
	h := b[0]
	p := Payload{Continues: h&0x80 != 0, Unfinished: h&0x40 != 0, Keyframe: h&0x08 != 0}
	if p.Continues && p.Keyframe {
		return Payload{}, false // §4.4: N with Z is an error
	}
	count, rest := int(h>>4&3), b[1:]
	layered := false
	for i := 0; len(rest) > 0; i++ {
		obu := rest
		if count == 0 || i < count-1 {
			n, size, ok := leb128(rest)
			if !ok || n > uint64(len(rest)-size) {
				return Payload{}, false
			}
			obu, rest = rest[size:size+int(n)], rest[size+int(n):]
		} else {
			rest = nil
		}
		if i == 0 && p.Continues {
			continue
		}
		layered = p.obu(obu, layered)
	}
	return p, true
}

// obu reads one OBU, which may be cut off at the packet's end.
func (p *Payload) obu(b []byte, layered bool) bool {
	if len(b) == 0 {
		return layered
	}
	h, at := b[0], 1
	if h&0x04 != 0 { // extension
		if len(b) < 2 {
			return layered
		}
		if !layered {
			p.TemporalID, p.SpatialID, layered = b[1]>>5, b[1]>>3&3, true
		}
		at = 2
	}
	if h&0x02 != 0 { // has_size_field: rare in RTP, allowed
		_, size, ok := leb128(b[at:])
		if !ok {
			return layered
		}
		at += size
	}
	if h>>3&0xf == obuSequenceHeader {
		p.Keyframe = true
		if w, h, ok := sequenceHeader(b[at:]); ok {
			p.Width, p.Height = w, h
		}
	}
	return layered
}

// leb128 reads a length (AV1 §4.10.5).
func leb128(b []byte) (v uint64, size int, ok bool) {
	for i := 0; i < 8 && i < len(b); i++ {
		v |= uint64(b[i]&0x7f) << (7 * i)
		if b[i]&0x80 == 0 {
			return v, i + 1, v < 1<<32
		}
	}
	return 0, 0, false
}

// sequenceHeader reads the largest frame size (AV1 §5.5.1).
func sequenceHeader(b []byte) (width, height int, ok bool) {
	r := bits.NewReader(b)
	r.Skip(3 + 1) // seq_profile, still_picture
	if r.Flag() { // reduced_still_picture_header
		r.Skip(5)
	} else {
		operatingPoints(&r)
	}
	wBits, hBits := int(r.Bits(4))+1, int(r.Bits(4))+1
	width, height = int(r.Bits(wBits))+1, int(r.Bits(hBits))+1
	return width, height, !r.Overrun()
}

func operatingPoints(r *bits.Reader) {
	model, delayBits := false, 0
	if r.Flag() { // timing_info_present_flag
		r.Skip(64)
		if r.Flag() { // equal_picture_interval
			r.UE()
		}
		if model = r.Flag(); model {
			delayBits = int(r.Bits(5)) + 1
			r.Skip(32 + 5 + 5)
		}
	}
	display := r.Flag()
	for n := r.Bits(5) + 1; n > 0; n-- {
		r.Skip(12)
		if r.Bits(5) > 7 {
			r.Skip(1)
		}
		if model && r.Flag() {
			r.Skip(2*delayBits + 1)
		}
		if display && r.Flag() {
			r.Skip(4)
		}
	}
}
