package sfu

import (
	"math/bits"
	"sync/atomic"

	"switchyard/engine/egress"
	"switchyard/media"
)

// Track is one publication: what a Link's m-line sends, ready to feed slots of any link.
type Track struct {
	// Immutable.
	ID   string
	Kind media.Kind
	MID  string
	link *Link
	fans []fanout // one per shard, each owned by its shard

	// Shared.
	wanted  atomic.Uint32                  // bit i: shard i has slots that it feeds
	formats atomic.Pointer[[]media.Format] // what Packet.Format indexes
	asked   atomic.Bool                    // a keyframe request is on its way to the publisher's shard

	// Owned by the publisher's shard.
	last   TrackStarted
	level  float64
	voice  bool
	closed bool
}

func newTrack(l *Link, mid, id string, kind media.Kind) *Track {
	t := &Track{ID: id, Kind: kind, MID: mid, link: l}
	t.fans = make([]fanout, len(l.sfu.shards))
	for i := range t.fans {
		t.fans[i].track, t.fans[i].shard = t, l.sfu.shards[i]
	}
	t.formats.Store(&[]media.Format{})
	return t
}

// Link returns the publisher's link.
func (t *Track) Link() *Link { return t.link }

// Close ends the publication: slots that it feeds become empty.
func (t *Track) Close() {
	t.link.shard.post(func() { t.link.unpublish(t) })
}

// publish hands a batch, whose references it takes over, to every shard that wants it. Owned by the
// publisher's shard.
func (t *Track) publish(now media.Time, batch media.Batch) {
	own := t.link.shard.index
	for set := t.wanted.Load() &^ (1 << own); set != 0; set &= set - 1 {
		i := bits.TrailingZeros32(set)
		sh := t.link.sfu.shards[i]
		sh.box.postBatch(&t.fans[i], batch)
		sh.wake()
	}
	t.fans[own].deliver(now, batch)
}

// sendRecent fills the cache of a shard that has just begun to want the track with what the publisher's
// own shard still has since the last keyframe, so that a slot there can start with it too.
func (t *Track) sendRecent(to *fanout) {
	home := t.link.shard
	home.post(func() {
		cache := t.fans[home.index].ring
		span := cache.Recent(home.clock.Now())
		if !span.Any {
			return
		}
		var recent media.Batch
		for seq := span.First; seq <= span.Last; seq++ {
			if p := cache.Get(seq); p != nil {
				p.Retain()
				recent = append(recent, p)
			}
		}
		if !to.shard.post(func() { to.fill(recent) }) {
			releaseAll(recent)
		}
	})
}

// requestKeyframe asks the publisher for a keyframe, from any shard.
func (t *Track) requestKeyframe(now media.Time, from *shard) {
	home := t.link.shard
	if from == home {
		if r := t.link.receiverOf(t); r != nil {
			r.in.RequestKeyframe(now)
			home.touch(t.link)
		}
		return
	}
	if t.asked.Swap(true) {
		return
	}
	home.post(func() {
		t.asked.Store(false)
		t.requestKeyframe(home.clock.Now(), home)
	})
}

// fanout is a track's subscribers on one shard, with the cache of packets from which their losses
// are repaired. Owned by that shard.
type fanout struct {
	track  *Track
	shard  *shard
	ring   *egress.Ring // nil until first used
	slots  []*slot
	closed bool
}

func (f *fanout) cache() *egress.Ring {
	if f.ring == nil {
		n := egress.VideoRing
		if f.track.Kind == media.Audio {
			n = egress.AudioRing
		}
		f.ring = egress.NewRing(n)
	}
	return f.ring
}

// fill takes over what another shard's cache held, and starts the slots that wait for a keyframe.
func (f *fanout) fill(recent media.Batch) {
	if !f.closed {
		for _, p := range recent {
			f.cache().Put(p)
		}
		f.restart((*slot).waits)
	}
	releaseAll(recent)
}

// restart starts the slots that match once more, under the same generation.
func (f *fanout) restart(match func(*slot) bool) {
	now := f.shard.clock.Now()
	for _, s := range f.slots {
		if match(s) {
			s.start(now)
		}
	}
}

// deliver gives a batch to every slot and takes over its references. A slot that waits for a keyframe may
// find it made whole by what was recovered: it starts from the cache, for it has let the rest of it pass.
func (f *fanout) deliver(now media.Time, batch media.Batch) {
	if !f.closed {
		ring, recovered := f.cache(), false
		for _, p := range batch {
			recovered = ring.Put(p) || recovered
		}
		for _, s := range f.slots {
			if recovered && s.waits() {
				s.start(now)
			} else {
				s.sendBatch(now, batch)
			}
		}
	}
	releaseAll(batch)
}

func releaseAll(batch media.Batch) {
	for _, p := range batch {
		p.Release()
	}
}

func (f *fanout) add(s *slot) {
	f.slots = append(f.slots, s)
	f.track.wanted.Or(1 << f.shard.index)
}

func (f *fanout) remove(s *slot) {
	for i, other := range f.slots {
		if other == s {
			last := len(f.slots) - 1
			f.slots[i], f.slots[last] = f.slots[last], nil
			f.slots = f.slots[:last]
			break
		}
	}
	if len(f.slots) > 0 {
		return
	}
	f.track.wanted.And(^uint32(1 << f.shard.index))
	if f.shard != f.track.link.shard { // here the cache would go stale
		f.dropCache()
	}
}

func (f *fanout) dropCache() {
	if f.ring != nil {
		f.ring.Close()
		f.ring = nil
	}
}

// close empties the slots that the track feeds on this shard.
func (f *fanout) close() {
	f.closed = true
	for len(f.slots) > 0 {
		f.slots[0].clear()
	}
	f.dropCache()
}
