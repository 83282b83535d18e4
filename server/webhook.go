package server

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"log/slog"
	mathrand "math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"switchyard/api"
	"switchyard/store"
)

// Webhook says where the server tells what happens in rooms. The zero value tells nobody.
type Webhook struct {
	// URL receives each api.Event by POST.
	URL string
	// Secrets sign them, each: two while one takes the other's place. At least one.
	Secrets [][]byte
	// Private lets URL lead to this machine or a private network.
	Private bool

	// most is how many events may wait; 0: 10000. Then the oldest is dropped and counted.
	most int
	// retry is the pause after the first failure; 0: a second. It doubles up to retryMost.
	retry time.Duration
	// timeout is how long one attempt may take; 0: 10 seconds.
	timeout time.Duration
}

const (
	retryMost = 5 * time.Minute
	// hookLife is how long an event is tried.
	hookLife = 24 * time.Hour
	// hookCalls is how many rooms' events are on their way at once.
	hookCalls = 16
	// orderSlack is how many that are done may stand in hooks.order, besides as many as wait.
	orderSlack = 64
	// hookGoodbye is how long a server that ends waits for what it has just queued.
	hookGoodbye = 2 * time.Second
)

// hooks is the queue of events on their way to the webhook. Events of one room leave one after the other;
// one that fails holds up its room and is tried again. What waits is in the store, so that it survives a
// restart. A nil *hooks takes events and forgets them.
type hooks struct {
	cfg    Webhook
	client *http.Client
	host   string // of the URL, for the log: the rest can hold a secret
	store  store.Store
	log    *slog.Logger
	count  hookCounters

	ctx    context.Context // ends the goroutines
	cancel context.CancelFunc
	calls  chan struct{} // holds one for each call on its way
	wake   chan struct{} // there is something for the keeper; holds one
	wg     sync.WaitGroup

	mu      sync.Mutex
	lines   map[string][]*hook // guarded by mu; by room; each has a goroutine
	order   []*hook            // guarded by mu; all that wait, oldest first, and some that are done
	waiting int                // guarded by mu
	fresh   []*hook            // guarded by mu; not in the store yet
	spent   []string           // guarded by mu; keys of batches that are done
	closed  bool               // guarded by mu
}

type hookCounters struct {
	queued, delivered, failed, dropped, expired, unkept atomic.Uint64
	failing                                             atomic.Bool // the last call failed
}

// hook is one event on its way.
type hook struct {
	room  string
	at    time.Time
	typ   string
	id    string
	body  []byte
	batch *batch // nil while it is not in the store
	done  bool   // delivered or dropped
}

// newHooks loads what waits in the store and begins to deliver it; nil where there is no webhook.
func newHooks(ctx context.Context, cfg Webhook, s store.Store, log *slog.Logger) (*hooks, error) {
	if cfg.URL == "" {
		return nil, nil
	}
	setDefault(&cfg.most, 10_000)
	setDefault(&cfg.retry, time.Second)
	setDefault(&cfg.timeout, 10*time.Second)
	client, host, err := hookClient(cfg)
	if err != nil {
		return nil, err
	}
	h := &hooks{cfg: cfg, client: client, host: host, store: s, log: log, lines: map[string][]*hook{},
		calls: make(chan struct{}, hookCalls), wake: make(chan struct{}, 1)}
	h.ctx, h.cancel = context.WithCancel(context.Background())
	if err := h.load(ctx); err != nil {
		h.cancel()
		return nil, err
	}
	h.wg.Go(h.keep)
	h.post(api.Event{Type: api.ServerStarted, At: time.Now().UnixMilli()})
	return h, nil
}

// post queues an event. It never blocks.
func (h *hooks) post(e api.Event) {
	if h == nil {
		return
	}
	e.ID = rand.Text()
	body, err := json.Marshal(e)
	if err != nil {
		return // events are plain data
	}
	h.count.queued.Add(1)
	k := &hook{room: e.Room, at: time.UnixMilli(e.At), typ: e.Type, id: e.ID, body: body}
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.fresh) >= 2*h.cfg.most { // the store is slower than the events; at most half of them still wait
		h.fresh = slices.DeleteFunc(h.fresh, func(k *hook) bool { return k.done })
	}
	h.fresh = append(h.fresh, k)
	h.enqueue(k)
	h.poke()
}

// enqueue puts an event at the end of its room's line; h.mu is held.
func (h *hooks) enqueue(k *hook) {
	if h.waiting >= h.cfg.most {
		h.dropOldest()
	}
	h.waiting++
	h.order = append(h.order, k)
	line, there := h.lines[k.room]
	h.lines[k.room] = append(line, k)
	if !there && !h.closed {
		h.wg.Go(func() { h.deliver(k.room) })
	}
}

