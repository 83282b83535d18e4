package server

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"switchyard/api"
	"switchyard/store"
)

// batch is an entry of the store: the events that came together. It goes when all of them are done, so
// after a crash some can come twice.
type batch struct {
	key  string
	left int // guarded by hooks.mu; events that wait
}

const (
	hookPrefix = "webhook"
	batchMost  = 64
	batchBytes = store.MaxValue * 3 / 4
)

// load queues what the store has, oldest first.
func (h *hooks) load(ctx context.Context) error {
	entries, err := h.store.List(ctx, hookPrefix)
	if err != nil {
		return err
	}
	slices.SortFunc(entries, func(a, b store.Entry) int { return strings.Compare(a.Key, b.Key) })
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, e := range entries {
		var bodies []json.RawMessage
		if err := json.Unmarshal(e.Value, &bodies); err != nil {
			h.log.Error("a batch of webhook events in the store cannot be read", "key", e.Key, "error", err)
			h.spent = append(h.spent, e.Key)
			continue
		}
		b := &batch{key: e.Key, left: len(bodies)}
		for _, body := range bodies {
			var event api.Event
			if json.Unmarshal(body, &event) != nil {
				h.leave(b)
				continue
			}
			h.enqueue(&hook{room: event.Room, at: time.UnixMilli(event.At), typ: event.Type, id: event.ID, body: body, batch: b})
		}
	}
	return nil
}

// leave takes one event off its batch; h.mu is held.
func (h *hooks) leave(b *batch) {
	if b.left--; b.left == 0 {
		h.spent = append(h.spent, b.key)
		h.poke()
	}
}

// keep is the goroutine that writes new events to the store and deletes what is done. It ends with h.ctx,
// and writes what is left then.
func (h *hooks) keep() {
	for sequence := time.Now().UnixNano(); ; {
		ending := false
		select {
		case <-h.wake:
		case <-h.ctx.Done():
			ending = true
		}
		for {
			events, b := h.take(sequence)
			if b == nil {
				break
			}
			sequence++
			h.write(events, b)
		}
		h.clean()
		if ending {
			return
		}
	}
}

// take makes a batch of the events that are new and still wait; nil where there are none.
func (h *hooks) take(sequence int64) ([]*hook, *batch) {
	h.mu.Lock()
	defer h.mu.Unlock()
	b := &batch{key: store.Key(hookPrefix, fmt.Sprintf("%020d", sequence))}
	var events []*hook
	size := 0
	for len(h.fresh) > 0 && len(events) < batchMost {
		k := h.fresh[0]
		if len(events) > 0 && size+len(k.body) > batchBytes {
			break
		}
		h.fresh = h.fresh[1:]
		if !k.done {
			events = append(events, k)
			size += len(k.body) + 1
			k.batch = b
			b.left++
		}
	}
	if len(events) == 0 {
		h.fresh = nil
		return nil, nil
	}
	return events, b
}

// write puts a batch into the store. Where that fails its events are delivered all the same.
func (h *hooks) write(events []*hook, b *batch) {
	bodies := make([]json.RawMessage, 0, len(events))
	for _, k := range events {
		bodies = append(bodies, k.body)
	}
	data, err := json.Marshal(bodies)
	if err == nil {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_, err = h.store.Put(ctx, b.key, data, 2*hookLife)
	}
	if err != nil {
		h.count.unkept.Add(uint64(len(events)))
		h.log.Error("webhook events cannot be kept: a restart loses them", "events", len(events), "error", err)
	}
}

// clean deletes the batches that are done.
func (h *hooks) clean() {
	h.mu.Lock()
	spent := h.spent
	h.spent = nil
	h.mu.Unlock()
	for _, key := range spent {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		if err := h.store.Delete(ctx, key); err != nil {
			h.log.Warn("delivered webhook events cannot be deleted: they will come again after a restart", "error", err)
		}
		cancel()
	}
}
