//go:build unix

package transfer

import (
	"os"
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
