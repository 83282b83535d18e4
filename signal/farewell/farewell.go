// Package farewell lets a WebSocket end so that the other side reads why. After our close frame that side is still
// heard until it answers, because closing TCP with bytes unread resets the connection, and a reset takes back
// what it has not read yet: the very word that says why. Stream bounds that, in time and bytes.
package farewell

import (
	"bufio"
	"errors"
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

// within is how long the other side has to answer our close frame.
const within = 5 * time.Second

var errTooLong = errors.New("farewell: too much was sent to a socket that is closing")

// Stream is the TCP or TLS connection under a WebSocket.
type Stream struct {
	net.Conn
	closing atomic.Bool
	left    int // bytes; owned by the reader, used while closing
}

// Read implements net.Conn.
func (s *Stream) Read(b []byte) (int, error) {
	if !s.closing.Load() {
		return s.Conn.Read(b)
	}
	if s.left <= 0 {
		return 0, errTooLong
	}
	n, err := s.Conn.Read(b)
	s.left -= n
	return n, err
}

// Begin bounds what is heard, and how long the rest of what we say may take. It is called before the close frame is sent.
func (s *Stream) Begin() {
	s.closing.Store(true)
	_ = s.SetDeadline(time.Now().Add(within))
}

// Hijacker gives us the connection that the WebSocket library takes from the HTTP server.
type Hijacker struct {
	http.ResponseWriter
	// Most bounds the bytes that are heard after Begin: of what the other side had sent before it read the close frame.
	Most int
	// Stream is there when the connection was taken.
	Stream *Stream
}

// Hijack implements http.Hijacker.
func (h *Hijacker) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(h.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	h.Stream = &Stream{Conn: conn, left: h.Most}
	return h.Stream, rw, nil
}
