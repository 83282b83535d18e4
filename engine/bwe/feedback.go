package bwe

import (
	"encoding/binary"
	"time"

	"switchyard/codec/rtcp"
	"switchyard/media"
)

// Units of the format (draft-holmer-rmcat-transport-wide-cc-extensions-01 §3.1).
const (
	tick       = 250 * time.Microsecond // of arrival deltas
	refTicks   = 256                    // ticks in a unit of the reference time: 64 ms
	maxRun     = 1<<13 - 1
	oneBit     = 14 // symbols in a vector chunk
	twoBit     = 7
	headerSize = 16 // of the body: two SSRCs, base, count, reference time, feedback count
)

// Symbols of packet status.
const (
	notReceived = 0
	smallDelta  = 1
	largeDelta  = 2
)

// Status is what feedback says about one packet.
type Status struct {
	Seq      uint16
	Received bool
	// Arrived is on the receiver's clock, whose zero is arbitrary and wraps after 12 days.
	Arrived time.Duration
}

// Feedback iterates over the packets that one TWCC packet reports.
type Feedback struct {
	Count uint8 // the feedback's own number: a gap is a lost feedback
	Base  uint16
	Total int // packets reported

	body   []byte
	chunk  int // offset of the chunk being read
	within int // symbols of it that were read
	delta  int // offset of the next delta
	read   int
	now    int64 // in ticks
}

// ParseFeedback checks the lengths of the TWCC packet p; false when it is none or does not fit them.
func ParseFeedback(p rtcp.Packet) (Feedback, bool) {
	b := p.Body
	if !p.IsTWCC() || len(b) < headerSize+2 {
		return Feedback{}, false
	}
	f := Feedback{
		Base:  binary.BigEndian.Uint16(b[8:]),
		Total: int(binary.BigEndian.Uint16(b[10:])),
		Count: b[15],
		body:  b,
		chunk: headerSize,
	}
	ref := int64(b[12])<<16 | int64(b[13])<<8 | int64(b[14])
	f.now = ref * refTicks
	chunks, deltas, ok := f.measure()
	f.delta = headerSize + chunks
	return f, ok && f.Total > 0 && f.delta+deltas <= len(b)
}

// measure returns the bytes that chunks and deltas take.
func (f *Feedback) measure() (chunks, deltas int, ok bool) {
	at := headerSize
	for left := f.Total; left > 0; at += 2 {
		if at+2 > len(f.body) {
			return 0, 0, false
		}
		c := binary.BigEndian.Uint16(f.body[at:])
		n := min(capacity(c), left)
		if n == 0 {
			return 0, 0, false
		}
		left -= n
		if c&0x8000 == 0 {
			s := symbol(c, 0)
			if s > largeDelta {
				return 0, 0, false
			}
			deltas += n * s
			continue
		}
		for i := range n {
			s := symbol(c, i)
			if s > largeDelta {
				return 0, 0, false
			}
			deltas += s // a small delta is one byte, a large one two
		}
	}
	return at - headerSize, deltas, true
}

// capacity is how many symbols a chunk holds.
func capacity(c uint16) int {
	switch c >> 14 {
	case 2:
		return oneBit
	case 3:
		return twoBit
	}
	return int(c & maxRun)
}

// symbol returns the i-th symbol of a chunk.
func symbol(c uint16, i int) int {
	switch c >> 14 {
	case 2:
		return int(c>>(oneBit-1-i)) & 1
	case 3:
		return int(c>>(2*(twoBit-1-i))) & 3
	}
	return int(c>>13) & 3
}

// Next returns the next packet's status, false at the end.
func (f *Feedback) Next() (Status, bool) {
	if f.read == f.Total {
		return Status{}, false
	}
	c := binary.BigEndian.Uint16(f.body[f.chunk:])
	s := symbol(c, f.within)
	if f.within++; f.within == capacity(c) {
		f.chunk, f.within = f.chunk+2, 0
	}
	st := Status{Seq: f.Base + uint16(f.read), Received: s != notReceived}
	f.read++
	switch s {
	case smallDelta:
		f.now += int64(f.body[f.delta])
		f.delta++
	case largeDelta:
		f.now += int64(int16(binary.BigEndian.Uint16(f.body[f.delta:])))
		f.delta += 2
	}
	st.Arrived = time.Duration(f.now) * tick
	return st, true
}

