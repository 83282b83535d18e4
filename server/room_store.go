package server

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"time"

	"switchyard/protocol"
	"switchyard/store"
)

// keptRooms are the rooms that the API gave options, in the store. Safe for concurrent use, also by
// several servers.
type keptRooms struct{ store store.Store }

var (
	errNotKept = errors.New("server: nothing is kept for the room")
	errChanged = errors.New("server: the options were changed since they were read")
)

const roomPrefix = "room"

func roomKey(name string) string { return store.Key(roomPrefix, name) }

// kept is what the store holds of a room.
type kept struct {
	Room    string               `json:"room"`
	Options protocol.RoomOptions `json:"options"`
	Created time.Time            `json:"created"`
}

// get returns a room's options and their revision; zero values where nothing is kept.
func (s keptRooms) get(ctx context.Context, name string) (protocol.RoomOptions, uint64, error) {
	k, revision, err := s.read(ctx, name)
	if errors.Is(err, errNotKept) {
		return protocol.RoomOptions{}, 0, nil
	}
	return k.Options, revision, err
}

func (s keptRooms) read(ctx context.Context, name string) (kept, uint64, error) {
	e, err := s.store.Get(ctx, roomKey(name))
	if errors.Is(err, store.ErrNotFound) {
		return kept{}, 0, errNotKept
	}
	if err != nil {
		return kept{}, 0, err
	}
	var k kept
	err = json.Unmarshal(e.Value, &k)
	return k, e.Revision, err
}

// all returns what is kept, by name of the room.
func (s keptRooms) all(ctx context.Context) (map[string]protocol.RoomOptions, error) {
	entries, err := s.store.List(ctx, roomPrefix)
	if err != nil {
		return nil, err
	}
	rooms := make(map[string]protocol.RoomOptions, len(entries))
	for _, e := range entries {
		var k kept
		if err := json.Unmarshal(e.Value, &k); err != nil {
			return nil, err
		}
		rooms[k.Room] = k.Options
	}
	return rooms, nil
}

// create keeps a room that is not kept yet. Error: store.ErrExists.
func (s keptRooms) create(ctx context.Context, name string, o protocol.RoomOptions, now time.Time) (uint64, error) {
	data, err := json.Marshal(kept{Room: name, Options: o, Created: now.UTC().Truncate(time.Second)})
	if err != nil {
		return 0, err
	}
	return s.store.Create(ctx, roomKey(name), data, roomLife(o, now))
}

// roomLife is how long a room is kept: a while after its end, so that who comes late is told.
func roomLife(o protocol.RoomOptions, now time.Time) time.Duration {
	if o.EndsAt == 0 {
		return 0
	}
	return max(time.UnixMilli(o.EndsAt).Sub(now)+afterlife, time.Second)
}

// change applies f to a room's options by compare-and-set: where expected is given, only if they still
// have that revision (0: nothing is kept), else as often as others get in between. Errors: errChanged, and
// what f returns.
func (s keptRooms) change(ctx context.Context, name string, expected *uint64, now time.Time, f func(o protocol.RoomOptions, isKept bool) (protocol.RoomOptions, error)) (protocol.RoomOptions, uint64, error) {
	for {
		k, revision, err := s.read(ctx, name)
		isKept := !errors.Is(err, errNotKept)
		if err != nil && isKept {
			return protocol.RoomOptions{}, 0, err
		}
		if expected != nil && *expected != revision {
			return protocol.RoomOptions{}, 0, errChanged
		}
		o, err := f(k.Options, isKept)
		if err != nil {
			return protocol.RoomOptions{}, 0, err
		}
		if isKept {
			k.Options = o
			var data []byte
			if data, err = json.Marshal(k); err != nil {
				return o, 0, err
			}
			revision, err = s.store.CompareAndSet(ctx, roomKey(name), data, revision, roomLife(o, now))
		} else {
			revision, err = s.create(ctx, name, o, now)
		}
		if !errors.Is(err, store.ErrConflict) && !errors.Is(err, store.ErrExists) {
			return o, revision, err
		}
		if ctx.Err() != nil {
			return o, 0, ctx.Err()
		}
	}
}

// forget drops what is kept; it is no error where nothing is.
func (s keptRooms) forget(ctx context.Context, name string) error {
	return s.store.Delete(ctx, roomKey(name))
}

// patchOptions applies a JSON merge patch (RFC 7396) to options: what is null goes back to what others
// say. The error is a sentence.
func patchOptions(o protocol.RoomOptions, patch []byte) (protocol.RoomOptions, error) {
	var change map[string]any
	if err := json.Unmarshal(patch, &change); err != nil || change == nil {
		return o, sentence("The request is not a JSON object.")
	}
	data, err := json.Marshal(o)
	if err != nil {
		return o, err
	}
	now := map[string]any{}
	if err := json.Unmarshal(data, &now); err != nil {
		return o, err
	}
	if data, err = json.Marshal(merge(now, change)); err != nil {
		return o, err
	}
	var out protocol.RoomOptions
	if err := decodeStrict(bytes.NewReader(data), &out); err != nil {
		return o, sentence("The options cannot be read: " + words(err) + ".")
	}
	return out, nil
}

// merge is MergePatch of RFC 7396 §2.
func merge(target map[string]any, patch map[string]any) map[string]any {
	for name, value := range patch {
		switch value := value.(type) {
		case nil:
			delete(target, name)
		case map[string]any:
			below, ok := target[name].(map[string]any)
			if !ok {
				below = map[string]any{}
			}
			target[name] = merge(below, value)
		default:
			target[name] = value
		}
	}
	return target
}
