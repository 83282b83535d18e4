package server

import (
	"context"
	"errors"
	"strconv"
	"time"

	"switchyard/store"
)

// A nameplate is the number in front of a code that is spoken, such as 7 of 7-crossover-clockwork: it leads to the
// room where the words are tried. It is good for one who claims it.

const (
	// maxNameplates bounds how many codes wait at once, so that numbers stay short.
	maxNameplates = 9999
	// nameplateLife is how long a code waits at most.
	nameplateLife = 24 * time.Hour
	// voidFor is how long a number that was claimed is kept from others where it could not be freed.
	voidFor = time.Minute
)

var (
	errNoNameplate   = errors.New("server: no such nameplate")
	errAllNameplates = errors.New("server: all nameplates are taken")
)

func nameplateKey(n int) string { return store.Key("nameplate", strconv.Itoa(n)) }

// parseNameplate reads a number as nameplates have it; 0: it is none.
func parseNameplate(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > maxNameplates || strconv.Itoa(n) != text {
		return 0
	}
	return n
}

// hang gives a room the smallest number that is free.
func (s transfers) hang(ctx context.Context, room string, life time.Duration) (int, error) {
	keys, err := s.store.Keys(ctx, store.Key("nameplate"))
	if err != nil {
		return 0, err
	}
	taken := make(map[string]bool, len(keys))
	for _, k := range keys {
		taken[k] = true
	}
	for n := 1; n <= maxNameplates; n++ {
		if taken[nameplateKey(n)] {
			continue
		}
		_, err := s.store.Create(ctx, nameplateKey(n), []byte(room), min(life, nameplateLife))
		if !errors.Is(err, store.ErrExists) { // somebody was faster
			return n, err
		}
	}
	return 0, errAllNameplates
}

// claim takes a nameplate and returns the room that it led to. Of many who claim it at once, one gets it.
func (s transfers) claim(ctx context.Context, n int) (room string, err error) {
	e, err := s.store.Get(ctx, nameplateKey(n))
	if errors.Is(err, store.ErrNotFound) || err == nil && len(e.Value) == 0 {
		return "", errNoNameplate
	}
	if err != nil {
		return "", err
	}
	if err := s.void(ctx, n, e); err != nil {
		return "", err
	}
	return string(e.Value), nil
}

// unhang frees a nameplate as far as it leads to that room.
func (s transfers) unhang(ctx context.Context, n int, room string) error {
	e, err := s.store.Get(ctx, nameplateKey(n))
	if errors.Is(err, store.ErrNotFound) || err == nil && string(e.Value) != room {
		return nil
	}
	if err != nil {
		return err
	}
	if err := s.void(ctx, n, e); !errors.Is(err, errNoNameplate) {
		return err
	}
	return nil
}

// void frees a nameplate as it was read. It is emptied first, by compare-and-set: only one can do that.
func (s transfers) void(ctx context.Context, n int, e store.Entry) error {
	_, err := s.store.CompareAndSet(ctx, nameplateKey(n), nil, e.Revision, voidFor)
	switch {
	case errors.Is(err, store.ErrConflict), errors.Is(err, store.ErrNotFound):
		return errNoNameplate
	case err != nil:
		return err
	}
	return s.store.Delete(ctx, nameplateKey(n))
}
