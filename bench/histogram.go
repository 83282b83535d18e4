package bench

import (
	"math/bits"
	"time"
)

// histogram counts durations in buckets that are 3 % wide; the largest is kept exactly.
type histogram struct {
	counts [64 * sub]uint64
	n      uint64
	max    time.Duration
}

const sub = 32 // buckets per doubling

func (h *histogram) add(d time.Duration) {
	d = max(d, 0) // clocks of kernel and process may differ by a microsecond
	h.counts[bucket(uint64(d))]++
	h.n++
	h.max = max(h.max, d)
}

func bucket(v uint64) int {
	if v < sub {
		return int(v)
	}
	shift := bits.Len64(v) - 6 // keeps six bits: 32 to 63
	return shift*sub + int(v>>shift)
}

// value is the upper end of a bucket.
func value(b int) uint64 {
	if b < 2*sub {
		return uint64(b)
	}
	shift := b/sub - 1
	return (uint64(b%sub+sub)+1)<<shift - 1
}

func (h *histogram) merge(o *histogram) {
	for i, c := range o.counts {
		h.counts[i] += c
	}
	h.n += o.n
	h.max = max(h.max, o.max)
}

// quantile returns the duration under which a share q of the samples lies, 0 without samples.
func (h *histogram) quantile(q float64) time.Duration {
	rank, seen := uint64(q*float64(h.n)), uint64(0)
	for i, c := range h.counts {
		if seen += c; c > 0 && seen > rank {
			return min(time.Duration(value(i)), h.max)
		}
	}
	return h.max
}
