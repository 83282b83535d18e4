//go:build !unix

package store

import "os"

// lock only makes sure that the file can be written: there is no portable lock that ends with the
// process.
func lock(path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	return func() { f.Close() }, nil
}
