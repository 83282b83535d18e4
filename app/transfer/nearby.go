package transfer

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"regexp"
	"sync"
	"time"

	"switchyard/api"
	"switchyard/client"
	"switchyard/engine/pake"
	"switchyard/protocol"
)

// The errors of devices that were paired.
var (
	ErrNo       = errors.New("transfer: the other device does not want it")
	ErrNoPair   = errors.New("transfer: nothing was paired yet: run switchyard pair on one of the two devices")
	errNoOffer  = errors.New("transfer: unreadable offer")
	errPresence = errors.New("transfer: the room of the pair closed")
)

const (
	nearbyTopic = "nearby"
	wordOffer   = "offer"
	wordNo      = "declined"
	// maxPairs is how many a server looks for at once.
	maxPairs = 16
)

// NearbyOptions say who looks for paired devices, and where.
type NearbyOptions struct {
	Server string
	// Token makes one, as SendOptions has it; nil: the server is open.
	Token func() (string, error)
	// Mark is a random text of ours, of 16 to 64 letters, which the server only sees.
	Mark string
	HTTP *http.Client
	Log  *slog.Logger
	// Here is told when the other device of a pair comes and is asked.
	Here func(p Pair)
	// Seen is told once, when paired devices can see us.
	Seen func()
}

// NearbyOffer is what a paired device wants to send: a link, and what to ask the user.
type NearbyOffer struct {
	ID    string `json:"id"`
	Key   string `json:"key"` // as in the fragment
	Name  string `json:"name"`
	Bytes int64  `json:"bytes"`
}

// OfferOf is the offer of a link.
func OfferOf(link, name string, bytes int64) (NearbyOffer, error) {
	l, err := ParseLink(link)
	return NearbyOffer{ID: l.ID, Key: keyText(l.Key, l.Passphrase), Name: name, Bytes: bytes}, err
}

// Link is where the offer leads.
func (o NearbyOffer) Link(server string) string { return server + "/t/" + o.ID + "#" + o.Key }

var offerID, offerKey = regexp.MustCompile(`^[A-Z2-7]{26}$`), regexp.MustCompile(`^[\w-]{22}(\.p)?$`)

func parseOffer(b []byte) (NearbyOffer, error) {
	var o NearbyOffer
	if json.Unmarshal(b, &o) != nil || !offerID.MatchString(o.ID) || !offerKey.MatchString(o.Key) || o.Bytes < 0 {
		return NearbyOffer{}, errNoOffer
	}
	o.Name = words(o.Name)
	return o, nil
}

// nearbyWord is one message of a room of devices.
type nearbyWord struct {
	T   string `json:"t"`
	Key b64    `json:"key,omitempty"`
	Box string `json:"box,omitempty"`
}

