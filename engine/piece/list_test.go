package piece

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"runtime"
	"strings"
	"testing"
)

// draft makes a list of entries that are right.
func draft(t testing.TB, entries []Entry) *Manifest {
	t.Helper()
	m := Draft(KindFiles)
	for _, e := range entries {
		if err := m.Add(e); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

// scattered is a list with everything in it that an entry can have: folders in folders, long names and targets, changes of mode and time.
func scattered(n int) (entries []Entry) {
	random := rand.New(rand.NewPCG(1, 2))
	folders := []string{""}
	for i := range n {
		name := fmt.Sprintf("%s%s%d", folders[random.IntN(len(folders))], strings.Repeat("x", random.IntN(200)), i)
		e := Entry{Path: name, Mode: []uint32{0, 0o644, 0o4755}[random.IntN(3)], Time: random.Int64N(2*latest) - latest}
		switch random.IntN(4) {
		case 0:
			e.Kind = Folder
			if strings.Count(name, "/") < 20 && len(name) < 3000 {
				folders = append(folders, name+"/")
			}
		case 1:
			e.Kind, e.To = Symlink, strings.Repeat("a/", random.IntN(2000))+"b"
		default:
			e.Size = random.Int64N(MaxPiece * MaxPieces)
			e.Holes = random.Int64N(e.Size + 1)
		}
		if e.Kind == Symlink && len(folders) > 1 && !strings.Contains(name, "/") {
			e.Path = folders[1] + name // a link stands in a folder
		} else if e.Kind == Symlink && !strings.Contains(name, "/") {
			e.Kind, e.To = "", ""
		}
		entries = append(entries, e)
	}
	return entries
}

func TestListGivesBackWhatWasAdded(t *testing.T) {
	entries := scattered(3000)
	m := draft(t, entries)
	if m.Len() != len(entries) {
		t.Fatalf("%d entries of %d", m.Len(), len(entries))
	}
	for i, want := range entries {
		got := m.Entry(i)
		if got != want || m.Path(i) != want.Path || m.Size(i) != want.Size || m.IsFile(i) != want.IsFile() || m.Find(want.Path) != i {
			t.Fatalf("entry %d is %+v, not %+v", i, got, want)
		}
		folder, _, within := cutLast(want.Path)
		if parent := m.Parent(i); within && m.Path(parent) != folder || !within && parent != -1 {
			t.Fatalf("%q is in %d", want.Path, parent)
		}
	}
	for _, first := range []int{0, 1, blockEntries, 1234, len(entries)} {
		var rest []Entry
		for i, e := range m.From(first) {
			if i != first+len(rest) {
				t.Fatalf("%d comes after %d from %d on", i, len(rest), first)
			}
			rest = append(rest, e)
		}
		if len(rest) != len(entries)-first || len(rest) > 0 && !reflect.DeepEqual(rest, entries[first:]) {
			t.Errorf("from %d on: %d entries", first, len(rest))
		}
	}
	if m.Find("not there") != -1 {
		t.Error("found what is not there")
	}
}

func TestAMillionEntriesTakeLittleMemory(t *testing.T) {
	before := heap()
	m := Draft(KindFiles)
	for i := range MaxEntries {
		if err := m.Add(Entry{Path: fmt.Sprintf("file %d.txt", i), Size: int64(i % 900), Mode: 0o644, Time: 1763800000123 + int64(i)}); err != nil {
			t.Fatal(err)
		}
	}
	if took := heap() - before; took > 28<<20 {
		t.Errorf("%d MB", took>>20)
	}
	if err := m.Add(Entry{Path: "one more"}); !errors.Is(err, ErrOffer) {
		t.Errorf("one more: %v", err)
	}
	if i := m.Find("FILE 765432.txt"); i != 765432 {
		t.Errorf("found %d", i)
	}
}

func heap() int64 {
	var stats runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}

func TestNamesThatTakeTooMuchMemoryAreRefused(t *testing.T) {
	m := Draft(KindFiles)
	for i := range MaxEntries {
		err := m.Add(Entry{Path: fmt.Sprintf("%d%s", i, strings.Repeat("x", 240))})
		if err == nil {
			continue
		}
		if !errors.Is(err, ErrOffer) || !strings.Contains(err.Error(), "send an archive") || i < 150_000 {
			t.Errorf("after %d entries: %v", i, err)
		}
		return
	}
	t.Error("they were taken")
}

func TestSealSaysWhatIsListed(t *testing.T) {
	m := draft(t, []Entry{{Path: "d", Kind: Folder}, {Path: "d/a", Size: 5}, {Path: "b", Size: 7}})
	if err := m.Seal(Offer{ID: "x"}); err != nil || m.Finish() != nil {
		t.Fatal(err)
	}
	if o := m.Offer; o.Entries != 3 || o.Files != 2 || o.Bytes != 12 || o.Piece != 1<<20 || o.Kind != KindFiles {
		t.Errorf("%+v", o)
	}
	m = draft(t, []Entry{{Path: "a", Size: MinPiece*MaxPieces + 1}})
	if err := m.Seal(Offer{Piece: MinPiece}); !errors.Is(err, ErrOffer) {
		t.Errorf("too many pieces: %v", err)
	}
	if err := m.Seal(Offer{}); err != nil {
		t.Error(err)
	}
}

// Whatever is listed is what is read, or it was refused.
func FuzzList(f *testing.F) {
	f.Add("d", "d/a", "d/b", "to", int64(5), int64(1), uint32(0o644), int64(1763800000123))
	f.Add("é", "é/x", "z", "", int64(0), int64(0), uint32(0), int64(-1))
	f.Fuzz(func(t *testing.T, folder, a, b, to string, size, holes int64, mode uint32, time int64) {
		m := Draft(KindFiles)
		var taken []Entry
		for _, e := range []Entry{{Path: folder, Kind: Folder, Mode: mode}, {Path: a, Size: size, Holes: holes, Mode: mode, Time: time},
			{Path: b, Time: -time}, {Path: folder + "/l", Kind: Symlink, To: to}, {Path: folder + "/" + b, Size: holes}} {
			if m.Add(e) == nil {
				taken = append(taken, e)
			}
		}
		for i, want := range taken {
			if got := m.Entry(i); got != want || m.Find(want.Path) != i {
				t.Fatalf("%+v became %+v", want, got)
			}
		}
	})
}
