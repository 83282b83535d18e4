//go:build !linux

package transfer

import (
	"errors"
	"os"
)

// syncAll is what only Linux has: bringing all of a file system to its disk, and saying whether that went well.
func syncAll(*os.Root) error { return errors.ErrUnsupported }

// freeSpace is how many bytes the disk of a folder has room for, -1 where that is not known.
func freeSpace(*os.Root) int64 { return -1 }
