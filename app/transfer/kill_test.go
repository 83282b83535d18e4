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
	"sync"
	"testing"
	"time"

	"switchyard/engine/piece"
)

// copyTree copies a folder as a kill leaves it: two names of one file stay that.
func copyTree(t *testing.T, from, to string) {
	t.Helper()
	type copied struct {
		info fs.FileInfo
		path string
	}
	var linked []copied
	err := filepath.WalkDir(from, func(p string, d fs.DirEntry, err error) error {
		if err != nil || p == from {
			return err
		}
		rel, _ := filepath.Rel(from, p)
		target := filepath.Join(to, rel)
		info, err := d.Info()
		if err != nil {
			return err
		}
		if d.IsDir() {
			return os.Mkdir(target, info.Mode().Perm())
		}
		for _, c := range linked {
			if os.SameFile(c.info, info) {
				return os.Link(c.path, target)
			}
		}
		linked = append(linked, copied{info, target})
		b, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		return errors.Join(os.WriteFile(target, b, 0o600), os.Chmod(target, info.Mode().Perm()), os.Chtimes(target, info.ModTime(), info.ModTime()))
	})
	if err != nil {
		t.Error(err)
	}
}

// killing is a transfer to one folder that is broken off at each of its moments in turn.
type killing struct {
	t      *testing.T
	source func() *Source
	want   map[string]node // the folder in the end
}

// receive runs both ends until the sink is done. moment is called after each change of the folder, and before what is there is looked at,
// with what ends the way; it is nil for none.
func (k *killing) receive(sink *Sink, moment func(end func())) {
	k.t.Helper()
	sink.sync = func(*os.Root, []string) error { return nil } // a kill takes nothing back
	source := k.source()
	for way := 0; ; way++ {
		if way > 5 {
			k.t.Fatal("not there on the sixth way")
		}
		n := newNetwork(1)
		ctx, stop := context.WithCancelCause(k.t.Context())
		timer := time.AfterFunc(time.Minute, func() { stop(errors.New("it took more than a minute")) })
		at := func() {
			if moment != nil {
				moment(func() { stop(ErrWayLost) })
			}
		}
		sink.record.step = at
		sink.o.Notify = func(p Progress) {
			if p.Phase == Checking {
				at()
			}
		}
		sent := make(chan error, 1)
		go func() { sent <- source.Serve(k.t.Context(), n.sender(), nil) }()
		err := sink.Run(ctx, n.receiver())
		n.break_()
		<-sent
		timer.Stop()
		stop(nil)
		if err == nil {
			break
		}
		if !errors.Is(err, ErrWayLost) {
			k.t.Fatalf("way %d: %v", way, err)
		}
	}
	sink.record.step = nil
	_ = sink.Close()
}

// snapshots receives into a folder and gives copies of it at every moment. With endAt, which counts from 1, the way ends there, and the process
// goes on with another.
func (k *killing) snapshots(to string, endAt int) (copies []string) {
	k.t.Helper()
	var mu sync.Mutex // names are given in a goroutine of their own
	sink, err := NewSink(to, SinkOptions{Window: piece.MinWindow})
	if err != nil {
		k.t.Fatal(err)
	}
	k.receive(sink, func(end func()) {
		mu.Lock()
		defer mu.Unlock()
		at := k.t.TempDir()
		copyTree(k.t, to, at)
		copies = append(copies, at)
		if len(copies) == endAt {
			end()
		}
	})
	return copies
}

// after checks what another process makes of a folder.
func (k *killing) after(to, what string) {
	k.t.Helper()
	before := readTree(k.t, to)
	sink, err := NewSink(to, SinkOptions{Window: piece.MinWindow})
	if err != nil {
		k.t.Fatal(err)
	}
	k.receive(sink, nil)
	k.isWhole(to, what)
	if k.t.Failed() {
		k.t.Fatalf("%s: the folder was %s", what, names(before))
	}
}

func (k *killing) isWhole(to, what string) {
	k.t.Helper()
	got := readTree(k.t, to)
	if len(got) != len(k.want) {
		k.t.Errorf("%s: the folder has %s, want %s", what, names(got), names(k.want))
	}
	for name, n := range k.want {
		if g := got[name]; g.data != n.data || g.mode != n.mode || n.mode.IsRegular() && g.time != n.time {
			k.t.Errorf("%s: %s is not what it should be: %d bytes, %v, %d; want %d, %v, %d", what, name, len(g.data), g.mode, g.time, len(n.data), n.mode, n.time)
		}
	}
}

