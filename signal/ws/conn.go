package ws

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/coder/websocket"

	"switchyard/protocol"
	"switchyard/signal/farewell"
)

const (
	writeWithin = 10 * time.Second // for one message to leave
	maxBad      = 20               // messages that are none, until the socket closes
	discardUpTo = 16 << 20         // bytes of a message that is too large, until the socket closes
)

// conn is one socket. Three goroutines serve it: the handler's reads, write sends what is queued, and
// watch pings. They end together, when ctx does.
type conn struct {
	server *Server
	sock   *websocket.Conn
	stream *farewell.Stream // under sock
	ctx    context.Context
	cancel context.CancelFunc
	wake   chan struct{} // the queue has something, or is to be closed; holds one
	joined chan struct{} // closed when a welcome was sent

	mu      sync.Mutex
	queue   []protocol.Envelope // guarded by mu
	bytes   int                 // guarded by mu
	hungUp  bool                // guarded by mu: close when the queue is empty
	welcome bool                // guarded by mu
}

func newConn(parent context.Context, s *Server, sock *websocket.Conn, under *farewell.Stream) *conn {
	c := &conn{server: s, sock: sock, stream: under, wake: make(chan struct{}, 1), joined: make(chan struct{})}
	c.ctx, c.cancel = context.WithCancel(parent)
	// More than a message may have, so that one that is too large can be answered.
	sock.SetReadLimit(int64(s.cfg.MessageBytes) + discardUpTo)
	return c
}

// serve reads until the socket closes.
func (c *conn) serve(r Request) {
	var wg sync.WaitGroup
	wg.Go(c.write)
	wg.Go(c.watch)
	c.run(r)
	wg.Wait()
	c.cancel()
	_ = c.sock.CloseNow()
}

func (c *conn) run(r Request) {
	session, err := c.server.rooms.Open(c.ctx, r, c)
	if err != nil {
		c.server.count.refusedSock.Add(1)
		e := asError(err)
		e.Fatal = true
		c.sendError(e)
		c.Hangup()
		<-c.ctx.Done() // write says it, and hears the client out
		return
	}
	c.read(session)
	c.cancel()
	session.Closed()
}

// Send queues a message.
func (c *conn) Send(e protocol.Envelope) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.hungUp {
		return
	}
	if len(c.queue) >= c.server.cfg.QueueMessages || c.bytes > c.server.cfg.QueueBytes {
		c.hungUp, c.queue = true, nil
		c.server.count.overflowed.Add(1)
		c.cancel()
		return
	}
	c.queue = append(c.queue, e)
	c.bytes += len(e.Body)
	if e.Type == protocol.TypeWelcome && !c.welcome {
		c.welcome = true
		close(c.joined)
	}
	c.poke()
}

// Hangup closes the socket when what was queued has left.
func (c *conn) Hangup() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.hungUp = true
	c.poke()
}

func (c *conn) poke() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// take returns what is queued, and whether the socket is to be closed after it.
func (c *conn) take() ([]protocol.Envelope, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	batch := c.queue
	c.queue, c.bytes = nil, 0
	return batch, c.hungUp
}

func (c *conn) write() {
	defer c.cancel()
	for {
		select {
		case <-c.ctx.Done():
			return
		case <-c.wake:
		}
		batch, last := c.take()
		for _, e := range batch {
			if err := c.writeOne(e); err != nil {
				return
			}
		}
		if last {
			// Reads until the client answers, in place of our reader, and discards.
			c.stream.Begin()
			_ = c.sock.Close(websocket.StatusNormalClosure, "")
			return
		}
	}
}

func (c *conn) writeOne(e protocol.Envelope) error {
	b, err := json.Marshal(e)
	if err != nil {
		c.server.cfg.Log.Error("message cannot be encoded", "type", e.Type, "error", err)
		return err
	}
	ctx, cancel := context.WithTimeout(c.ctx, writeWithin)
	defer cancel()
	c.server.count.sent.Add(1)
	return c.sock.Write(ctx, websocket.MessageText, b)
}