// dropOldest gives up the event that waits longest; h.mu is held.
func (h *hooks) dropOldest() {
	for len(h.order) > 0 {
		k := h.order[0]
		h.order = h.order[1:]
		if !k.done {
			h.count.dropped.Add(1)
			h.finish(k)
			return
		}
	}
}

// finish takes an event off the queue; h.mu is held.
func (h *hooks) finish(k *hook) {
	if k.done {
		return
	}
	k.done = true
	h.waiting--
	// One event that is tried for a day must not keep all that were delivered meanwhile.
	if len(h.order) > 2*h.waiting+orderSlack {
		h.order = slices.DeleteFunc(h.order, func(k *hook) bool { return k.done })
	}
	if k.batch != nil {
		h.leave(k.batch)
	}
}

func (h *hooks) poke() {
	select {
	case h.wake <- struct{}{}:
	default:
	}
}

// deliver is the goroutine of one room's line; it ends when the line is empty, or with h.ctx.
func (h *hooks) deliver(room string) {
	for failures := 0; ; {
		k := h.head(room)
		if k == nil {
			return
		}
		if time.Since(k.at) > hookLife {
			h.count.expired.Add(1)
			h.log.Warn("a webhook event is given up: it was tried for a day", "host", h.host, "event", k.typ, "room", k.room)
			h.over(k)
			continue
		}
		if h.attempt(k, failures) {
			failures = 0
			continue
		}
		failures++
		select {
		case <-time.After(h.pause(failures)):
		case <-h.ctx.Done():
			return
		}
	}
}

// head returns the first event of a line that is not done; nil where there is none: then the line is gone.
func (h *hooks) head(room string) *hook {
	h.mu.Lock()
	defer h.mu.Unlock()
	line := h.lines[room]
	for len(line) > 0 && line[0].done {
		line = line[1:]
	}
	if len(line) == 0 || h.ctx.Err() != nil {
		delete(h.lines, room)
		return nil
	}
	h.lines[room] = line
	return line[0]
}

func (h *hooks) over(k *hook) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.finish(k)
}

// attempt delivers an event once; false where that failed.
func (h *hooks) attempt(k *hook, failures int) bool {
	select {
	case h.calls <- struct{}{}:
	case <-h.ctx.Done():
		return false
	}
	err := h.call(k)
	<-h.calls
	if err == nil {
		h.count.delivered.Add(1)
		h.count.failing.Store(false)
		h.over(k)
		return true
	}
	if h.ctx.Err() != nil {
		return false // the server ends: the event waits in the store
	}
	h.count.failed.Add(1)
	h.count.failing.Store(true)
	level := slog.LevelDebug
	if failures == 0 {
		level = slog.LevelWarn
	}
	h.log.Log(context.Background(), level, "webhook failed, it will be tried again", "host", h.host, "event", k.typ, "room", k.room, "failures", failures+1, "error", err)
	return false
}

// pause is how long to wait after so many failures: doubled each time, a fifth more or less.
func (h *hooks) pause(failures int) time.Duration {
	d := min(h.cfg.retry<<min(failures-1, 20), retryMost)
	return d*4/5 + mathrand.N(d*2/5+1)
}

// close ends delivery; what has not left waits in the store for the next start. A receiver that works is
// given a moment for what was queued last.
func (h *hooks) close() {
	if h == nil {
		return
	}
	deadline := time.Now().Add(hookGoodbye)
	for tick := time.NewTicker(5 * time.Millisecond); time.Now().Before(deadline) && !h.count.failing.Load() && h.length() > 0; {
		<-tick.C
	}
	h.mu.Lock()
	h.closed = true
	h.mu.Unlock()
	h.cancel()
	h.wg.Wait()
}

func (h *hooks) length() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.waiting
}

// samples are the queue's metrics.
func (h *hooks) samples() []Sample {
	c := &h.count
	return []Sample{
		gauge("webhook_waiting", "Events that wait for the webhook.", h.length()),
		total("webhook_queued", "Events queued for the webhook.", c.queued.Load()),
		total("webhook_delivered", "Events that the webhook took.", c.delivered.Load()),
		total("webhook_failures", "Calls of the webhook that failed.", c.failed.Load()),
		total("webhook_dropped", "Events given up, by reason.", c.dropped.Load()).by("reason", "overflow"),
		total("webhook_dropped", "Events given up, by reason.", c.expired.Load()).by("reason", "too-old"),
		total("webhook_unkept", "Events that could not be kept in the store: a restart loses them.", c.unkept.Load()),
	}
}
