package server

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/json"
	"errors"
	mathrand "math/rand/v2"
	"strings"
	"time"

	"switchyard/protocol"
	"switchyard/store"
)

// transfer is a link by which one device hands over files to others. Who has the link may accept, once for each of
// its receivers; then both meet in its room. docs/transfer.md has the rest.
type transfer struct {
	// Room follows from the link's id, and not the other way: the store gives nobody the link.
	Room      string    `json:"room"`
	Receivers int       `json:"receivers"`
	Left      int       `json:"left"` // receivers that may still accept
	Created   time.Time `json:"created"`
	Expires   time.Time `json:"expires"` // until when the link can be accepted
	Revoked   bool      `json:"revoked,omitempty"`
	// Nameplate is the number of the code that leads here now; 0: none does.
	Nameplate int `json:"nameplate,omitempty"`
	// Seats are the identities of those who accepted and can ask for their token again, by the hash of their secret.
	Seats map[string]string `json:"seats,omitempty"`
}

const (
	defaultTransferLife  = 10 * time.Minute
	minTransferLife      = 10 * time.Second
	maxTransferLife      = 7 * 24 * time.Hour
	maxTransferReceivers = 100
	// guestsBeside are places in the room for the sender and for those who come with a code.
	guestsBeside = 8
	transferRoom = "transfer-"
	// transferSender is the identity of who made the transfer.
	transferSender = "sender"
)

// state says whether the link can be accepted: nil, or why not.
func (t *transfer) state(now time.Time) error {
	switch {
	case t.Revoked:
		return errRevoked
	case t.Left == 0:
		return errUsedUp
	case !now.Before(t.Expires):
		return errExpired
	}
	return nil
}

// ends is when its tokens end, and the store forgets it: who has accepted may come back until then.
func (t *transfer) ends() time.Time { return t.Expires.Add(afterlife) }

// options are those of its room.
func (t *transfer) options() *protocol.RoomOptions {
	return &protocol.RoomOptions{Kind: protocol.KindTransfer, Participants: t.Receivers + guestsBeside}
}

// transfers keeps them in the store. Safe for concurrent use, also by several servers.
type transfers struct{ store store.Store }

func transferKey(room string) string { return store.Key("transfer", room) }

const base32Letters = "abcdefghijklmnopqrstuvwxyz234567"

var lowerBase32 = base32.NewEncoding(base32Letters).WithPadding(base32.NoPadding)

// transferRoomOf is the room of the transfer with that id.
func transferRoomOf(id string) string {
	sum := sha256.Sum256([]byte(id))
	return transferRoom + lowerBase32.EncodeToString(sum[:])[:20]
}

// isTransferRoom says whether a room has a name that transferRoomOf gives.
func isTransferRoom(room string) bool {
	name, ok := strings.CutPrefix(room, transferRoom)
	return ok && len(name) == 20 && strings.Trim(name, base32Letters) == ""
}

func (s transfers) create(ctx context.Context, receivers int, life time.Duration, now time.Time) (string, transfer, error) {
	id := rand.Text()
	t := transfer{
		Room: transferRoomOf(id), Receivers: receivers, Left: receivers,
		Created: now.UTC().Truncate(time.Second), Expires: now.Add(life).UTC().Truncate(time.Millisecond),
	}
	data, err := json.Marshal(t)
	if err != nil {
		return "", t, err
	}
	_, err = s.store.Create(ctx, transferKey(t.Room), data, life+afterlife)
	return id, t, err
}

var errNoTransfer = errors.New("server: no such transfer")

// ofRoom returns the transfer of a room, whatever its state, with its revision. Error: errNoTransfer.
func (s transfers) ofRoom(ctx context.Context, room string) (transfer, uint64, error) {
	e, err := s.store.Get(ctx, transferKey(room))
	if errors.Is(err, store.ErrNotFound) {
		return transfer{}, 0, errNoTransfer
	}
	if err != nil {
		return transfer{}, 0, err
	}
	var t transfer
	err = json.Unmarshal(e.Value, &t)
	return t, e.Revision, err
}

// get is ofRoom by the id of the link.
func (s transfers) get(ctx context.Context, id string) (transfer, error) {
	if !validID(id) {
		return transfer{}, errNoTransfer
	}
	t, _, err := s.ofRoom(ctx, transferRoomOf(id))
	return t, err
}

// accept takes the place of one receiver. However many accept at once, no more succeed than there are. Who asks again
// with the same secret, once, gets its identity again, also when the link has ended since.
func (s transfers) accept(ctx context.Context, room, once string, now time.Time) (t transfer, identity string, err error) {
	seat := ""
	if once != "" {
		sum := sha256.Sum256([]byte(once))
		seat = lowerBase32.EncodeToString(sum[:])[:20]
	}
	t, err = s.change(ctx, room, now, func(t *transfer) error {
		identity = t.Seats[seat]
		if identity != "" && !t.Revoked {
			return nil
		}
		if err := t.state(now); err != nil {
			return err
		}
		t.Left--
		identity = "r-" + strings.ToLower(rand.Text()[:16])
		if seat != "" {
			if t.Seats == nil {
				t.Seats = map[string]string{}
			}
			t.Seats[seat] = identity
		}
		return nil
	})
	return t, identity, err
}

// revoke makes the link worthless and shuts the room.
func (s transfers) revoke(ctx context.Context, room string, now time.Time) (transfer, error) {
	return s.change(ctx, room, now, func(t *transfer) error { t.Revoked = true; return nil })
}

// change applies f to the transfer by compare-and-set, as often as others get in between.
func (s transfers) change(ctx context.Context, room string, now time.Time, f func(*transfer) error) (transfer, error) {
	for try := 1; ; try++ {
		t, revision, err := s.ofRoom(ctx, room)
		if err != nil {
			return transfer{}, err
		}
		if err := f(&t); err != nil {
			return t, err
		}
		data, err := json.Marshal(t)
		if err != nil {
			return transfer{}, err
		}
		_, err = s.store.CompareAndSet(ctx, transferKey(room), data, revision, max(t.ends().Sub(now), time.Second))
		if !errors.Is(err, store.ErrConflict) {
			return t, err
		}
		// Wait a little, at random, so that many at once do not stay in step.
		select {
		case <-time.After(mathrand.N(time.Duration(min(try, 20)) * time.Millisecond)):
		case <-ctx.Done():
			return transfer{}, ctx.Err()
		}
	}
}

// What people are told whose token is for a transfer that is over.
var (
	errTransferOver = &protocol.Error{Code: protocol.CodeRoomClosed, Message: "This transfer is over. Ask the sender for a new link."}
	errTransferGone = &protocol.Error{Code: protocol.CodeRoomClosed, Message: transferWithdrawn}
)

const transferWithdrawn = "The sender has withdrawn this transfer. Ask for a new link."

// admits says whether the transfer's room may open: nil for a room that is of no transfer.
func (s transfers) admits(ctx context.Context, room string) error {
	if !isTransferRoom(room) {
		return nil
	}
	t, _, err := s.ofRoom(ctx, room)
	switch {
	case errors.Is(err, errNoTransfer):
		return errTransferOver
	case err != nil:
		return err
	case t.Revoked:
		return errTransferGone
	}
	return nil
}
