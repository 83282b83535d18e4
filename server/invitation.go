package server

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	mathrand "math/rand/v2"
	"time"

	"switchyard/protocol"
	"switchyard/store"
)

// Invitation is what a person shares: a link that lets others into a room.
type Invitation struct {
	// ID is the secret in the link: 130 random bits.
	ID   string `json:"id"`
	Room string `json:"room"`
	Role string `json:"role"`
	// Uses is how many more people may accept; negative: any number.
	Uses    int       `json:"uses"`
	Created time.Time `json:"created"`
	Expires time.Time `json:"expires"`
	Revoked bool      `json:"revoked,omitempty"`
}

const (
	defaultInvitationLife = 7 * 24 * time.Hour
	maxInvitationLife     = 366 * 24 * time.Hour
	maxInvitationUses     = 1_000_000
	// afterlife is how long the store remembers an invitation that ended, so that people who come
	// late are told why.
	afterlife = 7 * 24 * time.Hour
)

// Errors of accepting an invitation.
var (
	errNoInvitation = errors.New("server: no such invitation")
	errExpired      = errors.New("server: invitation expired")
	errRevoked      = errors.New("server: invitation revoked")
	errUsedUp       = errors.New("server: invitation used up")
)

// roles are what an invitation can make of someone.
var roles = map[string]protocol.Grants{
	"host":   {Publish: []string{"*"}, Subscribe: true, Data: true, Moderate: true, Record: true},
	"guest":  {Publish: []string{"*"}, Subscribe: true, Data: true},
	"viewer": {Subscribe: true},
}

// state says whether the invitation can be accepted: nil, or one of the errors above.
func (i *Invitation) state(now time.Time) error {
	switch {
	case i.Revoked:
		return errRevoked
	case !now.Before(i.Expires):
		return errExpired
	case i.Uses == 0:
		return errUsedUp
	}
	return nil
}

// invitations keeps them in the store. Safe for concurrent use, also by several servers.
type invitations struct{ store store.Store }

func invitationKey(id string) string { return store.Key("invitation", id) }

// validID bounds what is looked up: ids are rand.Text, 26 letters and digits.
func validID(id string) bool {
	if len(id) != 26 {
		return false
	}
	for i := range len(id) {
		if c := id[i]; (c < 'A' || c > 'Z') && (c < '2' || c > '7') {
			return false
		}
	}
	return true
}

func (s invitations) create(ctx context.Context, room, role string, uses int, life time.Duration, now time.Time) (Invitation, error) {
	inv := Invitation{
		ID: rand.Text(), Room: room, Role: role, Uses: uses,
		Created: now.UTC().Truncate(time.Second), Expires: now.Add(life).UTC().Truncate(time.Millisecond),
	}
	data, err := json.Marshal(inv)
	if err != nil {
		return Invitation{}, err
	}
	_, err = s.store.Create(ctx, invitationKey(inv.ID), data, life+afterlife)
	return inv, err
}

// get returns an invitation, whatever its state, with its revision. Error: errNoInvitation.
func (s invitations) get(ctx context.Context, id string) (Invitation, uint64, error) {
	if !validID(id) {
		return Invitation{}, 0, errNoInvitation
	}
	e, err := s.store.Get(ctx, invitationKey(id))
	if errors.Is(err, store.ErrNotFound) {
		return Invitation{}, 0, errNoInvitation
	}
	if err != nil {
		return Invitation{}, 0, err
	}
	var inv Invitation
	err = json.Unmarshal(e.Value, &inv)
	return inv, e.Revision, err
}

// list returns all that the store has, also those that ended not long ago.
func (s invitations) list(ctx context.Context) ([]Invitation, error) {
	entries, err := s.store.List(ctx, store.Key("invitation"))
	if err != nil {
		return nil, err
	}
	list := make([]Invitation, 0, len(entries))
	for _, e := range entries {
		var inv Invitation
		if err := json.Unmarshal(e.Value, &inv); err != nil {
			return nil, err
		}
		list = append(list, inv)
	}
	return list, nil
}

// accept takes one use. However many accept at once, no more succeed than there are uses.
func (s invitations) accept(ctx context.Context, id string, now time.Time) (Invitation, error) {
	return s.change(ctx, id, now, func(inv *Invitation) error {
		if err := inv.state(now); err != nil {
			return err
		}
		if inv.Uses > 0 {
			inv.Uses--
		}
		return nil
	})
}

// revoke makes the invitation worthless.
func (s invitations) revoke(ctx context.Context, id string, now time.Time) error {
	_, err := s.change(ctx, id, now, func(inv *Invitation) error { inv.Revoked = true; return nil })
	return err
}

// change applies f to the invitation by compare-and-set, as often as others get in between.
func (s invitations) change(ctx context.Context, id string, now time.Time, f func(*Invitation) error) (Invitation, error) {
	for try := 1; ; try++ {
		inv, revision, err := s.get(ctx, id)
		if err != nil {
			return Invitation{}, err
		}
		before := inv
		if err := f(&inv); err != nil {
			return inv, err
		}
		if inv == before { // an unlimited invitation is not worn out: nothing to write
			return inv, nil
		}
		data, err := json.Marshal(inv)
		if err != nil {
			return Invitation{}, err
		}
		left := max(inv.Expires.Sub(now)+afterlife, time.Second)
		_, err = s.store.CompareAndSet(ctx, invitationKey(id), data, revision, left)
		if !errors.Is(err, store.ErrConflict) {
			return inv, err
		}
		// Wait a little, at random, so that many at once do not stay in step.
		select {
		case <-time.After(mathrand.N(time.Duration(min(try, 20)) * time.Millisecond)):
		case <-ctx.Done():
			return Invitation{}, ctx.Err()
		}
	}
}
