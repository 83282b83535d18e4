package main

import (
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A sparse file that is larger than the whole disk is received where its data fits; one without holes is refused before anything is
// written.
func TestReceiveSparseFileLargerThanTheDisk(t *testing.T) {
	t.Parallel()
	x := newTransfers(t)
	from := t.TempDir()
	sparse, full := filepath.Join(from, "disk.img"), filepath.Join(from, "full.bin")
	f, err := os.Create(sparse)
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range []int64{0, 30_000_000, 99_000_000} {
		if _, err := f.WriteAt([]byte(strings.Repeat("data", 50_000)), at); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Truncate(100_000_000); err != nil {
		t.Fatal(err)
	}
	f.Close()
	fill(t, full, 5_000_000)

	s := x.send(sparse)
	out := x.onDisk(s.link(), 0)
	s.exits(0)
	if want := sum(t, sparse); !strings.Contains(out, want) {
		t.Errorf("what came is not %s: %s", want, out)
	}
	refused := x.send(full)
	if out := x.onDisk(refused.link(), 1); !strings.Contains(out, "there is no room for it here: it takes 5.0 MB more") {
		t.Errorf("the file without holes: %s", out)
	}
}

// onDisk receives into a file system of 4 MB, and gives what was said, and the sum of disk.img in it.
func (x *transfers) onDisk(link string, code int) string {
	x.t.Helper()
	to := x.t.TempDir()
	cmd := onSmallDisk(x.t, to, "receive", "--data", x.data, "--yes", "--to", to, link)
	for i, arg := range cmd.Args {
		if strings.HasPrefix(arg, "mount ") {
			cmd.Args[i] = `mount -t tmpfs -o size=4m tmpfs "$1" || exit 9; to=$1; shift; "$@"; code=$?; [ $code != 0 ] || sha256sum "$to/disk.img"; exit $code`
		}
	}
	cmd.Env = append(cmd.Env, "XDG_STATE_HOME="+x.state)
	out, err := cmd.CombinedOutput()
	if got := cmd.ProcessState.ExitCode(); got != code {
		x.t.Fatalf("exit %d, not %d (%v): %s", got, code, err, out)
	}
	return string(out)
}

// sum is the SHA-256 of a file.
func sum(t *testing.T, path string) string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%x", h.Sum(nil))
}
