package egress

import "switchyard/media"

// MaxPadding is the most padding that a packet can hold (RFC 3550 §5.1: its last byte counts it).
const MaxPadding = 255

// nothing is a packet without any of the properties that header extensions tell of.
var nothing = media.Packet{AudioLevel: -1, Orientation: -1}

// CanPad reports whether Padding has a stream to send on: RTX was agreed, and the receiver has seen the
// stream that it belongs to.
func (s *Slot) CanPad() bool { return s.padFormat() != 0 }

// Padding writes a packet of nothing but n bytes of padding on the RTX stream: what a bandwidth probe is
// made of. No receiver takes it for media, and it is not answered where it is lost. buf and twcc are as for OnNACK.
func (s *Slot) Padding(now media.Time, n int, buf []byte, twcc uint16) (Resend, bool) {
	pt := s.padFormat()
	if pt == 0 || n < 1 {
		return Resend{}, false
	}
	n = min(n, MaxPadding)
	s.rtx++
	putHeader(buf, false, pt, uint16(s.rtx), s.lastTS, s.cfg.RTXSSRC)
	head := s.extensions(now, &nothing, buf, twcc, shift{})
	buf[0] |= 0x20
	clear(buf[head : head+n])
	buf[head+n-1] = byte(n)
	s.stats.Padding += uint64(n)
	return Resend{HeaderLen: head, PayloadLen: n, ROC: uint32(s.rtx >> 16)}, true
}

func (s *Slot) padFormat() media.PayloadType {
	if !s.any || s.begun == 0 || s.cfg.RTXSSRC == 0 {
		return 0
	}
	for i := range s.segment().table {
		if o := &s.segment().table[i]; o.ok && o.rtx != 0 {
			return o.rtx
		}
	}
	return 0
}
