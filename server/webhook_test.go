package server

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"switchyard/api"
	"switchyard/client/admin"
	"switchyard/store"
)

// TestMain lets the test binary run as the server that is killed.
func TestMain(m *testing.M) {
	if dir := os.Getenv("HOOK_TEST_DATA"); dir != "" {
		hookVictim(dir, os.Getenv("HOOK_TEST_URL"))
	}
	os.Exit(m.Run())
}

const victimEvents = 90

// hookVictim queues events for a receiver that refuses them, says when they are in the store, and waits to
// be killed.
func hookVictim(dir, url string) {
	ctx := context.Background()
	s, err := store.Open(ctx, dir, store.Options{}, nil)
	if err == nil {
		var h *hooks
		h, err = newHooks(ctx, Webhook{URL: url, Secrets: [][]byte{[]byte("victim")}, Private: true}, s, slog.New(slog.DiscardHandler))
		for i := range victimEvents {
			h.post(api.Event{Type: api.ParticipantJoined, Room: fmt.Sprint("r", i%3), At: time.Now().UnixMilli(), Reason: fmt.Sprint(i)})
		}
	}
	for err == nil {
		var entries []store.Entry
		entries, err = s.List(ctx, hookPrefix)
		n := 0
		for _, e := range entries {
			var bodies []json.RawMessage
			_ = json.Unmarshal(e.Value, &bodies)
			n += len(bodies)
		}
		if n > victimEvents { // and server-started
			fmt.Println("stored")
			select {}
		}
		time.Sleep(5 * time.Millisecond)
	}
	fmt.Println("error:", err)
	os.Exit(1)
}

// receiver is a real webhook. answer decides about each call.
type receiver struct {
	*httptest.Server
	t      *testing.T
	secret []byte

	mu     sync.Mutex
	answer func(call int, e api.Event) int // guarded by mu; a status
	calls  int                             // guarded by mu
	got    []api.Event                     // guarded by mu; those answered with 200, in order
	seen   []string                        // guarded by mu; ids of all calls
	once   bool                            // what was taken is not taken again, as receivers are told to do
}

func receive(t *testing.T, secret string, answer func(call int, e api.Event) int) *receiver {
	r := &receiver{t: t, secret: []byte(secret), answer: answer}
	r.Server = httptest.NewServer(r)
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	body, err := io.ReadAll(q.Body)
	if err != nil {
		return
	}
	e, err := admin.VerifyWebhook(r.secret, q.Header.Get(api.SignatureHeader), body, time.Now(), 0)
	if err != nil || q.Header.Get("Switchyard-Delivery") != e.ID || q.Header.Get("Switchyard-Event") != e.Type {
		r.t.Errorf("%v %s", err, body)
	}
	r.mu.Lock()
	r.calls++
	r.seen = append(r.seen, e.ID)
	status := r.answer(r.calls, e)
	if status == 200 && !(r.once && slices.ContainsFunc(r.got, func(g api.Event) bool { return g.ID == e.ID })) {
		r.got = append(r.got, e)
	}
	r.mu.Unlock()
	if status == 0 { // hang until the caller gives up
		<-q.Context().Done()
		return
	}
	w.WriteHeader(status)
}

func (r *receiver) set(answer func(int, api.Event) int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer = answer
}

func always(status int) func(int, api.Event) int { return func(int, api.Event) int { return status } }

func (r *receiver) events() []api.Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.got)
}

// wait returns the events once there are n, server-started left out.
func (r *receiver) wait(n int) []api.Event {
	r.t.Helper()
	var got []api.Event
	until(r.t, func() string {
		got = slices.DeleteFunc(r.events(), func(e api.Event) bool { return e.Type == api.ServerStarted })
		if len(got) < n {
			return fmt.Sprintf("%d of %d events came", len(got), n)
		}
		return ""
	})
	return got
}

