package admin

import (
	"context"
	"net/url"

	"switchyard/api"
	"switchyard/protocol"
)

// Rooms lists the rooms that are open or kept, by name.
func (c *Client) Rooms(ctx context.Context, p Page) (list api.RoomList, err error) {
	_, err = c.do(ctx, request{method: "GET", path: path("rooms"), query: p.query(), answer: &list})
	return list, err
}

// CreateRoom makes a room that is kept, with options. An empty name lets the server choose one. Error:
// ErrExists.
func (c *Client) CreateRoom(ctx context.Context, name string, o protocol.RoomOptions) (room api.Room, err error) {
	_, err = c.do(ctx, request{method: "POST", path: path("rooms"), body: api.CreateRoom{Room: name, Options: o}, answer: &room})
	return room, err
}

// Room returns a room and the version of its kept options, for ChangeRoom. Error: ErrNotFound.
func (c *Client) Room(ctx context.Context, name string) (room api.Room, version string, err error) {
	h, err := c.do(ctx, request{method: "GET", path: path("rooms", name), answer: &room})
	return room, h.Get("ETag"), err
}

// ChangeRoom changes the kept options of a room by a merge patch: fields that are absent stay, null takes
// one away. version is what Room returned, to be refused with ErrChanged where somebody was faster; empty
// changes it whatever happened meanwhile.
func (c *Client) ChangeRoom(ctx context.Context, name string, patch map[string]any, version string) (room api.Room, newVersion string, err error) {
	h, err := c.do(ctx, request{method: "PATCH", path: path("rooms", name), body: patch, answer: &room, ifMatch: version})
	return room, h.Get("ETag"), err
}

// CloseRoom ends a room for everyone in it, who are shown the reason, and, with an admin token, forgets
// what is kept for it. It is no error where there is none.
func (c *Client) CloseRoom(ctx context.Context, name, reason string) error {
	_, err := c.do(ctx, request{method: "DELETE", path: path("rooms", name), query: because(reason)})
	return err
}

func because(reason string) url.Values {
	if reason == "" {
		return nil
	}
	return url.Values{"reason": {reason}}
}

// Participants lists who is in an open room, by id. Error: ErrNotFound.
func (c *Client) Participants(ctx context.Context, room string, p Page) (list api.ParticipantList, err error) {
	_, err = c.do(ctx, request{method: "GET", path: path("rooms", room, "participants"), query: p.query(), answer: &list})
	return list, err
}

// Participant returns somebody in a room. Error: ErrNotFound.
func (c *Client) Participant(ctx context.Context, room string, id protocol.ParticipantID) (p api.Participant, err error) {
	_, err = c.do(ctx, request{method: "GET", path: path("rooms", room, "participants", string(id)), answer: &p})
	return p, err
}

// ChangeParticipant changes somebody's name, role, attributes or grants while the room lives.
func (c *Client) ChangeParticipant(ctx context.Context, room string, id protocol.ParticipantID, change api.ChangeParticipant) (p api.Participant, err error) {
	_, err = c.do(ctx, request{method: "PATCH", path: path("rooms", room, "participants", string(id)), body: change, answer: &p})
	return p, err
}

// RemoveParticipant takes somebody out of a room, who is shown the reason and cannot come back while the
// room lives. It is no error where it is not there.
func (c *Client) RemoveParticipant(ctx context.Context, room string, id protocol.ParticipantID, reason string) error {
	_, err := c.do(ctx, request{method: "DELETE", path: path("rooms", room, "participants", string(id)), query: because(reason)})
	return err
}

// Tracks lists the tracks of an open room, by id. Error: ErrNotFound.
func (c *Client) Tracks(ctx context.Context, room string, p Page) (list api.TrackList, err error) {
	_, err = c.do(ctx, request{method: "GET", path: path("rooms", room, "tracks"), query: p.query(), answer: &list})
	return list, err
}

// Stats tells how the links and tracks of an open room do. Counters run since the start: two answers give a
// rate. Error: ErrNotFound.
func (c *Client) Stats(ctx context.Context, room string) (stats api.RoomStats, err error) {
	_, err = c.do(ctx, request{method: "GET", path: path("rooms", room, "stats"), answer: &stats})
	return stats, err
}

// EndTrack ends a track; its owner can publish again. It is no error where there is none.
func (c *Client) EndTrack(ctx context.Context, room string, id protocol.TrackID) error {
	_, err := c.do(ctx, request{method: "DELETE", path: path("rooms", room, "tracks", string(id))})
	return err
}

// Mute mutes the tracks that fit, until their owners unmute them.
func (c *Client) Mute(ctx context.Context, room string, which api.Mute) (ids []protocol.TrackID, err error) {
	var muted api.Muted
	_, err = c.do(ctx, request{method: "POST", path: path("rooms", room, "mute"), body: which, answer: &muted})
	return muted.Tracks, err
}

// SendData sends a message to participants and returns how many get it.
func (c *Client) SendData(ctx context.Context, room string, d api.SendData) (receivers int, err error) {
	var sent api.DataSent
	_, err = c.do(ctx, request{method: "POST", path: path("rooms", room, "data"), body: d, answer: &sent})
	return sent.Receivers, err
}
