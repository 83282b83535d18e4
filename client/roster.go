package client

import (
	"maps"
	"slices"

	"switchyard/protocol"
)

// roster is who is in the room with which tracks, as the server told us. Client.mu guards it.
type roster struct {
	people map[protocol.ParticipantID]*protocol.Participant
	order  []protocol.ParticipantID
}

func (r *roster) put(p protocol.Participant) {
	if r.people == nil {
		r.people = map[protocol.ParticipantID]*protocol.Participant{}
	}
	if r.people[p.ID] == nil {
		r.order = append(r.order, p.ID)
	}
	r.people[p.ID] = &p
}

func (r *roster) remove(id protocol.ParticipantID) {
	delete(r.people, id)
	r.order = slices.DeleteFunc(r.order, func(o protocol.ParticipantID) bool { return o == id })
}

// track finds a track and whose it is.
func (r *roster) track(id protocol.TrackID) (*protocol.Participant, int) {
	for _, p := range r.people {
		if i := slices.IndexFunc(p.Tracks, func(t protocol.Track) bool { return t.ID == id }); i >= 0 {
			return p, i
		}
	}
	return nil, -1
}

// snapshot is a copy that later messages do not change.
func snapshot(p *protocol.Participant) protocol.Participant {
	c := *p
	c.Tracks = slices.Clone(p.Tracks)
	c.Attributes = maps.Clone(p.Attributes)
	return c
}

// Participants lists who is in the room, we among them, in the order they came.
func (c *Client) Participants() []protocol.Participant {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []protocol.Participant
	for _, id := range c.roster.order {
		out = append(out, snapshot(c.roster.people[id]))
	}
	return out
}

// Track returns a track of the room.
func (c *Client) Track(id protocol.TrackID) (protocol.Track, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if p, i := c.roster.track(id); p != nil {
		return p.Tracks[i], true
	}
	return protocol.Track{}, false
}

func (c *Client) replaceRoster(people []protocol.Participant, you protocol.ParticipantID) {
	c.mu.Lock()
	c.roster, c.wanted = roster{}, nil
	for _, p := range people {
		c.roster.put(snapshot(&p))
	}
	c.mu.Unlock()
	for _, p := range people {
		if p.ID != you {
			c.tellJoined(p)
		}
	}
}

func (c *Client) tellJoined(p protocol.Participant) {
	if f := c.o.Events.Joined; f != nil {
		c.event(func() { f(p) })
	}
	for _, t := range p.Tracks {
		c.tellTrack(c.o.Events.Published, t)
	}
}

func (c *Client) tellTrack(f func(protocol.Track), t protocol.Track) {
	if f != nil {
		c.event(func() { f(t) })
	}
}

func (c *Client) onJoined(m protocol.Joined) {
	c.mu.Lock()
	c.roster.put(snapshot(&m.Participant))
	c.mu.Unlock()
	c.tellJoined(m.Participant)
}

func (c *Client) onLeft(m protocol.Left) {
	c.mu.Lock()
	c.roster.remove(m.Participant)
	var gone []*Link
	for k, l := range c.links {
		if k.peer == m.Participant {
			gone = append(gone, l)
			delete(c.links, k)
		}
	}
	c.mu.Unlock()
	for _, l := range gone {
		l.end(ErrPeerGone)
	}
	if f := c.o.Events.Left; f != nil {
		c.event(func() { f(m) })
	}
}

func (c *Client) onParticipant(m protocol.ParticipantUpdate) {
	c.mu.Lock()
	p := c.roster.people[m.Participant]
	if p == nil {
		c.mu.Unlock()
		return
	}
	if m.Name != nil {
		p.Name = *m.Name
	}
	if m.Role != nil {
		p.Role = *m.Role
	}
	if m.Grants != nil && m.Participant == c.welcomed.You {
		c.welcomed.Grants = *m.Grants
	}
	if m.Attributes != nil {
		p.Attributes = m.Attributes
	}
	if m.Connected != nil {
		p.Connected = *m.Connected
	}
	now := snapshot(p)
	c.mu.Unlock()
	if f := c.o.Events.Changed; f != nil {
		c.event(func() { f(now) })
	}
}

func (c *Client) onPublished(m protocol.Published) {
	for _, t := range m.Tracks {
		c.mu.Lock()
		if p := c.roster.people[t.Participant]; p != nil {
			p.Tracks = append(slices.DeleteFunc(p.Tracks, func(o protocol.Track) bool { return o.ID == t.ID }), t)
		}
		mine := t.Participant == c.welcomed.You
		c.mu.Unlock()
		if !mine {
			c.tellTrack(c.o.Events.Published, t)
		}
	}
}

func (c *Client) onUnpublished(m protocol.Unpublished) {
	for _, id := range m.Tracks {
		c.mu.Lock()
		p, i := c.roster.track(id)
		var t protocol.Track
		if p != nil {
			t = p.Tracks[i]
			p.Tracks = slices.Delete(p.Tracks, i, i+1)
		}
		you := c.welcomed.You
		c.mu.Unlock()
		if p != nil && t.Participant != you {
			c.tellTrack(c.o.Events.Unpublished, t)
		}
	}
}

func (c *Client) onTrack(m protocol.TrackUpdate) {
	c.mu.Lock()
	p, i := c.roster.track(m.Track)
	if p == nil {
		c.mu.Unlock()
		return
	}
	t := &p.Tracks[i]
	set(&t.Muted, m.Muted)
	set(&t.Label, m.Label)
	set(&t.Width, m.Width)
	set(&t.Height, m.Height)
	set(&t.Codec, m.Codec)
	if m.Layers != nil {
		t.Layers = m.Layers
	}
	now := *t
	c.mu.Unlock()
	c.tellTrack(c.o.Events.TrackChanged, now)
}

// set takes a field that an update carries.
func set[T any](field *T, v *T) {
	if v != nil {
		*field = *v
	}
}
