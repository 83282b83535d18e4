package bench

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"switchyard/media"
	"switchyard/protocol"
)

// SoakConfig is a server of ours that shall be as it was after much coming and going.
type SoakConfig struct {
	Server string // "http://127.0.0.1:8080"; nobody else may use it
	Media  string // address of its media port, for what the kernel dropped there
	PID    int
	Admin  string // admin token
	Token  func(Who) (string, error)

	For   time.Duration // how long people come and go
	Rooms int
	Lives int // how many are there at once
	// Profiles is a folder for heap profiles taken before and after, "" for none.
	Profiles string
	Log      *slog.Logger
	// Progress is told what happens, in words for a person.
	Progress func(string)
}

const (
	warmUp = 20 * time.Second // of the same load, so that pools are full when the first reading is taken
	linger = 45 * time.Second // a closed link's socket counts what the server still sends; longer than it lives there
	calm   = 3 * time.Minute  // after which the server has forgotten everybody
)

// soak is a run of it.
type soak struct {
	SoakConfig
	readers []*rester
	traffic traffic
	clock   *media.Clock
	next    atomic.Uint64

	mu     sync.Mutex
	tracks map[string]map[protocol.TrackID]bool // by room, guarded by mu
	closed []lingering                          // guarded by mu
	done   SoakCounts                           // guarded by mu
}

// SoakCounts is what was done to the server.
type SoakCounts struct {
	Joins       uint64 `json:"joins"`
	FailedJoins uint64 `json:"failedJoins"`
	Leaves      uint64 `json:"leaves"`
	Vanished    uint64 `json:"vanished"`
	Publishes   uint64 `json:"publishes"`
	Wishes      uint64 `json:"wishes"` // each asks for other tracks at other sizes
}

// lingering is a socket whose client is gone.
type lingering struct {
	sock  *socket
	until time.Time
}

// Soak lets people come and go, and then looks at what is left. An error means that it could not be
// done; what is wrong with the server is in the result.
func Soak(ctx context.Context, c SoakConfig) (SoakResult, error) {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Progress == nil {
		c.Progress = func(string) {}
	}
	if c.For <= 0 || c.Rooms < 1 || c.Lives < 1 || !canRest {
		return SoakResult{}, errors.New("bench: a soak needs time, a room, somebody who comes, and Linux")
	}
	s := &soak{SoakConfig: c, clock: media.NewClock(), tracks: map[string]map[protocol.TrackID]bool{}}
	readCtx, stop := context.WithCancel(context.WithoutCancel(ctx))
	var readers sync.WaitGroup
	defer readers.Wait()
	defer stop()
	for range runtime.GOMAXPROCS(0) {
		reader := newRester(500 * time.Microsecond)
		s.readers = append(s.readers, reader)
		readers.Go(func() { reader.run(readCtx) })
	}
	readers.Go(func() { s.sweep(readCtx) })
	return s.run(ctx)
}

func (s *soak) run(ctx context.Context) (SoakResult, error) {
	s.Progress("warming up")
	s.live(ctx, warmUp)
	before, err := s.settled(ctx, nil)
	if err != nil {
		return SoakResult{}, err
	}
	if err := s.profile(ctx, "before"); err != nil {
		return SoakResult{}, err
	}
	s.count(func(d *SoakCounts) { *d = SoakCounts{} })
	start := time.Now()
	s.live(ctx, s.For)
	lived := time.Since(start)
	after, err := s.settled(ctx, &before)
	if err != nil {
		return SoakResult{}, err
	}
	if err := s.profile(ctx, "after"); err != nil {
		return SoakResult{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return judge(lived, s.done, before, after), ctx.Err()
}

// profile keeps what is on the heap, and who waits, for `go tool pprof -base`.
func (s *soak) profile(ctx context.Context, when string) error {
	if s.Profiles == "" {
		return nil
	}
	for _, name := range []string{"heap?gc=1", "goroutine"} {
		b, err := s.get(ctx, "/v1/admin/profile/"+name)
		if err != nil {
			return err
		}
		kind, _, _ := strings.Cut(name, "?")
		if err := os.WriteFile(filepath.Join(s.Profiles, kind+"-"+when+".pb.gz"), []byte(b), 0o600); err != nil {
			return fmt.Errorf("bench: profile: %w", err)
		}
	}
	return nil
}

// live lets people come and go for a time, and waits until all are gone.
func (s *soak) live(ctx context.Context, d time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	var all sync.WaitGroup
	for range s.Lives {
		all.Go(func() {
			for ctx.Err() == nil {
				s.life(ctx)
			}
		})
	}
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	start := time.Now()
	for ctx.Err() == nil {
		select {
		case <-tick.C:
			s.mu.Lock()
			s.Progress(fmt.Sprintf("%v of %v: %d joins, %d leaves, %d vanished, %d wishes", time.Since(start).Round(time.Second), d,
				s.done.Joins, s.done.Leaves, s.done.Vanished, s.done.Wishes))
			s.mu.Unlock()
		case <-ctx.Done():
		}
	}
	all.Wait()
}

// count changes what was done.
func (s *soak) count(f func(*SoakCounts)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(&s.done)
}

// signaller makes a way in with a fresh identity; endpoint is "" for the WebSocket.
func (s *soak) signaller(room, endpoint string, publish bool) (signaller, error) {
	who := Who{Room: room, Identity: "soak-" + strconv.FormatUint(s.next.Add(1), 10), Publish: publish, Subscribe: true}
	token, err := s.Token(who)
	if err != nil {
		return nil, err
	}
	if endpoint != "" {
		return &httpSignal{endpoint: s.Server + "/" + endpoint + "/" + room, token: token, client: http.DefaultClient}, nil
	}
	return &roomSignal{endpoint: "ws" + s.Server[len("http"):] + "/v1/rooms/" + room, token: token}, nil
}

// linger leaves a transport's socket open for a while, so that what the server still sends is counted.
func (s *soak) linger(t *transport) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = append(s.closed, lingering{t.sock, time.Now().Add(linger)})
}

// sweep closes sockets that lingered, all of them at the end.
func (s *soak) sweep(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			s.closeUntil(time.Now().Add(2 * linger))
			return
		case now := <-tick.C:
			s.closeUntil(now)
		}
	}
}

func (s *soak) closeUntil(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.closed) > 0 && s.closed[0].until.Before(now) {
		s.traffic.dropped.Add(s.closed[0].sock.dropped())
		s.closed[0].sock.close()
		s.closed = s.closed[1:]
	}
}

// lingered is how many sockets are still open, and how much they dropped.
func (s *soak) lingered() (n int, dropped uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.closed {
		dropped += c.sock.dropped()
	}
	return len(s.closed), dropped
}
