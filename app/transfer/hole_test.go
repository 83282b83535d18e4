package transfer

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"switchyard/engine/piece"
)

const sparseSize = 96<<20 + 12345

// sparseFile makes a file that is all hole but for a few bytes at its places; at its end there is a hole, too.
func sparseFile(t *testing.T, path string) (content []byte) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	content = make([]byte, sparseSize)
	for _, at := range []int64{1 << 20, 1<<20 + 300_000, 33<<20 + 70_001, 64<<20 - 5} {
		b := bytes.Repeat([]byte("data"), 5000)
		if _, err := f.WriteAt(b, at); err != nil {
			t.Fatal(err)
		}
		copy(content[at:], b)
	}
	if err := f.Truncate(sparseSize); err != nil {
		t.Fatal(err)
	}
	return content
}

// takes is how much of the disk a file takes, in bytes.
func takes(t *testing.T, path string) int64 {
	t.Helper()
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		t.Fatal(err)
	}
	return st.Blocks * 512
}

// all is the bytes of all messages to the sink.
func all(n *network) *int {
	total := new(int)
	n.tamper = func(_ int, toSink bool, m []byte) []byte {
		if toSink {
			*total += len(m)
		}
		return m
	}
	return total
}

func TestHolesStayHoles(t *testing.T) {
	if runtime.GOOS != "linux" {
		return // elsewhere holes are data
	}
	dir, to := t.TempDir(), t.TempDir()
	file := filepath.Join(dir, "disk.img")
	content := sparseFile(t, file)
	if takes(t, file) > 1<<20 {
		t.Fatalf("the file system of %s keeps no holes", dir)
	}
	for _, pieces := range []int64{piece.MinPiece, piece.MaxPiece} {
		source := newSource(t, SourceOptions{Piece: pieces, NoPack: true}, file)
		n := newNetwork(1)
		sent := all(n)
		mustPass(t, n, source, newSink(t, to, SinkOptions{}))
		got, err := os.ReadFile(filepath.Join(to, "disk.img"))
		if err != nil || !bytes.Equal(got, content) {
			t.Fatalf("pieces of %d: what came is not what was sent: %v", pieces, err)
		}
		if took := takes(t, filepath.Join(to, "disk.img")); *sent > 1<<20 || took > 1<<20 {
			t.Errorf("pieces of %d: %d bytes were sent for 80,000 of data, and %d are taken", pieces, *sent, took)
		}
		if err := os.Remove(filepath.Join(to, "disk.img")); err != nil {
			t.Fatal(err)
		}
	}
}

// A file in which there is nothing but a hole, of one piece and of many.
func TestNothingButAHole(t *testing.T) {
	for _, size := range []int64{1, piece.MinPiece - 1, 20 << 20} {
		dir, to := t.TempDir(), t.TempDir()
		put(t, filepath.Join(dir, "nothing"), "")
		if err := os.Truncate(filepath.Join(dir, "nothing"), size); err != nil {
			t.Fatal(err)
		}
		mustPass(t, newNetwork(2), newSource(t, SourceOptions{Piece: piece.MinPiece}, filepath.Join(dir, "nothing")), newSink(t, to, SinkOptions{}))
		sameTree(t, readTree(t, dir), readTree(t, to))
	}
}

// Where it breaks, to an output, and over what was there before, holes are zeros.
func TestHolesAfterABreakAndToTheOutput(t *testing.T) {
	dir, to := t.TempDir(), t.TempDir()
	file := filepath.Join(dir, "disk.img")
	content := sparseFile(t, file)
	source := newSource(t, SourceOptions{NoPack: true}, file)
	var out bytes.Buffer
	for name, o := range map[string]SinkOptions{"to a folder": {}, "to the output": {Out: &out}} {
		sink := newSink(t, to, o)
		for runs := 0; ; runs++ {
			n := newNetwork(3)
			n.left.Store(150) // much of it is on the way at the cut, and lost
			if _, err := pass(t, n, source, sink); err == nil {
				break
			} else if !errors.Is(err, ErrWayLost) || runs > 40 {
				t.Fatal(name, err)
			}
		}
		got := out.Bytes()
		if o.Out == nil {
			var err error
			if got, err = os.ReadFile(filepath.Join(to, "disk.img")); err != nil {
				t.Fatal(err)
			}
		}
		if !bytes.Equal(got, content) {
			t.Errorf("%s: %d bytes came, or others", name, len(got))
		}
		_ = sink.Close()
		_ = os.Remove(filepath.Join(to, "disk.img"))
	}
}

// A receiver that does not say that it takes holes gets data.
func TestHolesAreSentToWhomTakesThem(t *testing.T) {
	dir, to := t.TempDir(), t.TempDir()
	file := filepath.Join(dir, "disk.img")
	content := sparseFile(t, file)
	source := newSource(t, SourceOptions{NoPack: true}, file)
	source.manifest.Offer.Knows = nil
	n := newNetwork(2)
	holes := 0
	n.tamper = func(_ int, _ bool, m []byte) []byte {
		if m[0] == piece.KindHole {
			holes++
		}
		return m
	}
	mustPass(t, n, source, newSink(t, to, SinkOptions{}))
	if got := readTree(t, to)["disk.img"].data; holes > 0 || got != string(content) {
		t.Errorf("%d holes; %d bytes came", holes, len(got))
	}
}

