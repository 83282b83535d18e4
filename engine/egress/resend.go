package egress

import (
	"encoding/binary"
	"slices"
	"time"

	"switchyard/media"
)

const (
	resendBurst  = 100_000 // bytes that may be resent at once
	resendShare  = 2       // of what is sent, a half may be sent again
	resendFloor  = 20_000  // bytes per second that may be resent in any case
	resendAgain  = 15 * time.Millisecond
	resendSlow   = 250 * time.Millisecond
	sealedKept   = 128
	transportLen = 12
)

// resent remembers when a sequence number was resent last.
type resent struct {
	seq media.ExtSeq
	at  media.Time
}

// refill adds to the budget.
func (s *Slot) refill(now media.Time, bytes int) {
	elapsed := min(now.Sub(s.refilled), time.Second)
	if more := int(elapsed * resendFloor / time.Second); more > 0 {
		bytes += more
		s.refilled = now
	}
	s.budget = min(resendBurst, s.budget+bytes)
}

// OnNACK answers the loss of one sequence number of the slot's stream from the ring given to Switch.
// buf must hold media.MaxDatagram+MaxHeader bytes; twcc is as for Write (not used up by a Sealed answer).
func (s *Slot) OnNACK(now media.Time, seq uint16, buf []byte, twcc uint16) (Resend, bool) {
	out, ok := s.sent.extend(seq)
	if !ok || !s.sent.has(out) { // never sent: lost on the way from the publisher
		s.drop(DropNoRTX)
		return Resend{}, false
	}
	g := s.find(out)
	if g == nil {
		s.drop(DropNoRTX)
		return Resend{}, false
	}
	// The segment keeps its source's formats and ring: what is asked for may be of the source before.
	var p *media.Packet
	if in, known := s.published(g, out); known && !slices.Contains(s.fillers[:], out) {
		p = g.ring.Get(in)
	}
	var o *outgoing
	if p != nil && p.Epoch == g.epoch {
		o = &g.table[p.Format%maxFormats]
	}
	sealed := s.sealed.get(out)
	if sealed == nil && (o == nil || !o.nack || o.rtx == 0) {
		s.drop(DropNoRTX)
		return Resend{}, false
	}
	size := len(sealed)
	if sealed == nil {
		size = len(plain(p)) + 2
	}
	if !s.mayResend(now, out, size) {
		return Resend{}, false
	}
	s.stats.Retransmitted++
	if sealed != nil {
		return Resend{Sealed: sealed}, true
	}
	return s.writeRTX(now, g, o, p, out, buf, twcc), true
}

// mayResend keeps a packet from being resent more than once per round trip, and all of them within
// the budget.
func (s *Slot) mayResend(now media.Time, out media.ExtSeq, size int) bool {
	again := resendAgain
	if s.stats.RTT > 0 {
		again = min(max(s.stats.RTT*3/4, 5*time.Millisecond), resendSlow)
	}
	r := &s.resent[out%media.ExtSeq(len(s.resent))]
	if r.seq == out && now.Sub(r.at) < again {
		s.drop(DropTooSoon)
		return false
	}
	s.refill(now, 0)
	if s.budget < size {
		s.drop(DropBudget)
		return false
	}
	s.budget -= size
	*r = resent{out, now}
	return true
}

// writeRTX writes header, original sequence number and payload (RFC 4588 §4) into buf. RTX stands for the
// codec's payload type (apt, §8.6), so that there is no redundancy in it.
func (s *Slot) writeRTX(now media.Time, g *segment, o *outgoing, p *media.Packet, out media.ExtSeq, buf []byte, twcc uint16) Resend {
	ts, ok := s.lookup(g, p.Timestamp)
	if !ok {
		ts = p.Timestamp + g.delta
	}
	s.rtx++
	putHeader(buf, p.Marker || s.video && s.selector.ends(p), o.rtx, uint16(s.rtx), ts, s.cfg.RTXSSRC)
	n := s.extensions(now, p, buf, twcc, g.shift)
	binary.BigEndian.PutUint16(buf[n:], uint16(out))
	size := 2 + copy(buf[n+2:], g.payload(plain(p), o.codec, s.picturesBefore(g, p), buf[n+2:]))
	return Resend{HeaderLen: n, PayloadLen: size, ROC: uint32(s.rtx >> 16)}
}

func (s *Slot) picturesBefore(g *segment, p *media.Packet) uint16 {
	at, _ := s.placeOf(g, p)
	return at.pictures
}

// find returns the segment that out was sent in, nil when it is forgotten.
func (s *Slot) find(out media.ExtSeq) *segment {
	for i := s.begun; i > 0 && s.begun-i < maxSegments; i-- {
		if g := &s.segments[(i-1)%maxSegments]; g.started && out >= g.out {
			return g
		}
	}
	return nil
}

// Sealed gives the slot the sealed datagram that Write and the caller made. It copies it where NACKs
// have to be answered without RTX and does nothing otherwise.
func (s *Slot) Sealed(datagram []byte) {
	if len(datagram) < transportLen || len(datagram) > media.MaxDatagram || !s.repeats || s.begun == 0 {
		return
	}
	if media.SSRC(binary.BigEndian.Uint32(datagram[8:])) != s.cfg.SSRC {
		return
	}
	if out, ok := s.sent.extend(binary.BigEndian.Uint16(datagram[2:])); ok {
		s.sealed.put(out, datagram)
	}
}

// sealedRing keeps the newest sealed datagrams. It is made when the first one comes.
type sealedRing struct {
	seqs  []media.ExtSeq
	sizes []int
	data  []byte
}

func (r *sealedRing) put(seq media.ExtSeq, datagram []byte) {
	if r.data == nil {
		r.seqs, r.sizes = make([]media.ExtSeq, sealedKept), make([]int, sealedKept)
		r.data = make([]byte, sealedKept*media.MaxDatagram)
	}
	at := int(seq % sealedKept)
	r.seqs[at], r.sizes[at] = seq, len(datagram)
	copy(r.data[at*media.MaxDatagram:], datagram)
}

func (r *sealedRing) get(seq media.ExtSeq) []byte {
	at := int(seq % sealedKept)
	if r.data == nil || r.seqs[at] != seq || r.sizes[at] == 0 {
		return nil
	}
	return r.data[at*media.MaxDatagram:][:r.sizes[at]]
}
