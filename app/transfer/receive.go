package transfer

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"switchyard/api"
	"switchyard/client"
	"switchyard/engine/pake"
	"switchyard/protocol"
)

// The errors of Receive.
var (
	ErrWrongCode = errors.New("transfer: that was not the right code, and it is void now: ask the sender for the new one that is shown there")
	ErrWrongKey  = errors.New("transfer: the link does not belong to what is being sent: copy the whole link again, to its last letter")
	ErrAway      = errors.New("transfer: the sender did not come: ask whoever sent the link to start it again, then receive it again")
	ErrNoWords   = errors.New("transfer: a passphrase is asked for, and none was given")
)

// ReceiveOptions say what is received, and where to. From and Folder are needed.
type ReceiveOptions struct {
	From   string // a link or a code
	Server string // where a code is good; a link names its own
	Folder string
	Sink   SinkOptions
	// Tickets is the folder that keeps, until the transfer is complete, what it takes to go on after a crash: Folder as
	// a rule; "" keeps nothing.
	Tickets string
	// Looked is another folder of tickets, that of receivers who looked at offers only; "" for none.
	Looked string
	// Passphrase asks the user for it; again says that the last one was wrong.
	Passphrase func(ctx context.Context, again bool) (string, error)
	Patience   time.Duration // how long to wait for a sender that is away; 10 minutes where it is 0
	Name       string        // ours, as the sender sees it
	HTTP       *http.Client
	Log        *slog.Logger
	// Event is called by one goroutine at a time. Text is a sentence without its full stop.
	Event func(Event)
}

// Receive takes what a link or a code offers. It returns nil when every byte is verified and has its name. When ctx ends
// it tells the sender so, with the cause of ctx as the reason.
func Receive(ctx context.Context, o ReceiveOptions) error {
	if o.Patience == 0 {
		o.Patience = linger
	}
	v := &receiving{o: o}
	if err := v.find(ctx); err != nil {
		return err
	}
	sinkOptions := o.Sink
	sinkOptions.Ask = v.ask
	if len(o.Sink.Only) == 0 && len(v.ticket.Only) > 0 {
		sinkOptions.Only = v.ticket.Only
		v.tell(Event{What: Chosen, Text: "going on with what was chosen before: --only " + strings.Join(v.ticket.Only, " --only ")})
	}
	v.only = sinkOptions.Only
	sinkOptions.Notify = func(p Progress) {
		v.tell(Event{What: Advanced, Peer: string(sender), Name: theSender, Progress: p, Kind: p.Kind, Direct: p.Direct})
		if o.Sink.Notify != nil {
			o.Sink.Notify(p)
		}
	}
	sink, err := NewSink(o.Folder, sinkOptions)
	if err != nil {
		return err
	}
	defer sink.Close()
	return v.run(ctx, sink)
}

// receiving is one Receive.
type receiving struct {
	o      ReceiveOptions
	link   Link
	ticket ticket
	only   []string // what of the offer is taken, nil for everything

	telling sync.Mutex // one event at a time

	declined bool // by the user
	again    bool // the ticket is of an earlier run: the server is known to be one
}

// tell tells an event; the sink's goroutines do, too.
func (v *receiving) tell(e Event) {
	if v.o.Event != nil {
		v.telling.Lock()
		defer v.telling.Unlock()
		v.o.Event(e)
	}
}

// find finds out what the link is, and the ticket of an earlier run.
func (v *receiving) find(ctx context.Context) error {
	if IsLink(v.o.From) {
		var err error
		if v.link, err = ParseLink(v.o.From); err != nil {
			return err
		}
	} else if err := v.redeem(ctx); err != nil {
		return err
	}
	if t := v.remembered(func(t *ticket) bool { return t.of(v.link) }); t != nil {
		v.ticket, v.again = *t, true
	}
	return nil
}

// remembered finds the ticket of an earlier run: of one that was broken off, or looked only.
func (v *receiving) remembered(fits func(*ticket) bool) *ticket {
	for _, folder := range []string{v.o.Tickets, v.o.Looked} {
		if folder == "" {
			continue
		}
		if t := findTicket(folder, fits); t != nil {
			return t
		}
	}
	return nil
}

