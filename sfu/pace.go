package sfu

import (
	"time"

	"switchyard/engine/bwe"
	"switchyard/media"
)

// held is a packet that waits for its turn to leave. It owns one reference.
type held struct {
	slot       *slot
	generation uint32
	pkt        *media.Packet
}

// wrapping is what a packet has around its payload, about: RTP with extensions, and the SRTP tag.
const wrapping = 44

// paceGiven leaves room for what the slots were given, even where that is somewhat more than the estimate.
const paceGiven = 1.2

// pace follows the estimate. A link has no pacer before its path was ever found full: most never need one.
func (l *Link) pace(now media.Time) {
	if l.pacer == nil {
		if !l.rate.est.Congested() {
			return
		}
		l.pacer = bwe.NewPacer[held]()
	}
	rate := l.rate.est.Pace()
	if !l.rate.est.Draining() { // else what was given waits as well, or the queue stays for many seconds
		rate = max(rate, media.Bitrate(float64(l.share.given)*paceGiven)+audioBudget)
	}
	l.pacer.SetRate(now, rate)
	l.release(now)
}

// admit reports whether p may leave now; else it is held.
func (l *Link) admit(now media.Time, s *slot, p *media.Packet) bool {
	class := bwe.ClassVideo
	if s.kind == media.Audio {
		class = bwe.ClassAudio
	}
	size, key := len(p.Payload)+wrapping, p.FrameStart && p.Keyframe
	if l.pacer.Admit(now, size, class) {
		if key {
			l.pacer.Restart(uint32(s.ssrc)) // else the rest of it is cut
		}
		return true
	}
	p.Retain()
	it := bwe.Item[held]{Ref: held{s, s.generation, p}, Bytes: size, Stream: uint32(s.ssrc), Key: key, Whole: p.Keyframe}
	if dropped, _, full := l.pacer.Push(now, class, it); full {
		l.forgo(now, dropped.Ref)
	}
	return false
}

// release sends what was held and may leave, and drops what waited too long.
func (l *Link) release(now media.Time) {
	for {
		it, _, verdict, ok := l.pacer.Next(now)
		if !ok {
			return
		}
		h := it.Ref
		switch {
		case verdict != bwe.Send:
			l.forgo(now, h)
			continue
		case h.slot.fan == nil || h.slot.generation != h.generation || !l.up:
			l.shard.counters.drop(DropNoPath)
		default:
			h.slot.emit(now, h.pkt)
		}
		h.pkt.Release()
	}
}

// forgo drops a held packet. Video begins again with a keyframe.
func (l *Link) forgo(now media.Time, h held) {
	l.shard.counters.drop(DropPaced)
	h.pkt.Release()
	if s := h.slot; s.kind == media.Video && s.fan != nil && s.generation == h.generation {
		s.interrupt(now)
	}
}

// interrupt lets nothing flow before the next keyframe of what the slot is to get.
func (s *slot) interrupt(now media.Time) {
	s.out.Break()
	s.account()
	s.after(now)
}

// letGo drops what is held when the link ends.
func (l *Link) letGo(now media.Time) {
	if l.pacer == nil {
		return
	}
	for {
		it, _, _, ok := l.pacer.Next(now.Add(time.Hour)) // all of it is late by then
		if !ok {
			return
		}
		it.Ref.pkt.Release()
	}
}

func (l *Link) paceDeadline() media.Time {
	if l.pacer == nil {
		return media.Never
	}
	return l.pacer.Deadline()
}
