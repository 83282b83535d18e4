package server

import (
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"
)

const (
	// spareTimeout is how long a connection may be open before its first request. Browsers open one more than
	// they need, and ask for something on it when they do. Whoever closes it first must be the browser (Chromium does
	// after a minute): what it asks on a connection that the server is closing fails, and is not asked again, and a
	// page without its script stays empty.
	spareTimeout = 65 * time.Second
	// maxSpares bounds the connections that are waited for so long; any more have as long as a header may take.
	maxSpares           = 1024
	maxSparesPerAddress = 32
)

// spares is a listener for HTTP that accepts a connection when its first byte has come, so that the limit for a
// request's header begins there.
type spares struct {
	*handoff
	// Immutable.
	listener net.Listener
	log      *slog.Logger
	timeout  time.Duration

	mu      sync.Mutex
	waiting map[net.Conn]netip.Addr // guarded by mu: nothing has come on them yet
	count   map[netip.Addr]int      // guarded by mu: of waiting, by address
	closed  bool                    // guarded by mu
}

// newSpares accepts from l until it is closed.
func newSpares(l net.Listener, timeout time.Duration, log *slog.Logger) *spares {
	s := &spares{
		handoff: newHandoff(l.Addr()), listener: l, log: log, timeout: timeout,
		waiting: map[net.Conn]netip.Addr{}, count: map[netip.Addr]int{},
	}
	go s.accept() // ends with the listener
	return s
}

func (s *spares) accept() {
	defer s.Close()
	for delay := time.Duration(0); ; {
		conn, err := s.listener.Accept()
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil: // out of file descriptors, most likely: wait for some to come back
			delay = min(max(2*delay, 5*time.Millisecond), time.Second)
			s.log.Warn("HTTP: cannot accept connections", "error", err, "again", delay)
			time.Sleep(delay)
			continue
		}
		delay = 0
		go s.wait(conn, s.enter(conn)) // owns conn until it is given on; Close ends it by closing conn
	}
}

// wait gives conn on when its first byte has come, or at once where there is no room to wait.
func (s *spares) wait(conn net.Conn, room bool) {
	if !room {
		s.give(conn)
		return
	}
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

func (s *spares) enter(conn net.Conn) bool {
	addr := addressOf(conn.RemoteAddr())
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || len(s.waiting) >= maxSpares || s.count[addr] >= maxSparesPerAddress {
		return false
	}
	s.waiting[conn] = addr
	s.count[addr]++
	return true
}

func (s *spares) leave(conn net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	addr := s.waiting[conn]
	delete(s.waiting, conn)
	if s.count[addr]--; s.count[addr] <= 0 {
		delete(s.count, addr)
	}
}

// Close stops accepting and closes the connections on which nothing has come.
func (s *spares) Close() error {
	err := s.listener.Close()
	s.handoff.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for conn := range s.waiting {
		conn.Close()
	}
	return err
}
