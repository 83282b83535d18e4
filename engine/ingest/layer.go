package ingest

import (
	"cmp"
	"slices"
	"time"

	"switchyard/media"
)

// layer is what goes out under one Packet.Layer: the stream of one RID, or, without simulcast, the
// stream that the publisher uses at the time.
type layer struct {
	index   uint8
	rid     string
	current *stream // nil before the first packet
	epoch   uint32

	// Pending packets, and the slice that Ready gave out last.
	pending, given media.Batch
	flush          bool // a frame ended, or a hole was filled
	first          media.Time

	keyframe keyframeRequest
	meter    meter
	top      uint8         // highest spatial layer
	live     bool          // packets arrive
	skipped  bool          // the newest packets were not passed on
	framed   media.Time    // when the newest frame began to arrive
	interval time.Duration // between frames, smoothed
}

const (
	deadAfter    = 300 * time.Millisecond // of silence while other layers go on
	deadFrames   = 3                      // and at least so many frames' time
	slowInterval = time.Second            // a pause is no frame rate
)

// heard notes a packet of the layer that takes size bytes.
func (t *Track) heard(now media.Time, l *layer, p *media.Packet, size int, fresh bool) {
	l.meter.add(now, p, size)
	if top := l.meter.top(); top != l.top {
		l.top = top
		t.changed++
	}
	if fresh {
		if now.Sub(t.framed) >= l.deadline() {
			t.resumed = now
		}
		t.framed = now
		if l.framed != 0 {
			l.interval += (min(now.Sub(l.framed), slowInterval) - l.interval) / 8
		}
		l.framed = now
	}
	if !l.live {
		l.live = true
		t.changed++
	}
	if fresh && len(t.layers) > 1 {
		t.buryDead(now)
	}
}

// buryDead finds the layers that have stopped: the publisher turned them off, or its CPU or uplink does
// not carry them. Only others that go on can tell: a screen that stands still is silent in all layers, and after
// a pause of all of them one is the first.
func (t *Track) buryDead(now media.Time) {
	for _, l := range t.layers {
		if l.live && now.Sub(max(l.current.arrived, t.resumed)) >= l.deadline() {
			l.live = false
			t.changed++
		}
	}
}

// deadline is how long the layer may be silent while others go on.
func (l *layer) deadline() time.Duration { return max(deadAfter, deadFrames*l.interval) }

// Changed grows when layers appear, change their size, stop or come back. Layers has to be read again.
func (t *Track) Changed() uint32 { return t.changed }

// Layers appends the track's layers to dst, the lowest first: by size, or while that is unknown by the
// order of the offer. Those never heard of come last, without a size.
func (t *Track) Layers(now media.Time, dst []media.Layer) []media.Layer {
	for _, l := range t.layers {
		dst = l.describe(now, dst)
	}
	sized := !slices.ContainsFunc(dst, func(l media.Layer) bool { return l.Live && l.Pixels() == 0 })
	slices.SortStableFunc(dst, func(a, b media.Layer) int {
		switch {
		case !sized, a.Pixels() == b.Pixels():
			return 0
		case a.Pixels() == 0 || b.Pixels() == 0:
			return cmp.Compare(b.Pixels(), a.Pixels())
		}
		return cmp.Compare(a.Pixels(), b.Pixels())
	})
	return dst
}

// describe appends the spatial layers of l, at least one.
func (l *layer) describe(now media.Time, dst []media.Layer) []media.Layer {
	l.meter.roll(now)
	top := l.meter.top()
	for spatial := range top + 1 {
		d := media.Layer{Stream: l.index, Spatial: spatial, RID: l.rid, Live: l.live}
		d.Rates = l.meter.rates(spatial)
		if l.current != nil {
			s := l.current.sizes[spatial]
			d.Width, d.Height = s.width, s.height
			if s == (size{}) && spatial == top {
				d.Width, d.Height = l.current.width, l.current.height
			}
		}
		dst = append(dst, d)
	}
	return dst
}

// main is the layer that stands for the track: the largest live one. nil before the first packet.
func (t *Track) main() *layer {
	var best *layer
	for _, l := range t.layers {
		if l.current == nil {
			continue
		}
		switch {
		case best == nil, l.live && !best.live, l.live == best.live && l.current.size() > best.current.size():
			best = l
		}
	}
	return best
}

// Wanted tells which layers somebody needs: bit i stands for Packet.Layer i. Others are dropped early and
// not repaired. With none of them wanted all are passed on for the cache of whoever comes next, and
// none is repaired. Until the first call all are wanted.
func (t *Track) Wanted(layers uint32) {
	t.wanted = layers
	for _, l := range t.layers {
		if l.current != nil && !t.wants(l) {
			l.current.missing.clear()
		}
	}
}

func (t *Track) wants(l *layer) bool { return t.wanted&(1<<l.index) != 0 }

func (t *Track) passes(l *layer) bool { return t.wanted == 0 || t.wants(l) }
