package store

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// below returns the NATS filters for the keys under prefix.
func below(prefix string) (string, error) {
	if prefix == "" {
		return ">", nil
	}
	if !validKey(prefix) {
		return "", fmt.Errorf("%w: prefix %q", ErrInvalid, prefix)
	}
	return prefix + ".>", nil
}

func (s *natsStore) Keys(ctx context.Context, prefix string) ([]string, error) {
	// Values are read too: an expired key may still be there for JetStream, not for us.
	entries, err := s.List(ctx, prefix)
	if err != nil {
		return nil, err
	}
	var keys []string
	for _, e := range entries {
		keys = append(keys, e.Key)
	}
	return keys, nil
}

func (s *natsStore) List(ctx context.Context, prefix string) ([]Entry, error) {
	filter, err := below(prefix)
	if err != nil {
		return nil, err
	}
	ctx, cancel := bounded(ctx)
	defer cancel()
	w, err := s.kv.Watch(ctx, filter, jetstream.IgnoreDeletes())
	if err != nil {
		return nil, s.classify(err)
	}
	defer w.Stop()
	var entries []Entry
	for {
		select {
		case e := <-w.Updates():
			if e == nil {
				return entries, s.classify(ctx.Err())
			}
			if entry, ok := decode(e); ok && entry.Key != formatKey && !entry.expired(time.Now()) {
				entries = append(entries, entry)
			}
		case <-ctx.Done():
			return nil, s.classify(ctx.Err())
		}
	}
}

func (s *natsStore) Watch(ctx context.Context, prefix string) (<-chan Event, error) {
	filter, err := below(prefix)
	if err != nil {
		return nil, err
	}
	w, err := s.kv.Watch(ctx, filter)
	if err != nil {
		return nil, s.classify(err)
	}
	events := make(chan Event)
	// This goroutine owns w and events; it ends with ctx or when the store is closed.
	go func() {
		defer close(events)
		defer w.Stop()
		for {
			select {
			case e, open := <-w.Updates():
				if !open {
					return
				}
				if e == nil || e.Key() == formatKey { // nil: the present entries are through
					continue
				}
				select {
				case events <- event(e):
				case <-ctx.Done():
					return
				}
			case <-ctx.Done():
				return
			}
		}
	}()
	return events, nil
}

func event(e jetstream.KeyValueEntry) Event {
	entry, ok := decode(e)
	if e.Operation() != jetstream.KeyValuePut || !ok || entry.expired(time.Now()) {
		return Event{Entry: Entry{Key: e.Key(), Revision: e.Revision()}, Deleted: true}
	}
	return Event{Entry: entry}
}
