package transfer

import (
	"bytes"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"testing"

	"switchyard/engine/piece"
)

// A receiver whose disk takes bytes in order only gets them so, though there are lanes for more.
func TestOrderedReceiver(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "holiday")
	r := rand.New(rand.NewPCG(3, 4))
	for _, name := range []string{"a", "b", "c"} {
		write(t, filepath.Join(dir, name), 3_000_000, r)
	}
	for _, ordered := range []bool{false, true} {
		n := newNetwork(4)
		lanes := map[int]bool{}
		next, disorder := [2]uint64{}, false // entry and offset
		var mu sync.Mutex
		n.tamper = func(lane int, toSink bool, m []byte) []byte {
			if !toSink && ordered && bytes.HasPrefix(m, []byte("\x00{\"type\":\"accept\"")) {
				return append(bytes.TrimSuffix(m, []byte("}")), `,"ordered":true}`...)
			}
			if toSink && m[0] == piece.KindData {
				mu.Lock()
				defer mu.Unlock()
				lanes[lane] = true
				d, err := piece.ParseData(m)
				if err != nil {
					t.Error(err)
				}
				if at := [2]uint64{uint64(d.Entry), d.Offset}; at != next && (at[0] <= next[0] || at[1] != 0) {
					disorder = true
				}
				next = [2]uint64{uint64(d.Entry), d.Offset + uint64(len(d.Bytes))}
			}
			return m
		}
		mustPass(t, n, newSource(t, SourceOptions{Piece: piece.MinPiece}, dir), newSink(t, t.TempDir(), SinkOptions{}))
		if ordered && (len(lanes) != 1 || disorder) {
			t.Errorf("ordered: lanes %v, out of order %v", lanes, disorder)
		}
		if !ordered && len(lanes) < 2 {
			t.Errorf("not ordered: lanes %v; the test shows nothing", lanes)
		}
	}
}
