//go:build unix

package transfer

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// diskUse is how many bytes of disk a file takes.
func diskUse(t *testing.T, path string) int64 {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Sys().(*syscall.Stat_t).Blocks * 512
}

func TestSparseFileStaysSparse(t *testing.T) {
	dir, to := t.TempDir(), t.TempDir()
	path := filepath.Join(dir, "disk.img")
	put(t, path, "begin")
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err1 := f.WriteAt([]byte("middle"), 5<<20)
	if err := errors.Join(err1, f.Truncate(20<<20), f.Close()); err != nil {
		t.Fatal(err)
	}
	mustPass(t, newNetwork(2), newSource(t, SourceOptions{NoPack: true}, path), newSink(t, to, SinkOptions{}))
	sameTree(t, readTree(t, dir), readTree(t, to))
	if used := diskUse(t, filepath.Join(to, "disk.img")); used > 1<<20 {
		t.Errorf("20 MiB of almost only zeros take %d bytes of disk", used)
	}
}
