package splice

import (
	"bufio"
	"errors"
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

const (
	farewellWithin = 5 * time.Second // for an end to answer our close frame
	farewellBytes  = 8 << 20         // of what it had sent before it read that frame
)

var errFarewell = errors.New("splice: too much was sent to a socket that is closing")

// stream is the connection under a socket. After our close frame an end is heard until it answers, or it would get a
// reset in the place of the word; stream bounds that, in time and bytes.
type stream struct {
	net.Conn
	closing atomic.Bool
	left    int // bytes; owned by the reader, used while closing
}

func (s *stream) Read(b []byte) (int, error) {
	if !s.closing.Load() {
		return s.Conn.Read(b)
	}
	if s.left <= 0 {
		return 0, errFarewell
	}
	n, err := s.Conn.Read(b)
	s.left -= n
	return n, err
}

// farewell begins the bounds.
func (s *stream) farewell() {
	s.closing.Store(true)
	_ = s.SetDeadline(time.Now().Add(farewellWithin))
}

// hijacker gives us the connection that the WebSocket library takes from the HTTP server.
type hijacker struct {
	http.ResponseWriter
	stream *stream
}

// Hijack implements http.Hijacker.
func (h *hijacker) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(h.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	h.stream = &stream{Conn: conn, left: farewellBytes}
	return h.stream, rw, nil
}
