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
	// maxSilent bounds the connections of a listener that have not yet said what they want.
	maxSilent           = 1024
	maxSilentPerAddress = 32
)

// silent is the connections on which nothing has come yet.
type silent struct {
	mu      sync.Mutex
	waiting map[net.Conn]netip.Addr // guarded by mu
	count   map[netip.Addr]int      // guarded by mu: of waiting, by address
	closed  bool                    // guarded by mu
	running sync.WaitGroup          // one per waiting connection
}

// enter registers a connection that is waited for, if there is room for it.
func (s *silent) enter(conn net.Conn) bool {
	addr := addressOf(conn.RemoteAddr())
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || len(s.waiting) >= maxSilent || s.count[addr] >= maxSilentPerAddress {
		return false
	}
	if s.waiting == nil {
		s.waiting, s.count = map[net.Conn]netip.Addr{}, map[netip.Addr]int{}
	}
	s.waiting[conn] = addr
	s.count[addr]++
	s.running.Add(1)
	return true
}

// leave is called once for each connection that entered.
func (s *silent) leave(conn net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	addr := s.waiting[conn]
	delete(s.waiting, conn)
	if s.count[addr]--; s.count[addr] <= 0 {
		delete(s.count, addr)
	}
	s.running.Done()
}

// end closes those that wait, lets nobody enter any more, and returns when all have left.
func (s *silent) end() {
	s.mu.Lock()
	s.closed = true
	for conn := range s.waiting {
		conn.Close()
	}
	s.mu.Unlock()
	s.running.Wait()
}

// acceptAll gives every connection of l to take, until l is closed.
func acceptAll(l net.Listener, name string, log *slog.Logger, take func(net.Conn)) {
	for delay := time.Duration(0); ; {
		conn, err := l.Accept()
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil: // out of file descriptors, most likely: wait for some to come back
			delay = min(max(2*delay, 5*time.Millisecond), time.Second)
			log.Warn(name+": cannot accept connections", "error", err, "again", delay)
			time.Sleep(delay)
			continue
		}
		delay = 0
		take(conn)
	}
}
