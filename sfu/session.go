package sfu

import (
	"math/rand/v2"

	"switchyard/engine/egress"
	"switchyard/engine/ingest"
	"switchyard/media"
	"switchyard/peer"
)

// apply brings receivers and slots in line with what was agreed. What stays keeps its streams.
func (l *Link) apply(session *peer.Session) {
	if l.ended {
		return
	}
	l.twccID = 0
	for i := range session.Media {
		m := &session.Media[i]
		l.applyReceiver(m)
		l.applySlot(m)
		if m.Recv && !m.Rejected && m.Ext.TWCC != 0 {
			l.twccID = m.Ext.TWCC // one id on a bundled transport (RFC 8843 §9.3)
		}
	}
}

func (l *Link) applyReceiver(m *peer.Media) {
	r := l.receiver(m.MID)
	switch wanted := m.Recv && !m.Rejected; {
	case wanted && r == nil:
		r = &receiver{mid: m.MID, kind: m.Kind, in: ingest.New(l.ingestConfig(m))}
		l.receivers = append(l.receivers, r)
		l.demux.Add(m.MID, r.in)
	case wanted:
		r.in.Update(l.ingestConfig(m))
		l.demux.Add(m.MID, r.in)
	case r != nil:
		l.removeReceiver(r)
	}
}

func (l *Link) removeReceiver(r *receiver) {
	if r.track != nil {
		l.unpublish(r.track)
	}
	l.gather(true)
	l.demux.Remove(r.in)
	r.in.Close()
	for i, other := range l.receivers {
		if other == r {
			l.receivers = append(l.receivers[:i], l.receivers[i+1:]...)
			return
		}
	}
}

// applySlot makes or updates a slot. A slot that is switched off stays, empty: its SSRC and the
// sequence numbers used under the link's key must not be used again.
func (l *Link) applySlot(m *peer.Media) {
	s := l.slot(m.MID)
	wanted := m.Send && !m.Rejected
	switch {
	case wanted && s == nil:
		s = newSlot(l, m, rand.Uint64())
		l.slots = append(l.slots, s)
		l.bySSRC = append(l.bySSRC, streamOf{s.ssrc, s})
		if s.rtx != 0 {
			l.bySSRC = append(l.bySSRC, streamOf{s.rtx, s})
		}
	case wanted:
		s.update(m)
	case s != nil:
		s.clear()
	}
}

func (l *Link) ingestConfig(m *peer.Media) ingest.Config {
	c := ingest.Config{
		Kind:   m.Kind,
		RIDs:   m.RIDs,
		Sender: 1, // RFC 3550 wants a number here; nobody sends media under it
		Sync:   &l.sync,
		Ext: ingest.Extensions{
			MID: m.Ext.MID, RID: m.Ext.RID, RepairedRID: m.Ext.RepairedRID,
			AudioLevel: m.Ext.AudioLevel, AbsCaptureTime: m.Ext.AbsCaptureTime, Orientation: m.Ext.Orientation,
			DependencyDescriptor: m.Ext.DependencyDescriptor,
		},
	}
	for _, f := range m.Codecs {
		c.Formats = append(c.Formats, ingest.Format{
			PT: f.PT, RTX: f.RTX, RED: f.RED, Format: f.Format, NACK: f.NACK, PLI: f.PLI, FIR: f.FIR,
		})
	}
	for _, s := range m.SSRCs {
		c.Streams = append(c.Streams, ingest.Stream{SSRC: s.SSRC, RTX: s.RTX})
	}
	return c
}

func (l *Link) egressConfig(m *peer.Media, seed uint64) egress.Config {
	c := egress.Config{
		Kind: m.Kind, MID: m.MID, SSRC: m.SlotSSRC, RTXSSRC: m.SlotRTX,
		CNAME: cname, Origin: l.origin, Seed: seed,
		Ext: egress.Extensions{
			MID: m.Ext.MID, TWCC: m.Ext.TWCC, AudioLevel: m.Ext.AudioLevel,
			AbsSendTime: m.Ext.AbsSendTime, AbsCaptureTime: m.Ext.AbsCaptureTime, Orientation: m.Ext.Orientation,
			PlayoutDelay: m.Ext.PlayoutDelay, Dependency: m.Ext.DependencyDescriptor, Mixed: m.MixedExt,
		},
	}
	for _, f := range m.Codecs {
		c.Formats = append(c.Formats, egress.Format{
			PT: f.PT, RTX: f.RTX, RED: f.RED, Format: f.Format, NACK: f.NACK,
		})
	}
	return c
}

func (l *Link) receiver(mid string) *receiver {
	for _, r := range l.receivers {
		if r.mid == mid {
			return r
		}
	}
	return nil
}

func (l *Link) receiverOf(t *Track) *receiver {
	for _, r := range l.receivers {
		if r.track == t {
			return r
		}
	}
	return nil
}

func (l *Link) slot(mid string) *slot {
	for _, s := range l.slots {
		if s.mid == mid {
			return s
		}
	}
	return nil
}

// slotBySSRC searches: links have few streams, and a map of each costs more lines of memory.
func (l *Link) slotBySSRC(ssrc media.SSRC) *slot {
	for i := range l.bySSRC {
		if l.bySSRC[i].ssrc == ssrc {
			return l.bySSRC[i].slot
		}
	}
	return nil
}

// Publish makes what the m-line sends a track under the given id. The m-line must be one that the
// other end sends on.
func (l *Link) Publish(mid, id string) (*Track, error) {
	m := l.Session().ByMID(mid)
	if m == nil || !m.Recv || m.Rejected {
		return nil, ErrNoSuchMID
	}
	t := newTrack(l, mid, id, m.Kind)
	posted := l.post(func() {
		r := l.receiver(mid)
		if l.ended || r == nil {
			t.closed = true
			return
		}
		if r.track != nil {
			l.unpublish(r.track)
		}
		r.track = t
		table := r.in.Formats()
		t.formats.Store(&table)
		l.refreshSources(t) // another shard may have fed a slot from it already
		now := l.shard.clock.Now()
		l.relayer(now, r)
		t.rewant()
		r.in.RequestKeyframes(now)
		l.shard.touch(l)
	})
	if !posted {
		return nil, ErrClosed
	}
	return t, nil
}

// unpublish empties the slots that t feeds, on every shard.
func (l *Link) unpublish(t *Track) {
	if t.closed {
		return
	}
	t.closed = true
	if r := l.receiverOf(t); r != nil {
		r.track = nil
	}
	for i := range t.fans {
		fan := &t.fans[i]
		if fan.shard == l.shard {
			fan.close()
			continue
		}
		fan.shard.post(fan.close)
	}
}

// Feed makes t the source of the slot at mid, under a generation that grows with each change; a nil
// t empties it. SlotLive follows with the first packet.
func (l *Link) Feed(mid string, t *Track, generation uint32) {
	l.post(func() {
		l.run(func() {
			if s := l.slot(mid); s != nil {
				s.feed(l.shard.clock.Now(), t, generation)
			}
		})
	})
}
