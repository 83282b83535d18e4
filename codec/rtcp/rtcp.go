// Package rtcp reads and writes RTCP without allocation: sender and receiver reports, SDES and
// BYE (RFC 3550 §6), transport and payload feedback (RFC 4585 §6, RFC 5104 §4.3.1) and REMB
// (draft-alvestrand-rmcat-remb-03). Transport-wide feedback bodies belong to engine/bwe.
package rtcp

import (
	"encoding/binary"

	"switchyard/media"
)

// Packet types (RFC 3550 §12.1, RFC 4585 §6.1, RFC 3611).
const (
	TypeSR        = 200
	TypeRR        = 201
	TypeSDES      = 202
	TypeBYE       = 203
	TypeAPP       = 204
	TypeTransport = 205 // RTPFB
	TypePayload   = 206 // PSFB
	TypeXR        = 207
)

// Feedback message types, in the place of the report count.
const (
	FormatNACK = 1  // of TypeTransport (RFC 4585 §6.2.1)
	FormatTWCC = 15 // of TypeTransport
	FormatPLI  = 1  // of TypePayload (RFC 4585 §6.3.1)
	FormatFIR  = 4  // of TypePayload (RFC 5104 §4.3.1)
	FormatAFB  = 15 // of TypePayload: REMB (RFC 4585 §6.4)
)

// Reader walks the packets of one compound (RFC 3550 §6.1) or reduced-size (RFC 5506) datagram.
// It stops at the first packet that is not whole.
type Reader struct{ rest []byte }

// NewReader returns a reader of the decrypted datagram b.
func NewReader(b []byte) Reader { return Reader{rest: b} }

// Next returns the next packet, false at the end or at garbage (then Rest is not empty).
func (r *Reader) Next() (Packet, bool) {
	b := r.rest
	if len(b) < 4 || b[0]>>6 != 2 {
		return Packet{}, false
	}
	n := 4 * (int(binary.BigEndian.Uint16(b[2:])) + 1)
	if n > len(b) {
		return Packet{}, false
	}
	body := b[4:n]
	if b[0]&0x20 != 0 { // padding counts itself in its last byte
		if len(body) == 0 {
			return Packet{}, false
		}
		pad := int(body[len(body)-1])
		if pad == 0 || pad > len(body) {
			return Packet{}, false
		}
		body = body[:len(body)-pad]
	}
	r.rest = b[n:]
	return Packet{Type: b[1], Count: b[0] & 0x1f, Body: body}, true
}

// Rest returns what was not read.
func (r *Reader) Rest() []byte { return r.rest }

// Packet is one RTCP packet. Its accessors return false where the packet is of another type or
// too short, so that no caller has to check lengths.
type Packet struct {
	Type  uint8
	Count uint8  // report count, source count or feedback message type
	Body  []byte // after the common header, padding removed
}

// SenderInfo is what a sender report says about its sender (RFC 3550 §6.4.1).
type SenderInfo struct {
	SSRC    media.SSRC
	NTP     media.NTP
	RTP     media.Ticks
	Packets uint32
	Octets  uint32
}

// Sender returns the sender information of an SR.
func (p Packet) Sender() (SenderInfo, bool) {
	if p.Type != TypeSR || len(p.Body) < 24 {
		return SenderInfo{}, false
	}
	b := p.Body
	return SenderInfo{
		SSRC:    media.SSRC(binary.BigEndian.Uint32(b)),
		NTP:     media.NTP(binary.BigEndian.Uint64(b[4:])),
		RTP:     media.Ticks(binary.BigEndian.Uint32(b[12:])),
		Packets: binary.BigEndian.Uint32(b[16:]),
		Octets:  binary.BigEndian.Uint32(b[20:]),
	}, true
}

// Report is one reception report block (RFC 3550 §6.4.1).
type Report struct {
	SSRC         media.SSRC // whose reception is reported
	FractionLost uint8      // of 256, since the previous report
	Lost         int32      // cumulative, 24 bits signed
	Highest      uint32     // extended highest sequence number received
	Jitter       uint32     // in ticks
	LastSR       uint32     // middle 32 bits of the last SR's NTP time, 0 before one
	Delay        uint32     // since that SR arrived, in 1/65536 s
}

