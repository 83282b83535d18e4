// Package splice joins two WebSockets (RFC 6455) and passes binary messages between them as they come: the way that
// two participants still have where neither UDP nor TURN gets through (docs/transfer.md, Ways). It knows nothing of
// what it passes, which is sealed from end to end.
package splice

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"

	"switchyard/signal/farewell"
)

// Subprotocol is the WebSocket subprotocol that both ends name.
const Subprotocol = "switchyard.relay.v1"

// MaxMessage is the largest message that is passed on, in bytes: one of a lane, sealed.
const MaxMessage = 65600

// What a socket is closed with besides what RFC 6455 has, and what the other end closed with.
const (
	StatusAlone    websocket.StatusCode = 4408 // the other end did not come in time
	StatusReplaced websocket.StatusCode = 4409 // the same end, or the other one, came anew
	StatusLost     websocket.StatusCode = 4410 // the other end's connection broke
	StatusIdle     websocket.StatusCode = 4411 // nothing was passed for long
	StatusShut     websocket.StatusCode = 4412 // the room was closed, or the participant removed
)

// Errors of Serve for a socket that is not wanted now.
var (
	ErrFull   = errors.New("splice: as many sockets as there may be")
	ErrRoom   = errors.New("splice: as many sockets in this room as there may be")
	ErrWaits  = errors.New("splice: as many sockets wait for one address as may")
	ErrClosed = errors.New("splice: closed")
)

// Ends are who wants to be joined to whom, as a token proved it.
type Ends struct {
	Room     string
	From, To string // identities in the room
	// Addr is the address that the socket is counted under.
	Addr netip.Addr
	// Over tells why the room is over, as a sentence; "": it is not. It is asked once CloseRoom would find the socket,
	// so that none slips in while its room is being closed. Nil: the room is not over.
	Over func() string
}

// Config bounds the sockets. The zero value works.
type Config struct {
	// Origins are other sites whose pages may connect ("https://example.org"); "*" allows all.
	Origins []string
	// Sockets is how many there may be at once, Room how many of them in one room, Waiting how many of one address
	// may wait for their other end; 2000, 256 and 64 by default.
	Sockets, Room, Waiting int
	// Wait is how long a socket waits for its other end; a minute by default.
	Wait time.Duration
	// PingEvery is how often a socket that brings nothing is asked whether it lives, and how long the answer may
	// take; 10 s by default.
	PingEvery time.Duration
	// Stall is how long a message to an end that does not read may take; 30 s by default.
	Stall time.Duration
	// Idle is how long two ends may stay joined without a message; 10 minutes by default.
	Idle time.Duration
	// Rate is how many bytes a second each end may send, and TotalRate all ends together; 125 MiB and 500 MiB by
	// default. What is more is not read until its time has come.
	Rate, TotalRate int64
	// Log receives what goes wrong; nil discards it.
	Log *slog.Logger
}

func (c Config) withDefaults() Config {
	setDefault(&c.Sockets, 2000)
	setDefault(&c.Room, 256)
	setDefault(&c.Waiting, 64)
	setDefault(&c.Wait, time.Minute)
	setDefault(&c.PingEvery, 10*time.Second)
	setDefault(&c.Stall, 30*time.Second)
	setDefault(&c.Idle, 10*time.Minute)
	setDefault(&c.Rate, 125<<20)
	setDefault(&c.TotalRate, 500<<20)
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}

func setDefault[T int | int64 | time.Duration](v *T, value T) {
	if *v <= 0 {
		*v = value
	}
}

// Stats counts what the sockets did since the start.
type Stats struct {
	Sockets, Pairs int64 // now
	Joined         uint64
	Messages       uint64
	Bytes          uint64
	Ended          map[string]uint64 // sockets by why they ended
	Refused        map[string]uint64 // sockets that were not wanted, by why
	Held           map[string]uint64 // messages behind which an end had to wait, by whose rate
}

// Why a socket ended, and why it was refused.
const (
	endClosed, endLost, endAlone, endReplaced, endIdle, endSilent, endBad, endTooLarge, endShut = "closed", "lost", "alone", "replaced", "idle", "silent", "bad", "too-large", "shut"
	refusedFull, refusedRoom, refusedWaits, refusedClosed, refusedUpgrade                       = "full", "room-full", "waiting", "shutting-down", "no-websocket"
)

// Whose rate held back a message.
const heldConnection, heldServer = "connection", "server"

// farewellBytes bounds what is read of a socket after our close frame.
const farewellBytes = 8 << 20

// key names one end of a pair.
type key struct{ room, from, to string }

func (k key) turned() key { return key{k.room, k.to, k.from} }

// Server joins sockets. Its methods are safe for concurrent use.
type Server struct {
	cfg              Config
	pace             pace // of all
	messages, bytes  atomic.Uint64
	heldOwn, heldAll atomic.Uint64

	mu      sync.Mutex
	sockets map[key]*socket    // guarded by mu; the newest of each end
	live    map[*socket]bool   // guarded by mu
	all     int                // guarded by mu; also those on their way
	rooms   map[string]int     // guarded by mu; all, by room
	waiting map[netip.Addr]int // guarded by mu
	pairs   int                // guarded by mu
	joined  uint64             // guarded by mu
	ended   map[string]uint64  // guarded by mu
	refused map[string]uint64  // guarded by mu
	closed  bool               // guarded by mu
	wg      sync.WaitGroup     // sockets; Add under mu
}

