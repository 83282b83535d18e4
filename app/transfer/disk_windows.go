package transfer

import (
	"errors"
	"os"

	"golang.org/x/sys/windows"
)

// syncOf brings a file to the disk, which needs write access to it: names are brought there by the system itself.
func syncOf(f *os.File) error {
	if err := f.Sync(); !errors.Is(err, windows.ERROR_ACCESS_DENIED) && !errors.Is(err, windows.ERROR_INVALID_HANDLE) {
		return err
	}
	return nil
}

// isFull says whether an error means that the disk is full.
func isFull(err error) bool { return errors.Is(err, windows.ERROR_DISK_FULL) }
