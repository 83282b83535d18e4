// Package ws serves the WebSocket of rooms: GET /v1/rooms/{room}?token=…, subprotocol
// protocol.Subprotocol (RFC 6455). It turns frames into envelopes and back, keeps the socket alive and
// within bounds, and knows nothing of what the messages mean: that is for Rooms.
package ws

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"

	"switchyard/protocol"
	"switchyard/signal/farewell"
)

// farewellBytes bounds what is read of a socket after our close frame.
const farewellBytes = 4 << 20

// Rooms is who the sockets are for.
type Rooms interface {
	// Open takes a new socket. An error is told to the client, in full where it is a
	// *protocol.Error, and the socket closes.
	Open(ctx context.Context, r Request, c Conn) (Session, error)
}

// Request is what a new socket asks for.
type Request struct {
	Room, Token string
	Host        string // by which name or address the client reached the server, with its port
}

// Session takes what comes on one socket. Its methods are called by one goroutine.
type Session interface {
	// Receive takes one message. It may wait: meanwhile nothing is read from the socket.
	Receive(protocol.Envelope)
	// Closed says that the socket is gone. Nothing follows.
	Closed()
}

// Conn is the way to one client. Its methods never block.
type Conn interface {
	// Send queues a message. Where the queue is full the socket closes, and Closed follows.
	Send(protocol.Envelope)
	// Hangup closes the socket when what was queued has left.
	Hangup()
}

// Config is how the sockets are served. The zero value works.
type Config struct {
	// Origins are other sites whose pages may connect ("https://example.org"); "*" allows all.
	Origins []string
	// MessageBytes is the largest message from a client; 1 MiB by default.
	MessageBytes int
	// QueueMessages and QueueBytes bound what waits to be sent on one socket; 1024 and 8 MiB by
	// default. When it is full the socket is closed; its session can be resumed.
	QueueMessages, QueueBytes int
	// MessageRate and MessageBurst bound how fast a socket is read, in messages per second;
	// 100 and 400 by default. Who is faster waits.
	MessageRate, MessageBurst int
	// PingEvery is how often a WebSocket ping is sent, and how long its pong may take; 10 s by default.
	PingEvery time.Duration
	// JoinWithin is how long a socket may stay without a welcome; 20 s by default.
	JoinWithin time.Duration
	// Log receives what goes wrong; nil discards it.
	Log *slog.Logger
}

func (c Config) withDefaults() Config {
	for _, d := range []struct {
		v *int
		d int
	}{
		{&c.MessageBytes, 1 << 20}, {&c.QueueMessages, 1024}, {&c.QueueBytes, 8 << 20},
		{&c.MessageRate, 100}, {&c.MessageBurst, 400},
	} {
		if *d.v <= 0 {
			*d.v = d.d
		}
	}
	if c.PingEvery <= 0 {
		c.PingEvery = 10 * time.Second
	}
	if c.JoinWithin <= 0 {
		c.JoinWithin = 20 * time.Second
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}

// Stats counts what the sockets did since the start.
type Stats struct {
	Open       int64  // sockets now
	Opened     uint64 // sockets ever
	Received   uint64 // messages
	Sent       uint64
	Bad        uint64 // messages that are none
	TooLarge   uint64
	Throttled  uint64 // messages that had to wait
	Overflowed uint64 // sockets closed because their client did not keep up
	Silent     uint64 // sockets closed because their client did not answer, or did not join
	Refused    uint64 // sockets that Rooms did not want
}

type counters struct {
	open                                                                              atomic.Int64
	opened, received, sent, bad, tooLarge, throttled, overflowed, silent, refusedSock atomic.Uint64
}

// Server is the handler of GET /v1/rooms/{room}.
type Server struct {
	rooms Rooms
	cfg   Config
	count counters

	mu     sync.Mutex
	conns  map[*conn]struct{} // guarded by mu
	closed bool               // guarded by mu
	wg     sync.WaitGroup
}

// New returns a handler that hands sockets to rooms.
func New(rooms Rooms, c Config) *Server {
	return &Server{rooms: rooms, cfg: c.withDefaults(), conns: map[*conn]struct{}{}}
}

// Stats returns a snapshot.
func (s *Server) Stats() Stats {
	c := &s.count
	return Stats{
		Open: c.open.Load(), Opened: c.opened.Load(), Received: c.received.Load(), Sent: c.sent.Load(),
		Bad: c.bad.Load(), TooLarge: c.tooLarge.Load(), Throttled: c.throttled.Load(),
		Overflowed: c.overflowed.Load(), Silent: c.silent.Load(), Refused: c.refusedSock.Load(),
	}
}

// Close closes all sockets at once and waits for them. Tell their clients why before.
func (s *Server) Close() {
	s.mu.Lock()
	s.closed = true
	for c := range s.conns {
		c.cancel()
	}
	s.mu.Unlock()
	s.wg.Wait()
}

func (s *Server) add(c *conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.conns[c] = struct{}{}
	s.wg.Add(1)
	s.count.open.Add(1)
	s.count.opened.Add(1)
	return true
}

func (s *Server) remove(c *conn) {
	s.mu.Lock()
	delete(s.conns, c)
	if len(s.conns) == 0 {
		s.conns = map[*conn]struct{}{} // a map keeps the room that it had for many
	}
	s.mu.Unlock()
	s.count.open.Add(-1)
	s.wg.Done()
}

// ServeHTTP serves one socket until it closes.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	room, ok := strings.CutPrefix(r.URL.Path, "/v1/rooms/")
	if !ok || !protocol.ValidRoom(room) {
		http.Error(w, "There is no such room: its name has 1 to 64 letters, digits, '-', '_' or '.'.", http.StatusNotFound)
		return
	}
	h := &farewell.Hijacker{ResponseWriter: w, Most: farewellBytes}
	sock, err := websocket.Accept(h, r, &websocket.AcceptOptions{
		Subprotocols:       []string{protocol.Subprotocol},
		OriginPatterns:     s.cfg.Origins,
		InsecureSkipVerify: slices.Contains(s.cfg.Origins, "*"),
	})
	if err != nil {
		s.cfg.Log.Debug("websocket refused", "error", err)
		return // Accept has answered
	}
	c := newConn(r.Context(), s, sock, h.Stream)
	if !s.add(c) {
		c.cancel()
		h.Stream.Begin()
		_ = sock.Close(websocket.StatusGoingAway, "shutting down")
		return
	}
	defer s.remove(c)
	c.serve(Request{Room: room, Token: token(r), Host: r.Host})
}

// token is the bearer token of the request (RFC 6750 §2.1), or the query's, for browsers cannot set
// headers on a WebSocket.
func token(r *http.Request) string {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if strings.EqualFold(scheme, "Bearer") {
		return strings.TrimSpace(token)
	}
	return r.URL.Query().Get("token")
}

// asError is what the client is told of an error.
func asError(err error) *protocol.Error {
	if e, ok := errors.AsType[*protocol.Error](err); ok {
		told := *e
		return &told
	}
	return &protocol.Error{Code: protocol.CodeInternal, Retryable: true, Message: "The server failed. Try again in a moment."}
}
