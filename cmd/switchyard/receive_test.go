package main

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
)

// Who looks at a list takes nothing, and may come for a part of it, in any folder; the rest is not sent.
func TestListThenOnly(t *testing.T) {
	x := newTransfers(t)
	from, to := t.TempDir(), t.TempDir()
	for _, name := range []string{"d/a.jpg", "d/b.txt", "d/in/c.jpg", "d/in/d.txt"} {
		fill(t, filepath.Join(from, name), 10_000)
	}
	s := x.send(filepath.Join(from, "d"))
	look := x.receive(to, "--list", s.link())
	look.exits(0)
	for _, line := range []string{"10 kB  d/a.jpg", "d/in/\n", "10 kB  d/in/d.txt"} {
		if !strings.Contains(look.stdout.String(), line) {
			t.Errorf("no %q in %q", line, look.stdout.String())
		}
	}
	s.says("looked at what is offered")
	if left := tree(t, to); len(left) != 0 {
		t.Errorf("looking left %v", left)
	}
	look = x.receive(to, "--list", "--json", "--only", "*.jpg", s.link())
	look.exits(0)
	var paths []string
	for line := range strings.Lines(look.stdout.String()) {
		var e struct{ Type, Path, Kind string }
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		if e.Type == "entry" && e.Kind == "file" {
			paths = append(paths, e.Path)
		}
	}
	if strings.Join(paths, " ") != "d/a.jpg d/in/c.jpg" {
		t.Errorf("listed %q", paths)
	}
	none := x.receive(to, "--only", "*.gif", s.link())
	none.exits(1)
	if !strings.Contains(none.stderr.String(), `nothing that is offered matches "*.gif"`) || strings.Contains(s.stderr.String(), "did not get it") {
		t.Errorf("receiver %q, sender %q", none.stderr.String(), s.stderr.String())
	}
	r := x.receive(to, "--only", "*.jpg", s.link())
	r.exits(0)
	s.exits(0)
	got := tree(t, to)
	for name := range got {
		if strings.HasSuffix(name, ".txt") {
			t.Errorf("%s came", name)
		}
	}
	if len(got) != 4 || !strings.Contains(r.stderr.String(), "Of that you take 2 files, 20 kB") {
		t.Errorf("%d entries came: %q", len(got), r.stderr.String())
	}
}

// One file of several can go to a pipe.
func TestOnlyToStandardOutput(t *testing.T) {
	x := newTransfers(t)
	from := t.TempDir()
	fill(t, filepath.Join(from, "d/a"), 100_000)
	fill(t, filepath.Join(from, "d/b"), 100_000)
	s := x.send(filepath.Join(from, "d"))
	r := x.receive("-", s.link())
	r.exits(1)
	if !strings.Contains(r.stderr.String(), "--only") {
		t.Errorf("two files to a pipe: %q", r.stderr.String())
	}
	r = x.receive("-", "--only", "b", s.link())
	r.exits(0)
	s.exits(0)
	if len(r.stdout.String()) != 100_000 {
		t.Errorf("%d bytes came out", len(r.stdout.String()))
	}
}
