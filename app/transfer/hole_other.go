//go:build !linux

package transfer

import "os"

// extent takes all of a file for data: holes are not looked for here.
func extent(_ *os.File, _, to int64) (end int64, hole bool) { return to, false }

// allocated is how many bytes of the disk a file takes, -1 where that is not known, as here.
func allocated(os.FileInfo) int64 { return -1 }
