// Package opus reads what the server needs to know of Opus: the table of contents (RFC 6716 §3.1),
// discontinuous transmission, and the redundancy around it (RFC 2198).
package opus

import "switchyard/media"

// Block is one block of a RED payload.
type Block struct {
	PT      media.PayloadType
	Offset  uint16 // ticks before the packet's timestamp; 0 for the primary block
	Primary bool
	Data    []byte
}

// Blocks iterates over the blocks of a RED payload, redundant ones first, the primary last.
type Blocks struct {
	head, data []byte
}

// ParseRED reads a RED payload (RFC 2198 §3) and checks that its lengths fit; false when they do not.
func ParseRED(b []byte) (Blocks, bool) {
	at, total := 0, 0
	for {
		if at >= len(b) {
			return Blocks{}, false
		}
		if b[at]&0x80 == 0 {
			break
		}
		if at+4 > len(b) {
			return Blocks{}, false
		}
		total += int(b[at+2]&3)<<8 | int(b[at+3])
		at += 4
	}
	at++
	if at+total > len(b) {
		return Blocks{}, false
	}
	return Blocks{head: b[:at], data: b[at:]}, true
}

// Next returns the next block, false after the primary one.
func (r *Blocks) Next() (Block, bool) {
	if len(r.head) == 0 {
		return Block{}, false
	}
	pt := media.PayloadType(r.head[0] & 0x7f)
	if r.head[0]&0x80 == 0 {
		b := Block{PT: pt, Primary: true, Data: r.data}
		r.head = nil
		return b, true
	}
	n := int(r.head[2]&3)<<8 | int(r.head[3])
	b := Block{PT: pt, Offset: uint16(r.head[1])<<6 | uint16(r.head[2]>>2), Data: r.data[:n]}
	r.head, r.data = r.head[4:], r.data[n:]
	return b, true
}

// Primary returns the primary block of a RED payload; false when the payload is malformed.
func Primary(b []byte) (Block, bool) {
	blocks, ok := ParseRED(b)
	for ok {
		block, more := blocks.Next()
		if !more {
			break
		}
		if block.Primary {
			return block, true
		}
	}
	return Block{}, false
}

// Bounds of a redundant block (RFC 2198 §3): its offset has 14 bits, its length 10.
const (
	MaxOffset = 1<<14 - 1 // ticks
	MaxBlock  = 1<<10 - 1 // bytes
	// REDOverhead is what AppendRED adds to the two payloads, in bytes.
	REDOverhead = 5
)

// AppendRED appends a RED payload of one redundant block, from offset ticks before the packet's timestamp,
// and the primary one, both of payload type pt; that is how Chromium writes it. False, and nothing is
// appended, where the redundant block does not fit its header.
func AppendRED(dst []byte, pt media.PayloadType, offset uint32, redundant, primary []byte) ([]byte, bool) {
	if offset > MaxOffset || len(redundant) > MaxBlock {
		return dst, false
	}
	n := len(redundant)
	dst = append(dst, 0x80|uint8(pt), byte(offset>>6), byte(offset<<2)|byte(n>>8), byte(n), uint8(pt&0x7f))
	dst = append(dst, redundant...)
	return append(dst, primary...), true
}
