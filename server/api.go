package server

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"switchyard/api"
	"switchyard/app/conference"
	"switchyard/engine/auth"
	"switchyard/protocol"
)

// handlers are the routes of api.Routes, by name.
func (s *Server) handlers() map[string]http.HandlerFunc {
	return map[string]http.HandlerFunc{
		"listRooms": s.admin(s.listRooms), "createRoom": s.admin(s.createRoom), "getRoom": s.getRoom,
		"changeRoom": s.admin(s.changeRoom), "closeRoom": s.moderator(s.closeRoom),
		"listParticipants": s.moderator(s.listParticipants), "getParticipant": s.moderator(s.getParticipant),
		"changeParticipant": s.moderator(s.changeParticipant), "removeParticipant": s.moderator(s.removeParticipant),
		"roomStats": s.moderator(s.roomStats), "listTracks": s.moderator(s.listTracks), "endTrack": s.moderator(s.endTrack),
		"muteTracks": s.moderator(s.muteTracks), "sendData": s.moderator(s.sendData),
		"listInvitations": s.listInvitations, "createInvitation": s.createInvitation,
		"getInvitation": s.invitationFacts, "acceptInvitation": s.acceptInvitation,
		"revokeInvitation": s.revokeInvitation, "createToken": s.admin(s.createToken),
		"adminRooms": s.admin(s.adminRooms), "adminLinks": s.admin(s.listLinks), "adminTap": s.admin(s.tapLink),
		"adminProfile": s.admin(s.profiles), "adminOverview": s.admin(s.adminOverview),
		"adminLive": s.admin(s.adminLive), "adminDoctor": s.admin(s.adminDoctor),
		"serverInfo": s.serverFacts, "startOpenRoom": s.startRoom, "getOpenRoom": s.openRoomFacts, "enterOpenRoom": s.enterRoom,
		"createTransfer": s.createTransfer, "getTransfer": s.transferFacts, "acceptTransfer": s.acceptTransfer,
		"revokeTransfer": s.sender(s.revokeTransfer), "renewCode": s.sender(s.renewCode), "claimCode": s.claimCode, "enterNearby": s.enterNearby,
		"relay":       s.serveRelay,
		"doctorFacts": s.doctorFacts, "doctorTime": s.doctorTime, "doctorDown": s.doctorDown, "doctorUp": s.doctorUp,
		"doctorLink": s.doctorLink,
	}
}

// caller is who calls the API about a room.
type caller struct {
	admin    bool
	identity string
	grants   protocol.Grants // in the room, now
}

// moderator wraps a handler that an admin token opens, and a token that moderates the room of the path.
func (s *Server) moderator(next func(w http.ResponseWriter, r *http.Request, room string, who caller)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		room := r.PathValue("room")
		claims, ok := s.authorize(w, r)
		if !ok {
			return
		}
		who := caller{admin: claims.Grants.Admin, identity: claims.Identity, grants: claims.Grants}
		switch {
		case !protocol.ValidRoom(room):
			fail(w, http.StatusNotFound, protocol.CodeNotFound, "There is no such room: its name has 1 to 64 letters, digits, '-', '_' or '.'.")
		case s.backend.Host == nil:
			noSuchService(w, r)
		case !who.admin && !s.moderates(claims, room):
			fail(w, http.StatusForbidden, protocol.CodeForbidden, "Your token does not let you do this: it needs the admin grant, or the moderate grant for this room.")
		default:
			if !who.admin {
				who.grants = s.backend.Host.Grants(room, claims.Identity, claims.Role, claims.Grants)
			}
			next(w, r, room, who)
		}
	}
}

// moderates says whether a token moderates a room, and nobody took that away since.
func (s *Server) moderates(c auth.Claims, room string) bool {
	if c.Opens(room) != nil || !c.Grants.Moderate {
		return false
	}
	return s.backend.Host == nil || s.backend.Host.Grants(room, c.Identity, c.Role, c.Grants).Moderate
}

