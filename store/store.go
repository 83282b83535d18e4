// Package store keeps the server's small state: invitations, sessions, later devices and the index
// of recordings. It is a key-value store with revisions, expiry and watches, kept by NATS JetStream:
// embedded in the process with its files in the data folder, or in an existing NATS cluster.
//
// It is not for media and not for large values (see MaxValue).
package store

import (
	"context"
	"errors"
	"strings"
	"time"
)

// MaxValue is the largest value that can be stored, in bytes.
const MaxValue = 256 << 10

// Errors that callers branch on; all returned errors wrap one of them or come from the context.
var (
	// ErrNotFound: the key does not exist, was deleted, or has expired.
	ErrNotFound = errors.New("store: key not found")
	// ErrExists: Create found the key.
	ErrExists = errors.New("store: key exists")
	// ErrConflict: CompareAndSet found another revision; read again and decide anew.
	ErrConflict = errors.New("store: key was changed by someone else")
	// ErrInvalid: the key or value cannot be stored (see Key, MaxValue).
	ErrInvalid = errors.New("store: invalid key or value")
	// ErrFull: the disk, or the space allowed to the store, is full.
	ErrFull = errors.New("store: no space left: free disk space where the data folder is, then restart the server")
	// ErrUnavailable: the store cannot be reached now; the call may succeed later.
	ErrUnavailable = errors.New("store: not reachable")
	// ErrCorrupt: the files in the data folder are damaged.
	ErrCorrupt = errors.New("store: the data folder is damaged")
	// ErrInUse: another process has opened the same data folder.
	ErrInUse = errors.New("store: another server is using this data folder")
)

// Entry is one key with its value.
type Entry struct {
	Key      string
	Value    []byte
	Revision uint64    // grows with every change of any key
	Expires  time.Time // zero: never
}

// Event is one change that Watch reports.
type Event struct {
	Entry
	// Deleted: the key is gone (deleted or expired); Value is nil.
	Deleted bool
}

// Store is the state that survives a restart. All methods are safe for concurrent use. A ttl of 0
// means that the key never expires; otherwise it is gone for every reader after ttl.
type Store interface {
	// Get returns the entry. Error: ErrNotFound.
	Get(ctx context.Context, key string) (Entry, error)
	// Put sets the value whatever was there, and returns the revision.
	Put(ctx context.Context, key string, value []byte, ttl time.Duration) (uint64, error)
	// Create sets the value only where there is none. Error: ErrExists.
	Create(ctx context.Context, key string, value []byte, ttl time.Duration) (uint64, error)
	// CompareAndSet sets the value only if the key still has the revision. Error: ErrConflict.
	CompareAndSet(ctx context.Context, key string, value []byte, revision uint64, ttl time.Duration) (uint64, error)
	// Delete removes the key; it is no error where there is none.
	Delete(ctx context.Context, key string) error
	// Keys lists the keys below prefix, which ends where a part of the key ends: Key("invitation")
	// lists Key("invitation", anything). An empty prefix lists all. The order is undefined.
	Keys(ctx context.Context, prefix string) ([]string, error)
	// List returns the entries of Keys with their values.
	List(ctx context.Context, prefix string) ([]Entry, error)
	// Watch reports the present entries below prefix, then every change, until ctx ends; then the
	// channel is closed. Changes of one key arrive in order. A reader that stops reading holds up
	// only its own watch.
	Watch(ctx context.Context, prefix string) (<-chan Event, error)
	// Ready returns nil while the store answers, else an ErrUnavailable.
	Ready(ctx context.Context) error
	// Close ends all watches and, for an embedded store, writes everything to disk.
	Close() error
}

// Key joins parts to a key, escaping what a key cannot hold, so that any non-empty string (the name
// of a room, say) can be a part.
func Key(parts ...string) string {
	var b strings.Builder
	for i, p := range parts {
		if i > 0 {
			b.WriteByte('.')
		}
		for j := range len(p) {
			if c := p[j]; plain(c) {
				b.WriteByte(c)
			} else {
				const hex = "0123456789ABCDEF"
				b.Write([]byte{'=', hex[c>>4], hex[c&15]})
			}
		}
	}
	return b.String()
}

// plain reports whether c stands for itself in a part. '.' separates parts and '=' escapes.
func plain(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '_'
}

// validKey reports whether key is made of non-empty parts of the alphabet that Key makes.
func validKey(key string) bool {
	if key == "" || len(key) > 512 {
		return false
	}
	for part := range strings.SplitSeq(key, ".") {
		if part == "" {
			return false
		}
		for i := range len(part) {
			if !plain(part[i]) && part[i] != '=' {
				return false
			}
		}
	}
	return true
}
