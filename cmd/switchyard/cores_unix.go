//go:build unix

package main

import (
	"syscall"
	"time"
)

// cpuTime is what the process used so far, of all cores together; 0 where nobody knows.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