// arrival is a received packet in the making of feedback.
type arrival struct {
	seq   media.ExtSeq
	delta int16 // in ticks, after the one before
}

func (a arrival) symbol() int {
	if a.delta >= 0 && a.delta <= 255 {
		return smallDelta
	}
	return largeDelta
}

// appendFeedback adds a whole TWCC packet: the status of base to the last arrival, which must be
// fewer than 2^16, and the reference time in units of 64 ms.
func appendFeedback(dst []byte, sender, source media.SSRC, base media.ExtSeq, ref int64, count uint8, got []arrival) []byte {
	start := len(dst)
	total := got[len(got)-1].seq - base + 1
	dst = append(dst, 2<<6|rtcp.FormatTWCC, rtcp.TypeTransport, 0, 0)
	dst = binary.BigEndian.AppendUint32(dst, uint32(sender))
	dst = binary.BigEndian.AppendUint32(dst, uint32(source))
	dst = binary.BigEndian.AppendUint16(dst, uint16(base))
	dst = binary.BigEndian.AppendUint16(dst, uint16(total))
	dst = append(dst, byte(ref>>16), byte(ref>>8), byte(ref), count)
	dst = appendChunks(dst, base, got)
	for _, a := range got {
		if a.symbol() == smallDelta {
			dst = append(dst, byte(a.delta))
		} else {
			dst = binary.BigEndian.AppendUint16(dst, uint16(a.delta))
		}
	}
	if pad := -(len(dst) - start) & 3; pad > 0 {
		for range pad - 1 {
			dst = append(dst, 0)
		}
		dst = append(dst, byte(pad))
		dst[start] |= 0x20
	}
	binary.BigEndian.PutUint16(dst[start+2:], uint16((len(dst)-start)/4-1))
	return dst
}

// appendChunks encodes the symbols: runs where they pay, else the densest vector that fits.
func appendChunks(dst []byte, pos media.ExtSeq, got []arrival) []byte {
	end := got[len(got)-1].seq + 1
	for pos < end {
		sym, run := firstRun(pos, got)
		vector, large := firstVector(pos, got)
		var used int
		switch {
		case run >= oneBit, large && run >= twoBit, pos+media.ExtSeq(run) == end:
			used = min(run, maxRun)
			dst = binary.BigEndian.AppendUint16(dst, uint16(sym)<<13|uint16(used))
		case !large:
			c := uint16(0x8000)
			for i, s := range vector {
				c |= uint16(s) << (oneBit - 1 - i)
			}
			used = oneBit
			dst = binary.BigEndian.AppendUint16(dst, c)
		default:
			c := uint16(0xc000)
			for i, s := range vector[:twoBit] {
				c |= uint16(s) << (2 * (twoBit - 1 - i))
			}
			used = twoBit
			dst = binary.BigEndian.AppendUint16(dst, c)
		}
		pos += media.ExtSeq(used)
		for len(got) > 0 && got[0].seq < pos {
			got = got[1:]
		}
	}
	return dst
}

// firstRun returns the symbol at pos and how often it is repeated.
func firstRun(pos media.ExtSeq, got []arrival) (sym, run int) {
	if got[0].seq > pos {
		return notReceived, int(got[0].seq - pos)
	}
	sym = got[0].symbol()
	for i, a := range got {
		if a.seq != pos+media.ExtSeq(i) || a.symbol() != sym {
			break
		}
		run++
	}
	return sym, run
}

// firstVector returns the next symbols from pos on, and whether there is a large delta among them.
func firstVector(pos media.ExtSeq, got []arrival) (v [oneBit]uint8, large bool) {
	for _, a := range got {
		at := a.seq - pos
		if at >= oneBit {
			break
		}
		v[at] = uint8(a.symbol())
		large = large || v[at] == largeDelta
	}
	return v, large
}
