package bench

import "encoding/binary"

// A stamp stands at the end of each payload, where no server looks: who sent it, in which layer, as which
// packet, when.
const (
	stampMagic = 0x53594d42
	stampLen   = 24
)

type stamp struct {
	publisher uint32 // below 1<<24
	layer     uint8
	seq       uint64 // of the publisher's packets, from 0
	sent      int64  // nanoseconds since 1970
}

func (s stamp) put(payload []byte) {
	b := payload[len(payload)-stampLen:]
	binary.BigEndian.PutUint32(b, stampMagic)
	binary.BigEndian.PutUint32(b[4:], s.publisher|uint32(s.layer)<<24)
	binary.BigEndian.PutUint64(b[8:], s.seq)
	binary.BigEndian.PutUint64(b[16:], uint64(s.sent))
}

func readStamp(payload []byte) (stamp, bool) {
	if len(payload) < stampLen {
		return stamp{}, false
	}
	b := payload[len(payload)-stampLen:]
	if binary.BigEndian.Uint32(b) != stampMagic {
		return stamp{}, false
	}
	who := binary.BigEndian.Uint32(b[4:])
	return stamp{who & (1<<24 - 1), uint8(who >> 24), binary.BigEndian.Uint64(b[8:]), int64(binary.BigEndian.Uint64(b[16:]))}, true
}

// The parameter sets of a 640x360 constrained baseline stream, for the first packet of a keyframe.
var (
	h264SPS = []byte{0x67, 0x42, 0xc0, 0x1e, 0xd9, 0x00, 0xa0, 0x2f, 0xf9, 0x61, 0x00, 0x00, 0x03, 0x00, 0x01, 0x00, 0x00, 0x03, 0x00, 0x3c, 0x8f, 0x16, 0x2e, 0x48}
	h264PPS = []byte{0x68, 0xcb, 0x83, 0xcb, 0x20}
)

// head writes what a server reads at the start of a payload: packet i of n of a frame.
func (p *plan) head(b []byte, i, n int, key bool, picture uint16) {
	switch p.codec {
	case CodecVP8:
		p.vp8(b, i, key, picture)
	case CodecH264:
		p.h264(b, i, n, key)
	default:
		b[0] = 0xfc // RFC 6716 §3.1: CELT, full band, 20 ms, stereo, one frame
	}
}

// vp8 writes the payload descriptor (RFC 7741 §4.2) and the frame's header (RFC 6386 §9.1).
func (p *plan) vp8(b []byte, i int, key bool, picture uint16) {
	b[0], b[1] = 0x80, 0x80
	binary.BigEndian.PutUint16(b[2:], 0x8000|picture&0x7fff)
	if i > 0 {
		return
	}
	b[0] |= 0x10
	size := uint32(len(b)) << 5 // first partition, behind version 0 and show_frame
	tag := size | 0x10
	if !key {
		tag |= 1
	}
	b[4], b[5], b[6] = byte(tag), byte(tag>>8), byte(tag>>16)
	if key {
		copy(b[7:], []byte{0x9d, 0x01, 0x2a, byte(p.width), byte(p.width >> 8), byte(p.height), byte(p.height >> 8)})
	}
}

// h264 writes STAP-A with the parameter sets, then FU-A (RFC 6184 §5.7, §5.8).
func (p *plan) h264(b []byte, i, n int, key bool) {
	kind := byte(1)
	if key {
		kind = 5
		if i == 0 && n > 1 {
			b[0] = 0x78 // STAP-A
			at := 1
			for _, nal := range [][]byte{h264SPS, h264PPS} {
				binary.BigEndian.PutUint16(b[at:], uint16(len(nal)))
				at += 2 + copy(b[at+2:], nal)
			}
			rest := len(b) - at - 2 // filler data, so that the unit ends with the packet
			if rest > 0 {
				binary.BigEndian.PutUint16(b[at:], uint16(rest))
				b[at+2] = 12
			}
			return
		}
		if n > 1 {
			i, n = i-1, n-1
		}
	}
	b[0], b[1] = 0x7c, kind // FU-A, nal_ref_idc 3
	if i == 0 {
		b[1] |= 0x80
	}
	if i == n-1 {
		b[1] |= 0x40
	}
	if n == 1 { // one packet: a single NAL unit
		b[0], b[1] = 0x60|kind, 0x88
	}
	b[2] = 0x88 // first_mb_in_slice 0, slice type I or P, as far as anyone reads
}
