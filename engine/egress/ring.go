package egress

import (
	"time"

	"switchyard/media"
)

// Sizes of a track's ring, in packets: about 2 s of 2.5 Mbit/s, and 1.3 s of audio.
const (
	VideoRing = 512
	AudioRing = 64
)

// keyframeAge is how old a keyframe may be for a new subscriber to start with it.
const keyframeAge = 500 * time.Millisecond

// Ring keeps the newest packets of one track on one shard: the retransmission cache of all its
// slots there. It holds a reference to each.
type Ring struct {
	slots  []*media.Packet
	any    bool
	epoch  uint32
	newest media.ExtSeq
	key    media.ExtSeq // first packet of the newest keyframe
	keyed  bool
}

// NewRing returns a ring of n packets, a power of two.
func NewRing(n int) *Ring { return &Ring{slots: make([]*media.Packet, n)} }

// Put keeps p (it retains it) and releases what it overwrites. A new epoch empties the ring first.
// It reports whether p was recovered: packets that follow it are there already.
func (r *Ring) Put(p *media.Packet) (recovered bool) {
	if len(r.slots) == 0 { // closed
		return false
	}
	if r.any && p.Epoch != r.epoch {
		if int32(p.Epoch-r.epoch) < 0 {
			return false
		}
		r.empty()
	}
	size := media.ExtSeq(len(r.slots))
	if r.any && p.Seq+size <= r.newest {
		return false
	}
	recovered = r.any && p.Seq < r.newest
	if !recovered {
		r.newest = p.Seq
	}
	r.any, r.epoch = true, p.Epoch
	at := &r.slots[p.Seq%size]
	p.Retain()
	if *at != nil {
		(*at).Release()
	}
	*at = p
	if p.FrameStart && p.Keyframe && (!r.keyed || p.Seq > r.key) {
		r.key, r.keyed = p.Seq, true
	}
	return recovered
}

// Get returns the packet with that sequence number, nil when it is not there. The ring's reference
// covers it until the next Put.
func (r *Ring) Get(seq media.ExtSeq) *media.Packet {
	if r == nil || len(r.slots) == 0 {
		return nil
	}
	if p := r.slots[seq%media.ExtSeq(len(r.slots))]; p != nil && p.Seq == seq {
		return p
	}
	return nil
}

// Interrupt says that packets were let pass: what is in the ring still answers NACKs, but nobody can start
// with its keyframe any more.
func (r *Ring) Interrupt() {
	if r != nil {
		r.keyed = false
	}
}

// Recent returns the span from a young and whole keyframe to the newest packet: what a new slot can
// start with. It is empty when there is no such keyframe.
func (r *Ring) Recent(now media.Time) Span {
	first := r.keyframe(now)
	if first == nil {
		return Span{}
	}
	return Span{First: first.Seq, Last: r.newest, Any: true}
}

func (r *Ring) empty() {
	for i, p := range r.slots {
		if p != nil {
			p.Release()
			r.slots[i] = nil
		}
	}
	r.any, r.keyed = false, false
}

// Close releases everything. A closed ring stays empty.
func (r *Ring) Close() {
	r.empty()
	r.slots = nil
}

// keyframe returns the newest keyframe's first packet, if it is young and nothing of the frame, as far
// as it has arrived, is missing.
func (r *Ring) keyframe(now media.Time) *media.Packet {
	if r == nil || !r.keyed {
		return nil
	}
	first := r.Get(r.key)
	if first == nil || now.Sub(first.Arrived) > keyframeAge {
		return nil
	}
	for seq := r.key; seq <= r.newest; seq++ {
		p := r.Get(seq)
		switch {
		case p == nil:
			return nil
		case p.Timestamp != first.Timestamp, p.Marker:
			return first
		}
	}
	return first
}
