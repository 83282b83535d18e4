//go:build unix

package transfer

import "syscall"

// alive tells whether a process of ours runs.
func alive(pid int) bool { return pid > 0 && syscall.Kill(pid, 0) == nil }
