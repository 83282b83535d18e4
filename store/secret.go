package store

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// KeySize is the size of the server's signing key, in bytes: HS256 wants at least its hash's size
// (RFC 7518 §3.2).
const KeySize = 32

// ErrNoKey: the data folder has no key yet, because no server has been started with it.
var ErrNoKey = errors.New("store: the data folder has no key")

// LoadKey reads the server's signing key from dir. Errors: ErrNoKey, or what the file system says.
func LoadKey(dir string) ([]byte, error) {
	path := filepath.Join(dir, "key")
	key, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, ErrNoKey
	case err != nil:
		return nil, err
	case len(key) != KeySize:
		return nil, fmt.Errorf("store: %s is damaged: it has %d bytes instead of %d; restore it from a backup, "+
			"or remove it so that a new one is made (all tokens become invalid)", path, len(key), KeySize)
	}
	return key, nil
}

// LoadOrCreateKey reads the key, making it first where there is none. Two processes that start at
// once end with the same key: the file appears with its content or not at all, and is never
// replaced.
func LoadOrCreateKey(dir string) ([]byte, error) {
	key, err := LoadKey(dir)
	if !errors.Is(err, ErrNoKey) {
		return key, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	key = make([]byte, KeySize)
	rand.Read(key)
	tmp, err := writeTemp(dir, key)
	if err != nil {
		return nil, err
	}
	defer os.Remove(tmp)
	if err := os.Link(tmp, filepath.Join(dir, "key")); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	return LoadKey(dir)
}

// WriteFile writes a file of the data folder that only its owner can read, atomically.
func WriteFile(path string, data []byte) error {
	tmp, err := writeTemp(filepath.Dir(path), data)
	if err != nil {
		return err
	}
	if err := os.Rename(tmp, path); err != nil {
		os.Remove(tmp)
		return err
	}
	return nil
}

// writeTemp writes data to a new file in dir with mode 0600 and returns its path.
func writeTemp(dir string, data []byte) (path string, err error) {
	f, err := os.CreateTemp(dir, ".new-*") // 0600
	if err != nil {
		return "", err
	}
	defer func() {
		if err != nil {
			os.Remove(f.Name())
		}
	}()
	if _, err := f.Write(data); err != nil {
		f.Close()
		return "", err
	}
	if err := f.Sync(); err != nil {
		f.Close()
		return "", err
	}
	return f.Name(), f.Close()
}
