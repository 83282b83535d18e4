// Package conference is rooms at work: it puts together the state of a room (engine/room), which track
// feeds which slot (engine/router), the sockets of signal/ws and the links of sfu. A Host has all rooms
// of a server; each room is an actor, one goroutine that owns everything of the room.
package conference

import (
	"context"
	"errors"
	"log/slog"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"switchyard/api"
	"switchyard/engine/auth"
	"switchyard/engine/room"
	"switchyard/protocol"
	"switchyard/signal/ws"
)

// Config says how rooms are hosted. Verify must be set; the rest works as zero.
type Config struct {
	// Verify checks a token. Where the error is auth.ErrExpired, the claims stand beside it.
	Verify func(token string, now time.Time) (auth.Claims, error)
	// Room is what each room allows.
	Room room.Config
	// Rooms is how many can be open at once; 10000 by default.
	Rooms int
	// Options reads what is kept for a room that opens, with its revision; nil: nothing is kept. Where the error is
	// a *protocol.Error the room does not open, and who came is told it.
	Options func(ctx context.Context, room string) (protocol.RoomOptions, uint64, error)
	// Defaults are the options of rooms for which neither Options nor the token says something.
	Defaults protocol.RoomOptions
	// OnEvent is told what happens in rooms, each room's events in order. It must not
	// block nor call the host; nil: nobody is.
	OnEvent func(api.Event)
	// Log receives what happens; nil discards it.
	Log *slog.Logger
}

// Host has all rooms of a server. Its methods are safe for concurrent use.
type Host struct {
	media Media
	cfg   Config
	count counters

	mu       sync.Mutex
	rooms    map[string]*actor // guarded by mu
	changes  uint64            // guarded by mu; grows when options of any room changed
	winding  bool              // guarded by mu: no room opens any more
	draining bool              // guarded by mu: nobody enters any more
	wg       sync.WaitGroup    // actors
}

type counters struct {
	conns, links                      atomic.Uint64 // numbers given out
	dataRelayed, dataDropped, dataBad atomic.Uint64
	backupsAsked                      atomic.Uint64
	roomsOpened, refused              atomic.Uint64
}