// New returns a server without sockets.
func New(c Config) *Server {
	c = c.withDefaults()
	return &Server{cfg: c, pace: pace{rate: float64(c.TotalRate)}, sockets: map[key]*socket{}, live: map[*socket]bool{}, rooms: map[string]int{}, waiting: map[netip.Addr]int{},
		ended: map[string]uint64{}, refused: map[string]uint64{}}
}

// Serve upgrades a request to one end of a pair and passes messages until it closes. With an error nothing was
// answered.
func (s *Server) Serve(w http.ResponseWriter, r *http.Request, e Ends) error {
	if err := s.reserve(e); err != nil {
		return err
	}
	defer s.wg.Done()
	h := &farewell.Hijacker{ResponseWriter: w, Most: farewellBytes}
	conn, err := websocket.Accept(h, r, &websocket.AcceptOptions{
		Subprotocols:       []string{Subprotocol},
		OriginPatterns:     s.cfg.Origins,
		InsecureSkipVerify: slices.Contains(s.cfg.Origins, "*"),
	})
	if err != nil {
		s.cfg.Log.Debug("relay refused", "error", err)
		s.release(e, true)
		s.refuse(refusedUpgrade)
		return nil // Accept has answered
	}
	conn.SetReadLimit(MaxMessage)
	k := newSocket(s, conn, h.Stream, e)
	s.enter(k)
	if e.Over != nil {
		if reason := e.Over(); reason != "" {
			k.end(StatusShut, reason, endShut)
		}
	}
	k.run()
	s.leave(k)
	return nil
}

// reserve counts a socket that is about to come.
func (s *Server) reserve(e Ends) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range []struct {
		wrong bool
		err   error
		why   string
	}{
		{s.closed, ErrClosed, refusedClosed},
		{s.all >= s.cfg.Sockets, ErrFull, refusedFull},
		{s.rooms[e.Room] >= s.cfg.Room, ErrRoom, refusedRoom},
		{s.waiting[e.Addr] >= s.cfg.Waiting, ErrWaits, refusedWaits},
	} {
		if c.wrong {
			s.refused[c.why]++
			return c.err
		}
	}
	s.all++
	s.rooms[e.Room]++
	s.waiting[e.Addr]++
	s.wg.Add(1)
	return nil
}

// release takes back what reserve counted.
func (s *Server) release(e Ends, waits bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all--
	less(s.rooms, e.Room)
	if waits {
		less(s.waiting, e.Addr)
	}
}

// less counts one less and forgets what is nothing.
func less[K comparable](m map[K]int, k K) {
	if m[k]--; m[k] <= 0 {
		delete(m, k)
	}
}

func (s *Server) refuse(why string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refused[why]++
}

// enter puts a socket in the place of an older one of the same end, and joins it where the other end waits.
func (s *Server) enter(k *socket) {
	s.mu.Lock()
	old, other, shut := s.sockets[k.key], s.sockets[k.key.turned()], s.closed
	s.sockets[k.key], s.live[k] = k, true
	if other != nil && other.other == nil && !other.dead && !shut {
		k.other, other.other = other, k
		less(s.waiting, k.addr)
		less(s.waiting, other.addr)
		s.pairs++
		s.joined++
		close(k.joined)
		close(other.joined)
	}
	s.mu.Unlock()
	if old != nil {
		old.end(StatusReplaced, "This end came again by a newer connection.", endReplaced)
	}
	if shut { // while it was upgraded
		k.shut()
	}
}

// leave forgets a socket that is closed.
func (s *Server) leave(k *socket) {
	s.mu.Lock()
	if s.sockets[k.key] == k {
		delete(s.sockets, k.key)
	}
	delete(s.live, k)
	waits := k.other == nil
	if !waits && k.other.left {
		s.pairs--
	}
	k.left = true
	s.mu.Unlock()
	s.release(k.ends(), waits)
}

// CloseRoom ends the sockets of a room; with an identity only its own. Reason is a sentence, at most 120 bytes.
func (s *Server) CloseRoom(room, identity, reason string) {
	for _, k := range s.list() {
		if k.key.room == room && (identity == "" || identity == k.key.from) {
			k.end(StatusShut, reason, endShut)
		}
	}
}

func (s *Server) list() []*socket {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]*socket, 0, len(s.live))
	for k := range s.live {
		list = append(list, k)
	}
	return list
}

// Close tells all ends that the server ends, takes no more, and waits until they are gone; when ctx ends it waits no
// longer for what they have to say.
func (s *Server) Close(ctx context.Context) {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	for _, k := range s.list() {
		k.shut()
	}
	stop := context.AfterFunc(ctx, func() {
		for _, k := range s.list() {
			k.under.Close()
		}
	})
	defer stop()
	s.wg.Wait()
}

// Stats returns a snapshot.
func (s *Server) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := Stats{Sockets: int64(s.all), Pairs: int64(s.pairs), Joined: s.joined, Messages: s.messages.Load(), Bytes: s.bytes.Load(),
		Ended: map[string]uint64{}, Refused: map[string]uint64{},
		Held: map[string]uint64{heldConnection: s.heldOwn.Load(), heldServer: s.heldAll.Load()}}
	for _, why := range []string{endClosed, endLost, endAlone, endReplaced, endIdle, endSilent, endBad, endTooLarge, endShut} {
		st.Ended[why] = s.ended[why]
	}
	for _, why := range []string{refusedFull, refusedRoom, refusedWaits, refusedClosed, refusedUpgrade} {
		st.Refused[why] = s.refused[why]
	}
	return st
}
