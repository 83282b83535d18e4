package transfer

import (
	"errors"

	"golang.org/x/sys/windows"
)

// isFull says whether an error means that the disk is full.
func isFull(err error) bool { return errors.Is(err, windows.ERROR_DISK_FULL) }
