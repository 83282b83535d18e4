package server

import (
	"context"
	"sync"

	"github.com/caddyserver/certmagic"
)

// closingStorage is a storage that takes nothing any more once it is closed. certmagic has no way to wait
// for what it does in the background, and a server that has ended must not write to its data folder.
type closingStorage struct {
	certmagic.Storage

	mu     sync.Mutex
	closed bool           // guarded by mu
	busy   sync.WaitGroup // operations; entered only under mu
}

func (s *closingStorage) enter() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.busy.Add(1)
	return true
}

// close waits for what is being written. The context of everything under way has ended before.
func (s *closingStorage) close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.busy.Wait()
}

// Lock implements certmagic.Locker.
func (s *closingStorage) Lock(ctx context.Context, name string) error {
	if !s.enter() {
		return context.Canceled
	}
	defer s.busy.Done()
	return s.Storage.Lock(ctx, name)
}

// Store implements certmagic.Storage.
func (s *closingStorage) Store(ctx context.Context, key string, value []byte) error {
	if !s.enter() {
		return context.Canceled
	}
	defer s.busy.Done()
	return s.Storage.Store(ctx, key, value)
}

// Delete implements certmagic.Storage.
func (s *closingStorage) Delete(ctx context.Context, key string) error {
	if !s.enter() {
		return context.Canceled
	}
	defer s.busy.Done()
	return s.Storage.Delete(ctx, key)
}