// Report returns the i-th report block of an SR or RR; false after the last one.
func (p Packet) Report(i int) (Report, bool) {
	at := 4
	switch p.Type {
	case TypeSR:
		at = 24
	case TypeRR:
	default:
		return Report{}, false
	}
	at += 24 * i
	if i < 0 || i >= int(p.Count) || at+24 > len(p.Body) {
		return Report{}, false
	}
	b := p.Body[at:]
	return Report{
		SSRC:         media.SSRC(binary.BigEndian.Uint32(b)),
		FractionLost: b[4],
		Lost:         int32(binary.BigEndian.Uint32(b[4:])<<8) >> 8,
		Highest:      binary.BigEndian.Uint32(b[8:]),
		Jitter:       binary.BigEndian.Uint32(b[12:]),
		LastSR:       binary.BigEndian.Uint32(b[16:]),
		Delay:        binary.BigEndian.Uint32(b[20:]),
	}, true
}

// Feedback returns the two SSRCs that every feedback packet begins with (RFC 4585 §6.1).
func (p Packet) Feedback() (sender, source media.SSRC, ok bool) {
	if (p.Type != TypeTransport && p.Type != TypePayload) || len(p.Body) < 8 {
		return 0, 0, false
	}
	b := p.Body
	return media.SSRC(binary.BigEndian.Uint32(b)), media.SSRC(binary.BigEndian.Uint32(b[4:])), true
}

// IsNACK, IsTWCC, IsPLI and IsFIR tell feedback packets apart.
func (p Packet) IsNACK() bool { return p.Type == TypeTransport && p.Count == FormatNACK }

// IsTWCC reports whether p is transport-wide feedback.
func (p Packet) IsTWCC() bool { return p.Type == TypeTransport && p.Count == FormatTWCC }

// IsPLI reports whether p is a picture loss indication.
func (p Packet) IsPLI() bool { return p.Type == TypePayload && p.Count == FormatPLI }

// IsFIR reports whether p is a full intra request.
func (p Packet) IsFIR() bool { return p.Type == TypePayload && p.Count == FormatFIR }

// Lost returns an iterator over the sequence numbers of a generic NACK; empty for another packet.
func (p Packet) Lost() LostSeqs {
	if !p.IsNACK() || len(p.Body) < 8 {
		return LostSeqs{}
	}
	return LostSeqs{rest: p.Body[8:]}
}

// LostSeqs iterates over the sequence numbers that a NACK asks for.
type LostSeqs struct {
	rest []byte
	pid  uint16
	blp  uint16
	bit  uint8
}

// Next returns the next lost sequence number, false at the end.
func (l *LostSeqs) Next() (uint16, bool) {
	for l.blp != 0 {
		hit := l.blp&1 != 0
		l.blp >>= 1
		l.bit++
		if hit {
			return l.pid + uint16(l.bit), true
		}
	}
	if len(l.rest) < 4 {
		return 0, false
	}
	l.pid = binary.BigEndian.Uint16(l.rest)
	l.blp = binary.BigEndian.Uint16(l.rest[2:])
	l.bit = 0
	l.rest = l.rest[4:]
	return l.pid, true
}

// FIR returns the i-th entry of a full intra request: whom it asks, and the command's number.
func (p Packet) FIR(i int) (source media.SSRC, seq uint8, ok bool) {
	at := 8 + 8*i
	if !p.IsFIR() || i < 0 || at+8 > len(p.Body) {
		return 0, 0, false
	}
	return media.SSRC(binary.BigEndian.Uint32(p.Body[at:])), p.Body[at+4], true
}

// REMB returns the bitrate of a receiver-estimated maximum bitrate message; Source gives its SSRCs.
func (p Packet) REMB() (rate media.Bitrate, sources int, ok bool) {
	b := p.Body
	if p.Type != TypePayload || p.Count != FormatAFB || len(b) < 16 || string(b[8:12]) != "REMB" {
		return 0, 0, false
	}
	exp := b[13] >> 2
	mantissa := uint64(b[13]&3)<<16 | uint64(b[14])<<8 | uint64(b[15])
	if exp > 46 { // 18 bits shifted further do not fit 64
		return 0, 0, false
	}
	return media.Bitrate(mantissa << exp), min(int(b[12]), (len(b)-16)/4), true
}

// Source returns the i-th SSRC of a REMB or BYE packet.
func (p Packet) Source(i int) (media.SSRC, bool) {
	at := 4 * i
	n := int(p.Count)
	if p.Type != TypeBYE {
		_, sources, ok := p.REMB()
		if !ok {
			return 0, false
		}
		at, n = at+16, sources
	}
	if i < 0 || i >= n || at+4 > len(p.Body) {
		return 0, false
	}
	return media.SSRC(binary.BigEndian.Uint32(p.Body[at:])), true
}
