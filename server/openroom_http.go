package server

import (
	"crypto/rand"
	"errors"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"switchyard/api"
	"switchyard/engine/auth"
	"switchyard/protocol"
)

// serverFacts is GET /v1/server: what the pages around a call depend on.
func (s *Server) serverFacts(w http.ResponseWriter, r *http.Request) {
	reply(w, http.StatusOK, api.ServerInfo{Open: s.openTo(r), HTTPS: s.httpsFor(r), Nearby: s.allowsNearby()})
}

// httpsFor is the address of this server by HTTPS for whoever asks, to be given to others: as configured, else
// the media port under the name by which they came, or where nobody else can use that name, under the most
// reachable address of this machine.
func (s *Server) httpsFor(r *http.Request) string {
	if base := s.BaseURL(); strings.HasPrefix(base, "https://") {
		return base
	}
	host, _, err := net.SplitHostPort(r.Host)
	if err != nil {
		host = strings.Trim(r.Host, "[]")
	}
	if loopbackHost(r.Host) && s.backend.Addresses != nil {
		for _, a := range s.backend.Addresses() {
			if a.IsGlobalUnicast() {
				host = a.String()
				break
			}
		}
	}
	address := net.JoinHostPort(host, strconv.Itoa(int(s.MediaAddr().Port())))
	return "https://" + strings.TrimSuffix(address, ":443")
}

// startRoom is POST /v1/open-rooms.
func (s *Server) startRoom(w http.ResponseWriter, r *http.Request) {
	if !s.openTo(r) {
		s.metrics.openRooms.WithLabelValues("refused").Inc()
		fail(w, http.StatusForbidden, protocol.CodeForbidden, "Rooms on this server begin with an invitation. Ask whoever runs it for one.")
		return
	}
	if s.isDraining() {
		fail(w, http.StatusServiceUnavailable, protocol.CodeShuttingDown, "The server is about to end. Try again in a minute.")
		return
	}
	now := time.Now()
	if !s.starts.take(remote(r), 1, now) {
		s.metrics.openRooms.WithLabelValues("limited").Inc()
		w.Header().Set("Retry-After", "10")
		fail(w, http.StatusTooManyRequests, protocol.CodeLimit, "Many rooms were started from your address just now. Wait a minute, then start one more.")
		return
	}
	room, key, err := s.openRooms.start(r.Context(), now)
	if err != nil {
		s.unavailable(w, err)
		return
	}
	s.metrics.openRooms.WithLabelValues("started").Inc()
	reply(w, http.StatusCreated, api.OpenRoom{Room: room, Key: key})
}

// openRoomFacts is GET /v1/open-rooms/{room}: whether there is such a room to enter.
func (s *Server) openRoomFacts(w http.ResponseWriter, r *http.Request) {
	if found, ok := s.findOpenRoom(w, r, ""); ok {
		reply(w, http.StatusOK, api.OpenRoomFacts{Room: found.Room, Role: "guest"})
	}
}

// enterRoom is POST /v1/open-rooms/{room}/enter with {"name":…,"key":…}; without the key one is a guest.
func (s *Server) enterRoom(w http.ResponseWriter, r *http.Request) {
	var q api.EnterOpenRoom
	if !readJSON(w, r, &q) {
		return
	}
	name, ok := cleanName(q.Name)
	if !ok {
		fail(w, http.StatusBadRequest, protocol.CodeBadMessage, badName)
		return
	}
	room, ok := s.findOpenRoom(w, r, q.Key)
	if !ok {
		return
	}
	now := time.Now()
	if err := s.openRooms.keep(r.Context(), room, now); err != nil {
		s.unavailable(w, err)
		return
	}
	role := "guest"
	if q.Key != "" && room.opens(q.Key) {
		role = "host"
	}
	if s.seat(w, room.Room, role, name, now) {
		s.metrics.openRooms.WithLabelValues("entered").Inc()
	}
}

// findOpenRoom finds the room of the path for who may enter it: by its key, or as anybody where the server is open
// to them. Others are not told whether it is there. Addresses that guess are slowed down.
func (s *Server) findOpenRoom(w http.ResponseWriter, r *http.Request, key string) (openRoom, bool) {
	addr, now := remote(r), time.Now()
	if !s.guesses.take(addr, 0, now) {
		s.metrics.limited.Inc()
		w.Header().Set("Retry-After", "10")
		fail(w, http.StatusTooManyRequests, protocol.CodeLimit, "Too many unknown rooms were tried from your address. Wait a minute, then try again.")
		return openRoom{}, false
	}
	room, err := s.openRooms.get(r.Context(), r.PathValue("room"))
	if err != nil && !errors.Is(err, errNoOpenRoom) {
		s.unavailable(w, err)
		return openRoom{}, false
	}
	if err == nil && (key != "" && room.opens(key) || s.openTo(r)) {
		return room, true
	}
	s.guesses.take(addr, 1, now)
	s.metrics.openRooms.WithLabelValues("unknown").Inc()
	fail(w, http.StatusNotFound, protocol.CodeNotFound, "There is no open room of this name. Check the name, or ask somebody in the room for an invitation.")
	return openRoom{}, false
}

// seat makes an identity with its token and answers with both; false where it could not.
func (s *Server) seat(w http.ResponseWriter, room, role, name string, now time.Time) bool {
	claims := auth.Claims{
		Room: room, Identity: "p-" + strings.ToLower(rand.Text()[:16]), Name: name, Role: role,
		Grants: roles[role], Expires: now.Add(s.cfg.TokenLife),
	}
	token, err := auth.Mint(s.key, claims, now)
	if err != nil {
		s.log.Error("cannot mint a token", "error", err)
		fail(w, http.StatusInternalServerError, protocol.CodeInternal, "The server could not make a token. Ask whoever runs it to look at its log.")
		return false
	}
	reply(w, http.StatusOK, api.Accepted{Token: token, Room: room, Identity: claims.Identity, Role: role})
	return true
}
