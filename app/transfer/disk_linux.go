package transfer

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// syncAll brings all of a folder's file system to its disk. It is errors.ErrUnsupported where that cannot be asked for.
func syncAll(root *os.Root) error {
	dir, err := root.Open(".")
	if err != nil {
		return err
	}
	defer dir.Close()
	err = unix.Syncfs(int(dir.Fd()))
	if errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EINVAL) {
		return errors.ErrUnsupported
	}
	return err
}

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
