package main

import (
	"os"
	"runtime/debug"
)

// transferMemory is what send and receive keep to as long as what they hold allows, in bytes: beside the program itself, of which 26 MB
// are in memory, that is less than 100 MB, with lists of hundreds of thousands of files.
const transferMemory = 60 << 20

// frugal has the garbage of a verb that runs beside everything else collected before it grows. GOMEMLIMIT says otherwise.
func frugal() {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(transferMemory)
	}
}
