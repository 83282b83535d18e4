//go:build !unix || solaris || aix

package transfer

import "os"

// tryLock gives the lock to everybody: folders cannot be locked here.
func tryLock(*os.File) bool { return true }
