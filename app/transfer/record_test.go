package transfer

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"switchyard/engine/piece"
)

// A user's own file of a part's name stays as it is, whatever its size.
func TestPartThatIsNotOursIsLeftAlone(t *testing.T) {
	r := rand.New(rand.NewPCG(31, 1))
	for _, size := range []int{10, 3 * piece.MinPiece} {
		for _, own := range []int{0, 5, 10, 2 * piece.MinPiece, 5 * piece.MinPiece} {
			dir, to := t.TempDir(), t.TempDir()
			write(t, filepath.Join(dir, "film"), size, r)
			mine := strings.Repeat("m", own)
			put(t, filepath.Join(to, "film.part"), mine)
			put(t, filepath.Join(to, "film.1.part"), mine)
			source := newSource(t, SourceOptions{Piece: piece.MinPiece}, filepath.Join(dir, "film"))
			sink := newSink(t, to, SinkOptions{})
			n := newNetwork(2)
			n.left.Store(8)
			for _, err := pass(t, n, source, sink); errors.Is(err, ErrWayLost); _, err = pass(t, n, source, sink) {
				n = newNetwork(2)
			}
			got := readTree(t, to)
			if got["film.part"].data != mine || got["film.1.part"].data != mine || got["film"].data != readTree(t, dir)["film"].data || len(got) != 3 {
				t.Errorf("%d bytes beside the user's own %d: %d files", size, own, len(got))
			}
		}
	}
}

// killedHalfWay leaves a part as a process that was killed does.
func killedHalfWay(t *testing.T, to, file string, o SourceOptions) {
	t.Helper()
	n := newNetwork(1)
	n.left.Store(90)
	sink := newSink(t, to, SinkOptions{})
	if _, err := pass(t, n, newSource(t, o, file), sink); !errors.Is(err, ErrWayLost) {
		t.Fatalf("the cut gave %v", err)
	}
	sink.claim.close() // the process is gone, and did nothing more
}

func TestPartOfAnotherLinkIsGoneOnWithForTheSameFileOnly(t *testing.T) {
	for name, same := range map[string]bool{"the same file": true, "another file of the name": false} {
		dir, to := t.TempDir(), t.TempDir()
		file := filepath.Join(dir, "film")
		write(t, file, 2<<20, rand.New(rand.NewPCG(32, 1)))
		killedHalfWay(t, to, file, SourceOptions{ID: "ONE", Piece: piece.MinPiece, NoPack: true})
		part := readTree(t, to)["film.part"].data
		if len(part) < piece.MinPiece {
			t.Fatalf("%d bytes came before the cut", len(part))
		}
		if !same {
			write(t, file, 3<<20, rand.New(rand.NewPCG(33, 1)))
		}
		n, sent := counting(1)
		mustPass(t, n, newSource(t, SourceOptions{ID: "TWO", Piece: piece.MinPiece, NoPack: true}, file), newSink(t, to, SinkOptions{}))
		got := readTree(t, to)
		if got["film"].data != readTree(t, dir)["film"].data {
			t.Errorf("%s: it is not what was sent", name)
		}
		_, left := got["film.part"]
		if same && (left || sent.Load() > 2<<20-int64(len(part))/2) || !same && (!left || got["film.part"].data != part) {
			t.Errorf("%s: %d bytes were sent, the part is left: %v", name, sent.Load(), left)
		}
	}
}

// Of the names that are tried, one that the record has is found, also where the first is a user's own.
func TestPartOfASecondNameIsGoneOnWith(t *testing.T) {
	dir, to := t.TempDir(), t.TempDir()
	file := filepath.Join(dir, "film")
	write(t, file, 2<<20, rand.New(rand.NewPCG(34, 1)))
	put(t, filepath.Join(to, "film.part"), "mine")
	o := SourceOptions{ID: "ONE", Piece: piece.MinPiece, NoPack: true}
	killedHalfWay(t, to, file, o)
	n, sent := counting(1)
	mustPass(t, n, newSource(t, o, file), newSink(t, to, SinkOptions{}))
	if got := readTree(t, to); len(got) != 2 || got["film.part"].data != "mine" || sent.Load() > 3<<19 {
		t.Errorf("%d bytes were sent again; %d files", sent.Load(), len(got))
	}
}

