package client

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/coder/websocket"

	"switchyard/protocol"
)

const (
	dialTimeout  = 4 * time.Second
	joinTimeout  = 10 * time.Second
	writeTimeout = 10 * time.Second
	pingEvery    = 10 * time.Second
	silence      = 25 * time.Second // after which a socket counts as dead
	ackEvery     = 32               // messages received, until we say so unasked
	firstRetry   = 250 * time.Millisecond
	lastRetry    = 2 * time.Second
	maxMessage   = 4 << 20 // bytes of one message from the server
)

// ErrBusy means that the server does not take what is sent.
var ErrBusy = errors.New("client: too many messages wait for the server")

// owner is who a session speaks for. Its methods are called by the goroutine of run, in order.
type owner interface {
	// join makes the first message of a new session.
	join(context.Context) (protocol.Join, error)
	welcome(protocol.Welcome) error
	message(protocol.Envelope)
	lost()            // a new session will begin: the link of the old one is void
	reachable(b bool) // the WebSocket is there, or not
}

// session is the conversation with the server over WebSockets that come and go (docs/protocol.md):
// numbering, acknowledgement, resume and replay, requests and their answers. One goroutine, run,
// dials and reads; each socket has a second that writes.
type session struct {
	// Immutable.
	url   *url.URL
	token func() string
	http  *http.Client
	log   *slog.Logger
	owner owner

	mu       sync.Mutex
	secret   string // guarded by mu, as all below; "" while there is no session
	out      outbox
	id       uint64 // of the newest request
	received uint64 // highest Seq from the server
	acked    uint64 // what we told of it
	waiting  map[uint64]chan<- reply
	ready    chan struct{} // closed while there is a session
	over     error         // why run ended
	kick     chan struct{} // there is something to write; holds one
	drop     context.CancelCauseFunc
}

type reply struct {
	e   protocol.Envelope
	err error
}

func newSession(u *url.URL, token func() string, h *http.Client, log *slog.Logger, o owner) *session {
	return &session{
		url: u, token: token, http: h, log: log, owner: o,
		waiting: map[uint64]chan<- reply{}, ready: make(chan struct{}), kick: make(chan struct{}, 1),
	}
}

// run keeps the session until ctx ends or the server ends it. The first attempt's error is told to
// first, with nil when it came to a welcome; it is not repeated when it failed.
func (s *session) run(ctx context.Context, first func(error)) error {
	entered := false
	for attempt := 0; ; attempt++ {
		err := s.connect(ctx, func() {
			attempt = 0
			if !entered {
				entered = true
				first(nil)
			}
		})
		if !entered {
			first(err)
		}
		if ctx.Err() != nil {
			err = ErrClosed
		}
		var e *protocol.Error
		final := errors.As(err, &e) && e.Code != protocol.CodeSessionUnknown && !e.Retryable
		if !entered || final || ctx.Err() != nil {
			s.end(err)
			return err
		}
		s.log.Info("reconnecting", "error", err, "attempt", attempt)
		s.owner.reachable(false)
		select {
		case <-ctx.Done():
		case <-time.After(backoff(attempt)):
		}
	}
}

// backoff grows from 250 ms to 2 s, with half of it by chance so that clients do not come at once.
func backoff(attempt int) time.Duration {
	d := min(firstRetry<<min(attempt, 10), lastRetry)
	return d/2 + rand.N(d/2)
}

// connect lives through one WebSocket.
func (s *session) connect(ctx context.Context, welcomed func()) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	s.mu.Lock()
	s.drop = cancel
	s.mu.Unlock()

	conn, err := s.dial(ctx)
	if err != nil {
		return err
	}
	defer conn.CloseNow()
	conn.SetReadLimit(maxMessage)
	if err := s.enter(ctx, conn); err != nil {
		return err
	}
	welcomed()
	s.owner.reachable(true)

	var writer sync.WaitGroup
	writer.Go(func() { cancel(s.write(ctx, conn)) })
	err = s.read(ctx, conn)
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	cancel(err)
	writer.Wait()
	return err
}

// reconnect gives up the socket for a new one, on which the session resumes.
func (s *session) reconnect() {
	s.mu.Lock()
	drop := s.drop
	s.mu.Unlock()
	if drop != nil {
		drop(errReconnect)
	}
}

func (s *session) dial(ctx context.Context) (*websocket.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	u := *s.url
	u.RawQuery = url.Values{"token": {s.token()}}.Encode()
	conn, _, err := websocket.Dial(ctx, u.String(), &websocket.DialOptions{
		HTTPClient: s.http, Subprotocols: []string{protocol.Subprotocol},
	})
	if err != nil {
		return nil, dialError{err, s.url.String()}
	}
	return conn, nil
}

// dialError hides the token, which stands in the URL of the error below.
type dialError struct {
	err error
	url string
}

func (e dialError) Error() string {
	var u *url.Error
	if errors.As(e.err, &u) {
		return "client: cannot reach " + e.url + ": " + u.Err.Error()
	}
	return "client: cannot open " + e.url + ": the server does not answer as a WebSocket of rooms"
}

func (e dialError) Unwrap() error { return e.err }