// failRoom answers a request that a room refused.
func failRoom(w http.ResponseWriter, err error) {
	if errors.Is(err, conference.ErrNoRoom) {
		fail(w, http.StatusNotFound, protocol.CodeNotFound, "The room is not open: nobody is in it.")
		return
	}
	e, ok := errors.AsType[*protocol.Error](err)
	if !ok {
		e = &protocol.Error{Code: protocol.CodeInternal, Message: "The server failed. Try again."}
	}
	status := map[string]int{
		protocol.CodeBadMessage: http.StatusBadRequest, protocol.CodeForbidden: http.StatusForbidden,
		protocol.CodeNotFound: http.StatusNotFound, protocol.CodeLimit: http.StatusRequestEntityTooLarge,
	}[e.Code]
	if status == 0 {
		status = http.StatusInternalServerError
	}
	fail(w, status, e.Code, e.Message)
}

// sentence is an error whose text is for a person.
type sentence string

func (s sentence) Error() string { return string(s) }

// readStrict reads the body into v and refuses fields that v does not have; where it cannot, it has
// answered. An empty body is an empty object.
func readStrict(w http.ResponseWriter, r *http.Request, v any) bool {
	data, ok := readBody(w, r)
	if !ok || len(data) == 0 {
		return ok
	}
	if err := decodeStrict(bytes.NewReader(data), v); err != nil {
		fail(w, http.StatusBadRequest, protocol.CodeBadMessage, "The request is not the JSON that is expected here: "+words(err)+".")
		return false
	}
	return true
}

func decodeStrict(r io.Reader, v any) error {
	d := json.NewDecoder(r)
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return errors.New("something follows the object")
	}
	return nil
}

func words(err error) string { return strings.TrimPrefix(err.Error(), "json: ") }

// readBody reads the body, which must be UTF-8: some of it goes on to WebSockets as text.
func readBody(w http.ResponseWriter, r *http.Request) ([]byte, bool) {
	data, err := io.ReadAll(r.Body)
	if tooLarge := new(http.MaxBytesError); errors.As(err, &tooLarge) {
		fail(w, http.StatusRequestEntityTooLarge, protocol.CodeBadMessage, "The request is larger than "+strconv.FormatInt(tooLarge.Limit, 10)+" bytes. Send less.")
		return nil, false
	}
	if err != nil {
		fail(w, http.StatusBadRequest, protocol.CodeBadMessage, "The request did not arrive whole. Send it again.")
		return nil, false
	}
	if !utf8.Valid(data) {
		fail(w, http.StatusBadRequest, protocol.CodeBadMessage, "The request is not UTF-8.")
		return nil, false
	}
	return data, true
}

// page is which part of a list is asked for.
type page struct {
	after string
	limit int
}

// pageOf reads limit and after from the query; where they are wrong, it has answered.
func pageOf(w http.ResponseWriter, r *http.Request) (page, bool) {
	p := page{after: r.URL.Query().Get("after"), limit: api.DefaultPage}
	if q := r.URL.Query().Get("limit"); q != "" {
		n, err := strconv.Atoi(q)
		if err != nil || n < 1 || n > api.MaxPage {
			fail(w, http.StatusBadRequest, protocol.CodeBadMessage, "limit must be 1 to "+strconv.Itoa(api.MaxPage)+".")
			return p, false
		}
		p.limit = n
	}
	return p, true
}

// cut sorts a list by key and returns the page, and the key after which the next one begins; "" where
// none does.
func cut[T any](p page, list []T, key func(T) string) (part []T, next string) {
	slices.SortFunc(list, func(a, b T) int { return strings.Compare(key(a), key(b)) })
	list = slices.DeleteFunc(list, func(v T) bool { return p.after != "" && key(v) <= p.after })
	if len(list) > p.limit {
		return list[:p.limit], key(list[p.limit-1])
	}
	return list, ""
}
