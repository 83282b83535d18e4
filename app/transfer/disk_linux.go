package transfer

import (
	"os"

	"golang.org/x/sys/unix"
)

// freeSpace is how many bytes the disk of a folder has room for, -1 where that is not known.
func freeSpace(root *os.Root) int64 {
	var fs unix.Statfs_t
	dir, err := root.Open(".")
	if err != nil {
		return -1
	}
	defer dir.Close()
	if unix.Fstatfs(int(dir.Fd()), &fs) != nil {
		return -1
	}
	return int64(min(fs.Bavail, 1<<40)) * int64(fs.Bsize)
}