// enter resumes the session, or begins one.
func (s *session) enter(ctx context.Context, conn *websocket.Conn) error {
	ctx, cancel := context.WithTimeout(ctx, joinTimeout)
	defer cancel()
	s.mu.Lock()
	secret, ack := s.secret, s.received
	s.id++
	id := s.id
	s.mu.Unlock()
	if secret != "" {
		e := protocol.Envelope{Type: protocol.TypeResume, ID: id, Ack: ack, Body: encode(protocol.Resume{Session: secret})}
		if err := writeEnvelope(ctx, conn, e); err != nil {
			return err
		}
		err := s.awaitWelcome(ctx, conn, id)
		var pe *protocol.Error
		if err == nil || !errors.As(err, &pe) || pe.Code != protocol.CodeSessionUnknown {
			return err
		}
		s.lose()
	}
	return s.begin(ctx, conn)
}

// begin joins: a new session, whose first message is the join.
func (s *session) begin(ctx context.Context, conn *websocket.Conn) error {
	body, err := s.owner.join(ctx)
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.id++
	id := s.id
	s.out = outbox{seq: 1}
	s.received, s.acked = 0, 0
	s.mu.Unlock()
	if err := writeEnvelope(ctx, conn, protocol.Envelope{Type: protocol.TypeJoin, ID: id, Seq: 1, Body: encode(body)}); err != nil {
		return err
	}
	return s.awaitWelcome(ctx, conn, id)
}

func (s *session) awaitWelcome(ctx context.Context, conn *websocket.Conn, id uint64) error {
	for {
		e, err := readEnvelope(ctx, conn)
		if err != nil {
			return err
		}
		switch {
		case e.Type == protocol.TypeWelcome:
			return s.welcomed(e)
		case e.Type == protocol.TypeError && (e.Re == id || e.Re == 0):
			return asError(e)
		case e.Type == protocol.TypeICE: // ahead of the welcome
			s.owner.message(e)
		}
	}
}

func (s *session) welcomed(e protocol.Envelope) error {
	var w protocol.Welcome
	if err := json.Unmarshal(e.Body, &w); err != nil {
		return errors.Join(errors.New("client: welcome"), err)
	}
	s.mu.Lock()
	s.secret = w.Session
	if !w.Resumed || e.Seq == s.received+1 {
		s.received = e.Seq
	}
	s.out.ack(e.Ack)
	s.out.rewind()
	s.mu.Unlock()
	err := s.owner.welcome(w)
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-s.ready:
	default:
		close(s.ready)
	}
	return err
}

// lose forgets the session: the server knows it no more.
func (s *session) lose() {
	s.mu.Lock()
	s.secret = ""
	select {
	case <-s.ready:
		s.ready = make(chan struct{})
	default:
	}
	s.failAll(ErrSessionLost)
	s.mu.Unlock()
	s.owner.lost()
}

// abandon drops the session and the socket because the link to the server cannot be repaired; run
// begins a new one.
func (s *session) abandon() {
	s.lose()
	s.mu.Lock()
	drop := s.drop
	s.mu.Unlock()
	if drop != nil {
		drop(errLinkBroken)
	}
}

func (s *session) end(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.over = err
	s.failAll(err)
	select {
	case <-s.ready:
	default:
		close(s.ready)
	}
}

// failAll answers every request. mu is held; the channels hold one.
func (s *session) failAll(err error) {
	for id, c := range s.waiting {
		c <- reply{err: err}
		delete(s.waiting, id)
	}
}

func (s *session) read(ctx context.Context, conn *websocket.Conn) error {
	for {
		rctx, cancel := context.WithTimeoutCause(ctx, silence, errSilent)
		e, err := readEnvelope(rctx, conn)
		cancel()
		if err != nil {
			return err
		}
		if err := s.take(e); err != nil {
			return err
		}
	}
}

// take handles one message of a live session.
func (s *session) take(e protocol.Envelope) error {
	s.mu.Lock()
	s.out.ack(e.Ack)
	if e.Seq != 0 && e.Seq <= s.received {
		s.mu.Unlock()
		return nil // replayed
	}
	s.received = max(s.received, e.Seq)
	late := s.received-s.acked >= ackEvery
	waiting, asked := s.waiting[e.Re]
	if e.Re != 0 {
		delete(s.waiting, e.Re)
	}
	s.mu.Unlock()
	if late {
		s.poke()
	}
	if e.Type == protocol.TypeError {
		err := asError(e)
		var pe *protocol.Error
		if errors.As(err, &pe) && pe.Fatal {
			if pe.Code == protocol.CodeSessionUnknown {
				s.lose()
			}
			return err
		}
	}
	if e.Re != 0 && asked {
		waiting <- reply{e: e}
	}
	if e.Re == 0 {
		s.owner.message(e)
	}
	return nil
}

// write writes what is in the outbox, and pings.
func (s *session) write(ctx context.Context, conn *websocket.Conn) error {
	ping := time.NewTicker(pingEvery)
	defer ping.Stop()
	for {
		s.mu.Lock()
		e, ok := s.out.next()
		late := s.received-s.acked >= ackEvery
		if !ok && late {
			e, ok = protocol.Envelope{Type: protocol.TypePing}, true
		}
		e.Ack = s.received
		if ok {
			s.acked = s.received
		}
		s.mu.Unlock()
		if ok {
			if err := writeEnvelope(ctx, conn, e); err != nil {
				return err
			}
			continue
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-s.kick:
		case <-ping.C:
			s.mu.Lock()
			e := protocol.Envelope{Type: protocol.TypePing, Ack: s.received}
			s.acked = s.received
			s.mu.Unlock()
			if err := writeEnvelope(ctx, conn, e); err != nil {
				return err
			}
		}
	}
}

func (s *session) poke() {
	select {
	case s.kick <- struct{}{}:
	default:
	}
}
