package transfer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"switchyard/engine/piece"
)

// counting is a network that counts the bytes of data that go to the sink.
func counting(lanes int) (*network, *atomic.Int64) {
	n, bytes := newNetwork(lanes), new(atomic.Int64)
	n.tamper = func(_ int, toSink bool, m []byte) []byte {
		if toSink && (m[0] == piece.KindData || m[0] == piece.KindPacked) {
			bytes.Add(int64(len(m)))
		}
		return m
	}
	return n, bytes
}

func TestKilledReceiverGoesOnWhereItWas(t *testing.T) {
	dir, to := t.TempDir(), t.TempDir()
	const size = 4 << 20
	write(t, filepath.Join(dir, "film"), size, rand.New(rand.NewPCG(1, 1)))
	source := newSource(t, SourceOptions{Piece: piece.MinPiece}, filepath.Join(dir, "film"))
	n, first := counting(2)
	n.left.Store(50)
	killed := newSink(t, to, SinkOptions{})
	if _, err := pass(t, n, source, killed); !errors.Is(err, ErrWayLost) {
		t.Fatalf("the cut gave %v", err)
	}
	_ = killed.Close()
	if _, err := os.Stat(filepath.Join(to, "film.part")); err != nil {
		t.Fatal(err)
	}
	n, second := counting(2)
	mustPass(t, n, source, newSink(t, to, SinkOptions{}))
	sameTree(t, readTree(t, dir), readTree(t, to))
	// Two lanes may each lose the piece that they were at, and what lay on the way.
	if again := first.Load() + second.Load() - size; first.Load() < size/4 || again > size/2 {
		t.Errorf("%d and %d bytes were sent for %d", first.Load(), second.Load(), size)
	}
}

func TestFileThatIsThereIsNotSentAgain(t *testing.T) {
	dir := holiday(t, rand.New(rand.NewPCG(3, 1)))
	to := t.TempDir()
	source := newSource(t, SourceOptions{Piece: piece.MinPiece}, dir)
	mustPass(t, newNetwork(1), source, newSink(t, to, SinkOptions{}))
	n, sent := counting(1)
	mustPass(t, n, newSource(t, SourceOptions{Piece: piece.MinPiece}, dir), newSink(t, to, SinkOptions{}))
	if sent.Load() != 0 {
		t.Errorf("%d bytes were sent of what was there", sent.Load())
	}
	sameTree(t, readTree(t, filepath.Dir(dir)), readTree(t, to))
}

