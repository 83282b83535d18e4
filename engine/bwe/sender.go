package bwe

import (
	"time"

	"switchyard/codec/rtcp"
	"switchyard/media"
)

const (
	historySize = 1024 // packets: more than a second of 8 Mbit/s
	buckets     = 10
	bucketTime  = 100 * time.Millisecond
)

// Sender remembers what was sent under which transport-wide number.
//
// A packet that leaves touches only what stands here, and one entry of history.
type Sender struct {
	next    media.ExtSeq
	est     *Estimator // told of everything, nil when there is none
	named   *named     // made when the first packet is named
	history []sent     // made at the first packet
	out     outflow    // kept for est
	stats   Stats
	latest  media.Time   // newest feedback
	told    media.ExtSeq // the newest packet that feedback told of
	current bucket       // the newest
	past    []bucket     // those before it, a ring; made with history
}

type sent struct {
	at    media.Time
	size  uint16
	state state
	probe uint8 // id of the probe cluster, 0 for none
}

type state uint8

const (
	flying state = iota
	acked
	lost
)

// bucket sums up the feedback of one bucketTime.
type bucket struct {
	number      int64
	bytes       int
	acked, lost int
}

// Stats is what feedback says about the path.
type Stats struct {
	Sent, Acked, Lost uint64        // packets since the start
	AckedRate         media.Bitrate // over the last second of feedback
	Loss              float64       // 0 to 1, over the same
	RTT               time.Duration // from the newest acked packet to its feedback, 0 when unknown
	Garbage           uint64        // feedback that could not be read
}

// NewSender returns an empty history.
func NewSender() *Sender { return &Sender{next: 1 << 16} }

// Next returns the number of the next packet. It does not move until Sent.
func (s *Sender) Next() uint16 { return uint16(s.next) }

// Sent notes that the packet numbered Next, of size bytes on the wire, left at now.
func (s *Sender) Sent(now media.Time, size int) {
	if s.history == nil {
		s.history, s.past = make([]sent, historySize), make([]bucket, buckets)
	}
	h := &s.history[s.next%historySize]
	*h = sent{at: now, size: uint16(size)}
	s.out.sent(now, size)
	if s.out.probing {
		h.probe = s.est.onProbe(now, size)
	}
	s.next++
	s.stats.Sent++
}

// OnFeedback takes one TWCC packet; false when it is none, or garbage.
func (s *Sender) OnFeedback(now media.Time, p rtcp.Packet) bool {
	f, ok := ParseFeedback(p)
	if !ok {
		if p.IsTWCC() {
			s.stats.Garbage++
		}
		return false
	}
	if s.est != nil {
		s.est.wrap = wrapTWCC
	}
	s.latest = now
	s.turn(now)
	for st, more := f.Next(); more; st, more = f.Next() {
		if h := s.find(st.Seq); h != nil {
			s.told = s.next - media.ExtSeq(uint16(s.next)-st.Seq)
			s.judge(now, h, st)
		}
	}
	if s.est != nil {
		s.est.onFeedback(now)
	}
	return true
}

// find returns the packet numbered seq, nil when it is forgotten or was never sent.
func (s *Sender) find(seq uint16) *sent {
	back := uint16(s.next) - seq // 1 for the newest
	if back == 0 || back > historySize || media.ExtSeq(back) > s.next-1<<16 {
		return nil
	}
	return &s.history[(s.next-media.ExtSeq(back))%historySize]
}

func (s *Sender) judge(now media.Time, h *sent, st Status) {
	b := &s.current
	switch {
	case st.Received && h.state != acked:
		if s.est != nil {
			s.est.onArrived(h, st.Arrived)
		}
		if h.state == lost { // it was only late
			s.stats.Lost--
			b.lost--
		}
		h.state = acked
		s.stats.Acked++
		s.stats.RTT = max(now.Sub(h.at), time.Microsecond)
		b.acked++
		b.bytes += int(h.size)
	case !st.Received && h.state == flying:
		if s.est != nil {
			s.est.onLost(h)
		}
		h.state = lost
		s.stats.Lost++
		b.lost++
	}
}

// turn makes the bucket of now the current one.
func (s *Sender) turn(now media.Time) {
	number := int64(now) / int64(bucketTime)
	if number == s.current.number {
		return
	}
	if s.past != nil {
		s.past[s.current.number%buckets] = s.current
	}
	s.current = bucket{number: number}
}

// RTT returns the time between a packet's departure and the feedback on it, of the newest; 0 before.
func (s *Sender) RTT() time.Duration { return s.stats.RTT }

// Stats returns a snapshot; rate and loss are those of the second before the newest feedback.
func (s *Sender) Stats() Stats {
	st := s.stats
	number := int64(s.latest) / int64(bucketTime)
	bytes, acked, lost := s.current.bytes, s.current.acked, s.current.lost
	for i := range s.past {
		if b := &s.past[i]; b.number > number-buckets {
			bytes, acked, lost = bytes+b.bytes, acked+b.acked, lost+b.lost
		}
	}
	st.AckedRate = media.Bitrate(bytes * 8)
	if lost = max(lost, 0); acked+lost > 0 {
		st.Loss = float64(lost) / float64(acked+lost)
	}
	return st
}
