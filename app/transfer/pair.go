package transfer

import (
	"context"
	"encoding/base64"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"switchyard/client"
	"switchyard/engine/pake"
	"switchyard/protocol"
)

// The errors of pairing.
var (
	ErrPairCode = errors.New("transfer: that code pairs two devices: use it with switchyard pair, or at “Pair a device” on the page")
	ErrFileCode = errors.New("transfer: that code is for files: use it with switchyard receive")
	ErrSilent   = errors.New("transfer: the other device did not answer: look whether it still shows a code, and use the new one")
	ErrUnpaired = errors.New("transfer: nobody typed the code in time: begin again")
)

const (
	// codeLife is how long a code for pairing is shown.
	codeLife = 10 * time.Minute
	// pairPatience is how long the device that shows the code may take to answer.
	pairPatience = 20 * time.Second
)

// Pair is a device that ours was paired with (docs/transfer.md, Pairs). It holds a secret.
type Pair struct {
	Server string    `json:"server"`
	Secret string    `json:"secret"` // base64url of 32 bytes
	Name   string    `json:"name"`   // what our user calls it
	At     time.Time `json:"at"`
	// Before is the id of the pair that the two were before, whose place this one takes; "": they were none.
	Before string `json:"-"`
}

// secret is nil where the pair is damaged.
func (p Pair) secret() []byte {
	b, err := base64.RawURLEncoding.DecodeString(p.Secret)
	if err != nil || len(b) != 32 {
		return nil
	}
	return b
}

// ID is where both find each other on the server.
func (p Pair) ID() string {
	b := p.secret()
	if b == nil {
		return ""
	}
	return pake.PairID([32]byte(b))
}

// PairOptions say who pairs, and where.
type PairOptions struct {
	Server string
	Token  string // as SendOptions has it
	Name   string // what the other device sees
	// Known are the ids of the pairs that we are one of, or were.
	Known []string
	HTTP  *http.Client
	Log   *slog.Logger
	// Code is told the code to show, again where it has changed: it is good for one try.
	Code func(code string)
}

// mostWas bounds the earlier pairs that two devices look through.
const mostWas = 48

// me is what we say of ourselves, once both have the keys.
func (o *PairOptions) me(k *pake.Keys) *pairWord {
	w := &pairWord{Name: o.Name}
	for _, id := range o.Known[:min(len(o.Known), mostWas)] {
		w.Was = append(w.Was, pake.PairWas(k.Pair(), id))
	}
	return w
}

// paired makes a pair of what both ends know.
func (o *PairOptions) paired(k *pake.Keys, w *pairWord) Pair {
	secret := k.Pair()
	p := Pair{Server: o.Server, Secret: base64.RawURLEncoding.EncodeToString(secret[:]), Name: nameOf(w.Name), At: time.Now().UTC().Truncate(time.Second)}
	for _, id := range o.Known[:min(len(o.Known), mostWas)] {
		if slices.Contains(w.Was, pake.PairWas(secret, id)) {
			p.Before = id
			break
		}
	}
	return p
}

// pairWord is who a device is, in a sealed word.
type pairWord struct {
	Name string   `json:"name"`
	Was  []string `json:"was,omitempty"` // with whom it was paired before, as only those can read
}

// nameOf is the name of a device as far as it can be shown.
func nameOf(s string) string {
	if strings.TrimSpace(s) == "" {
		return "a device"
	}
	r := []rune(strings.TrimSpace(words(s)))
	return string(r[:min(len(r), 64)])
}

// TypePair pairs with the device that shows the code.
func TypePair(ctx context.Context, o PairOptions, text string) (Pair, error) {
	code, err := pake.ParseCode(text)
	if err != nil {
		return Pair{}, err
	}
	claimed, err := client.Transfers{Server: o.Server, HTTP: o.HTTP}.Claim(ctx, code.Nameplate, "")
	if err != nil {
		return Pair{}, err
	}
	v := &receiving{o: ReceiveOptions{Server: o.Server, HTTP: o.HTTP, Log: o.Log, Patience: pairPatience}}
	a := v.attend(byCode, pake.CodeSecret(code), nil)
	a.me = o.me
	if err := a.run(ctx, door{Server: o.Server, Room: claimed.Room, Token: claimed.Token, HTTP: o.HTTP, Log: o.Log}); err != nil {
		if errors.Is(err, errSecret) {
			err = ErrWrongCode
		}
		if errors.Is(err, ErrAway) {
			err = ErrSilent
		}
		return Pair{}, err
	}
	return o.paired(a.room.seal.of(sender), a.pair), nil
}