// OfferTo asks the other device of a pair, as soon as it is there, whether it wants what a link leads to, until ctx
// ends. Error: ErrNo, or what the server says.
func OfferTo(ctx context.Context, o NearbyOptions, p Pair, offer NearbyOffer) error {
	plain, err := json.Marshal(offer)
	if err != nil {
		return err
	}
	answer := make(chan error, 1)
	return stay(ctx, o, []Pair{p}, func(ctx context.Context, at *place) error {
		asked := map[string]bool{} // by their keys: who comes anew is asked anew
		for {
			for id, share := range at.others() {
				if asked[string(share)] {
					continue
				}
				if err := at.offer(ctx, id, share, plain); err != nil {
					return err
				}
				asked[string(share)] = true
				if o.Here != nil {
					o.Here(p)
				}
			}
			select {
			case <-at.kick:
			case err := <-answer:
				return err
			case <-at.c.Done():
				return errPresence
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
	}, func(at *place, from protocol.ParticipantID, w nearbyWord) {
		if w.T == wordNo {
			select {
			case answer <- ErrNo:
			default:
			}
		}
	})
}

// AwaitOffer is there for paired devices until one of them offers something.
func AwaitOffer(ctx context.Context, o NearbyOptions, pairs []Pair) (Pair, NearbyOffer, error) {
	if len(pairs) == 0 {
		return Pair{}, NearbyOffer{}, ErrNoPair
	}
	type offered struct {
		by    Pair
		offer NearbyOffer
	}
	first := make(chan offered, 1)
	var got offered
	seen := sync.OnceFunc(func() {
		if o.Seen != nil {
			o.Seen()
		}
	})
	err := stay(ctx, o, pairs, func(ctx context.Context, at *place) error {
		seen()
		select {
		case got = <-first:
			return nil
		case <-at.c.Done():
			return errPresence
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}, func(at *place, from protocol.ParticipantID, w nearbyWord) {
		if w.T != wordOffer {
			return
		}
		ends := pake.NearbyEnds{Room: at.room, Sender: string(from), Receiver: string(at.c.ID())}
		plain, err := at.key.Open(ends, w.Key, at.pair.secret(), w.Box)
		if err != nil {
			return // not of the other device
		}
		if offer, err := parseOffer(plain); err == nil {
			select {
			case first <- offered{at.pair, offer}:
			default: // one at a time: the next one has a link, too
			}
		}
	})
	return got.by, got.offer, err
}

// stay is in the rooms of pairs for as long as one of do says, and comes back where the connection is lost. The first
// do that ends otherwise ends all; its error is the result.
func stay(ctx context.Context, o NearbyOptions, pairs []Pair, do func(context.Context, *place) error, hear func(*place, protocol.ParticipantID, nearbyWord)) error {
	for pause, entered := time.Second, false; ; pause = min(2*pause, time.Minute) {
		began := time.Now()
		err := stayOnce(ctx, o, pairs[:min(len(pairs), maxPairs)], do, hear)
		lost := errors.Is(err, errPresence)
		if entered = entered || lost; !entered || !lost && (final(err) || errors.As(err, new(*api.Problem)) || !isTemporary(err)) {
			return err
		}
		if time.Since(began) > time.Minute {
			pause = time.Second
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// isTemporary tells whether it is worth coming back: the server or the network was away.
func isTemporary(err error) bool {
	return err != nil && !errors.Is(err, ErrNo) && !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded)
}

func stayOnce(ctx context.Context, o NearbyOptions, pairs []Pair, do func(context.Context, *place) error, hear func(*place, protocol.ParticipantID, nearbyWord)) error {
	ids := make([]string, len(pairs))
	by := map[string]Pair{}
	for i, p := range pairs {
		ids[i] = p.ID()
		by[ids[i]] = p
	}
	token := ""
	if o.Token != nil {
		var err error
		if token, err = o.Token(); err != nil {
			return err
		}
	}
	rooms, err := client.Transfers{Server: o.Server, HTTP: o.HTTP}.Pairs(ctx, token, o.Mark, ids)
	if err != nil {
		return err
	}
	inner, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	var once sync.Once
	result := errPresence
	for _, r := range rooms {
		p, ok := by[r.Pair]
		if !ok || p.secret() == nil {
			continue
		}
		wg.Go(func() { // ends with inner, or as the first
			err := o.visit(inner, r, p, do, hear)
			once.Do(func() { result = err; cancel(err) })
		})
	}
	wg.Wait()
	if ctx.Err() != nil && result != nil && !errors.Is(result, ErrNo) {
		return context.Cause(ctx)
	}
	return result
}

// visit enters one room and does what is to be done there.
func (o *NearbyOptions) visit(ctx context.Context, r client.NearbyRoom, p Pair, do func(context.Context, *place) error, hear func(*place, protocol.ParticipantID, nearbyWord)) error {
	at := &place{room: r.Room, pair: p, key: pake.NewNearbyKey(), kick: make(chan struct{}, 1)}
	ready := make(chan struct{}) // closed when at.c is set
	changed := func(protocol.Participant) { at.look() }
	c, err := client.Dial(ctx, client.Options{
		URL: o.Server, Room: r.Room, Token: r.Token, NoData: true, HTTP: o.HTTP, Log: o.Log,
		Attributes: map[string]string{"kind": "computer", "key": base64.RawURLEncoding.EncodeToString(at.key.Share())},
		Events: client.Events{
			Joined: changed, Changed: changed, Left: func(protocol.Left) { at.look() },
			Data: func(m protocol.Data) {
				var w nearbyWord
				if m.Topic != nearbyTopic || len(m.Payload) > maxWord || json.Unmarshal(m.Payload, &w) != nil {
					return
				}
				<-ready
				hear(at, m.From, w)
			},
		},
	})
	if err != nil {
		close(ready)
		return err
	}
	at.c = c
	close(ready)
	defer c.Close()
	return do(ctx, at)
}

// place is ours in the room of a pair.
type place struct {
	room string
	pair Pair
	key  pake.NearbyKey
	c    *client.Client
	kick chan struct{} // somebody came or went
}

func (at *place) look() {
	select {
	case at.kick <- struct{}{}:
	default:
	}
}

// others are who is there besides us, with the keys that they tell.
func (at *place) others() map[protocol.ParticipantID][]byte {
	list := map[protocol.ParticipantID][]byte{}
	for _, p := range at.c.Participants() {
		share, err := base64.RawURLEncoding.DecodeString(p.Attributes["key"])
		if p.ID != at.c.ID() && p.Connected && err == nil && len(share) == pake.ShareSize {
			list[p.ID] = share
		}
	}
	return list
}

// offer asks one of the others. Whose key is none is not asked.
func (at *place) offer(ctx context.Context, to protocol.ParticipantID, share, plain []byte) error {
	key, box, err := pake.SealNearby(pake.NearbyEnds{Room: at.room, Sender: string(at.c.ID()), Receiver: string(to)}, share, at.pair.secret(), plain)
	if err != nil {
		return nil
	}
	out, cancel := context.WithTimeout(ctx, sayTimeout)
	defer cancel()
	err = at.c.SendData(out, nearbyTopic, nearbyWord{T: wordOffer, Key: key, Box: box}, to)
	if e, ok := errors.AsType[*protocol.Error](err); ok && !e.Fatal {
		return nil // it went meanwhile
	}
	return err
}
