package splice

import (
	"context"
	"errors"
	"io"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"

	"switchyard/signal/farewell"
)

// socket is one end. Two goroutines serve it: the handler's passes what it brings to the other end, watch looks
// whether it lives. The other end's handler writes to it.
type socket struct {
	server *Server
	conn   *websocket.Conn
	under  *farewell.Stream // under conn
	key    key
	pace   pace // of what it brings
	addr   netip.Addr
	joined chan struct{} // closed when other is set
	ending chan struct{} // closed when it is to close
	gone   chan struct{} // closed when it is closed

	other *socket // set once, under the server's mu, before joined is closed
	dead  bool    // guarded by the server's mu: end was called
	left  bool    // guarded by the server's mu: it is gone

	reading atomic.Bool  // waits for a message, and so hears pongs
	passed  atomic.Int64 // when the last message was read of it or written to it, in Unix nanoseconds
	stalled atomic.Int64 // when the write to it began that is under way; 0: none is
}

func newSocket(s *Server, conn *websocket.Conn, under *farewell.Stream, e Ends) *socket {
	k := &socket{server: s, conn: conn, under: under, key: key{e.Room, e.From, e.To}, pace: pace{rate: float64(s.cfg.Rate)}, addr: e.Addr,
		joined: make(chan struct{}), ending: make(chan struct{}), gone: make(chan struct{})}
	k.passed.Store(time.Now().UnixNano())
	return k
}

func (k *socket) ends() Ends {
	return Ends{Room: k.key.room, From: k.key.from, To: k.key.to, Addr: k.addr}
}

// run passes messages until the socket is closed.
func (k *socket) run() {
	var wg sync.WaitGroup
	wg.Go(k.watch)
	k.pass()
	<-k.gone
	wg.Wait()
}

// buffers hold the one message that is on its way from a socket to the other.
var buffers = sync.Pool{New: func() any { b := make([]byte, MaxMessage+1); return &b }}

// pass hands on message after message. While one is being written, or held back by a rate, nothing is read: that is the
// back-pressure.
func (k *socket) pass() {
	for {
		k.reading.Store(true)
		// No deadline and no context: both cost an allocation per message. Closing ends the wait.
		kind, r, err := k.conn.Reader(context.Background())
		if err != nil {
			k.hangUp(err)
			return
		}
		if kind != websocket.MessageBinary {
			k.end(websocket.StatusUnsupportedData, "Messages are binary.", endBad)
			return
		}
		n, err := k.passOne(r)
		if err != nil {
			k.hangUp(err)
			return
		}
		k.hold(n)
	}
}

// passOne reads a message of n bytes, waits for the other end to be there, and writes it. An error is of reading.
func (k *socket) passOne(r io.Reader) (n int, err error) {
	b := buffers.Get().(*[]byte)
	defer buffers.Put(b)
	n, err = readAll(r, *b)
	k.reading.Store(false)
	if err != nil {
		return 0, err
	}
	select {
	case <-k.joined:
	case <-k.ending:
		return 0, io.EOF // it is said already why
	}
	k.touch()
	o := k.other
	o.stalled.Store(time.Now().UnixNano())
	err = o.conn.Write(context.Background(), websocket.MessageBinary, (*b)[:n])
	o.stalled.Store(0)
	if err != nil {
		o.end(StatusLost, "", endLost)
		return 0, io.EOF
	}
	o.touch()
	k.server.messages.Add(1)
	k.server.bytes.Add(uint64(n))
	return n, nil
}

var errTooLarge = errors.New("splice: message too large")

// readAll reads a message into b, which has room for one byte more than it may have.
func readAll(r io.Reader, b []byte) (int, error) {
	n := 0
	for {
		m, err := r.Read(b[n:])
		n += m
		switch {
		case err == io.EOF:
			return n, nil
		case err != nil:
			return n, err
		case n == len(b):
			return n, errTooLarge
		}
	}
}