// ShowPair makes a code and waits for the device on which it is typed.
func ShowPair(ctx context.Context, o PairOptions) (Pair, error) {
	api := client.Transfers{Server: o.Server, HTTP: o.HTTP}
	made, err := api.Make(ctx, o.Token, client.TransferOptions{Receivers: 1, ExpiresIn: codeLife, Code: true})
	if err != nil {
		return Pair{}, err
	}
	defer func() {
		out, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
		defer cancel()
		_ = api.Revoke(out, made) // it expires by itself, too
	}()
	h := &pairHost{o: o, api: api, made: made, inbox: make(chan func(), 256), ended: make(chan struct{})}
	defer close(h.ended)
	if h.room, err = enter(ctx, door{Server: o.Server, Room: made.Room, Token: made.Token, HTTP: o.HTTP, Log: o.Log}, pake.Sender, h); err != nil {
		return Pair{}, err
	}
	defer h.room.leave()
	return h.run(ctx)
}

// pairHost shows the code. What is not immutable belongs to run's goroutine; others hand it funcs.
type pairHost struct {
	o     PairOptions
	api   client.Transfers
	made  client.Transfer
	room  *room
	inbox chan func()
	ended chan struct{}

	ctx    context.Context // of run
	code   pake.Code
	guest  protocol.ParticipantID // who has claimed the code; "": nobody has
	shake  *welcoming             // with the guest
	agreed bool
	tries  int
	pair   *Pair
	err    error
}

func (h *pairHost) do(f func()) {
	select {
	case h.inbox <- f:
	case <-h.ended:
	}
}

func (h *pairHost) run(ctx context.Context) (Pair, error) {
	inner, cancel := context.WithCancel(ctx)
	defer cancel()
	h.ctx = inner
	h.show(h.made.Nameplate)
	late := time.NewTimer(codeLife)
	defer late.Stop()
	for h.pair == nil && h.err == nil {
		select {
		case f := <-h.inbox:
			f()
		case <-late.C:
			h.err = ErrUnpaired
		case <-h.room.c.Done():
			h.err = h.room.c.Err()
		case <-ctx.Done():
			h.err = context.Cause(ctx)
		}
	}
	if h.pair == nil {
		return Pair{}, h.err
	}
	return *h.pair, nil
}

func (h *pairHost) show(nameplate int) {
	h.code, h.guest, h.shake, h.agreed = pake.NewCode(strconv.Itoa(nameplate)), "", nil, false
	if h.o.Code != nil {
		h.o.Code(h.code.String())
	}
}

// failed makes a new code: whoever came had another one, or went.
func (h *pairHost) failed(id protocol.ParticipantID) {
	if id == "" || h.guest != id || h.pair != nil {
		return
	}
	h.guest, h.code, h.shake = "", pake.Code{}, nil
	if h.tries++; h.tries >= maxGuesses {
		h.err = errors.New("transfer: too many wrong codes were typed: begin again")
		return
	}
	go func() { // ends with the request
		n, err := h.api.NewCode(h.ctx, h.made)
		h.do(func() {
			if err != nil {
				h.err = err
				return
			}
			h.show(n)
		})
	}()
}

// here implements guest. Whoever comes has claimed the code: it is void whatever comes of it.
func (h *pairHost) here(p protocol.Participant) {
	h.do(func() {
		if h.guest != "" || !isGuest(p.ID) || h.code == (pake.Code{}) {
			return
		}
		h.guest = p.ID
		time.AfterFunc(confirmPatience, func() { h.do(func() { h.failed(p.ID) }) })
	})
}

// gone implements guest.
func (h *pairHost) gone(id protocol.ParticipantID, _ bool) { h.do(func() { h.failed(id) }) }

// renewed implements guest.
func (h *pairHost) renewed() { h.do(func() { h.failed(h.guest) }) }

// linked implements guest.
func (h *pairHost) linked(l *client.Link) { l.Close() }

// heard implements guest.
func (h *pairHost) heard(from protocol.ParticipantID, w word) {
	h.do(func() {
		if from != h.guest {
			return
		}
		switch {
		case w.T == wordHello && h.shake == nil:
			h.hello(w)
		case w.T == wordConfirm && h.shake != nil && !h.agreed && h.shake.confirmed(w) == nil:
			h.agreed = true
			h.room.seal.set(from, h.shake.keys)
			h.room.whisper(from, secretWord{Pair: h.o.me(h.shake.keys)})
		case w.T == wordConfirm && !h.agreed, w.T == wordRefused:
			h.failed(from)
		}
	})
}

// hello answers the guest's one guess.
func (h *pairHost) hello(w word) {
	shake, err := welcome(parties{h.made.Room, h.guest, h.room.c.ID()}, pake.CodeSecret(h.code), w)
	if err != nil || w.By != byCode {
		reason := reasonSecret
		if errors.Is(err, errVersion) {
			reason = reasonVersion
		}
		h.room.say(h.guest, word{T: wordRefused, Reason: reason})
		h.failed(h.guest)
		return
	}
	h.shake = shake
	h.room.say(h.guest, shake.answer)
}

// told implements guest.
func (h *pairHost) told(from protocol.ParticipantID, w secretWord) {
	h.do(func() {
		if w.Pair != nil && from == h.guest && h.agreed && h.pair == nil {
			p := h.o.paired(h.shake.keys, w.Pair)
			h.pair = &p
		}
	})
}
