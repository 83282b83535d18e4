//go:build unix

package transfer

import (
	"errors"

	"golang.org/x/sys/unix"
)

// isFull says whether an error means that the disk, or the user's share of it, is full.
func isFull(err error) bool {
	return errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT)
}