// New returns a host without rooms. Its rooms open on demand.
func New(media Media, c Config) *Host {
	if c.Options == nil {
		c.Options = func(context.Context, string) (protocol.RoomOptions, uint64, error) {
			return protocol.RoomOptions{}, 0, nil
		}
	}
	if c.OnEvent == nil {
		c.OnEvent = func(api.Event) {}
	}
	if c.Rooms <= 0 {
		c.Rooms = 10000
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return &Host{media: media, cfg: c, rooms: map[string]*actor{}}
}

var (
	errDraining = &protocol.Error{Code: protocol.CodeShuttingDown, Retryable: true, Message: "The server is shutting down. Try again in a moment."}
	errOver     = &protocol.Error{Code: protocol.CodeRoomClosed, Message: "The room's time is over."}
	errOptions  = &protocol.Error{Code: protocol.CodeInternal, Retryable: true, Message: "The server cannot read the room's options now. Try again in a moment."}
	errTooMany  = &protocol.Error{Code: protocol.CodeLimit, Retryable: true, Message: "The server has as many rooms as it can hold. Try again later."}
)

// visitor is who wants to enter a room, and the options that its token has for a room that it opens.
type visitor struct {
	room.Identity
	options protocol.RoomOptions
}

// identify checks a token for a room. An expired one is let through marked as such.
func (h *Host) identify(name, token string, now time.Time) (visitor, error) {
	c, err := h.cfg.Verify(token, now)
	expired := errors.Is(err, auth.ErrExpired) && c.Room != ""
	if err == nil || expired {
		if wrong := c.Opens(name); wrong != nil {
			err, expired = wrong, false
		}
	}
	if err != nil && !expired {
		h.count.refused.Add(1)
		return visitor{}, protocol.NewError(protocol.CodeUnauthorized, auth.Sentence(err))
	}
	who := visitor{Identity: room.Identity{ID: protocol.ParticipantID(c.Identity), Name: c.Name, Role: c.Role, Grants: c.Grants, Expired: expired}}
	if c.Options != nil {
		who.options = *c.Options
	}
	return who, nil
}

// with runs f in the room's actor, opening the room with the token's options if need be, and waits for it.
func (h *Host) with(ctx context.Context, name string, token protocol.RoomOptions, f func(a *actor, now time.Time)) error {
	for {
		a, err := h.open(ctx, name, token)
		if err != nil {
			return err
		}
		if a.call(func(now time.Time) { f(a, now) }) {
			return nil
		} // it closed meanwhile, because it was empty
	}
}

// open returns the room's actor. A room that is not there opens with what is kept for it; that is read
// without the lock, and again where options changed meanwhile, so that none opens with options of before.
func (h *Host) open(ctx context.Context, name string, token protocol.RoomOptions) (*actor, error) {
	for {
		a, changes, err := h.find(name)
		if a != nil || err != nil {
			return a, err
		}
		kept, revision, err := h.cfg.Options(ctx, name)
		if refused, ok := errors.AsType[*protocol.Error](err); ok {
			h.count.refused.Add(1)
			return nil, refused
		}
		if err != nil {
			h.cfg.Log.Error("cannot read a room's options", "room", name, "error", err)
			return nil, errOptions
		}
		o := settings{kept: kept, revision: revision, token: token, defaults: h.cfg.Defaults}
		if end := o.effective().EndsAt; end != 0 && end <= time.Now().UnixMilli() {
			return nil, errOver
		}
		if a := h.start(name, o, changes); a != nil {
			return a, nil
		}
	}
}

// find returns the room's actor; nil where it is not open.
func (h *Host) find(name string) (*actor, uint64, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch a := h.rooms[name]; {
	case h.draining || a == nil && h.winding:
		return nil, 0, errDraining
	case a == nil && len(h.rooms) >= h.cfg.Rooms:
		return nil, 0, errTooMany
	default:
		return a, h.changes, nil
	}
}

// start opens a room; nil where options changed since they were read, or the server is draining.
func (h *Host) start(name string, o settings, changes uint64) *actor {
	h.mu.Lock()
	defer h.mu.Unlock()
	if a := h.rooms[name]; a != nil {
		return a
	}
	if h.winding || h.draining || h.changes != changes || len(h.rooms) >= h.cfg.Rooms {
		return nil
	}
	a := newActor(h, name, o)
	h.rooms[name] = a
	h.count.roomsOpened.Add(1)
	h.wg.Go(a.run)
	return a
}

// retire takes a room that closed out of the register, unless somebody wants it meanwhile.
func (h *Host) retire(a *actor) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !a.box.closeIfEmpty() {
		return false
	}
	if h.rooms[a.name] == a {
		delete(h.rooms, a.name)
	}
	if len(h.rooms) == 0 {
		h.rooms = map[string]*actor{} // a map keeps the room that it had for many
	}
	a.tell(api.Event{Type: api.RoomClosed}) // before a room of the same name can open
	return true
}

// Open implements ws.Rooms.
func (h *Host) Open(ctx context.Context, r ws.Request, c ws.Conn) (ws.Session, error) {
	who, err := h.identify(r.Room, r.Token, time.Now())
	if err != nil {
		return nil, err
	}
	who.Host = r.Host
	s := &socket{id: room.Conn(h.count.conns.Add(1))}
	err = h.with(ctx, r.Room, who.options, func(a *actor, now time.Time) {
		s.actor = a
		a.conns[s.id] = c
		a.room.Connect(now, s.id, who.Identity)
	})
	if err != nil {
		return nil, err
	}
	return s, nil
}

// socket is a WebSocket as ws sees its room.
type socket struct {
	id    room.Conn
	actor *actor
}

// Receive hands a message to the room and waits, so that a socket has one message on its way at most.
func (s *socket) Receive(e protocol.Envelope) {
	s.actor.call(func(now time.Time) { s.actor.room.Receive(now, s.id, e) })
}

// Closed tells the room that the socket is gone.
func (s *socket) Closed() {
	a := s.actor
	a.box.post(func() {
		delete(a.conns, s.id)
		a.room.Disconnect(time.Now(), s.id)
	})
}

// Drain tells everybody that the server shuts down, so that they come back by themselves, and waits
// until the rooms are closed or ctx ends. No room opens any more.
func (h *Host) Drain(ctx context.Context) error {
	h.mu.Lock()
	h.draining = true
	for _, a := range h.rooms {
		a.box.post(func() { a.room.Close(time.Now(), *errDraining) })
	}
	h.mu.Unlock()
	return h.wait(ctx)
}

// linkID names a link in logs, statistics and the admin API.
func (h *Host) linkID() string { return "link-" + strconv.FormatUint(h.count.links.Add(1), 10) }
