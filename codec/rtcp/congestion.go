package rtcp

import (
	"encoding/binary"
	"time"

	"switchyard/media"
)

// FormatCCFB is RTP congestion control feedback, of TypeTransport (RFC 8888 §3.1).
const FormatCCFB = 11

// Congestion iterates over the packets that one congestion control feedback packet reports (RFC 8888).
type Congestion struct {
	reported time.Duration // when the report was made, on the receiver's clock; wraps after 18 hours
	rest     []byte        // blocks that were not begun
	metrics  []byte        // of the block at hand
	ssrc     media.SSRC
	seq      uint16
}

// Metric is what is said about one packet.
type Metric struct {
	SSRC     media.SSRC
	Seq      uint16
	Received bool
	ECN      uint8 // RFC 3168 §5; 0 when the packet was not received
	// Arrived is on the receiver's clock, which wraps after 18 hours. Timed says that it is given: of a
	// packet that arrived more than 8 s before the report, or after it, it is not.
	Arrived time.Duration
	Timed   bool
}

// CongestionWrap is after how long the receiver's clock in Metric begins again: 2^16 s.
const CongestionWrap = 1 << 16 * time.Second

// IsCCFB reports whether p is congestion control feedback.
func (p Packet) IsCCFB() bool { return p.Type == TypeTransport && p.Count == FormatCCFB }

// Congestion checks the lengths within p; false when it is another packet or they do not fit it.
func (p Packet) Congestion() (Congestion, bool) {
	b := p.Body
	if !p.IsCCFB() || len(b) < 8 || len(b)%4 != 0 {
		return Congestion{}, false
	}
	stamp := binary.BigEndian.Uint32(b[len(b)-4:]) // the middle of an NTP timestamp: 1/65536 s
	c := Congestion{
		reported: time.Duration(uint64(stamp) * uint64(time.Second) >> 16),
		rest:     b[4 : len(b)-4],
	}
	for at := c.rest; len(at) > 0; {
		n := blockLength(at)
		if n < 0 || n > len(at) {
			return Congestion{}, false
		}
		at = at[n:]
	}
	return c, true
}

// blockLength is that of the report block that b begins with: SSRC, first sequence number, number of
// metrics, and those, of two bytes each, filled up to four.
func blockLength(b []byte) int {
	if len(b) < 8 {
		return -1
	}
	return 8 + (2*int(binary.BigEndian.Uint16(b[6:]))+3)&^3
}

// Next returns what is said about the next packet, false at the end.
func (c *Congestion) Next() (Metric, bool) {
	for len(c.metrics) == 0 {
		if len(c.rest) == 0 {
			return Metric{}, false
		}
		c.ssrc = media.SSRC(binary.BigEndian.Uint32(c.rest))
		c.seq = binary.BigEndian.Uint16(c.rest[4:])
		c.metrics = c.rest[8 : 8+2*int(binary.BigEndian.Uint16(c.rest[6:]))]
		c.rest = c.rest[blockLength(c.rest):]
	}
	v := binary.BigEndian.Uint16(c.metrics)
	m := Metric{SSRC: c.ssrc, Seq: c.seq, Received: v&0x8000 != 0}
	if m.Received {
		m.ECN = uint8(v >> 13 & 3)
		const overRange = 0x1ffe // and 0x1fff: arrived after the report
		if ato := v & 0x1fff; ato < overRange {
			m.Timed = true
			m.Arrived = c.reported - time.Duration(ato)*time.Second/1024
		}
	}
	c.metrics = c.metrics[2:]
	c.seq++
	return m, true
}