// A sender cannot plant what a later receiver trusts: tickets, and the record of parts.
func TestNamesThatWeTrustAreNotTaken(t *testing.T) {
	dir, to := t.TempDir(), t.TempDir()
	for _, name := range []string{".switchyard-ABCDEFGHIJKLMNOPQRSTUVWXYZ", ".switchyard.part", ".Switchyard", ".switchyard-d/x"} {
		put(t, filepath.Join(dir, name), `{"link":"https://example.org/t/ABCDEFGHIJKLMNOPQRSTUVWXYZ#AAAAAAAAAAAAAAAAAAAAAA"}`)
	}
	var paths []string
	for _, e := range []string{".switchyard-ABCDEFGHIJKLMNOPQRSTUVWXYZ", ".switchyard.part", ".Switchyard", ".switchyard-d"} {
		paths = append(paths, filepath.Join(dir, e))
	}
	mustPass(t, newNetwork(1), newSource(t, SourceOptions{}, paths...), newSink(t, to, SinkOptions{}))
	got := readTree(t, to)
	for name := range got {
		if strings.HasPrefix(strings.ToLower(name), ".switchyard") {
			t.Errorf("%s was taken", name)
		}
	}
	if len(got) != 5 || len(Unfinished(to)) != 0 {
		t.Errorf("%d entries came, and %q seems unfinished", len(got), Unfinished(to))
	}
}

func TestPartThatWasTakenAway(t *testing.T) {
	dir, to := t.TempDir(), t.TempDir()
	file := filepath.Join(dir, "film")
	write(t, file, 2<<20, rand.New(rand.NewPCG(35, 1)))
	source := newSource(t, SourceOptions{Piece: piece.MinPiece, NoPack: true}, file)
	sink := newSink(t, to, SinkOptions{})
	n := newNetwork(1)
	n.left.Store(20)
	if _, err := pass(t, n, source, sink); !errors.Is(err, ErrWayLost) {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(to, "film.part")); err != nil {
		t.Fatal(err)
	}
	_, err := pass(t, newNetwork(1), source, sink)
	if err == nil || !strings.Contains(err.Error(), "receive it again") {
		t.Errorf("the part was taken away: %v", err)
	}
	_ = sink.Close()
	mustPass(t, newNetwork(1), source, newSink(t, to, SinkOptions{}))
	sameTree(t, readTree(t, dir), readTree(t, to))
}

// The record does not grow with what is whole by now.
func TestRecordStaysSmall(t *testing.T) {
	dir := t.TempDir()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	var r record
	r.read(root)
	for i := range 20_000 {
		part := fmt.Sprintf("some folder/file %d.part", i)
		if err := r.add(root, part, began{"ID", 5, 7, made}); err != nil {
			t.Fatal(err)
		}
		if i != 7 {
			r.remove(part)
		}
	}
	info, err := os.Stat(filepath.Join(dir, recordFile))
	if err != nil || info.Size() > 2*recordLines*50 {
		t.Errorf("%v bytes, %v", info.Size(), err)
	}
	var again record
	again.read(root)
	if b, ok := again.of("some folder/file 7.part"); !ok || b != (began{"ID", 5, 7, made}) {
		t.Errorf("the one that is left: %+v %v", b, ok)
	}
	again.close(root) // none of them is there
	if _, err := os.Stat(filepath.Join(dir, recordFile)); err == nil {
		t.Error("an empty record stays")
	}
}

func FuzzRecord(f *testing.F) {
	f.Add(began{"ID", 5, 7, made}.line("a b/ü.part"))
	f.Add(began{"ID", 5, 7, planned}.line("a.1.part"))
	f.Add(began{"ID", 5, 7, complete}.line("a.part"))
	f.Add(`"" 1 2 "../x.part"`)
	f.Add(`"x`)
	f.Fuzz(func(t *testing.T, line string) {
		part, b, ok := parseLine(line)
		if !ok {
			return
		}
		if again, c, ok := parseLine(strings.TrimSuffix(b.line(part), "\n")); !ok || again != part || c != b {
			t.Errorf("%q was read as %q %+v", line, part, b)
		}
		if piece.CheckPath(part) != nil {
			t.Errorf("%q leads to %q", line, part)
		}
	})
}
