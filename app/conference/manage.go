package conference

import (
	"cmp"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"switchyard/api"
	"switchyard/engine/room"
	"switchyard/protocol"
)

// ErrNoRoom is returned for a room that is not open.
var ErrNoRoom = errors.New("conference: the room is not open")

// errNobody is what the API tells of a participant that is gone.
var errNobody = protocol.NewError(protocol.CodeNotFound, "There is no such participant in the room. List its participants to see who is.")

// in runs f in the actor of an open room and waits for it. Error: ErrNoRoom.
func (h *Host) in(name string, f func(a *actor, now time.Time)) error {
	h.mu.Lock()
	a := h.rooms[name]
	h.mu.Unlock()
	if a == nil {
		return ErrNoRoom
	}
	closed := false
	if !a.call(func(now time.Time) {
		if closed = a.room.Closed(); !closed {
			f(a, now)
		}
	}) || closed {
		return ErrNoRoom
	}
	return nil
}

// Find shows one open room. Error: ErrNoRoom.
func (h *Host) Find(name string) (s RoomSnapshot, err error) {
	err = h.in(name, func(a *actor, _ time.Time) { s = a.snapshot() })
	return s, err
}

// Names lists the open rooms, in no order.
func (h *Host) Names() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	names := make([]string, 0, len(h.rooms))
	for name := range h.rooms {
		names = append(names, name)
	}
	return names
}

// Participants shows who is in a room, by id. Error: ErrNoRoom.
func (h *Host) Participants(name string) (list []api.Participant, err error) {
	err = h.in(name, func(a *actor, _ time.Time) {
		for _, p := range a.room.Participants() {
			list = append(list, a.describe(p))
		}
	})
	slices.SortFunc(list, func(a, b api.Participant) int { return cmp.Compare(a.ID, b.ID) })
	return list, err
}

func (a *actor) describe(p protocol.Participant) api.Participant {
	g, _ := a.room.GrantsOf(p.ID)
	return api.Participant{Participant: p, Grants: g, Quality: a.room.Quality(p.ID)}
}

// Configure applies options that are kept for a room where it is open. Those of an older revision than it
// has are passed over, so two who change them at once leave the later ones.
func (h *Host) Configure(name string, kept protocol.RoomOptions, revision uint64) {
	h.mu.Lock()
	h.changes++
	a := h.rooms[name]
	h.mu.Unlock()
	if a == nil {
		return
	}
	a.call(func(now time.Time) {
		if revision > a.settings.revision {
			a.settings.kept, a.settings.revision = kept, revision
			a.room.Configure(now, a.settings.effective())
		}
	})
}

// CloseRoom ends a room for everyone in it. It is no error where it is not open.
func (h *Host) CloseRoom(name, reason string) {
	h.mu.Lock()
	h.changes++ // who is opening it reads its options again: they are gone
	h.mu.Unlock()
	if reason == "" {
		reason = "The room was closed."
	}
	_ = h.in(name, func(a *actor, now time.Time) {
		a.room.Close(now, protocol.Error{Code: protocol.CodeRoomClosed, Message: reason})
	})
}

// Remove takes a participant out of a room; it cannot come back while the room lives. Errors: ErrNoRoom, a
// *protocol.Error where it is not there.
func (h *Host) Remove(name string, id protocol.ParticipantID, reason string) error {
	found := false
	err := h.in(name, func(a *actor, now time.Time) { found = a.room.Remove(now, id, reason) })
	if err == nil && !found {
		err = errNobody
	}
	return err
}

// Mute mutes tracks. Error: ErrNoRoom.
func (h *Host) Mute(name string, m api.Mute) (ids []protocol.TrackID, err error) {
	err = h.in(name, func(a *actor, _ time.Time) {
		ids = a.room.Hold(func(t protocol.Track) bool {
			return (m.Participant == "" || m.Participant == t.Participant) && (m.Track == "" || m.Track == t.ID) &&
				(m.Kind == "" || m.Kind == t.Kind) && (m.Source == "" || m.Source == t.Source) &&
				!slices.Contains(m.Except, t.Participant)
		})
	})
	return ids, err
}

// EndTrack ends a track. It is no error where there is none. Error: ErrNoRoom.
func (h *Host) EndTrack(name string, id protocol.TrackID) error {
	return h.in(name, func(a *actor, _ time.Time) { a.room.EndTrack(id) })
}

// Change changes a participant. allowed looks at what it may do now and says whether it may be changed so.
// Errors: ErrNoRoom, *protocol.Error.
func (h *Host) Change(name string, u protocol.ParticipantUpdate, allowed func(protocol.Grants) error) (p api.Participant, err error) {
	var refused error
	err = h.in(name, func(a *actor, _ time.Time) {
		now, ok := a.room.GrantsOf(u.Participant)
		if !ok {
			refused = errNobody
			return
		}
		if refused = allowed(now); refused != nil {
			return
		}
		if refused = a.room.Change(u); refused == nil {
			p = a.find(u.Participant)
		}
	})
	return p, first(err, refused)
}

func (a *actor) find(id protocol.ParticipantID) api.Participant {
	for _, p := range a.room.Participants() {
		if p.ID == id {
			return a.describe(p)
		}
	}
	return api.Participant{}
}

// Tell sends data of the server to participants and returns how many get it. Errors: ErrNoRoom,
// *protocol.Error.
func (h *Host) Tell(name string, d api.SendData) (n int, err error) {
	var refused error
	err = h.in(name, func(a *actor, now time.Time) {
		n, refused = a.room.Tell(now, d.To, d.Topic, json.RawMessage(d.Payload))
	})
	return n, first(err, refused)
}

// Grants returns what the bearer of a token for a room may do in it now: moderators can have changed it.
func (h *Host) Grants(name, identity, role string, g protocol.Grants) protocol.Grants {
	who := room.Identity{ID: protocol.ParticipantID(identity), Role: role, Grants: g}
	_ = h.in(name, func(a *actor, _ time.Time) { g = a.room.Grants(who) })
	return g
}

// tell gives an event of this room to whoever listens.
func (a *actor) tell(e api.Event) {
	e.Room, e.At = a.name, time.Now().UnixMilli()
	a.host.cfg.OnEvent(e)
}

// report turns what happened in the room into an event.
func (a *actor) report(o room.Output) {
	switch o := o.(type) {
	case room.ParticipantJoined:
		a.tell(api.Event{Type: api.ParticipantJoined, Participant: &o.Participant})
	case room.ParticipantLeft:
		o.Participant.Tracks = []protocol.Track{}
		a.tell(api.Event{Type: api.ParticipantLeft, Participant: &o.Participant, Reason: o.Reason})
	case room.TrackPublished:
		a.tell(api.Event{Type: api.TrackPublished, Track: &o.Track})
	case room.TrackUnpublished:
		a.tell(api.Event{Type: api.TrackUnpublished, Track: &o.Track})
	}
}
