package bwe

import (
	"time"

	"switchyard/media"
)

const (
	arrivals      = 2048 // packets remembered
	maxReorder    = 1000 // a packet later than this is not reported any more
	feedbackEvery = 50 * time.Millisecond
	perFeedback   = 384 // received packets in one feedback packet, so that it stays below the MTU
	maxStatus     = 1<<16 - 1
)

// Receiver notes the arrival of transport-wide numbered packets and makes feedback of it.
type Receiver struct {
	sender, source media.SSRC

	ring    []noted // made at the first packet
	started bool
	highest media.ExtSeq
	next    media.ExtSeq // first one not reported
	due     media.Time
	pending bool
	count   uint8
	scratch []arrival // made with the ring
}

type noted struct {
	seq media.ExtSeq
	at  media.Time
}

// NewReceiver returns a receiver whose feedback carries sender as its own SSRC.
func NewReceiver(sender media.SSRC) *Receiver { return &Receiver{sender: sender} }

// OnPacket notes that the packet numbered seq arrived at now. source is any SSRC of the other end.
func (r *Receiver) OnPacket(now media.Time, seq uint16, source media.SSRC) {
	r.source = source
	if !r.started {
		r.ring, r.scratch = make([]noted, arrivals), make([]arrival, perFeedback)
		r.started = true
		r.highest = 1<<16 | media.ExtSeq(seq)
		r.next = r.highest
	}
	ext := r.highest + media.ExtSeq(int64(int16(seq-uint16(r.highest))))
	switch at := &r.ring[ext%arrivals]; {
	case at.seq == ext, ext+maxReorder < r.highest: // a duplicate: the first arrival counts
		return
	default:
		*at = noted{ext, now}
	}
	r.highest = max(r.highest, ext)
	r.next = min(r.next, ext) // late ones are reported with what follows them, again
	if !r.pending {
		r.pending, r.due = true, now.Add(feedbackEvery)
	}
}

// Deadline returns when Feedback is due, media.Never when nothing arrived since the last one.
func (r *Receiver) Deadline() media.Time {
	if !r.pending {
		return media.Never
	}
	return r.due
}

// Feedback appends the feedback packets that are due to dst.
func (r *Receiver) Feedback(now media.Time, dst []byte) []byte {
	if !r.pending || now < r.due {
		return dst
	}
	for r.next <= r.highest {
		dst = r.packet(dst)
	}
	r.pending = false
	return dst
}

// packet appends one feedback packet that starts with next, and moves next behind it.
func (r *Receiver) packet(dst []byte) []byte {
	base, n := r.next, 0
	var ref, last int64
	seq := r.skip(base)
	if seq-base >= maxStatus-arrivals { // too much is missing to be told in one packet
		base = seq
	}
	for ; seq <= r.highest && n < perFeedback; seq++ {
		at := &r.ring[seq%arrivals]
		if at.seq != seq {
			continue
		}
		ticks := int64(at.at) / int64(tick)
		if n == 0 {
			ref = ticks / refTicks
			last = ref * refTicks
		}
		d := ticks - last
		if d != int64(int16(d)) { // more than 8 s: the next packet gets a reference time of its own
			break
		}
		r.scratch[n] = arrival{seq, int16(d)}
		n, last = n+1, ticks
	}
	r.next = seq
	if n == 0 {
		return dst
	}
	r.next = r.scratch[n-1].seq + 1
	dst = appendFeedback(dst, r.sender, r.source, base, ref, r.count, r.scratch[:n])
	r.count++
	return dst
}

// skip returns the first one from seq on that the ring can hold.
func (r *Receiver) skip(seq media.ExtSeq) media.ExtSeq {
	if seq+arrivals <= r.highest {
		return r.highest - arrivals + 1
	}
	return seq
}