func openHooks(t *testing.T, dir string, cfg Webhook) *hooks {
	t.Helper()
	s := must[store.Store](t)(store.Open(t.Context(), dir, store.Options{}, nil))
	cfg.Secrets = append(cfg.Secrets, []byte("s3cret"))
	if cfg.retry == 0 {
		cfg.retry = 5 * time.Millisecond
	}
	h := must[*hooks](t)(newHooks(t.Context(), cfg, s, slog.New(slog.NewTextHandler(t.Output(), nil))))
	t.Cleanup(func() { h.close(); s.Close() })
	return h
}

func numbered(h *hooks, n int, rooms ...string) {
	for i := range n {
		h.post(api.Event{Type: api.ParticipantJoined, Room: rooms[i%len(rooms)], At: time.Now().UnixMilli(), Reason: fmt.Sprint(i)})
	}
}

// inOrder checks that each room's events are those of numbered, in order, and returns how many rooms.
func inOrder(t *testing.T, got []api.Event, n, rooms int) {
	t.Helper()
	last := map[string]int{}
	for _, e := range got {
		var i int
		fmt.Sscan(e.Reason, &i)
		if before, ok := last[e.Room]; ok && i != before+rooms {
			t.Fatalf("room %s: %d after %d", e.Room, i, before)
		}
		last[e.Room] = i
	}
	if len(got) != n || len(last) != rooms {
		t.Fatalf("%d events of %d rooms, want %d of %d", len(got), len(last), n, rooms)
	}
}

// A receiver that fails often gets every event in the order of its room, retries under the same id; then
// nothing is left in the store.
func TestWebhookRetriesInOrder(t *testing.T) {
	t.Parallel()
	r := receive(t, "s3cret", func(call int, _ api.Event) int {
		if call%3 != 0 {
			return 503
		}
		return 200
	})
	h := openHooks(t, t.TempDir(), Webhook{URL: r.URL, Private: true})
	numbered(h, 60, "a", "b", "c")
	inOrder(t, r.wait(60), 60, 3)
	until(t, func() string {
		if keys, err := h.store.Keys(t.Context(), hookPrefix); err != nil || len(keys) > 0 || h.length() > 0 {
			return fmt.Sprintf("left over: %v %v, %d wait", keys, err, h.length())
		}
		return ""
	})
	ids := map[string]bool{}
	r.mu.Lock()
	for _, id := range r.seen {
		ids[id] = true
	}
	if len(ids) != 61 || len(r.seen) < 100 {
		t.Errorf("%d ids in %d calls", len(ids), len(r.seen))
	}
	r.mu.Unlock()
	if c := &h.count; c.delivered.Load() != 61 || c.failed.Load() == 0 || c.dropped.Load() != 0 {
		t.Errorf("%+v", h.samples())
	}
}

// A receiver that hangs is given up after the timeout and called again.
func TestWebhookHangs(t *testing.T) {
	r := receive(t, "s3cret", func(call int, _ api.Event) int {
		if call <= 2 {
			return 0
		}
		return 200
	})
	r.once = true // the answer to a good call may come after the timeout: then it comes again
	h := openHooks(t, t.TempDir(), Webhook{URL: r.URL, Private: true, timeout: 100 * time.Millisecond})
	numbered(h, 4, "a", "b")
	inOrder(t, r.wait(4), 4, 2)
}

// When too much waits the oldest goes, and is counted; the others come in order.
func TestWebhookOverflow(t *testing.T) {
	tried := map[string]bool{} // guarded by r.mu
	r := receive(t, "s3cret", func(_ int, e api.Event) int {
		tried[e.Reason] = true
		return 500
	})
	h := openHooks(t, t.TempDir(), Webhook{URL: r.URL, Private: true, most: 20})
	numbered(h, 100, "a", "b")
	if n := h.length(); n != 20 {
		t.Fatalf("%d wait", n)
	}
	until(t, func() string { // each line has come to what was not dropped: nothing older is on its way
		r.mu.Lock()
		defer r.mu.Unlock()
		if !tried["80"] || !tried["81"] {
			return "what was dropped is still tried"
		}
		return ""
	})
	r.set(always(200))
	got := r.wait(20)
	inOrder(t, got, 20, 2)
	if got[0].Reason != "80" && got[0].Reason != "81" || h.count.dropped.Load() != 81 { // server-started was the first to go
		t.Fatalf("first %+v, %d dropped", got[0], h.count.dropped.Load())
	}
}

// Redirects are not followed, and inner addresses are not called where they are not allowed.
func TestWebhookGoesNowhereElse(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a redirect was followed") }))
	defer elsewhere.Close()
	redirect := httptest.NewServer(http.RedirectHandler(elsewhere.URL, http.StatusTemporaryRedirect))
	defer redirect.Close()
	h := openHooks(t, t.TempDir(), Webhook{URL: redirect.URL, Private: true})
	until(t, func() string {
		if h.count.failed.Load() < 2 {
			return "the redirect counts as success"
		}
		return ""
	})
	r := receive(t, "s3cret", always(200))
	h = openHooks(t, t.TempDir(), Webhook{URL: strings.Replace(r.URL, "127.0.0.1", "localhost", 1)})
	until(t, func() string {
		if h.count.failed.Load() < 2 {
			return "the inner address was not refused"
		}
		return ""
	})
	if n := len(r.seen); n != 0 {
		t.Errorf("%d calls reached an inner address", n)
	}
	for text, want := range map[string]bool{
		"192.0.2.1": true, "8.8.8.8": true, "2606:4700::1": true,
		"127.0.0.1": false, "10.1.2.3": false, "172.16.0.1": false, "192.168.1.1": false, "169.254.169.254": false, "100.64.0.1": false,
		"0.0.0.0": false, "0.1.2.3": false, "224.0.0.1": false, "255.255.255.255": false, "::1": false, "::": false, "fe80::1": false,
		"fd00::1": false, "::ffff:127.0.0.1": false, "::127.0.0.1": false, "64:ff9b::7f00:1": false, "2002:7f00:1::": false, "ff02::1": false,
	} {
		if got := publicAddr(netip.MustParseAddr(text)); got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
	for _, bad := range []Webhook{{URL: "ftp://x", Secrets: [][]byte{{1}}}, {URL: "https://example.org"}} {
		if _, err := newHooks(t.Context(), bad, h.store, h.log); err == nil {
			t.Errorf("%+v was taken", bad)
		}
	}
}

// What a killed server had queued comes from the next one, in order and signed.
func TestWebhookSurvivesAKill(t *testing.T) {
	r := receive(t, "victim", always(503))
	dir := filepath.Join(t.TempDir(), "nats")
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), "HOOK_TEST_DATA="+dir, "HOOK_TEST_URL="+r.URL)
	cmd.Stderr = t.Output()
	out := must[io.ReadCloser](t)(cmd.StdoutPipe())
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || line != "stored\n" {
		t.Fatalf("%q %v", line, err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	r.set(always(200))
	h := openHooks(t, dir, Webhook{URL: r.URL, Private: true, Secrets: [][]byte{[]byte("victim")}})
	inOrder(t, r.wait(victimEvents), victimEvents, 3)
	until(t, func() string {
		if n := h.length(); n > 0 { // the goodbye waits for two seconds only
			return fmt.Sprintf("%d wait", n)
		}
		return ""
	})
	h.close()
	if keys, err := h.store.Keys(t.Context(), hookPrefix); err != nil || len(keys) != 0 {
		t.Errorf("left over: %v %v", keys, err)
	}
}

// The events of a real room, from its opening to its end.
func TestWebhookOfARoom(t *testing.T) {
	r := receive(t, "s3cret", always(200))
	begin := time.Now().Truncate(time.Millisecond)
	cfg := *whole(t, t.TempDir())
	cfg.Webhook = Webhook{URL: r.URL, Secrets: [][]byte{[]byte("s3cret")}, Private: true}
	s := run(t, cfg)
	c, ctx := s.api("", "admin"), t.Context()
	s.joins("demo", "ann", "subscribe").welcome()
	s.publish("demo", false)
	if err := c.RemoveParticipant(ctx, "demo", "ann", ""); err != nil {
		t.Fatal(err)
	}
	if err := c.CloseRoom(ctx, "demo", ""); err != nil {
		t.Fatal(err)
	}
	s.joins("demo", "ben", "subscribe").welcome()
	var got []string
	for _, e := range r.wait(10) {
		who := ""
		switch {
		case e.Participant != nil:
			who = " " + string(e.Participant.ID)
		case e.Track != nil:
			who = " " + string(e.Track.Source) + " of " + string(e.Track.Participant)
		}
		if e.Reason != "" {
			who += ", " + e.Reason
		}
		got = append(got, e.Type+who)
		if e.Room != "demo" || time.UnixMilli(e.At).Before(begin) || time.UnixMilli(e.At).After(time.Now()) {
			t.Errorf("%+v", e)
		}
	}
	want := []string{"room-opened", "participant-joined ann", "participant-joined tester", "track-published camera of tester",
		"participant-left ann, removed", "track-unpublished camera of tester", "participant-left tester, closed", "room-closed",
		"room-opened", "participant-joined ben"}
	if !slices.Equal(got, want) {
		t.Errorf("got %s\nwant %s", strings.Join(got, "; "), strings.Join(want, "; "))
	}
	started := func(e api.Event) bool { return e.Type == api.ServerStarted }
	until(t, func() string {
		if !slices.ContainsFunc(r.events(), started) { // in a line of its own: rooms do not wait for it
			return "the start was not told"
		}
		if _, _, body := s.call("GET", "/metrics", ""); !strings.Contains(body, "switchyard_webhook_delivered_total 11") {
			return "not counted"
		}
		return ""
	})
}

// One room whose events are refused for hours does not make the queue keep all that others delivered.
func TestWebhookForgetsWhatIsDelivered(t *testing.T) {
	t.Parallel()
	r := receive(t, "s3cret", func(_ int, e api.Event) int {
		if e.Room == "stuck" {
			return 500
		}
		return 200
	})
	h := openHooks(t, t.TempDir(), Webhook{URL: r.URL, Private: true, retry: time.Minute})
	numbered(h, 1, "stuck")
	const n = 1500
	numbered(h, n, "a", "b", "c", "d")
	r.wait(n)
	until(t, func() string {
		h.mu.Lock()
		defer h.mu.Unlock()
		if h.waiting != 1 || len(h.order) > 2*h.waiting+orderSlack {
			return fmt.Sprintf("%d wait and %d are kept", h.waiting, len(h.order))
		}
		return ""
	})
}

// stuckStore takes no events until it is released.
type stuckStore struct {
	store.Store
	released chan struct{}
}

func (s stuckStore) Put(ctx context.Context, _ string, _ []byte, _ time.Duration) (uint64, error) {
	select {
	case <-s.released:
		return 1, nil
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

func TestAStuckStoreDoesNotCollectEvents(t *testing.T) {
	r := receive(t, "s3cret", always(500))
	s := must[store.Store](t)(store.Open(t.Context(), t.TempDir(), store.Options{}, nil))
	defer s.Close()
	stuck := stuckStore{s, make(chan struct{})}
	const most = 20
	h := must[*hooks](t)(newHooks(t.Context(), Webhook{URL: r.URL, Private: true, Secrets: [][]byte{[]byte("s3cret")}, most: most, retry: time.Hour},
		stuck, slog.New(slog.DiscardHandler)))
	for range 10 {
		numbered(h, 10*most, "a", "b")
		h.mu.Lock()
		if n := len(h.fresh); n > 2*most {
			t.Errorf("%d events wait for the store, %d may wait at all", n, most)
		}
		h.mu.Unlock()
	}
	close(stuck.released)
	h.close()
}