// redeem turns a code into its link. A code that was redeemed before, in a run that was broken off, is in its ticket.
func (v *receiving) redeem(ctx context.Context) error {
	code, err := pake.ParseCode(v.o.From)
	if err != nil {
		return err
	}
	if t := v.remembered(func(t *ticket) bool { return t.Code == code.String() }); t != nil {
		v.link, err = ParseLink(t.Link)
		return err
	}
	claimed, err := client.Transfers{Server: v.o.Server, HTTP: v.o.HTTP}.Claim(ctx, code.Nameplate, v.o.Name)
	if err != nil {
		return err
	}
	a := v.attend(byCode, pake.CodeSecret(code), nil)
	if err := a.run(ctx, door{v.o.Server, claimed.Room, claimed.Token, v.o.Name, v.o.HTTP, v.o.Log}); err != nil {
		if errors.Is(err, errSecret) {
			err = ErrWrongCode
		}
		return err
	}
	v.link, err = ParseLink(strings.TrimSuffix(v.o.Server, "/") + "/t/" + a.link.ID + "#" + a.link.Key)
	v.ticket.Code = code.String()
	return err
}

// run receives with the right passphrase.
func (v *receiving) run(ctx context.Context, sink *Sink) error {
	passphrase, err := v.passphrase(ctx, false)
	for err == nil {
		if err = v.enter(ctx); err != nil {
			return err
		}
		a := v.attend(byLink, pake.LinkSecret(v.link.Key, passphrase), sink)
		err = a.run(ctx, door{v.link.Server, v.ticket.Room, v.ticket.Token, v.o.Name, v.o.HTTP, v.o.Log})
		if e, ok := errors.AsType[*protocol.Error](err); ok && e.Code == protocol.CodeUnauthorized && v.ticket.Accepted.Before(time.Now().Add(-time.Hour)) {
			v.ticket.Token, v.ticket.Once, err = "", "", nil // too old a ticket: accept anew
			continue
		}
		if !errors.Is(err, errSecret) {
			break
		}
		if !v.link.Passphrase {
			return ErrWrongKey
		}
		passphrase, err = v.passphrase(ctx, true)
	}
	if err == nil || v.declined || final(err) {
		v.forget()
	}
	return err
}

// forget removes the ticket: it is of no use any more.
func (v *receiving) forget() {
	for _, folder := range []string{v.o.Tickets, v.o.Looked} {
		if folder != "" {
			_ = os.Remove(ticketFile(folder, v.link.ID))
		}
	}
}

func (v *receiving) passphrase(ctx context.Context, again bool) (string, error) {
	if !v.link.Passphrase {
		return "", nil
	}
	if v.o.Passphrase == nil {
		return "", ErrNoWords
	}
	return v.o.Passphrase(ctx, again)
}

// enter gets a ticket, which takes one of the link's receivers.
func (v *receiving) enter(ctx context.Context) error {
	if v.ticket.Token != "" {
		return nil
	}
	if v.ticket.Once == "" {
		v.ticket.Link, v.ticket.Once, v.ticket.Accepted = v.link.String(), rand.Text(), time.Now()
		v.keep() // before we ask: a crash between the answer and its ticket would cost the link
	}
	transfers := client.Transfers{Server: v.link.Server, HTTP: v.o.HTTP}
	until := time.Now().Add(enterPatience)
	for {
		a, err := transfers.AcceptOnce(ctx, v.link.ID, v.o.Name, v.ticket.Once)
		if err == nil {
			v.ticket.Token, v.ticket.Room = a.Token, a.Room
			v.keep()
			return nil
		}
		if errors.As(err, new(*api.Problem)) {
			v.forget()
		}
		if !v.again || errors.As(err, new(*api.Problem)) || ctx.Err() != nil || time.Now().After(until) {
			return err
		}
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
		}
	}
}

func (v *receiving) keep() {
	if v.o.Tickets == "" {
		return
	}
	if err := writeSecret(ticketFile(v.o.Tickets, v.link.ID), v.ticket); err != nil && v.o.Log != nil {
		v.o.Log.Warn("the link cannot be kept for a restart", "error", err)
	}
}

// ask asks the user, unless they agreed to the same offer before.
func (v *receiving) ask(ctx context.Context, offer *Offer) error {
	h := sha256.New()
	fmt.Fprintf(h, "%q %q %d %d %d %q\n", offer.Name, offer.Kind, offer.Entries, offer.Files, offer.Bytes, v.only)
	for _, e := range offer.List.All() {
		fmt.Fprintf(h, "%q %q %d\n", e.Path, e.Kind, e.Size)
	}
	of := hex.EncodeToString(h.Sum(nil))
	if of == v.ticket.Agreed {
		return nil
	}
	if v.o.Sink.Ask != nil {
		if err := v.o.Sink.Ask(ctx, offer); err != nil {
			d, _ := errors.AsType[*Declined](err)
			v.declined = ctx.Err() == nil && (d == nil || !d.Later)
			return err
		}
	}
	v.ticket.Agreed, v.ticket.Only = of, v.only
	v.keep()
	return nil
}
