package bwe

import (
	"time"

	"switchyard/codec/rtcp"
	"switchyard/media"
)

// named finds packets by what they are called in RTP, for congestion control feedback (RFC 8888), which
// knows no transport-wide numbers.
type named struct {
	names [historySize]name
	heard [historySize]heard // of the feedback that is being read
}

type name struct {
	ssrc media.SSRC
	seq  uint16
	num  media.ExtSeq // transport-wide, 0 for none
}

// heard is what feedback says about the packet of the history's same place.
type heard struct {
	said bool
	Status
}

// place is where a name stands: packets of one stream follow each other, and streams lie apart.
func place(ssrc media.SSRC, seq uint16) int {
	return int((uint32(seq) + uint32(ssrc)*0x9e3779b1>>16) % historySize)
}

// Named says that the packet noted last goes by ssrc and seq, for a receiver that answers with congestion
// control feedback. Where two streams meet in one place, the older packet is not judged.
func (s *Sender) Named(ssrc media.SSRC, seq uint16) {
	if s.named == nil {
		s.named = &named{}
	}
	s.named.names[place(ssrc, seq)] = name{ssrc, seq, s.next - 1}
}

// OnCongestion takes one congestion control feedback packet (RFC 8888); false when it is none, or garbage.
// Packets are judged in the order of sending, whatever the order of the streams in it.
func (s *Sender) OnCongestion(now media.Time, p rtcp.Packet) bool {
	c, ok := p.Congestion()
	if !ok || s.named == nil {
		if p.IsCCFB() {
			s.stats.Garbage++
		}
		return false
	}
	first, last := s.next, media.ExtSeq(0)
	for m, more := c.Next(); more; m, more = c.Next() {
		n := &s.named.names[place(m.SSRC, m.Seq)]
		if n.num == 0 || n.ssrc != m.SSRC || n.seq != m.Seq || n.num+historySize < s.next || m.Received && !m.Timed {
			continue
		}
		s.named.heard[n.num%historySize] = heard{true, Status{Received: m.Received, Arrived: m.Arrived}}
		first, last = min(first, n.num), max(last, n.num)
	}
	if last == 0 {
		return true
	}
	if s.est != nil {
		s.est.wrap = rtcp.CongestionWrap
	}
	s.latest = now
	s.turn(now)
	for num := first; num <= last; num++ {
		if h := &s.named.heard[num%historySize]; h.said {
			s.judge(now, &s.history[num%historySize], h.Status)
			h.said = false
		}
	}
	if s.est != nil {
		s.est.onFeedback(now)
	}
	return true
}

// wrapTWCC is after how long the receiver's clock begins again in transport-wide feedback.
const wrapTWCC = time.Duration(1<<24*refTicks) * tick
