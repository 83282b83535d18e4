package server

import (
	"errors"
	"io"
	"net/http"
	"strconv"
	"time"

	"switchyard/protocol"
)

// admin wraps a handler that only an admin token opens.
func (s *Server) admin(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if s.authorizeAdmin(w, r) {
			next(w, r)
		}
	}
}

// adminRooms is GET /v1/admin/rooms.
func (s *Server) adminRooms(w http.ResponseWriter, _ *http.Request) {
	rooms := []RoomInfo{}
	if a := s.backend.Admin; a != nil {
		rooms = append(rooms, a.Rooms()...)
	}
	reply(w, http.StatusOK, map[string]any{"rooms": rooms})
}

// listLinks is GET /v1/admin/links.
func (s *Server) listLinks(w http.ResponseWriter, _ *http.Request) {
	links := []LinkInfo{}
	if a := s.backend.Admin; a != nil {
		links = append(links, a.Links()...)
	}
	reply(w, http.StatusOK, map[string]any{"links": links})
}

const maxTap = time.Hour

// tapLink is GET /v1/admin/links/{link}/tap?what=packets|events&payload=true&seconds=N: what passes
// over the link, as it comes; packets in rtpdump format, headers only without payload, or events as
// JSON lines. The tap is on as long as the request lasts, so that none is forgotten.
func (s *Server) tapLink(w http.ResponseWriter, r *http.Request) {
	life, events, wrong := tapOptions(r)
	if wrong != "" {
		fail(w, http.StatusBadRequest, protocol.CodeBadMessage, wrong)
		return
	}
	if s.backend.Admin == nil {
		fail(w, http.StatusNotFound, protocol.CodeNotFound, noLink)
		return
	}
	reader, writer := io.Pipe()
	defer reader.Close()
	tap, kind := Tap{Packets: writer, Payload: r.URL.Query().Get("payload") == "true"}, "application/octet-stream"
	if events {
		tap, kind = Tap{Events: writer}, "application/x-ndjson"
	}
	stop, err := s.backend.Admin.Tap(r.PathValue("link"), tap)
	if errors.Is(err, ErrNoLink) {
		fail(w, http.StatusNotFound, protocol.CodeNotFound, noLink)
		return
	}
	if err != nil {
		fail(w, http.StatusConflict, protocol.CodeLimit, "The link cannot be tapped now ("+err.Error()+"). Try again when its other tap has ended.")
		return
	}
	defer stop()
	timer := time.AfterFunc(life, func() { writer.Close() })
	defer timer.Stop()
	go func() { // ends with the request, or before it with the server
		select {
		case <-r.Context().Done():
		case <-s.draining:
		}
		writer.Close()
	}()
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusOK)
	stream(w, reader)
}

// tapOptions reads the query; a sentence where it is wrong.
func tapOptions(r *http.Request) (life time.Duration, events bool, wrong string) {
	life = maxTap
	if q := r.URL.Query().Get("seconds"); q != "" {
		n, err := strconv.ParseUint(q, 10, 32)
		if life = time.Duration(n) * time.Second; err != nil || n == 0 || life > maxTap {
			return 0, false, "seconds must be 1 to 3600."
		}
	}
	switch what := r.URL.Query().Get("what"); what {
	case "", "packets":
	case "events":
		events = true
	default:
		return 0, false, "what must be packets or events."
	}
	return life, events, ""
}

const noLink = "There is no such link. GET /v1/admin/links lists them."

// stream copies what comes to w at once, with a deadline per write instead of one for all.
func stream(w http.ResponseWriter, r io.Reader) {
	control := http.NewResponseController(w)
	control.Flush()
	buf := make([]byte, 32<<10)
	for {
		n, err := r.Read(buf)
		if n > 0 {
			control.SetWriteDeadline(time.Now().Add(10 * time.Second))
			if _, err := w.Write(buf[:n]); err != nil {
				return
			}
			control.Flush()
		}
		if err != nil {
			return
		}
	}
}
