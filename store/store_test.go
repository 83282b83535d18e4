package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// conform is what every Store must do; each test below runs it against one implementation.
func conform(t *testing.T, s Store) {
	ctx := t.Context()
	t.Run("get of nothing", func(t *testing.T) {
		if _, err := s.Get(ctx, Key("none")); !errors.Is(err, ErrNotFound) {
			t.Fatalf("got %v", err)
		}
	})
	t.Run("put, get, delete", func(t *testing.T) {
		key := Key("room", "a room / with = odd . letters ü")
		rev := must(s.Put(ctx, key, []byte("one"), 0))(t)
		e := must(s.Get(ctx, key))(t)
		if string(e.Value) != "one" || e.Revision != rev || e.Key != key || !e.Expires.IsZero() {
			t.Fatalf("got %+v, revision %d", e, rev)
		}
		if next := must(s.Put(ctx, key, nil, 0))(t); next <= rev {
			t.Fatalf("revision went from %d to %d", rev, next)
		}
		if e := must(s.Get(ctx, key))(t); len(e.Value) != 0 {
			t.Fatalf("got %q", e.Value)
		}
		for range 2 {
			if err := s.Delete(ctx, key); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := s.Get(ctx, key); !errors.Is(err, ErrNotFound) {
			t.Fatalf("after delete: %v", err)
		}
	})
	t.Run("create", func(t *testing.T) {
		key := Key("create")
		must(s.Create(ctx, key, []byte("1"), 0))(t)
		if _, err := s.Create(ctx, key, []byte("2"), 0); !errors.Is(err, ErrExists) {
			t.Fatalf("second create: %v", err)
		}
		if err := s.Delete(ctx, key); err != nil {
			t.Fatal(err)
		}
		must(s.Create(ctx, key, []byte("3"), 0))(t)
		if e := must(s.Get(ctx, key))(t); string(e.Value) != "3" {
			t.Fatalf("got %q", e.Value)
		}
	})
	t.Run("compare and set", func(t *testing.T) {
		key := Key("cas")
		one := must(s.Put(ctx, key, []byte("1"), 0))(t)
		two := must(s.CompareAndSet(ctx, key, []byte("2"), one, 0))(t)
		for _, stale := range []uint64{one, two + 1000} {
			if _, err := s.CompareAndSet(ctx, key, []byte("x"), stale, 0); !errors.Is(err, ErrConflict) {
				t.Fatalf("revision %d: %v", stale, err)
			}
		}
		if e := must(s.Get(ctx, key))(t); string(e.Value) != "2" || e.Revision != two {
			t.Fatalf("got %+v", e)
		}
	})
	t.Run("compare and set, raced", func(t *testing.T) { conformRace(t, s) })
	t.Run("expiry", func(t *testing.T) { conformExpiry(t, s) })
	t.Run("keys", func(t *testing.T) {
		for _, k := range []string{Key("k", "a"), Key("k", "b", "c"), Key("kk", "a"), Key("k", "gone")} {
			must(s.Put(ctx, k, []byte("x"), 0))(t)
		}
		if err := s.Delete(ctx, Key("k", "gone")); err != nil {
			t.Fatal(err)
		}
		keys := must(s.Keys(ctx, Key("k")))(t)
		slices.Sort(keys)
		if !slices.Equal(keys, []string{"k.a", "k.b.c"}) {
			t.Fatalf("got %q", keys)
		}
		if keys := must(s.Keys(ctx, "nothing"))(t); len(keys) != 0 {
			t.Fatalf("got %q", keys)
		}
	})
	t.Run("watch", func(t *testing.T) { conformWatch(t, s) })
	t.Run("invalid", func(t *testing.T) {
		for _, key := range []string{"", ".", "a.", ".a", "a..b", "a b", "a*", "a.>", strings.Repeat("x", 600)} {
			if _, err := s.Put(ctx, key, nil, 0); !errors.Is(err, ErrInvalid) {
				t.Errorf("key %q: %v", key, err)
			}
		}
		if _, err := s.Put(ctx, "k", make([]byte, MaxValue+1), 0); !errors.Is(err, ErrInvalid) {
			t.Errorf("large value: %v", err)
		}
		if _, err := s.Put(ctx, "k", nil, -1); !errors.Is(err, ErrInvalid) {
			t.Errorf("negative ttl: %v", err)
		}
		must(s.Put(ctx, "large", make([]byte, MaxValue), 0))(t)
	})
	t.Run("ready", func(t *testing.T) {
		if err := s.Ready(ctx); err != nil {
			t.Fatal(err)
		}
	})
}

func conformRace(t *testing.T, s Store) {
	key := Key("race")
	must(s.Put(t.Context(), key, []byte{0}, 0))(t)
	var won atomic.Int32
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			for {
				e, err := s.Get(t.Context(), key)
				if err != nil || e.Value[0] == 7 {
					return
				}
				_, err = s.CompareAndSet(t.Context(), key, []byte{e.Value[0] + 1}, e.Revision, 0)
				switch {
				case err == nil:
					won.Add(1)
				case !errors.Is(err, ErrConflict):
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	if won.Load() != 7 {
		t.Fatalf("%d writers won 7 increments", won.Load())
	}
}

func conformExpiry(t *testing.T, s Store) {
	ctx, key := t.Context(), Key("expiry", "x")
	begin := time.Now()
	must(s.Create(ctx, Key("expires", "late"), []byte("x"), time.Hour))(t)
	made := time.Now()
	e := must(s.Get(ctx, Key("expires", "late")))(t)
	if e.Expires.Before(begin.Add(time.Hour-time.Second)) || e.Expires.After(made.Add(time.Hour+time.Second)) {
		t.Fatalf("made between %v and %v, expires %v", begin, made, e.Expires)
	}
	begin = time.Now()
	rev := must(s.Create(ctx, key, []byte("x"), 300*time.Millisecond))(t)
	until(t, "expiry", func() bool {
		_, err := s.Get(ctx, key)
		return errors.Is(err, ErrNotFound)
	})
	if time.Since(begin) < 290*time.Millisecond {
		t.Fatal("expired too early")
	}
	if keys := must(s.Keys(ctx, Key("expiry")))(t); len(keys) != 0 {
		t.Fatalf("listed %q", keys)
	}
	next := must(s.Create(ctx, key, []byte("y"), 0))(t)
	if next <= rev {
		t.Fatalf("revision went from %d to %d", rev, next)
	}
}

func conformWatch(t *testing.T, s Store) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	must(s.Put(ctx, Key("w", "a"), []byte("1"), 0))(t)
	events := must(s.Watch(ctx, Key("w")))(t)
	told := func(want ...string) {
		t.Helper()
		for _, w := range want {
			select {
			case e := <-events:
				got := e.Key + "=" + string(e.Value)
				if e.Deleted {
					got = e.Key + " deleted"
				}
				if got != w {
					t.Fatalf("got %q, want %q", got, w)
				}
			case <-time.After(time.Minute):
				t.Fatalf("no event %q", w)
			}
		}
	}
	told("w.a=1") // first: of what changes before it was told only the latest is
	must(s.Put(ctx, Key("w", "b"), []byte("2"), 0))(t)
	must(s.Put(ctx, Key("other"), []byte("2"), 0))(t)
	if err := s.Delete(ctx, Key("w", "a")); err != nil {
		t.Fatal(err)
	}
	must(s.Put(ctx, Key("w", "c"), []byte("3"), 2*time.Second))(t)
	told("w.b=2", "w.a deleted", "w.c=3", "w.c deleted")
	cancel()
	until(t, "end of watch", func() bool {
		select {
		case _, open := <-events:
			return !open
		default:
			return false
		}
	})
}

func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !ok(); {
		if time.Now().After(end) {
			t.Fatalf("waited too long for %s", what)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

func testLog(t testing.TB) *slog.Logger {
	return slog.New(slog.NewTextHandler(t.Output(), nil))
}

func openTest(t testing.TB, dir string) Store {
	t.Helper()
	s := must(Open(t.Context(), dir, Options{}, testLog(t)))(t)
	t.Cleanup(func() { s.Close() })
	return s
}

func TestEmbedded(t *testing.T) { conform(t, openTest(t, t.TempDir())) }

func TestURL(t *testing.T) {
	srv := must(server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true, NoLog: true,
		JetStream: true, StoreDir: t.TempDir(),
	}))(t)
	srv.Start()
	defer func() { srv.Shutdown(); srv.WaitForShutdown() }()
	if !srv.ReadyForConnections(time.Minute) {
		t.Fatal("no NATS server")
	}
	s := must(Connect(t.Context(), srv.ClientURL(), Options{}))(t)
	defer s.Close()
	conform(t, s)

	srv.Shutdown()
	if _, err := s.Put(t.Context(), "k", nil, 0); !errors.Is(err, ErrUnavailable) {
		t.Fatalf("with the server gone: %v", err)
	}
	if err := s.Ready(t.Context()); !errors.Is(err, ErrUnavailable) {
		t.Fatalf("ready with the server gone: %v", err)
	}
}

func TestURLUnreachable(t *testing.T) {
	_, err := Connect(t.Context(), "nats://user:hunter2@127.0.0.1:1", Options{})
	if !errors.Is(err, ErrUnavailable) || strings.Contains(err.Error(), "hunter2") {
		t.Fatalf("got %v", err)
	}
}

func TestReopenKeepsEverything(t *testing.T) {
	dir := t.TempDir()
	s := openTest(t, dir)
	for i := range 20 {
		must(s.Put(t.Context(), Key("k", fmt.Sprint(i)), []byte{byte(i)}, 0))(t)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openTest(t, dir)
	if keys := must(s.Keys(t.Context(), "k"))(t); len(keys) != 20 {
		t.Fatalf("%d keys", len(keys))
	}
}

func TestOneProcessPerFolder(t *testing.T) {
	dir := t.TempDir()
	s := openTest(t, dir)
	if _, err := Open(t.Context(), dir, Options{}, testLog(t)); !errors.Is(err, ErrInUse) {
		t.Fatalf("second open: %v", err)
	}
	s.Close()
	openTest(t, dir)
}

func TestBucketFull(t *testing.T) {
	s := must(Open(t.Context(), t.TempDir(), Options{MaxBytes: 1 << 20}, testLog(t)))(t)
	defer s.Close()
	for i := range 100 {
		if _, err := s.Put(t.Context(), Key("k", fmt.Sprint(i)), make([]byte, 100<<10), 0); err != nil {
			if !errors.Is(err, ErrFull) || i < 5 {
				t.Fatalf("put %d: %v", i, err)
			}
			return
		}
	}
	t.Fatal("10 MB went into 1 MiB")
}

func TestKey(t *testing.T) {
	for _, c := range []struct {
		parts []string
		want  string
	}{
		{[]string{"a"}, "a"},
		{[]string{"a", "b.c"}, "a.b=2Ec"},
		{[]string{"=", "ü*> "}, "=3D.=C3=BC=2A=3E=20"},
	} {
		if got := Key(c.parts...); got != c.want || !validKey(got) {
			t.Errorf("%q: got %q, want %q", c.parts, got, c.want)
		}
	}
}
