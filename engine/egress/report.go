package egress

import (
	"time"

	"switchyard/codec/rtcp"
	"switchyard/media"
)

// OnReport takes the receiver's report about SSRC or RTX; false when it is about neither.
func (s *Slot) OnReport(now media.Time, r rtcp.Report) bool {
	if r.SSRC == s.cfg.RTXSSRC && r.SSRC != 0 {
		return true
	}
	if r.SSRC != s.cfg.SSRC {
		return false
	}
	s.heard = true
	s.playout.acknowledge(r)
	s.stats.FractionLost = float64(r.FractionLost) / 256
	s.stats.Lost = int64(r.Lost)
	s.stats.Jitter = time.Duration(int64(r.Jitter) * int64(time.Second) / s.time.rate)
	if r.LastSR != 0 {
		// RFC 3550 §6.4.1: round trip = now - LSR - DLSR, in 1/65536 s.
		rtt := int32(media.NTPAt(s.cfg.Origin, now).Middle() - r.LastSR - r.Delay)
		if rtt >= 0 {
			s.stats.RTT = max(time.Duration(rtt)*time.Second/65536, time.Microsecond)
		}
	}
	return true
}

// SenderReport appends SR and SDES to dst; nothing before the first packet was sent. NTP and RTP
// time are a pair of the slot's timeline, whatever source is behind it.
func (s *Slot) SenderReport(now media.Time, dst []byte) []byte {
	if !s.any {
		return dst
	}
	dst = rtcp.AppendSR(dst, rtcp.SenderInfo{
		SSRC:    s.cfg.SSRC,
		NTP:     media.NTPAt(s.cfg.Origin, now),
		RTP:     s.time.at(now),
		Packets: uint32(s.stats.Packets),
		Octets:  uint32(s.stats.Bytes),
	})
	return rtcp.AppendCNAME(dst, s.cfg.SSRC, s.cfg.CNAME)
}
