package ingest

import (
	"encoding/binary"

	"switchyard/media"
)

// header is an RTP packet's header (RFC 3550 §5.1) with the extensions that were agreed (RFC 8285).
type header struct {
	marker  bool
	pt      media.PayloadType
	seq     uint16
	ts      media.Ticks
	ssrc    media.SSRC
	payload []byte // padding removed
	repair  bool   // came by RTX

	mid, rid, rrid []byte
	level          int8 // -1 when absent
	voice          bool
	orientation    int8
	dependency     []byte
	absCapture     media.NTP
}

// parse reads b strictly: whatever does not fit its own lengths is refused.
func (h *header) parse(b []byte, ids *Extensions) bool {
	if len(b) < 12 || b[0]>>6 != 2 {
		return false
	}
	*h = header{
		marker:      b[1]&0x80 != 0,
		pt:          media.PayloadType(b[1] & 0x7f),
		seq:         binary.BigEndian.Uint16(b[2:]),
		ts:          media.Ticks(binary.BigEndian.Uint32(b[4:])),
		ssrc:        media.SSRC(binary.BigEndian.Uint32(b[8:])),
		level:       -1,
		orientation: -1,
	}
	at := 12 + 4*int(b[0]&0x0f)
	if at > len(b) {
		return false
	}
	if b[0]&0x10 != 0 {
		if at+4 > len(b) {
			return false
		}
		profile := binary.BigEndian.Uint16(b[at:])
		n := 4 * int(binary.BigEndian.Uint16(b[at+2:]))
		at += 4
		if at+n > len(b) {
			return false
		}
		if !h.extensions(profile, b[at:at+n], ids) {
			return false
		}
		at += n
	}
	end := len(b)
	if b[0]&0x20 != 0 {
		pad := int(b[end-1])
		if pad == 0 || at+pad > end {
			return false
		}
		end -= pad
	}
	h.payload = b[at:end:end]
	return true
}

// extensions reads one-byte (RFC 8285 §4.2) and two-byte (§4.3) elements; other profiles are ignored.
func (h *header) extensions(profile uint16, b []byte, ids *Extensions) bool {
	switch {
	case profile == 0xbede:
		for len(b) > 0 {
			id, n := b[0]>>4, int(b[0]&0x0f)+1
			if id == 0 {
				b = b[1:]
				continue
			}
			if id == 15 { // reserved: stop reading
				return true
			}
			if 1+n > len(b) {
				return false
			}
			h.element(id, b[1:1+n], ids)
			b = b[1+n:]
		}
	case profile&0xfff0 == 0x1000:
		for len(b) > 0 {
			if b[0] == 0 {
				b = b[1:]
				continue
			}
			if len(b) < 2 || 2+int(b[1]) > len(b) {
				return false
			}
			n := int(b[1])
			h.element(b[0], b[2:2+n], ids)
			b = b[2+n:]
		}
	}
	return true
}

func (h *header) element(id uint8, v []byte, ids *Extensions) {
	switch id {
	case ids.MID:
		h.mid = v
	case ids.RID:
		h.rid = v
	case ids.RepairedRID:
		h.rrid = v
	case ids.AudioLevel:
		if len(v) >= 1 {
			h.level, h.voice = int8(v[0]&0x7f), v[0]&0x80 != 0
		}
	case ids.Orientation:
		if len(v) >= 1 {
			h.orientation = int8(v[0] & 0x0f)
		}
	case ids.DependencyDescriptor:
		h.dependency = v
	case ids.AbsCaptureTime:
		if len(v) >= 8 {
			h.absCapture = media.NTP(binary.BigEndian.Uint64(v))
		}
	}
}