// watch closes the socket when its client stops answering pings, or does not join.
func (c *conn) watch() {
	join := time.NewTimer(c.server.cfg.JoinWithin)
	defer join.Stop()
	ping := time.NewTicker(c.server.cfg.PingEvery)
	defer ping.Stop()
	joined := c.joined
	for {
		select {
		case <-c.ctx.Done():
			return
		case <-joined:
			join.Stop()
			joined = nil
		case <-join.C:
			if c.isJoined() { // in time, and the timer was seen first
				continue
			}
			c.server.count.silent.Add(1)
			c.sendError(&protocol.Error{Code: protocol.CodeBadMessage, Fatal: true,
				Message: "Nobody joined on this connection. Send join as the first message."})
			c.Hangup()
		case <-ping.C:
			if !c.ping() {
				c.cancel()
				return
			}
		}
	}
}

func (c *conn) isJoined() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.welcome
}

func (c *conn) ping() bool {
	ctx, cancel := context.WithTimeout(c.ctx, c.server.cfg.PingEvery)
	defer cancel()
	if err := c.sock.Ping(ctx); err != nil {
		if c.ctx.Err() == nil {
			c.server.count.silent.Add(1)
		}
		return false
	}
	return true
}

// sendError tells the client of an error outside of its session.
func (c *conn) sendError(e *protocol.Error) {
	if env, err := protocol.NewEnvelope(protocol.TypeError, *e); err == nil {
		c.Send(env)
	}
}

// read hands messages to the session until the socket closes.
func (c *conn) read(session Session) {
	limit := throttle{rate: c.server.cfg.MessageRate, burst: c.server.cfg.MessageBurst}
	bad := 0
	for {
		e, err := c.next()
		if refused, ok := errors.AsType[*protocol.Error](err); ok {
			c.server.count.bad.Add(1)
			c.sendError(refused)
			if bad++; bad >= maxBad {
				c.Hangup()
				<-c.ctx.Done()
				return
			}
			continue
		}
		if err != nil {
			return
		}
		c.server.count.received.Add(1)
		if wait := limit.take(time.Now()); wait > 0 {
			c.server.count.throttled.Add(1)
			if !c.sleep(wait) {
				return
			}
		}
		session.Receive(e)
	}
}

// next reads one message. The error is a *protocol.Error where the socket can go on.
func (c *conn) next() (protocol.Envelope, error) {
	kind, r, err := c.sock.Reader(c.ctx)
	if err != nil {
		return protocol.Envelope{}, err
	}
	most := c.server.cfg.MessageBytes
	b, err := io.ReadAll(io.LimitReader(r, int64(most)+1))
	if err != nil {
		return protocol.Envelope{}, err
	}
	if len(b) > most {
		c.server.count.tooLarge.Add(1)
		if _, err := io.Copy(io.Discard, r); err != nil {
			return protocol.Envelope{}, err
		}
		return protocol.Envelope{}, protocol.NewError(protocol.CodeBadMessage, "The message is too large. Welcome.limits.messageBytes says how large it may be.")
	}
	if kind != websocket.MessageText {
		return protocol.Envelope{}, protocol.NewError(protocol.CodeBadMessage, "Messages are text frames.")
	}
	return protocol.Decode(b)
}

func (c *conn) sleep(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-c.ctx.Done():
		return false
	}
}

// throttle is a token bucket that says how long to wait.
type throttle struct {
	rate, burst int
	level       float64
	last        time.Time
}

func (t *throttle) take(now time.Time) time.Duration {
	if t.last.IsZero() {
		t.level = float64(t.burst)
	} else {
		t.level = min(float64(t.burst), t.level+now.Sub(t.last).Seconds()*float64(t.rate))
	}
	t.last = now
	t.level--
	if t.level >= 0 {
		return 0
	}
	return time.Duration(-t.level / float64(t.rate) * float64(time.Second))
}
