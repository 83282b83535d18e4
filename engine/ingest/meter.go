package ingest

import (
	"math/bits"
	"time"

	"switchyard/media"
)

// meter measures what each operation point of a layer costs.
type meter struct {
	from  media.Time // of the window
	ever  bool       // a window was completed
	bytes [numPoints]uint32
	rate  [numPoints]media.Bitrate
	// Points that frames were of: in this window, and in the one before.
	points, before media.Points
}

const (
	numPoints  = media.PointsPerAxis * media.PointsPerAxis
	meterEvery = 500 * time.Millisecond
)

func (m *meter) add(now media.Time, p *media.Packet, size int) {
	m.roll(now)
	m.points |= media.Point(p.Spatial, p.Temporal)
	for set := uint16(p.Needed & (m.points | m.before)); set != 0; set &= set - 1 {
		m.bytes[bits.TrailingZeros16(set)] += uint32(size)
	}
}

// roll ends the window when it is time. Rates are smoothed over two windows.
func (m *meter) roll(now media.Time) {
	elapsed := now.Sub(m.from)
	if elapsed < meterEvery {
		return
	}
	if m.from != 0 {
		for i := range m.rate {
			sample := media.Bitrate(uint64(m.bytes[i]) * 8 * uint64(time.Second) / uint64(elapsed))
			if m.ever {
				sample = (m.rate[i] + sample) / 2
			}
			m.rate[i] = sample
		}
		m.ever = true
	}
	m.from, m.bytes = now, [numPoints]uint32{}
	m.before, m.points = m.points, 0
}

// top is the highest spatial layer.
func (m *meter) top() uint8 {
	set := uint16(m.points | m.before | 1)
	return uint8(bits.Len16(set)-1) / media.PointsPerAxis
}

// rates returns the cost of a spatial layer up to each of its temporal layers.
func (m *meter) rates(spatial uint8) (out [media.PointsPerAxis]media.Bitrate) {
	for t := range uint8(media.PointsPerAxis) {
		if (m.points|m.before)&media.Point(spatial, t) != 0 {
			out[t] = m.rate[spatial*media.PointsPerAxis+t]
		}
	}
	return out
}
