package server

import (
	"bufio"
	"context"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"switchyard/protocol"
)

// observe logs and counts every request. Neither path nor query is logged, since both can hold
// secrets (invitations, tokens): the route is, and the room.
func (s *Server) observe(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		begin := time.Now()
		rec := &recorder{ResponseWriter: w}
		defer func() {
			if fault := recover(); fault != nil && fault != http.ErrAbortHandler {
				s.metrics.panics.Inc()
				s.log.Error("a request failed by a fault of the server", "route", route(r), "fault", fault, "stack", string(debug.Stack()))
				if rec.status == 0 {
					fail(rec, http.StatusInternalServerError, protocol.CodeInternal, "The server failed. Try again; whoever runs it finds more in its log.")
				}
			}
			s.access(r, rec, time.Since(begin))
		}()
		next.ServeHTTP(rec, r)
	})
}

func (s *Server) access(r *http.Request, rec *recorder, took time.Duration) {
	status := rec.status
	if status == 0 {
		status = http.StatusOK
	}
	s.metrics.count(r, status)
	level := slog.LevelDebug
	switch {
	case status >= 500 && !s.isDraining(): // then it is what load balancers shall see
		level = slog.LevelWarn
	case strings.Contains(r.Pattern, "/v1/doctor"): // many for each check
	case strings.Contains(r.Pattern, "/v1/") || strings.Contains(r.Pattern, "/whip/") || strings.Contains(r.Pattern, "/whep/"):
		level = slog.LevelInfo
	}
	if !s.log.Enabled(context.Background(), level) {
		return
	}
	attrs := []slog.Attr{
		slog.String("method", r.Method), slog.String("route", route(r)), slog.Int("status", status),
		slog.Int64("bytes", rec.bytes), slog.Duration("took", took.Round(time.Microsecond)), slog.String("from", remote(r).String()),
	}
	if room := r.PathValue("room"); protocol.ValidRoom(room) {
		attrs = append(attrs, slog.String("room", room))
	}
	s.log.LogAttrs(context.Background(), level, "http", attrs...)
}

// route is the pattern that a request matched, without its method.
func route(r *http.Request) string {
	if _, path, ok := strings.Cut(r.Pattern, " "); ok {
		return path
	}
	if r.Pattern == "" {
		return "none"
	}
	return r.Pattern
}

// recorder remembers what was answered.
type recorder struct {
	http.ResponseWriter
	status int // 0: nothing yet
	bytes  int64
}

func (r *recorder) WriteHeader(status int) {
	if r.status == 0 || r.status < 200 {
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(b []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	n, err := r.ResponseWriter.Write(b)
	r.bytes += int64(n)
	return n, err
}

// Hijack lets a WebSocket take the connection over.
func (r *recorder) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	if r.status == 0 {
		r.status = http.StatusSwitchingProtocols
	}
	return http.NewResponseController(r.ResponseWriter).Hijack()
}

// Unwrap lets http.ResponseController find what the connection can do.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }
