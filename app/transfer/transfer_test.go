package transfer

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"switchyard/engine/piece"
)

// node is a file or folder of a tree, by path.
type node struct {
	mode fs.FileMode
	time int64 // ms; 0 where it does not matter
	data string
}

// readTree reads all that is below a folder.
func readTree(t *testing.T, root string) map[string]node {
	t.Helper()
	tree := make(map[string]node)
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil || p == root {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		n := node{mode: info.Mode(), time: info.ModTime().UnixMilli()}
		switch {
		case d.Type() == 0:
			b, err := os.ReadFile(p)
			if err != nil {
				return err
			}
			n.data = string(b)
		case d.Type() == fs.ModeSymlink:
			if n.data, err = os.Readlink(p); err != nil {
				return err
			}
			n.time = 0
		}
		rel, _ := filepath.Rel(root, p)
		tree[filepath.ToSlash(rel)] = n
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

// sameTree says in what two trees differ.
func sameTree(t *testing.T, want, got map[string]node) {
	t.Helper()
	for path, w := range want {
		g, ok := got[path]
		switch {
		case !ok:
			t.Errorf("%s is missing", path)
		case g.data != w.data:
			t.Errorf("%s differs: %d bytes, want %d", path, len(g.data), len(w.data))
		case g.mode != w.mode:
			t.Errorf("%s has mode %v, want %v", path, g.mode, w.mode)
		case g.time != w.time:
			t.Errorf("%s has time %d, want %d", path, g.time, w.time)
		}
	}
	for path := range got {
		if _, ok := want[path]; !ok {
			t.Errorf("%s was not sent", path)
		}
	}
}

// write makes a file of random bytes with a time of its own, and the folders above it.
func write(t *testing.T, path string, size int, r *rand.Rand) {
	t.Helper()
	b := make([]byte, size)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	put(t, path, string(b))
	when := time.UnixMilli(1_700_000_000_000 + r.Int64N(1e9))
	if err := os.Chtimes(path, when, when); err != nil {
		t.Fatal(err)
	}
}

func put(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func newSource(t *testing.T, o SourceOptions, paths ...string) *Source {
	t.Helper()
	s, err := NewSource(paths, o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func newSink(t *testing.T, folder string, o SinkOptions) *Sink {
	t.Helper()
	s, err := NewSink(folder, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// pass runs both ends over a network and gives their errors.
func pass(t *testing.T, n *network, source *Source, sink *Sink) (sent, received error) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	done := make(chan error, 1)
	go func() { done <- source.Serve(ctx, n.sender(), nil) }()
	received = sink.Run(ctx, n.receiver())
	sent = <-done
	n.break_()
	if ctx.Err() != nil {
		t.Fatalf("it took more than a minute: sender %v, receiver %v", sent, received)
	}
	return sent, received
}

func mustPass(t *testing.T, n *network, source *Source, sink *Sink) {
	t.Helper()
	if sent, received := pass(t, n, source, sink); sent != nil || received != nil {
		t.Fatalf("sender: %v; receiver: %v", sent, received)
	}
}

// holiday makes a folder with all sorts of files.
func holiday(t *testing.T, r *rand.Rand) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "holiday")
	write(t, filepath.Join(dir, "empty"), 0, r)
	write(t, filepath.Join(dir, "one byte"), 1, r)
	write(t, filepath.Join(dir, "piece"), piece.MinPiece, r)
	write(t, filepath.Join(dir, "piece and one"), piece.MinPiece+1, r)
	write(t, filepath.Join(dir, "deep/er/still/ünï.bin"), 700_001, r)
	write(t, filepath.Join(dir, "large"), 2_345_678, r)
	for i := range 40 {
		write(t, filepath.Join(dir, "many", fmt.Sprintf("%03d.txt", i)), r.IntN(3000), r)
	}
	if err := os.Mkdir(filepath.Join(dir, "nothing in it"), 0o750); err != nil {
		t.Fatal(err)
	}
	for path, mode := range map[string]fs.FileMode{"one byte": 0o400, "piece": 0o755, "deep/er": 0o700} {
		if err := os.Chmod(filepath.Join(dir, path), mode); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestFolderArrivesAsItWas(t *testing.T) {
	for _, lanes := range []int{1, 4} {
		t.Run(fmt.Sprint(lanes), func(t *testing.T) {
			dir := holiday(t, rand.New(rand.NewPCG(1, 2)))
			source := newSource(t, SourceOptions{Piece: piece.MinPiece}, dir)
			to := t.TempDir()
			var last Progress
			sink := newSink(t, to, SinkOptions{Notify: func(p Progress) { last = p }})
			mustPass(t, newNetwork(lanes), source, sink)
			sameTree(t, readTree(t, filepath.Dir(dir)), readTree(t, to))
			if last.Phase != Done || last.Verified != source.Offer().Bytes || last.FilesDone != source.Offer().Files {
				t.Errorf("last progress: %+v, offer %+v", last, source.Offer())
			}
			if left := filepath.Join(to, "x.part"); strings.Contains(fmt.Sprint(readTree(t, to)), ".part") {
				t.Error("a part is left: ", left)
			}
		})
	}
}

// Whatever breaks: after enough runs the received tree is the sent one, and never is a wrong byte under a final name.
func TestBrokenAnywhereItArrivesInTheEnd(t *testing.T) {
	for seed := range uint64(12) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 7))
			dir := holiday(t, r)
			want := readTree(t, filepath.Dir(dir))
			to := t.TempDir()
			source := newSource(t, SourceOptions{Piece: piece.MinPiece}, dir)
			sink := newSink(t, to, SinkOptions{Window: piece.MinWindow})
			for run := 0; ; run++ {
				if run > 200 {
					t.Fatal("not there after 200 runs")
				}
				n := newNetwork(1 + r.IntN(4))
				n.left.Store(int64(r.IntN(60 + 10*run)))
				sent, received := pass(t, n, source, sink)
				noWrongByte(t, want, readTree(t, to))
				if sent == nil && received == nil {
					break
				}
				for _, err := range []error{sent, received} {
					if err != nil && !errors.Is(err, ErrWayLost) {
						t.Fatalf("run %d: sender %v, receiver %v", run, sent, received)
					}
				}
				if r.IntN(3) == 0 { // the receiving program is killed, too
					_ = sink.Close()
					sink = newSink(t, to, SinkOptions{Window: piece.MinWindow})
				}
				if r.IntN(4) == 0 {
					source = newSource(t, SourceOptions{Piece: piece.MinPiece}, dir)
				}
			}
			sameTree(t, want, readTree(t, to))
		})
	}
}

// noWrongByte checks every file that has its final name.
func noWrongByte(t *testing.T, want, got map[string]node) {
	t.Helper()
	for path, g := range got {
		if g.mode.IsRegular() && !strings.HasSuffix(path, ".part") && g.data != want[path].data {
			t.Fatalf("%s has its name, but other bytes", path)
		}
	}
}

// writeLarge makes a file that no file system keeps sparse or compressed.
func writeLarge(tb testing.TB, path string, size int) {
	tb.Helper()
	f, err := os.Create(path)
	if err != nil {
		tb.Fatal(err)
	}
	r := rand.NewChaCha8([32]byte{1})
	buf := make([]byte, piece.MinPiece)
	for range size / len(buf) {
		_, _ = r.Read(buf)
		if _, err := f.Write(buf); err != nil {
			tb.Fatal(err)
		}
	}
	if err := f.Close(); err != nil {
		tb.Fatal(err)
	}
}