func (k *socket) touch() { k.passed.Store(time.Now().UnixNano()) }

// hangUp ends both ends as this one closed, or broke.
func (k *socket) hangUp(err error) {
	if errors.Is(err, errTooLarge) || errors.Is(err, websocket.ErrMessageTooBig) {
		k.end(websocket.StatusMessageTooBig, "The message is too large.", endTooLarge)
		return
	}
	ce, ok := errors.AsType[websocket.CloseError](err)
	if !ok {
		k.end(StatusLost, "", endLost)
		return
	}
	if ce.Code == websocket.StatusNoStatusRcvd {
		ce.Code = websocket.StatusNormalClosure
	}
	k.end(ce.Code, ce.Reason, endClosed)
}

// end closes the socket and what it is joined to: an end that closes by itself is passed on as it did, of another
// the other end is told that it was lost.
func (k *socket) end(code websocket.StatusCode, reason, why string) {
	s := k.server
	s.mu.Lock()
	again, other := k.dead, k.other
	if !again {
		k.dead = true
		s.ended[why]++
	}
	s.mu.Unlock()
	if again {
		return
	}
	close(k.ending)
	go func() { // ends with the closing handshake, ten seconds at most, or with the connection
		k.close(code, reason, why)
		close(k.gone)
	}()
	if other == nil {
		return
	}
	switch why {
	case endClosed, endReplaced, endIdle, endShut:
		other.end(code, reason, why)
	default:
		other.end(StatusLost, "The other end's connection broke.", endLost)
	}
}

// close closes the socket with a word where it can still hear one.
func (k *socket) close(code websocket.StatusCode, reason, why string) {
	if why == endSilent {
		_ = k.conn.CloseNow()
		return
	}
	k.under.Begin()
	_ = k.conn.Close(code, reason)
}

// shut ends the socket because the server does.
func (k *socket) shut() { k.end(websocket.StatusGoingAway, "The server ends.", endShut) }

// watch ends a socket whose other end does not come, that does not answer, or that nothing passes.
func (k *socket) watch() {
	c := &k.server.cfg
	alone := time.NewTimer(c.Wait)
	defer alone.Stop()
	tick := time.NewTicker(c.PingEvery)
	defer tick.Stop()
	joined := k.joined
	for {
		select {
		case <-k.ending:
			return
		case <-joined:
			joined = nil
			alone.Stop()
			k.touch()
		case <-alone.C:
			if joined != nil {
				k.leaveAlone()
			}
		case <-tick.C:
			k.look(time.Now())
		}
	}
}

// leaveAlone ends a socket that waited long enough, unless its other end came at the last moment.
func (k *socket) leaveAlone() {
	select {
	case <-k.joined:
	default:
		k.end(StatusAlone, "The other end did not come.", endAlone)
	}
}

// look ends the socket where it is stuck, dead or idle.
func (k *socket) look(now time.Time) {
	c := &k.server.cfg
	quiet := now.Sub(time.Unix(0, k.passed.Load()))
	stalled := k.stalled.Load()
	switch {
	case stalled != 0 && now.Sub(time.Unix(0, stalled)) > c.Stall:
		k.end(StatusLost, "", endSilent) // it does not read; the close frame would wait as well
	case quiet > c.Idle:
		k.end(StatusIdle, "Nothing was passed on for long.", endIdle)
	case quiet >= c.PingEvery && stalled == 0 && k.reading.Load() && !k.answers():
		k.end(StatusLost, "", endSilent)
	}
}

// answers asks whether the other side of the connection lives. What passes meanwhile is an answer, too; and while a
// message waits for the other end to read we hear none.
func (k *socket) answers() bool {
	before := k.passed.Load()
	ctx, cancel := context.WithTimeout(context.Background(), k.server.cfg.PingEvery)
	defer cancel()
	return k.conn.Ping(ctx) == nil || k.passed.Load() != before || k.stalled.Load() != 0 || !k.reading.Load()
}