// A file that another process makes shorter while its holes are sent is not taken for zeros.
func TestFileThatShrinksIsNoHole(t *testing.T) {
	dir, to := t.TempDir(), t.TempDir()
	file := filepath.Join(dir, "disk.img")
	sparseFile(t, file)
	source := newSource(t, SourceOptions{NoPack: true}, file)
	n := newNetwork(1)
	cut := false
	n.tamper = func(_ int, _ bool, m []byte) []byte {
		if m[0] == piece.KindHole && !cut {
			cut = true
			if err := os.Truncate(file, 40<<20); err != nil {
				t.Error(err)
			}
		}
		return m
	}
	sent, received := pass(t, n, source, newSink(t, to, SinkOptions{}))
	if sent == nil || received == nil {
		t.Errorf("sender %v, receiver %v", sent, received)
	}
	if _, err := os.Stat(filepath.Join(to, "disk.img")); err == nil {
		t.Error("it has its name")
	}
}

// What is counted is data, not holes; a break and a file that shares some pieces change nothing of that.
func TestHolesNeedNoRoom(t *testing.T) {
	if runtime.GOOS != "linux" {
		return // elsewhere holes are data
	}
	dir := t.TempDir()
	sparseFile(t, filepath.Join(dir, "disk.img"))
	put(t, filepath.Join(dir, "full"), string(bytes.Repeat([]byte("x"), 300_000)))
	source := newSource(t, SourceOptions{NoPack: true}, filepath.Join(dir, "disk.img"), filepath.Join(dir, "full"))
	holes, full := source.manifest.Entry(0).Holes, source.manifest.Entry(1).Holes
	if data := int64(sparseSize) - holes; data < 80_000 || data > 1<<20 || full != 0 {
		t.Fatalf("%d bytes are data of 80,000, and %d holes in a file without", data, full)
	}
	var n need
	e := source.manifest.Entry(0)
	n.add(&e, e.Size, 0)
	if n.size != e.Size || n.data != e.Size-holes {
		t.Errorf("nothing is here: %+v", n)
	}
	n = need{}
	n.add(&e, e.Size-1<<20, e.Size) // all that is stored of it is here
	if n.data != 0 {
		t.Errorf("all data is here: %+v", n)
	}
	n = need{}
	n.add(&e, 100, 0)
	if n.data != 100 {
		t.Errorf("100 bytes are missing: %+v", n)
	}
	root, err := os.OpenRoot(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	if !keepsHoles(root) {
		t.Errorf("the disk of %s keeps holes", root.Name())
	}
	if left := readTree(t, root.Name()); len(left) != 0 {
		t.Errorf("the probe stays: %v", left)
	}
}

// A file larger than any disk fits where holes are kept, and where they are not the user is told.
func TestRoomForHoles(t *testing.T) {
	to := t.TempDir()
	s := newSink(t, to, SinkOptions{})
	huge := need{size: 1 << 60, data: 1 << 10}
	if runtime.GOOS == "linux" {
		if err := s.fits(huge); err != nil {
			t.Error(err)
		}
	}
	if err := s.fits(need{size: 1 << 60, data: 1 << 59}); err == nil && runtime.GOOS == "linux" || err != nil && !strings.Contains(err.Error(), "it takes 576.5 PB more") {
		t.Error(err)
	}
	// As on a disk of which that cannot be said.
	put(t, filepath.Join(to, probeFile, "in the way"), "")
	if err := s.fits(huge); err == nil && runtime.GOOS == "linux" || err != nil && !strings.Contains(err.Error(), "keeps no holes") {
		t.Error(err)
	}
}

func TestFileSystemIsAskedForHolesOnce(t *testing.T) {
	if runtime.GOOS != "linux" {
		return // elsewhere holes are data
	}
	path := filepath.Join(t.TempDir(), "dense")
	if err := os.WriteFile(path, make([]byte, 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	m := piece.Draft(piece.KindFiles)
	if err := m.Add(piece.Entry{Path: "dense", Size: 1 << 20}); err != nil {
		t.Fatal(err)
	}
	w := newWorker(&serve{m: m, accept: &piece.Accept{Holes: true}}, nil)
	w.entry, w.file = 0, f
	if end, hole := w.extent(0, 64<<10); end != 64<<10 || hole {
		t.Fatalf("the first part ends at %d, a hole: %v", end, hole)
	}
	if err := f.Truncate(0); err != nil { // whoever asks again finds nothing but a hole
		t.Fatal(err)
	}
	if end, hole := w.extent(64<<10, 128<<10); end != 128<<10 || hole {
		t.Errorf("the second part ends at %d, a hole: %v: the file system was asked again", end, hole)
	}
	w.stretch = stretch{}
	if _, hole := w.extent(64<<10, 128<<10); !hole {
		t.Error("what is read again is not asked for")
	}
}
