package transfer

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"switchyard/engine/piece"
)

// Bytes are on the disk before a name is, the name before the sender hears of it, and many small files go together.
func TestNamesComeAfterTheBytes(t *testing.T) {
	r := rand.New(rand.NewPCG(41, 1))
	dir, to := t.TempDir(), t.TempDir()
	const small = 2500
	for i := range small {
		put(t, filepath.Join(dir, "d", fmt.Sprint(i%30), fmt.Sprint(i)), "x")
	}
	write(t, filepath.Join(dir, "d/film"), 3*piece.MinPiece+1, r)
	sink := newSink(t, to, SinkOptions{})
	var mu sync.Mutex
	stored := make(map[string]bool) // folders that were brought to the disk since something in them was named
	calls, parts := 0, 0
	sink.sync = func(root *os.Root, paths []string) error {
		mu.Lock()
		defer mu.Unlock()
		calls++
		for _, p := range paths {
			info, err := root.Stat(p)
			switch {
			case err != nil:
				t.Errorf("%s is not there any more when it is brought to the disk: %v", p, err)
			case info.IsDir():
				stored[p] = true
			case strings.HasSuffix(p, ".part"):
				parts++
			default:
				t.Errorf("%s had its name before its bytes were on the disk", p)
			}
		}
		return nil
	}
	source := newSource(t, SourceOptions{Piece: piece.MinPiece}, filepath.Join(dir, "d"))
	n := newNetwork(1)
	n.tamper = func(_ int, toSink bool, m []byte) []byte {
		if gots, err := piece.ParseGots(m); !toSink && err == nil {
			mu.Lock()
			defer mu.Unlock()
			for k := range gots.Len() {
				name := source.manifest.Path(int(gots.At(k).Entry))
				if _, err := os.Stat(filepath.Join(to, name)); err != nil || !stored[filepath.Dir(name)] || !stored["."] {
					t.Errorf("the sender hears of %s, whose name is not on the disk", name)
				}
			}
		}
		return m
	}
	mustPass(t, n, source, sink)
	if parts != small || calls > 100 {
		t.Errorf("%d of %d parts were brought to the disk, in %d goes", parts, small, calls)
	}
}

// A disk that fails when it is asked has nothing that is whole.
func TestDiskThatCannotKeepIt(t *testing.T) {
	dir, to := t.TempDir(), t.TempDir()
	put(t, filepath.Join(dir, "a"), "x")
	sink := newSink(t, to, SinkOptions{})
	sink.sync = func(*os.Root, []string) error { return errors.New("input/output error") }
	sent, received := pass(t, newNetwork(1), newSource(t, SourceOptions{}, filepath.Join(dir, "a")), sink)
	if sent == nil || received == nil || !strings.Contains(received.Error(), `cannot write "a"`) {
		t.Errorf("sender %v, receiver %v", sent, received)
	}
	if _, err := os.Stat(filepath.Join(to, "a")); err == nil {
		t.Error("it has its name")
	}
}

func TestSyncEach(t *testing.T) {
	dir := t.TempDir()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	var paths []string
	for i := range fewSyncs + 1 {
		put(t, filepath.Join(dir, fmt.Sprint(i)), "x")
		paths = append(paths, fmt.Sprint(i))
		if err := syncEach(root, append(paths, ".")); err != nil {
			t.Error(err)
		}
	}
	if err := syncEach(root, []string{"not there"}); err == nil {
		t.Error("what is not there is on the disk")
	}
}
