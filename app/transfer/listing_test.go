package transfer

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"switchyard/engine/piece"
)

// A list that comes again is the one that is known; one that differs anywhere is another.
func TestListThatComesAgain(t *testing.T) {
	entries := []piece.Entry{{Path: "a", Kind: piece.Folder}, {Path: "a/b", Size: 3}, {Path: "c", Size: 4}}
	read := func(before *piece.Manifest, entries ...piece.Entry) (*piece.Manifest, error) {
		l, err := newListing(before, piece.Offer{Kind: piece.KindFiles, Entries: 3, Files: 2, Bytes: 7, Piece: piece.MinPiece}, true)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			if err := l.add(e); err != nil {
				return nil, err
			}
		}
		return l.m, l.end()
	}
	first, err := read(nil, entries...)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := read(first, entries...); again != first || err != nil {
		t.Errorf("the same list is another one: %v", err)
	}
	for i := range entries {
		other := slices.Clone(entries)
		other[i].Time = 1
		if m, err := read(first, other...); m == first || err != nil || m.Entry(i).Time != 1 || m.Path(1) != "a/b" {
			t.Errorf("entry %d differs: %v", i, err)
		}
	}
	if _, err := read(first, entries[:2]...); !errors.Is(err, piece.ErrOffer) {
		t.Errorf("an entry is missing: %v", err)
	}
	if _, err := read(first, append(slices.Clone(entries), piece.Entry{Path: "d"})...); !errors.Is(err, piece.ErrOffer) {
		t.Errorf("one too many: %v", err)
	}
}

func TestHashesOfMany(t *testing.T) {
	for _, n := range []int{fewHashes / 2, 3 * fewHashes} {
		var h hashes
		all := make([]piece.Hash, 2*n)
		for i := 0; i < 2*n; i += 2 {
			if _, err := rand.Read(all[i][:]); err != nil {
				t.Fatal(err)
			}
			if !h.set(i, all[i]) {
				t.Fatalf("%d is not kept", i)
			}
		}
		for i := range all {
			if got, ok := h.get(i); ok != (i%2 == 0) || got != all[i] {
				t.Fatalf("of %d: %d is %v, %v", n, i, got, ok)
			}
		}
		if (h.file != nil) != (n > fewHashes) {
			t.Errorf("%d hashes: in a file %v", n, h.file != nil)
		}
		h.close()
		if _, ok := h.get(0); ok {
			t.Error("closed hashes are known")
		}
	}
	left, _ := filepath.Glob(filepath.Join(os.TempDir(), "switchyard-hashes-*"))
	if len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestNamesOfAFolderAreSorted(t *testing.T) {
	dir := t.TempDir()
	var want []string
	for i := range 3000 {
		name := fmt.Sprintf("%d%s", i*7919%3000, bytes.Repeat([]byte("n"), i%240))
		put(t, filepath.Join(dir, name), "")
		want = append(want, name)
	}
	names, err := namesIn(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, at := range names.order {
		got = append(got, string(names.bytes(at)))
	}
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("%d names of %d, or in another order", len(got), len(want))
	}
}

// Small files that are here already are not sent again, however many there are; one that differs comes beside what was here.
func TestManySmallFilesThatAreHere(t *testing.T) {
	dir, to := t.TempDir(), t.TempDir()
	const n = fewHashes + 1500
	for i := range n {
		put(t, filepath.Join(dir, "many", fmt.Sprint(i)), fmt.Sprintf("%03d", i%1000)[:i%4])
	}
	source := newSource(t, SourceOptions{}, filepath.Join(dir, "many"))
	mustPass(t, newNetwork(2), source, newSink(t, to, SinkOptions{}))
	sameTree(t, readTree(t, dir), readTree(t, to))
	put(t, filepath.Join(to, "many", "7"), "???") // was three other bytes
	network := newNetwork(2)
	data := 0
	network.tamper = func(_ int, toSink bool, m []byte) []byte {
		if toSink && m[0] == piece.KindData {
			data++
		}
		return m
	}
	mustPass(t, network, source, newSink(t, to, SinkOptions{}))
	if data != 1 {
		t.Errorf("%d files were sent again, not one", data)
	}
	if b, err := os.ReadFile(filepath.Join(to, "many", "7 (1)")); err != nil || string(b) != "007" {
		t.Errorf("%q, %v", b, err)
	}
	if b, _ := os.ReadFile(filepath.Join(to, "many", "7")); string(b) != "???" {
		t.Errorf("the user's own file became %q", b)
	}
}
