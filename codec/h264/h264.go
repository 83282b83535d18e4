// Package h264 reads RTP payloads of H.264 (RFC 6184 §5): single NAL units, STAP-A and FU-A, and the
// size in a sequence parameter set (ITU-T H.264 §7.3.2.1.1).
package h264

// NAL unit types (ITU-T H.264 table 7-1, RFC 6184 table 1).
const (
	slice    = 1
	idr      = 5
	sei      = 6
	sps      = 7
	pps      = 8
	aud      = 9
	stapA    = 24
	fuA      = 28
	typeMask = 0x1f
)

// Unit is what one RTP payload tells about its access unit.
type Unit struct {
	SPS bool // carries a sequence parameter set
	PPS bool
	IDR bool // carries (a part of) an IDR slice
	// Keyframe is set where a decoder can start, or go on with a start: parameter sets or IDR.
	Keyframe bool
	// Preamble is set when there are only delimiters and SEI: the access unit goes on, but this
	// packet is not needed to start with it.
	Preamble bool
	// Continues is set on fragments after the first one of a NAL unit: never the start of a frame.
	Continues bool

	Width, Height int // pixels, from an SPS in this payload; else 0
}

// Parse reads the payload b; false when it breaks RFC 6184 or uses a type that packetization modes 0
// and 1 do not have.
func Parse(b []byte) (Unit, bool) {
	if len(b) == 0 {
		return Unit{}, false
	}
	u := Unit{Preamble: true}
	switch t := b[0] & typeMask; {
	case t >= 1 && t <= 23:
		u.nal(b)
	case t == stapA:
		if !u.aggregate(b[1:]) {
			return Unit{}, false
		}
	case t == fuA:
		if len(b) < 3 {
			return Unit{}, false
		}
		u.Continues = b[1]&0x80 == 0
		u.note(b[1] & typeMask)
		// An SPS is never so long that it is fragmented; its size would be unknown if it were.
	default:
		return Unit{}, false
	}
	u.Keyframe = u.SPS || u.IDR
	return u, true
}

// aggregate reads the NAL units of a STAP-A (RFC 6184 §5.7.1).
func (u *Unit) aggregate(b []byte) bool {
	if len(b) == 0 {
		return false
	}
	for len(b) > 0 {
		if len(b) < 2 {
			return false
		}
		n := int(b[0])<<8 | int(b[1])
		b = b[2:]
		if n == 0 || n > len(b) {
			return false
		}
		u.nal(b[:n])
		b = b[n:]
	}
	return true
}

func (u *Unit) nal(b []byte) {
	t := b[0] & typeMask
	u.note(t)
	if t == sps {
		if w, h, ok := ParseSPS(b); ok {
			u.Width, u.Height = w, h
		}
	}
}

func (u *Unit) note(t byte) {
	switch t {
	case aud, sei:
		return
	case sps:
		u.SPS = true
	case pps:
		u.PPS = true
	case idr:
		u.IDR = true
	}
	u.Preamble = false
}
