package admin

import (
	"context"

	"switchyard/api"
)

// CreateToken makes a token that lets somebody into a room.
func (c *Client) CreateToken(ctx context.Context, q api.CreateToken) (token api.Token, err error) {
	_, err = c.do(ctx, request{method: "POST", path: path("tokens"), body: q, answer: &token})
	return token, err
}

// Invitations lists the invitations to a room, or all with an empty name, by id.
func (c *Client) Invitations(ctx context.Context, room string, p Page) (list api.InvitationList, err error) {
	q := p.query()
	if room != "" {
		q.Set("room", room)
	}
	_, err = c.do(ctx, request{method: "GET", path: path("invitations"), query: q, answer: &list})
	return list, err
}

// CreateInvitation makes a link that lets others into a room.
func (c *Client) CreateInvitation(ctx context.Context, q api.CreateInvitation) (inv api.Invitation, err error) {
	_, err = c.do(ctx, request{method: "POST", path: path("invitations"), body: q, answer: &inv})
	return inv, err
}

// Invitation says where an invitation leads, without using it up. Error: ErrNotFound.
func (c *Client) Invitation(ctx context.Context, id string) (facts api.InvitationFacts, err error) {
	_, err = c.do(ctx, request{method: "GET", path: path("invitations", id), answer: &facts})
	return facts, err
}

// AcceptInvitation uses an invitation and returns a token for its room. Errors: ErrNotFound, ErrGone.
func (c *Client) AcceptInvitation(ctx context.Context, id, name string) (a api.Accepted, err error) {
	_, err = c.do(ctx, request{method: "POST", path: path("invitations", id, "accept"), body: api.Accept{Name: name}, answer: &a})
	return a, err
}

// RevokeInvitation withdraws an invitation. Error: ErrNotFound.
func (c *Client) RevokeInvitation(ctx context.Context, id string) error {
	_, err := c.do(ctx, request{method: "DELETE", path: path("invitations", id)})
	return err
}
