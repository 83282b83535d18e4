// Package bits reads the bit-wise coded headers of video: fixed-length fields and Exp-Golomb codes
// (ITU-T H.264 §7.2, §9.1). It allocates nothing and never fails: reading past the end gives zeros
// and sets Overrun, which the caller checks once at the end.
package bits

// Reader reads bits from the most significant one on.
type Reader struct {
	b       []byte
	pos     int  // in bytes
	left    uint // unread bits of b[pos]
	zeros   int  // zero bytes just read, for emulation prevention
	escaped bool // skip the 3 of 00 00 03 (H.264 §7.4.1)
	overrun bool
}

// NewReader returns a reader of b.
func NewReader(b []byte) Reader { return Reader{b: b, left: 8} }

// NewEscapedReader returns a reader of a NAL unit's payload, which leaves out the emulation prevention
// bytes of H.264 §7.4.1.
func NewEscapedReader(b []byte) Reader { return Reader{b: b, left: 8, escaped: true} }

// Overrun reports whether more was read than there is.
func (r *Reader) Overrun() bool { return r.overrun }

// Bit reads one bit.
func (r *Reader) Bit() uint32 {
	if r.pos >= len(r.b) {
		r.overrun = true
		return 0
	}
	r.left--
	bit := uint32(r.b[r.pos]>>r.left) & 1
	if r.left == 0 {
		r.nextByte()
	}
	return bit
}

func (r *Reader) nextByte() {
	if r.b[r.pos] == 0 {
		r.zeros++
	} else {
		r.zeros = 0
	}
	r.pos++
	r.left = 8
	if r.escaped && r.zeros >= 2 && r.pos < len(r.b) && r.b[r.pos] == 3 {
		r.pos++
		r.zeros = 0
	}
}

// Flag reads one bit as a truth value.
func (r *Reader) Flag() bool { return r.Bit() == 1 }

// Bits reads n bits, at most 32.
func (r *Reader) Bits(n int) uint32 {
	var v uint32
	for range n {
		v = v<<1 | r.Bit()
	}
	return v
}

// Skip passes over n bits.
func (r *Reader) Skip(n int) {
	for range n {
		r.Bit()
	}
}

// UE reads an unsigned Exp-Golomb code (H.264 §9.1); AV1's uvlc (§4.10.3) is the same.
func (r *Reader) UE() uint32 {
	n := 0
	for r.Bit() == 0 {
		n++
		if n > 32 || r.overrun {
			r.overrun = true
			return 0
		}
	}
	if n == 32 {
		r.Skip(32)
		return 1<<32 - 1
	}
	return 1<<n - 1 + r.Bits(n)
}

// SE reads a signed Exp-Golomb code (H.264 §9.1.1).
func (r *Reader) SE() int32 {
	k := r.UE()
	if k&1 == 1 {
		return int32(k/2 + 1)
	}
	return -int32(k / 2)
}
