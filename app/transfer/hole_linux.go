package transfer

import (
	"errors"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// allocated is how many bytes of the disk a file takes, -1 where that is not known.
func allocated(info os.FileInfo) int64 {
	s, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return -1
	}
	return s.Blocks * 512 // of 512 bytes on every file system: inode(7)
}

// extent says where what begins at from in a file ends, at to at the latest, and whether it is a hole. Where the file system knows
// no holes all of it is data. It moves the file's position, which nobody else uses.
func extent(f *os.File, from, to int64) (end int64, hole bool) {
	data, err := f.Seek(from, unix.SEEK_DATA)
	switch {
	case errors.Is(err, unix.ENXIO): // there is no data any more
		return to, true
	case err != nil:
		return to, false
	case data >= to:
		return to, true
	case data-from >= leastHole:
		return data, true
	}
	end, err = f.Seek(data, unix.SEEK_HOLE)
	if err != nil || end > to {
		return to, false
	}
	return end, false
}
