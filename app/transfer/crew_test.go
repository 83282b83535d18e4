package transfer

import (
	"math/rand/v2"
	"path/filepath"
	"sync/atomic"
	"testing"

	"switchyard/engine/piece"
)

// TestLanesAreOpenedWhenTheyAreWorthIt has a way lose packets in the middle of a file: what is left comes on more lanes.
func TestLanesAreOpenedWhenTheyAreWorthIt(t *testing.T) {
	from, to := t.TempDir(), t.TempDir()
	write(t, filepath.Join(from, "large"), 24<<20, rand.New(rand.NewPCG(1, 1)))
	n := newNetwork(1)
	var worth, most, pieces atomic.Int64
	worth.Store(1)
	n.worth = func() int { return int(worth.Load()) }
	opened := make(chan struct{})
	n.tamper = func(lane int, toSink bool, m []byte) []byte {
		if !toSink || m[0] != piece.KindData {
			return m
		}
		most.Store(max(most.Load(), int64(lane)))
		switch {
		case lane == 2:
			select {
			case <-opened:
			default:
				close(opened)
			}
		case lane == 0 && pieces.Add(1) == 40:
			worth.Store(3)
			<-opened // lane 0 waits until there are more
		}
		return m
	}
	mustPass(t, n, newSource(t, SourceOptions{}, filepath.Join(from, "large")), newSink(t, to, SinkOptions{}))
	sameTree(t, readTree(t, from), readTree(t, to))
	if most.Load() != 2 {
		t.Errorf("the last lane is %d", most.Load())
	}
}
