package egress

import (
	"switchyard/codec/opus"
	"switchyard/media"
)

// maxRED is the longest RED payload that is made here, in bytes: with headers, extensions and the SRTP
// tag it stays below what every path carries (IPv6's 1280).
const maxRED = 1100

// redundancy is the packet before as it goes along in the one that is written (RFC 2198). Its data is the
// ring's, and so good until the ring's next Put.
type redundancy struct {
	data   []byte
	offset uint32 // ticks before
}

// redundant returns what goes along with p where the receiver reads RED and p is not such already: the
// packet before it, of the same source since it feeds the slot, so that nobody hears what was said before.
// Silence (RFC 7587 §3.1.3) is not repeated.
func (g *segment) redundant(o *outgoing, p *media.Packet) (redundancy, bool) {
	if o.red == 0 || o.codec != media.Opus || p.Seq <= g.in {
		return redundancy{}, false
	}
	before := g.ring.Get(p.Seq - 1)
	if before == nil || before.Epoch != p.Epoch || before.Format != p.Format {
		return redundancy{}, false
	}
	r := redundancy{data: plain(before), offset: uint32(p.Timestamp - before.Timestamp)}
	fits := r.offset <= opus.MaxOffset && len(r.data) <= opus.MaxBlock &&
		len(r.data)+len(plain(p))+opus.REDOverhead <= maxRED
	return r, r.offset > 0 && fits && !opus.IsDTX(r.data)
}

// wrap writes the RED payload of p with its redundancy to buf.
func (r redundancy) wrap(o *outgoing, p *media.Packet, buf []byte) []byte {
	b, _ := opus.AppendRED(buf[:0], o.pt, r.offset, r.data, plain(p))
	return b
}

// Redundancy says whether RED is sent where it was agreed; at first it is. Without it the receiver gets the
// primary blocks alone, under the codec's own payload type.
func (s *Slot) Redundancy(on bool) {
	if s.lean == !on {
		return
	}
	s.lean = !on
	if s.fed {
		s.renegotiate()
	}
}

// plain is p's payload without redundancy; empty where the redundancy is malformed.
func plain(p *media.Packet) []byte {
	if !p.RED {
		return p.Payload
	}
	b, _ := opus.Primary(p.Payload)
	return b.Data
}

// primary is p's payload, without redundancy that the receiver cannot read.
func primary(o *outgoing, p *media.Packet) []byte {
	if passesRED(o, p) {
		return p.Payload
	}
	return plain(p)
}

// passesRED reports whether the receiver reads p's RED as it stands: the payload types within are the
// publisher's.
func passesRED(o *outgoing, p *media.Packet) bool {
	if !p.RED || o.red == 0 {
		return false
	}
	blocks, ok := opus.ParseRED(p.Payload)
	if !ok {
		return false
	}
	for block, more := blocks.Next(); more; block, more = blocks.Next() {
		if block.PT != o.pt {
			return false
		}
	}
	return true
}
