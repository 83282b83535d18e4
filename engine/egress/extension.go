package egress

import (
	"encoding/binary"

	"switchyard/codec/dependency"
	"switchyard/media"
)

const (
	maxDependency = 200 // bytes of a descriptor that is passed on
	maxOneByte    = 16  // bytes that fit into a one-byte element (RFC 8285 §4.2)
)

// extensions writes the block of header extensions that were agreed and returns the header's length:
// one-byte elements (RFC 8285 §4.2), or two-byte ones (§4.3) where the dependency descriptor is longer.
func (s *Slot) extensions(now media.Time, p *media.Packet, buf []byte, twcc uint16, by shift) int {
	ids := &s.cfg.Ext
	b := block{buf: buf, at: 16}
	descriptor := s.descriptor(p)
	b.wide = len(descriptor) > maxOneByte
	if n := len(s.cfg.MID); !s.heard && wanted(ids.MID) && n > 0 && n <= 16 {
		copy(b.element(ids.MID, n), s.cfg.MID)
	}
	if wanted(ids.TWCC) {
		binary.BigEndian.PutUint16(b.element(ids.TWCC, 2), twcc)
	}
	if wanted(ids.AbsSendTime) { // 6.18 fixed point seconds
		t := media.NTPAt(s.cfg.Origin, now) >> 14
		e := b.element(ids.AbsSendTime, 3)
		e[0], e[1], e[2] = byte(t>>16), byte(t>>8), byte(t)
	}
	if wanted(ids.AudioLevel) && p.AudioLevel >= 0 {
		e := b.element(ids.AudioLevel, 1)
		e[0] = uint8(p.AudioLevel)
		if p.Voice {
			e[0] |= 0x80
		}
	}
	if wanted(ids.Orientation) && p.Orientation >= 0 && (p.Keyframe || p.Marker) {
		b.element(ids.Orientation, 1)[0] = uint8(p.Orientation)
	}
	if wanted(ids.AbsCaptureTime) && p.AbsCapture != 0 {
		binary.BigEndian.PutUint64(b.element(ids.AbsCaptureTime, 8), uint64(p.AbsCapture))
	}
	if wanted(ids.PlayoutDelay) {
		if low, high, ok := s.playout.tells(s.place.out); ok { // 12 bits each, in 10 ms
			e := b.element(ids.PlayoutDelay, 3)
			e[0], e[1], e[2] = byte(low>>4), byte(low<<4)|byte(high>>8), byte(high)
		}
	}
	if len(descriptor) > 0 {
		e := b.element(ids.Dependency, len(descriptor))
		copy(e, descriptor)
		frame, _ := dependency.Frame(e)
		dependency.SetFrame(e, frame+by.frame)
	}
	return b.end()
}

// descriptor returns the dependency descriptor to send with p, nil for none.
func (s *Slot) descriptor(p *media.Packet) []byte {
	d := p.Dependency
	if s.filler || !wanted(s.cfg.Ext.Dependency) || len(d) > maxDependency || len(d) > maxOneByte && !s.cfg.Ext.Mixed {
		return nil
	}
	return d
}

// block is an extension block that is being written, 16 bytes behind the packet's start.
type block struct {
	buf  []byte
	at   int
	wide bool // two-byte elements
}

// element makes room for n bytes of an extension.
func (b *block) element(id uint8, n int) []byte {
	if b.wide {
		b.buf[b.at], b.buf[b.at+1] = id, uint8(n)
		b.at++
	} else {
		b.buf[b.at] = id<<4 | uint8(n-1)
	}
	b.at += 1 + n
	return b.buf[b.at-n : b.at]
}

// end finishes the block and returns where it ends; without elements there is none.
func (b *block) end() int {
	const start = 16
	if b.at == start {
		return 12
	}
	for b.at%4 != 0 {
		b.buf[b.at] = 0
		b.at++
	}
	b.buf[0] |= 0x10
	profile := uint16(0xbede)
	if b.wide {
		profile = 0x1000
	}
	binary.BigEndian.PutUint16(b.buf[12:], profile)
	binary.BigEndian.PutUint16(b.buf[14:], uint16((b.at-start)/4))
	return b.at
}

func wanted(id uint8) bool { return id >= 1 && id <= 14 }