func names(tree map[string]node) string {
	var b strings.Builder
	for name, n := range tree {
		fmt.Fprintf(&b, "%s (%d) ", name, len(n.data))
	}
	return b.String()
}

// At whatever moment a process is killed, and whatever the end of a way before that did: the next one ends with the file whole, and with
// nothing beside it that was not there.
func TestKilledAtEveryMoment(t *testing.T) {
	const size = 3*piece.MinPiece + 5
	for name, c := range map[string]struct {
		file string // that is sent, below a folder of its own
		size int
		mode fs.FileMode
		here func(t *testing.T, k *killing, file, to string) (out string) // makes what is in the folder before; gives the file's name in the end
	}{
		"several pieces":           {file: "film", size: size},
		"one piece":                {file: "film", size: 1000},
		"empty":                    {file: "film"},
		"read-only":                {file: "film", size: size, mode: 0o444},
		"in a folder":              {file: "d/film", size: size},
		"a name that is ours":      {file: ".switchyard-x", size: size, here: func(*testing.T, *killing, string, string) string { return "switchyard-x (1)" }},
		"beside parts of the user": {file: "film", size: size, here: beside("film.part", "film.1.part")},
		"beside a file of the user": {file: "film", size: size, here: func(t *testing.T, k *killing, file, to string) string {
			put(t, filepath.Join(to, "film"), "mine")
			return "film (1)"
		}},
		"beside one that is alike": {file: "film", size: size, here: func(t *testing.T, k *killing, file, to string) string {
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			b[0] ^= 1
			b[len(b)-1] ^= 1
			put(t, filepath.Join(to, "film"), string(b))
			return "film (1)"
		}},
		"with two parts": {file: "film", size: size, here: func(t *testing.T, k *killing, file, to string) string {
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			info, err := os.Stat(file)
			if err != nil {
				t.Fatal(err)
			}
			put(t, filepath.Join(to, "film.part"), string(b[:piece.MinPiece+7]))
			put(t, filepath.Join(to, "film.3.part"), string(b[:2*piece.MinPiece+7]))
			of := began{"ONE", info.Size(), info.ModTime().UnixMilli(), made}
			put(t, filepath.Join(to, recordFile), of.line("film.part")+of.line("film.3.part"))
			return "film"
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir, base := t.TempDir(), t.TempDir()
			file := filepath.Join(dir, c.file)
			write(t, file, c.size, rand.New(rand.NewPCG(51, 1)))
			if c.mode != 0 {
				if err := os.Chmod(file, c.mode); err != nil {
					t.Fatal(err)
				}
			}
			top, _, _ := strings.Cut(c.file, "/")
			k := &killing{t: t, source: func() *Source {
				return newSource(t, SourceOptions{ID: "ONE", Piece: piece.MinPiece, NoPack: true}, filepath.Join(dir, top))
			}}
			out := c.file
			if c.here != nil {
				out = c.here(t, k, file, base)
			}
			k.want = readTree(t, dir)
			for name, n := range readTree(t, base) {
				if name != recordFile && (name != "film.part" || n.data == "mine") && name != "film.3.part" {
					k.want[name] = n
				}
			}
			if out != c.file {
				k.want[out] = readTree(t, dir)[c.file]
				if _, here := readTree(t, base)[c.file]; !here {
					delete(k.want, c.file)
				}
			}
			fresh := func() string {
				to := t.TempDir()
				copyTree(t, base, to)
				return to
			}
			to := fresh()
			copies := k.snapshots(to, 0)
			k.isWhole(to, "never killed")
			if len(copies) < 8 {
				t.Errorf("only %d moments", len(copies))
			}
			kills := 0
			for i, at := range copies {
				k.after(at, fmt.Sprintf("killed at moment %d", i+1))
			}
			for i := range copies {
				to := fresh()
				for j, at := range k.snapshots(to, i+1) {
					kills++
					k.after(at, fmt.Sprintf("way ended at moment %d, killed at %d", i+1, j+1))
				}
				k.isWhole(to, fmt.Sprintf("way ended at moment %d", i+1))
			}
			t.Logf("%d moments, %d kills after the end of a way", len(copies), kills)
		})
	}
}

// beside puts files of the user's into the folder.
func beside(names ...string) func(*testing.T, *killing, string, string) string {
	return func(t *testing.T, k *killing, file, to string) string {
		for _, name := range names {
			put(t, filepath.Join(to, name), "mine")
		}
		return filepath.Base(file)
	}
}
