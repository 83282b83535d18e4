package room

import (
	"maps"
	"slices"
	"strings"
	"time"

	"switchyard/protocol"
)

var errOver = &protocol.Error{Code: protocol.CodeRoomClosed, Message: "The room's time is over."}

// Configure gives the room its options. Who is in it stays, whatever the limits; what may not be
// published any more ends, and everyone is told what they may do now.
func (r *Room) Configure(now time.Time, o protocol.RoomOptions) {
	before := r.options
	r.options = o.WithKind()
	for _, p := range r.order {
		s := p.session
		was, is := before.Allow(s.who.Grants, p.info.Role), r.grantsOf(s)
		if !slices.Equal(was.Publish, is.Publish) {
			r.tellGrants(p)
		}
	}
	if !maps.Equal(before.Metadata, r.options.Metadata) {
		metadata := r.options.Metadata
		if metadata == nil {
			metadata = map[string]string{} // that it is gone must be told, too
		}
		r.broadcast(nil, protocol.TypeRoom, protocol.RoomUpdate{Metadata: metadata})
	}
	r.Advance(now)
}

// Options are those of the room, as Configure got them and with what their kind says.
func (r *Room) Options() protocol.RoomOptions { return r.options }

func (r *Room) mostParticipants() int {
	if r.options.Participants > 0 {
		return r.options.Participants
	}
	return r.cfg.Participants
}

func (r *Room) mostViewers() int {
	if r.options.Viewers > 0 {
		return r.options.Viewers
	}
	return r.cfg.Viewers
}

func (r *Room) emptyFor() time.Duration {
	if r.options.EmptyFor > 0 {
		return time.Duration(r.options.EmptyFor) * time.Second
	}
	return r.cfg.EmptyFor
}

// endsAt is when the room closes; zero: when it is empty.
func (r *Room) endsAt() time.Time {
	if r.options.EndsAt == 0 {
		return time.Time{}
	}
	return time.UnixMilli(r.options.EndsAt)
}

// role is the one that somebody has in this room.
func (r *Room) role(who Identity) string {
	if who.Role == "" {
		return r.options.Role
	}
	return who.Role
}

// grantsOf is what a session may do: its grants, as far as the room's options let it.
func (r *Room) grantsOf(s *session) protocol.Grants {
	return r.options.Allow(s.who.Grants, r.role(s.who))
}

// allows says whether a session may publish a source: nil, or what to tell it.
func (r *Room) allows(s *session, source protocol.TrackSource) error {
	switch {
	case !s.who.Grants.MayPublish(source):
		return forbidden("Your token does not allow to publish " + string(source) + ". Ask for an invitation that does.")
	case r.grantsOf(s).MayPublish(source):
		return nil
	case len(r.options.Publishers) > 0 && !slices.Contains(r.options.Publishers, r.role(s.who)):
		return forbidden("In this room only those of role " + strings.Join(r.options.Publishers, ", ") + " may publish. Ask a moderator to let you.")
	}
	return forbidden("This room does not allow to publish " + string(source) + ".")
}

// tellGrants tells a participant what it may do now, and ends what it may not publish any more.
func (r *Room) tellGrants(p *participant) {
	g := r.grantsOf(p.session)
	r.send(p.session, 0, protocol.TypeParticipant, protocol.ParticipantUpdate{Participant: p.info.ID, Grants: &g})
	var gone []*track
	for _, t := range p.tracks {
		if !g.MayPublish(t.info.Source) {
			gone = append(gone, t)
		}
	}
	r.endOwn(p.session, gone)
	r.rerouted = true
}
