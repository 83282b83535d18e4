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
	wanted  atomic.Uint32                  // bit i: shard i has slots that need something of it
	formats atomic.Pointer[[]media.Format] // what Packet.Format indexes
	current atomic.Pointer[media.Format]   // that comes now
	layers  atomic.Pointer[[]media.Layer]  // the lowest first
	asked   atomic.Uint32                  // bit i: a keyframe request of layer i is on its way to the publisher's shard

	// Owned by the publisher's shard.
	last    TrackStarted
	needed  uint32 // layers that somebody needs, as ingest and the owner were told
	changed uint32 // ingest's Changed when layers was made
	level   float64
	voice   bool
	closed  bool
}

func newTrack(l *Link, mid, id string, kind media.Kind) *Track {
	t := &Track{ID: id, Kind: kind, MID: mid, link: l, needed: ^uint32(0)}
	t.fans = make([]fanout, len(l.sfu.shards))
	for i := range t.fans {
		t.fans[i].track, t.fans[i].shard = t, l.sfu.shards[i]
	}
	t.formats.Store(&[]media.Format{})
	t.current.Store(&media.Format{})
	t.layers.Store(&[]media.Layer{})
	return t
}

// Link returns the publisher's link.
func (t *Track) Link() *Link { return t.link }

// Close ends the publication: slots that it feeds become empty.
func (t *Track) Close() {
	t.link.post(func() { t.link.unpublish(t) })
}

// publish hands a batch of one layer, whose references it takes over, to every shard that needs it.
// Owned by the publisher's shard.
func (t *Track) publish(now media.Time, batch media.Batch) {
	own, layer := t.link.shard.index, uint32(1)<<batch[0].Layer
	for set := t.wanted.Load() &^ (1 << own); set != 0; set &= set - 1 {
		fan := &t.fans[bits.TrailingZeros32(set)]
		if fan.needed.Load()&layer != 0 {
			fan.shard.box.postBatch(fan, fan.spells[batch[0].Layer].Load(), batch)
			fan.shard.wake()
		}
	}
	t.fans[own].deliver(now, batch)
}

// sendRecent fills the caches of a shard that has just begun to need layers with what the publisher's own
// shard still has since their last keyframes, so that a slot there can start with it too.
func (t *Track) sendRecent(to *fanout, layers uint32) {
	var spells [egress.MaxLayers]uint32
	for i := range spells {
		spells[i] = to.spells[i].Load()
	}
	t.link.post(func() {
		home := t.link.shard
		var recent media.Batch
		for ; layers != 0; layers &= layers - 1 {
			cache := t.fans[home.index].rings[bits.TrailingZeros32(layers)]
			if cache == nil {
				continue
			}
			span := cache.Recent(home.clock.Now())
			for seq := span.First; span.Any && seq <= span.Last; seq++ {
				if p := cache.Get(seq); p != nil {
					p.Retain()
					recent = append(recent, p)
				}
			}
		}
		if len(recent) > 0 && !to.shard.post(func() { to.fill(recent, spells) }) {
			releaseAll(recent)
		}
	})
}

// requestKeyframe asks the publisher for a keyframe of a layer, from any shard.
func (t *Track) requestKeyframe(now media.Time, layer uint8, from *shard) {
	if t.link.livesOn(from) {
		if r := t.link.receiverOf(t); r != nil {
			r.in.RequestKeyframe(now, layer)
			from.touch(t.link)
		}
		return
	}
	bit := uint32(1) << layer
	if t.asked.Or(bit)&bit != 0 {
		return
	}
	t.link.post(func() {
		t.asked.And(^bit)
		home := t.link.shard
		t.requestKeyframe(home.clock.Now(), layer, home)
	})
}

// fanout is a track's subscribers on one shard, with the caches of packets from which their losses
// are repaired. Owned by that shard.
type fanout struct {
	track  *Track
	shard  *shard
	rings  egress.Rings // by layer, nil until first used
	slots  []*slot
	counts [egress.MaxLayers]int // slots that need a layer
	needed atomic.Uint32         // bit i: some slot needs layer i; written by the owner alone
	// spells count how often a layer became needed: what was posted in an earlier spell and arrives in
	// this one would leave a hole behind it. Written by the owner alone.
	spells [egress.MaxLayers]atomic.Uint32
	closed bool
}

