package bwe

import (
	"math/rand/v2"
	"testing"
	"time"

	"switchyard/media"
)

// walked is throughput.over as it is defined: slice by slice, from the newest.
func walked(slices []slice, bytes []int, window time.Duration) (rate, share float64, ok bool) {
	if len(slices) < 3 {
		return 0, 0, false
	}
	newest := len(slices) - 1
	oldest, sum := newest, 0
	for back := 1; back < min(len(slices), 128); back++ {
		if slices[newest].end-slices[newest-back].end > window && back > 3 {
			break
		}
		sum += bytes[oldest]
		oldest = newest - back
	}
	span := slices[newest].end - slices[oldest].end
	if span < window/4 || span > 4*window {
		return 0, 0, false
	}
	sent := slices[newest].sent.Sub(slices[oldest].sent)
	return float64(sum*8) / span.Seconds(), max(float64(sent), 0) / float64(span), true
}

// The windows of throughput move on with what arrives; they must hold what a walk over all of it finds.
func TestWindowsOfThroughputHoldWhatArrivedInThem(t *testing.T) {
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 1))
		var tp throughput
		var slices []slice
		var bytes []int
		arrived, at := time.Duration(r.IntN(1e9)), media.Time(r.IntN(1e9))
		told := 0
		for range 3000 {
			switch r.IntN(20) {
			case 0: // a pause
				arrived += time.Duration(r.IntN(int(time.Second)))
			case 1: // reordered
				arrived -= time.Duration(r.IntN(int(4 * time.Millisecond)))
			default:
				arrived += time.Duration(r.IntN(int(time.Duration(seed+1) * time.Millisecond)))
			}
			at += media.Time(r.IntN(int(10 * time.Millisecond)))
			size := r.IntN(1500)
			tp.add(at, arrived, size)
			if n := len(slices); n > 0 && arrived < slices[n-1].begin+sliceTime {
				s := &slices[n-1]
				s.end, s.sent = max(s.end, arrived), max(s.sent, at)
				bytes[n-1] += size
			} else {
				slices = append(slices, slice{begin: arrived, end: arrived, sent: at})
				bytes = append(bytes, size)
			}
			if r.IntN(3) == 0 {
				continue // feedback tells of several packets
			}
			for w, length := range windowLength {
				rate, share, ok := tp.over(window(w))
				wantRate, wantShare, want := walked(slices, bytes, length)
				if rate != wantRate || share != wantShare || ok != want {
					t.Fatalf("seed %d, %d slices, within %v: %v %v %v, want %v %v %v", seed, len(slices), length, rate, share, ok, wantRate, wantShare, want)
				}
				if ok {
					told++
				}
			}
			length := time.Duration(r.IntN(int(longWindow)))
			rate, _, ok := tp.within(length)
			if want, _, known := walked(slices, bytes, length); rate != want || ok != known {
				t.Fatalf("seed %d, within %v: %v %v, want %v %v", seed, length, rate, ok, want, known)
			}
		}
		if told == 0 {
			t.Fatalf("seed %d: no window held anything", seed)
		}
	}
}