func TestCrashBetweenTheTwoNames(t *testing.T) {
	dir, to := t.TempDir(), t.TempDir()
	write(t, filepath.Join(dir, "film"), 100_000, rand.New(rand.NewPCG(12, 1)))
	source := newSource(t, SourceOptions{}, filepath.Join(dir, "film"))
	first := newSink(t, to, SinkOptions{})
	mustPass(t, newNetwork(1), source, first)
	_ = first.Close()
	if err := os.Link(filepath.Join(to, "film"), filepath.Join(to, "film.part")); err != nil {
		t.Fatal(err)
	}
	n, sent := counting(1)
	again, err := NewSink(to, SinkOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	mustPass(t, n, source, again)
	if sent.Load() != 0 {
		t.Errorf("%d bytes were sent again", sent.Load())
	}
	sameTree(t, readTree(t, dir), readTree(t, to))
}

func TestOtherFileOfTheNameIsLeftAlone(t *testing.T) {
	dir, to := t.TempDir(), t.TempDir()
	r := rand.New(rand.NewPCG(9, 1))
	for _, size := range []int{5, 5 * piece.MinPiece} {
		name := fmt.Sprintf("photo%d.jpg", size)
		write(t, filepath.Join(dir, name), size, r)
		// One byte differs, in the last piece.
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		b[len(b)-1] ^= 1
		put(t, filepath.Join(to, name), string(b))
	}
	put(t, filepath.Join(dir, "short.tar.gz"), "what is sent")
	put(t, filepath.Join(to, "short.tar.gz"), "mine")
	put(t, filepath.Join(to, "short (1).tar.gz"), "mine, too")
	before := readTree(t, to)
	var where []string
	source := newSource(t, SourceOptions{Piece: piece.MinPiece}, filepath.Join(dir, "photo5.jpg"),
		filepath.Join(dir, fmt.Sprintf("photo%d.jpg", 5*piece.MinPiece)), filepath.Join(dir, "short.tar.gz"))
	n, sent := counting(1)
	mustPass(t, n, source, newSink(t, to, SinkOptions{Saved: func(_, w string) { where = append(where, w) }}))
	after, want := readTree(t, to), readTree(t, dir)
	for path, b := range before {
		if after[path] != b {
			t.Errorf("%s was touched", path)
		}
	}
	for got, name := range map[string]string{"photo5 (1).jpg": "photo5.jpg", "photo327680 (1).jpg": "photo327680.jpg", "short (2).tar.gz": "short.tar.gz"} {
		if after[got].data != want[name].data {
			t.Errorf("%s is not what was sent", got)
		}
	}
	if len(after) != len(before)+3 || len(where) != 3 {
		t.Errorf("%d files, told of %q", len(after), where)
	}
	if sent.Load() > 2*piece.MinPiece {
		t.Errorf("%d bytes were sent though four pieces of five are the same", sent.Load())
	}
}

func TestFileInPlaceOfAFolder(t *testing.T) {
	dir, to := t.TempDir(), t.TempDir()
	put(t, filepath.Join(dir, "a/b/c"), "sent")
	put(t, filepath.Join(to, "a"), "a file")
	mustPass(t, newNetwork(1), newSource(t, SourceOptions{}, filepath.Join(dir, "a")), newSink(t, to, SinkOptions{}))
	if got := readTree(t, to); got["a"].data != "a file" || got["a (1)/b/c"].data != "sent" {
		t.Errorf("%v", got)
	}
}

func TestPartOfOneIsTheNameOfAnother(t *testing.T) {
	dir, to := t.TempDir(), t.TempDir()
	for _, name := range []string{"a", "a.part", "a.part.part", "a.1", "a.1.part", strings.Repeat("ä", 125)} {
		put(t, filepath.Join(dir, "d", name), "content of "+name)
	}
	mustPass(t, newNetwork(1), newSource(t, SourceOptions{}, filepath.Join(dir, "d")), newSink(t, to, SinkOptions{}))
	sameTree(t, readTree(t, dir), readTree(t, to))
}

func TestLinkInTheFolderLeadsNobodyOut(t *testing.T) {
	dir, to, outside := t.TempDir(), t.TempDir(), t.TempDir()
	put(t, filepath.Join(dir, "d/file"), "sent")
	if err := os.Symlink(outside, filepath.Join(to, "d")); err != nil {
		t.Fatal(err)
	}
	sent, received := pass(t, newNetwork(1), newSource(t, SourceOptions{}, filepath.Join(dir, "d")), newSink(t, to, SinkOptions{}))
	if len(readTree(t, outside)) != 0 {
		t.Fatalf("something was written outside (sender %v, receiver %v)", sent, received)
	}
	if got := readTree(t, to); received == nil && got["d (1)/file"].data != "sent" {
		t.Errorf("%v", got)
	}
}

func TestPlantedPartLeadsNobodyOut(t *testing.T) {
	dir, to := t.TempDir(), t.TempDir()
	victim := filepath.Join(t.TempDir(), "victim")
	put(t, victim, "")
	put(t, filepath.Join(dir, "file"), "sent")
	if err := os.Symlink(victim, filepath.Join(to, "file.part")); err != nil {
		t.Fatal(err)
	}
	_, _ = pass(t, newNetwork(1), newSource(t, SourceOptions{}, filepath.Join(dir, "file")), newSink(t, to, SinkOptions{}))
	if b, _ := os.ReadFile(victim); len(b) != 0 {
		t.Fatal("the link was followed")
	}
}

func TestSymbolicLinksNeedBothEnds(t *testing.T) {
	dir := t.TempDir()
	put(t, filepath.Join(dir, "d/sub/file"), "x")
	for name, to := range map[string]string{"d/link": "sub/file", "d/sub/up": "../sub"} {
		if err := os.Symlink(to, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	without := newSource(t, SourceOptions{}, filepath.Join(dir, "d"))
	if len(without.LeftOut()) != 2 || without.Offer().Entries != 3 {
		t.Errorf("left out: %q of %+v", without.LeftOut(), without.Offer())
	}
	with := newSource(t, SourceOptions{Links: true}, filepath.Join(dir, "d"))
	to := t.TempDir()
	sent, received := pass(t, newNetwork(1), with, newSink(t, to, SinkOptions{}))
	if !errors.Is(received, piece.ErrName) || sent == nil || !strings.Contains(sent.Error(), "symbolic link") || len(readTree(t, to)) != 0 {
		t.Errorf("receiver that takes no links: %v, sender %v", received, sent)
	}
	mustPass(t, newNetwork(1), with, newSink(t, to, SinkOptions{Links: true}))
	got, want := readTree(t, to), readTree(t, dir)
	for _, name := range []string{"d/link", "d/sub/up"} {
		got[name] = node{got[name].mode, 0, got[name].data}
	}
	sameTree(t, want, got)
}

func TestSeveralReceiversOfOneSource(t *testing.T) {
	dir := holiday(t, rand.New(rand.NewPCG(4, 1)))
	source := newSource(t, SourceOptions{Piece: piece.MinPiece}, dir)
	done := make(chan error, 6)
	var folders []string
	for i := range 3 {
		to, n := t.TempDir(), newNetwork(1+i)
		folders = append(folders, to)
		sink := newSink(t, to, SinkOptions{})
		go func() { done <- source.Serve(t.Context(), n.sender(), nil) }()
		go func() { done <- sink.Run(t.Context(), n.receiver()) }()
	}
	for range 6 {
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	for _, to := range folders {
		sameTree(t, readTree(t, filepath.Dir(dir)), readTree(t, to))
	}
}

// Two programs receive files of one name into one folder: neither writes into what the other one is at.
func TestTwoReceiversInOneFolder(t *testing.T) {
	to := t.TempDir()
	done := make(chan error, 4)
	var want []string
	for i := range 2 {
		path := filepath.Join(t.TempDir(), "film")
		write(t, path, 2<<20, rand.New(rand.NewPCG(11, uint64(i))))
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, string(b))
		source, sink, n := newSource(t, SourceOptions{Piece: piece.MinPiece}, path), newSink(t, to, SinkOptions{}), newNetwork(2)
		go func() { done <- source.Serve(t.Context(), n.sender(), nil) }()
		go func() { done <- sink.Run(t.Context(), n.receiver()) }()
	}
	for range 4 {
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	tree := readTree(t, to)
	one, two := tree["film"].data, tree["film (1)"].data
	if len(tree) != 2 || (one != want[0] || two != want[1]) && (one != want[1] || two != want[0]) {
		t.Errorf("%d files of %d and %d bytes, or of other bytes", len(tree), len(one), len(two))
	}
}

func TestTextIsShownAndNotKept(t *testing.T) {
	source, err := NewText("so long, and thanks", SourceOptions{})
	if err != nil {
		t.Fatal(err)
	}
	to, got := t.TempDir(), ""
	mustPass(t, newNetwork(1), source, newSink(t, to, SinkOptions{Text: func(s string) { got = s }}))
	if got != "so long, and thanks" || len(readTree(t, to)) != 0 {
		t.Errorf("%q, %v", got, readTree(t, to))
	}
	sent, received := pass(t, newNetwork(1), source, newSink(t, to, SinkOptions{}))
	var declined *Declined
	var cancelled *Cancelled
	if !errors.As(received, &declined) || !errors.As(sent, &cancelled) {
		t.Errorf("where no texts are taken: receiver %v, sender %v", received, sent)
	}
}

func TestStandardInputToOutput(t *testing.T) {
	content := make([]byte, 3<<20+17)
	r := rand.New(rand.NewPCG(5, 1))
	for i := range content {
		content[i] = byte(r.Uint32())
	}
	clear(content[1<<20 : 2<<20]) // zeros need no disk, but come out
	source, err := NewSpool(bytes.NewReader(content), "backup.tar", SourceOptions{Piece: piece.MinPiece})
	if err != nil {
		t.Fatal(err)
	}
	to := t.TempDir()
	var got bytes.Buffer
	sink := newSink(t, to, SinkOptions{Out: &got})
	n := newNetwork(3)
	n.left.Store(40)
	for run := 0; ; run++ {
		if _, err := pass(t, n, source, sink); err == nil {
			break
		} else if !errors.Is(err, ErrWayLost) || run > 20 {
			t.Fatal(err)
		}
		n = newNetwork(3)
		n.left.Store(40)
	}
	if !bytes.Equal(got.Bytes(), content) {
		t.Errorf("%d bytes came out, %d went in, or others", got.Len(), len(content))
	}
	if left := readTree(t, to); len(left) != 0 {
		t.Errorf("left behind: %d", len(left))
	}
	temp := source.temp
	if err := source.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(temp); err == nil {
		t.Error("what was spooled is left")
	}
	dir := t.TempDir()
	put(t, filepath.Join(dir, "d/x"), "x")
	_, err = pass(t, newNetwork(1), newSource(t, SourceOptions{}, filepath.Join(dir, "d")), newSink(t, to, SinkOptions{Out: &got}))
	var declined *Declined
	if !errors.As(err, &declined) {
		t.Errorf("a folder to the output: %v", err)
	}
}

func TestUserDeclinesAndUserCancels(t *testing.T) {
	dir, to := t.TempDir(), t.TempDir()
	write(t, filepath.Join(dir, "file"), 8<<20, rand.New(rand.NewPCG(6, 1)))
	source := newSource(t, SourceOptions{}, filepath.Join(dir, "file"))
	sent, received := pass(t, newNetwork(1), source, newSink(t, to, SinkOptions{Ask: func(context.Context, *Offer) error { return errors.New("not now") }}))
	var declined *Declined
	var cancelled *Cancelled
	if !errors.As(received, &declined) || !errors.As(sent, &cancelled) || cancelled.Reason != "not now" || len(readTree(t, to)) != 0 {
		t.Errorf("declined: receiver %v, sender %v", received, sent)
	}
	ctx, stop := context.WithCancelCause(t.Context())
	n := newNetwork(1)
	done := make(chan error, 1)
	go func() { done <- source.Serve(ctx, n.sender(), nil) }()
	sink := newSink(t, to, SinkOptions{Ask: func(context.Context, *Offer) error {
		stop(errors.New("dinner is ready"))
		return nil
	}})
	received = sink.Run(t.Context(), n.receiver())
	if !errors.As(received, &cancelled) || cancelled.Reason != "dinner is ready" {
		t.Errorf("cancelled by the sender: receiver %v, sender %v", received, <-done)
	}
}

func TestFileChangesWhileItIsSent(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "log")
	for name, change := range map[string]func() error{
		"grows":    func() error { return os.WriteFile(path, make([]byte, 200_000), 0o644) },
		"shrinks":  func() error { return os.Truncate(path, 10) },
		"vanishes": func() error { return os.Remove(path) },
	} {
		t.Run(name, func(t *testing.T) {
			to := t.TempDir()
			put(t, path, strings.Repeat("line\n", 30_000))
			source := newSource(t, SourceOptions{Piece: piece.MinPiece}, path)
			sink := newSink(t, to, SinkOptions{Ask: func(context.Context, *Offer) error { return change() }})
			sent, received := pass(t, newNetwork(1), source, sink)
			var remote *RemoteError
			if sent == nil || !strings.Contains(sent.Error(), "log") || !errors.As(received, &remote) || strings.Contains(remote.Text, dir) {
				t.Errorf("sender %v, receiver %v", sent, received)
			}
			if _, err := os.Stat(filepath.Join(to, "log")); err == nil {
				t.Error("it has its name though it is not whole")
			}
		})
	}
}

func TestWhatCompressesIsCompressed(t *testing.T) {
	dir, to := t.TempDir(), t.TempDir()
	put(t, filepath.Join(dir, "d/text"), strings.Repeat("all work and no play\n", 100_000))
	put(t, filepath.Join(dir, "d/small"), strings.Repeat("dull ", 300))
	write(t, filepath.Join(dir, "d/noise"), 1<<20, rand.New(rand.NewPCG(8, 1)))
	n, sent := counting(1)
	mustPass(t, n, newSource(t, SourceOptions{Piece: piece.MinPiece, Limit: 4 << 20}, filepath.Join(dir, "d")), newSink(t, to, SinkOptions{}))
	sameTree(t, readTree(t, dir), readTree(t, to))
	if sent.Load() > 1<<20+200_000 {
		t.Errorf("%d bytes were sent for 1 MiB of noise and 2 MB of one line", sent.Load())
	}
}

func TestTenThousandSmallFiles(t *testing.T) {
	dir, to := t.TempDir(), t.TempDir()
	for i := range 10_000 {
		put(t, filepath.Join(dir, "d", fmt.Sprint(i%100), fmt.Sprint(i)), fmt.Sprint("file ", i))
	}
	begin := time.Now()
	mustPass(t, newNetwork(1), newSource(t, SourceOptions{}, filepath.Join(dir, "d")), newSink(t, to, SinkOptions{}))
	t.Logf("10,000 files in %v", time.Since(begin))
	got := readTree(t, to)
	if len(got) != 10_101 || got["d/99/9999"].data != "file 9999" {
		t.Errorf("%d entries", len(got))
	}
}
