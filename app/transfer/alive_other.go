//go:build !unix

package transfer

import "os"

// alive tells whether a process of ours runs.
func alive(pid int) bool {
	p, err := os.FindProcess(pid)
	if err != nil {
		return false
	}
	_ = p.Release()
	return true
}
