package server

import (
	"log/slog"
	"net"
	"time"
)

// spareTimeout is how long a connection may be open before its first request. Browsers open one more than they need,
// and ask for something on it when they do. Whoever closes it first must be the browser (Chromium does after a
// minute): what it asks on a new connection that the server is closing fails, and is not asked again, and a page without
// its script stays empty.
const spareTimeout = 65 * time.Second

// spares is a listener for HTTP that accepts a connection when its first byte has come, so that the limit for a
// request's header begins there.
type spares struct {
	*handoff
	silent
	// Immutable.
	listener net.Listener
	timeout  time.Duration
}

// newSpares accepts from l until it is closed.
func newSpares(l net.Listener, timeout time.Duration, log *slog.Logger) *spares {
	s := &spares{handoff: newHandoff(l.Addr()), listener: l, timeout: timeout}
	go func() { // ends with l
		defer s.Close()
		acceptAll(l, "HTTP", log, s.take)
	}()
	return s
}

// take waits for a connection's first byte; where there is no room to wait, a request's header has as long as ever.
func (s *spares) take(conn net.Conn) {
	if s.enter(conn) {
		go s.wait(conn) // owns conn until it is given on; Close ends it by closing conn
		return
	}
	go s.give(conn) // ends when it is accepted, or with Close
}

// wait gives conn on when its first byte has come.
func (s *spares) wait(conn net.Conn) {
	conn.SetReadDeadline(time.Now().Add(s.timeout))
	first := make([]byte, 1)
	_, err := conn.Read(first)
	s.leave(conn)
	if err != nil {
		conn.Close()
		return
	}
	conn.SetReadDeadline(time.Time{})
	s.give(&prefixConn{Conn: conn, prefix: first})
}

// Close stops accepting and closes the connections on which nothing has come.
func (s *spares) Close() error {
	err := s.listener.Close()
	s.handoff.Close()
	s.end()
	return err
}
