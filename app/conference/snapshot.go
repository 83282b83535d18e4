package conference

import (
	"cmp"
	"slices"
	"time"

	"switchyard/protocol"
)

// Stats counts what the rooms did since the start.
type Stats struct {
	Rooms       int    // now
	RoomsOpened uint64 // ever
	Sockets     uint64 // that brought a good token
	Refused     uint64 // tokens
	DataRelayed uint64 // messages from DataChannels, per receiver
	DataDropped uint64 // because a room was behind
	DataBad     uint64 // malformed or forbidden
	// BackupsAsked counts the second encodings that publishers were asked for.
	BackupsAsked uint64
}

// Stats returns the counters.
func (h *Host) Stats() Stats {
	h.mu.Lock()
	rooms := len(h.rooms)
	h.mu.Unlock()
	c := &h.count
	return Stats{
		Rooms: rooms, RoomsOpened: c.roomsOpened.Load(), Sockets: c.conns.Load(), Refused: c.refused.Load(),
		DataRelayed: c.dataRelayed.Load(), DataDropped: c.dataDropped.Load(), DataBad: c.dataBad.Load(),
		BackupsAsked: c.backupsAsked.Load(),
	}
}

// RoomSnapshot is a room at one moment.
type RoomSnapshot struct {
	Room         string                 `json:"room"`
	Participants []protocol.Participant `json:"participants"`
	Viewers      int                    `json:"viewers"`
	Links        []LinkSnapshot         `json:"links"`
	Opened       time.Time              `json:"opened"`
	// Options are those that hold.
	Options protocol.RoomOptions `json:"options"`
}

// LinkSnapshot is a link of a room. Its Link may have ended meanwhile.
type LinkSnapshot struct {
	Link        string                 `json:"link"`
	Participant protocol.ParticipantID `json:"participant,omitempty"` // "" for a viewer
	Media       Link                   `json:"-"`
	// Backups are the m-lines on which second encodings of tracks come.
	Backups []string `json:"backups,omitempty"`
}

// Snapshot shows all rooms, by name.
func (h *Host) Snapshot() []RoomSnapshot {
	h.mu.Lock()
	actors := make([]*actor, 0, len(h.rooms))
	for _, a := range h.rooms {
		actors = append(actors, a)
	}
	h.mu.Unlock()
	slices.SortFunc(actors, func(a, b *actor) int { return cmp.Compare(a.name, b.name) })
	list := make([]RoomSnapshot, 0, len(actors))
	for _, a := range actors {
		a.call(func(time.Time) { list = append(list, a.snapshot()) })
	}
	return list
}

// Link finds a link by its id; nil where there is none.
func (h *Host) Link(id string) Link {
	for _, r := range h.Snapshot() {
		for _, l := range r.Links {
			if l.Link == id {
				return l.Media
			}
		}
	}
	return nil
}

func (a *actor) snapshot() RoomSnapshot {
	s := RoomSnapshot{Room: a.name, Participants: a.room.Participants(), Viewers: a.room.Viewers(), Links: []LinkSnapshot{},
		Opened: a.opened, Options: a.room.Options()}
	backups := map[protocol.ParticipantID][]string{}
	for id, p := range a.backups {
		backups[p.owner] = append(backups[p.owner], p.backup(id).mid)
	}
	for _, mids := range backups {
		slices.Sort(mids)
	}
	for id, l := range a.links {
		if l.media != nil {
			who, _ := a.room.Who(id)
			s.Links = append(s.Links, LinkSnapshot{Link: l.id, Participant: who, Media: l.media, Backups: backups[who]})
		}
	}
	slices.SortFunc(s.Links, func(a, b LinkSnapshot) int {
		return cmp.Or(cmp.Compare(len(a.Link), len(b.Link)), cmp.Compare(a.Link, b.Link))
	})
	return s
}
