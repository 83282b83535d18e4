package transfer

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"switchyard/engine/piece"
)

func TestPatterns(t *testing.T) {
	for _, c := range []struct {
		pattern, path string
		want          bool
	}{
		{"*.jpg", "a.jpg", true}, {"*.jpg", "holiday/deep/a.jpg", true}, {"*.jpg", "a.jpg/b", false}, {"*.jpg", "a.JPG", false},
		{"a", "b/a", true}, {"a", "ab", false}, {"/a", "a", true}, {"/a", "b/a", false}, {"b/a", "b/a", true}, {"b/a", "c/b/a", false},
		{"b/", "b", true}, {"./b/*", "b/c", true}, {"b/*", "b/c/d", false}, {"b/**", "b/c/d", true}, {"b/**/d", "b/d", true},
		{"b/**/d", "b/x/y/d", true}, {"**/d", "d", true}, {"photo?.[jp]*", "photo1.png", true}, {"photo?.[jp]*", "photo1.gif", false},
		{"*", "anything", true}, {"u\u0308.txt", "ü.txt", true},
	} {
		p, err := parsePattern(c.pattern)
		if err != nil || p.matches(c.path) != c.want {
			t.Errorf("%q matches %q: %v, %v", c.pattern, c.path, !c.want, err)
		}
	}
	for _, bad := range []string{"", "/", "./", "[a", "a/[", `a\`} {
		if err := CheckPattern(bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

func FuzzPattern(f *testing.F) {
	f.Add("*.jpg", "holiday/a.jpg")
	f.Add("b/**/[a-z]?", "b/c/xy")
	f.Add("**/**/**", "a/b/c")
	f.Fuzz(func(t *testing.T, text, path string) {
		if len(text) > 40 || len(path) > 40 {
			return // a user's own many ** take their time
		}
		if p, err := parsePattern(text); err == nil {
			p.matches(path)
		}
	})
}

// offered counts the entries whose data goes to the sink.
func offered(lanes int) (*network, map[uint32]bool) {
	n, seen := newNetwork(lanes), make(map[uint32]bool)
	n.tamper = func(_ int, toSink bool, m []byte) []byte {
		if d, err := piece.ParseData(m); toSink && err == nil {
			seen[d.Entry] = true
		}
		return m
	}
	return n, seen
}

func TestOnlyWhatIsChosenComes(t *testing.T) {
	r := rand.New(rand.NewPCG(21, 1))
	dir := holiday(t, r)
	source := newSource(t, SourceOptions{Piece: piece.MinPiece, NoPack: true}, dir)
	to := t.TempDir()
	var last, told Progress
	var seen *Offer
	sink := newSink(t, to, SinkOptions{Only: []string{"00?.txt", "holiday/deep"}, Notify: func(p Progress) { last = p },
		Ask: func(_ context.Context, o *Offer) error { seen = o; return nil }})
	n, entries := offered(1)
	done := make(chan error, 1)
	go func() { done <- source.Serve(t.Context(), n.sender(), func(p Progress) { told = p }) }()
	if err := sink.Run(t.Context(), n.receiver()); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	want := readTree(t, filepath.Dir(dir))
	for path := range want {
		in := path == "holiday" || path == "holiday/many" || strings.HasPrefix(path, "holiday/deep") || strings.HasPrefix(path, "holiday/many/00")
		if !in {
			delete(want, path)
		}
	}
	sameTree(t, want, readTree(t, to))
	if len(entries) > 11 {
		t.Errorf("data of %d files was sent, 11 were wanted", len(entries))
	}
	if seen == nil || seen.Wanted.Files != 11 || seen.Wanted.Files == seen.Files {
		t.Errorf("the user was asked for %+v", seen)
	}
	for who, p := range map[string]Progress{"receiver": last, "sender": told} {
		if p.Phase != Done || p.Files != 11 || p.FilesDone != 11 || p.Verified != p.Bytes || p.Bytes != seen.Wanted.Bytes {
			t.Errorf("the %s's last progress: %+v", who, p)
		}
	}
}

// A choice of every other file of thousands does not fit into one message.
func TestScatteredChoice(t *testing.T) {
	dir, to := t.TempDir(), t.TempDir()
	const files = 3 * piece.MaxSkips
	for i := range files {
		put(t, filepath.Join(dir, "d", fmt.Sprintf("%05d.%d", i, i%2)), "x")
	}
	source := newSource(t, SourceOptions{}, filepath.Join(dir, "d"))
	mustPass(t, newNetwork(1), source, newSink(t, to, SinkOptions{Only: []string{"*.1"}}))
	if got := readTree(t, to); len(got) != files/2+1 {
		t.Errorf("%d entries came", len(got))
	}
	source.manifest.Offer.Knows = nil // an older sender
	sent, received := pass(t, newNetwork(1), source, newSink(t, t.TempDir(), SinkOptions{Only: []string{"*.1"}}))
	if sent == nil || received == nil || !strings.Contains(received.Error(), "too scattered") {
		t.Errorf("an older sender: %v, receiver %v", sent, received)
	}
}

func TestChoiceOfNothingAndLookingAreNoRefusal(t *testing.T) {
	dir, to := t.TempDir(), t.TempDir()
	put(t, filepath.Join(dir, "d/a.txt"), "x")
	source := newSource(t, SourceOptions{}, filepath.Join(dir, "d"))
	for name, o := range map[string]SinkOptions{
		"a choice of nothing": {Only: []string{"a.txt", "*.png"}},
		"a look":              {Ask: func(context.Context, *Offer) error { return ErrLooked }},
	} {
		sent, received := pass(t, newNetwork(1), source, newSink(t, to, o))
		d, _ := errors.AsType[*Declined](received)
		if later(sent) == "" || d == nil || !d.Later || len(readTree(t, to)) != 0 {
			t.Errorf("%s: sender %v, receiver %v", name, sent, received)
		}
		if o.Only != nil && !strings.Contains(received.Error(), `"*.png"`) {
			t.Errorf("what matched nothing is not named: %v", received)
		}
	}
	if mustPass(t, newNetwork(1), source, newSink(t, to, SinkOptions{})); len(readTree(t, to)) != 2 {
		t.Error("it did not come after all")
	}
}

// What was chosen before is chosen when the transfer goes on: on the next way, and of a source whose files are here in part.
func TestChosenFilesGoOnAfterABreak(t *testing.T) {
	r := rand.New(rand.NewPCG(22, 1))
	dir, to := t.TempDir(), t.TempDir()
	write(t, filepath.Join(dir, "d/film"), 2<<20, r)
	write(t, filepath.Join(dir, "d/other"), 2<<20, r)
	source := newSource(t, SourceOptions{Piece: piece.MinPiece, NoPack: true}, filepath.Join(dir, "d"))
	sink := newSink(t, to, SinkOptions{Only: []string{"film"}})
	n := newNetwork(2)
	n.left.Store(30)
	if _, err := pass(t, n, source, sink); !errors.Is(err, ErrWayLost) {
		t.Fatalf("the cut gave %v", err)
	}
	mustPass(t, newNetwork(2), source, sink)
	if _, err := os.Stat(filepath.Join(to, "d/other")); err == nil || readTree(t, to)["d/film"].data != readTree(t, dir)["d/film"].data {
		t.Error("another file came, or not the one that was chosen")
	}
}

func TestHostileChoice(t *testing.T) {
	for name, say := range map[string][]piece.Control{
		"backwards":       {piece.Skip{Skip: [][2]int{{2, 1}}}, piece.Skip{Skip: [][2]int{{0, 1}}}},
		"twice":           {piece.Skip{Skip: [][2]int{{0, 2}}}, piece.Accept{Window: piece.MinWindow, Skip: [][2]int{{1, 1}}}},
		"beyond":          {piece.Skip{Skip: [][2]int{{2, 9}}}},
		"overflow":        {piece.Skip{Skip: [][2]int{{1, 1<<63 - 1}}}},
		"less than none":  {piece.Skip{Skip: [][2]int{{1, -1}}}},
		"late":            {piece.Accept{Window: piece.MinWindow}, piece.Skip{}},
		"more bytes":      {piece.Accept{Window: piece.MinWindow, Wanted: &piece.Wanted{Files: 1, Bytes: 1 << 40}}},
		"less than files": {piece.Accept{Window: piece.MinWindow, Wanted: &piece.Wanted{Files: -1}}},
	} {
		dir := t.TempDir()
		for _, f := range []string{"a", "b", "c"} {
			put(t, filepath.Join(dir, f), f)
		}
		source := newSource(t, SourceOptions{}, filepath.Join(dir, "a"), filepath.Join(dir, "b"), filepath.Join(dir, "c"))
		n := newNetwork(1)
		done := make(chan error, 1)
		go func() { done <- source.Serve(t.Context(), n.sender(), nil) }()
		lane, err := n.receiver().Accept(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range say {
			if err := lane.Send(t.Context(), piece.AppendControl(nil, c)); err != nil {
				break
			}
		}
		if err := <-done; !errors.As(err, new(errProtocol)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestNoPlaceForItIsNoRefusal(t *testing.T) {
	dir, to := t.TempDir(), filepath.Join(t.TempDir(), "gone")
	put(t, filepath.Join(dir, "d/a.txt"), "x")
	put(t, filepath.Join(to, "before"), "")
	sink := newSink(t, to, SinkOptions{})
	if err := os.RemoveAll(to); err != nil {
		t.Fatal(err)
	}
	sent, received := pass(t, newNetwork(1), newSource(t, SourceOptions{}, filepath.Join(dir, "d")), sink)
	d, _ := errors.AsType[*Declined](received)
	if later(sent) == "" || d == nil || strings.Contains(received.Error(), "mkdir") {
		t.Errorf("sender %v, receiver %v", sent, received)
	}
}