func (f *fanout) cache(layer uint8) *egress.Ring {
	ring := &f.rings[layer%egress.MaxLayers]
	if *ring == nil {
		n := egress.VideoRing
		if f.track.Kind == media.Audio {
			n = egress.AudioRing
		}
		*ring = egress.NewRing(n)
	}
	return *ring
}

// fill takes over what another shard's cache held, asked for in these spells, and starts the slots that
// send nothing yet.
func (f *fanout) fill(recent media.Batch, spells [egress.MaxLayers]uint32) {
	if !f.closed {
		for _, p := range recent {
			if f.expects(p.Layer, spells[p.Layer]) {
				f.cache(p.Layer).Put(p)
			}
		}
		f.restart((*slot).idle)
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

// expects reports whether what was posted in a spell of a layer is still of use.
func (f *fanout) expects(layer uint8, spell uint32) bool {
	return f.needed.Load()&(1<<layer) != 0 && f.spells[layer].Load() == spell
}

// deliver gives a batch of one layer to every slot that has use for it, and takes over its references. A
// slot that sends nothing yet may find a keyframe made whole by what was recovered: it starts from the
// cache, for it has let the rest of it pass.
func (f *fanout) deliver(now media.Time, batch media.Batch) {
	if !f.closed {
		layer := batch[0].Layer
		ring, recovered := f.cache(layer), false
		for _, p := range batch {
			recovered = ring.Put(p) || recovered
		}
		for i := -ahead; i < 0; i++ {
			f.fetch(i)
		}
		for i, s := range f.slots {
			f.fetch(i)
			switch {
			case !s.out.Carries(layer):
				s.out.Skip(len(batch))
			case recovered && s.idle():
				s.start(now)
			default:
				s.sendBatch(now, batch)
				f.shard.writer.Ease()
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

func (f *fanout) add(s *slot) { f.slots = append(f.slots, s) }

func (f *fanout) remove(s *slot) {
	for i, other := range f.slots {
		if other == s {
			last := len(f.slots) - 1
			f.slots[i], f.slots[last] = f.slots[last], nil
			f.slots = f.slots[:last]
			break
		}
	}
	if len(f.slots) == 0 && !f.track.link.livesOn(f.shard) { // here the caches would go stale
		f.dropCaches()
	}
}

// account moves one slot's needs from some layers to others, and tells the publisher's shard where that
// changes what this shard needs.
func (f *fanout) account(before, after uint32) {
	needed := f.needed.Load()
	was := needed
	for set := before ^ after; set != 0; set &= set - 1 {
		i := bits.TrailingZeros32(set)
		if after&(1<<i) != 0 {
			if f.counts[i]++; f.counts[i] == 1 {
				f.spells[i].Add(1)
				needed |= 1 << i
			}
		} else if f.counts[i]--; f.counts[i] == 0 {
			needed &^= 1 << i
			if !f.track.link.livesOn(f.shard) { // it gets no more packets; at home interrupt decides
				f.rings[i].Interrupt()
			}
		}
	}
	if needed == was {
		return
	}
	f.needed.Store(needed)
	t := f.track
	if needed != 0 {
		t.wanted.Or(1 << f.shard.index)
	} else {
		t.wanted.And(^uint32(1 << f.shard.index))
	}
	t.link.post(t.rewant)
	if fresh := needed &^ was; fresh != 0 && !t.link.livesOn(f.shard) {
		t.sendRecent(f, fresh)
	}
}

func (f *fanout) dropCaches() {
	for i, ring := range f.rings {
		if ring != nil {
			ring.Close()
			f.rings[i] = nil
		}
	}
}

// close empties the slots that the track feeds on this shard.
func (f *fanout) close() {
	f.closed = true
	for len(f.slots) > 0 {
		f.slots[0].clear()
	}
	f.dropCaches()
}
