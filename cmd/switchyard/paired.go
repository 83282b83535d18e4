package main

import (
	"context"
	"errors"

	"switchyard/app/transfer"
	"switchyard/engine/piece"
	"switchyard/server"
)

// at finds the server of paired devices, unless another one is named.
func (f *TransferServer) at(pairs []transfer.Pair) error {
	if f.Server != "" || len(pairs) == 0 {
		return nil
	}
	running, err := server.FindRunning(f.Data)
	for _, p := range pairs {
		if err == nil && p.Server == running.HTTP {
			return nil
		}
		if p.Server != pairs[0].Server {
			return Usagef("devices were paired on several servers: name one with --server URL")
		}
	}
	f.Server = pairs[0].Server
	return nil
}

// near are the options of who looks for paired devices.
func (f *TransferServer) near(t *trusted, base, token string) transfer.NearbyOptions {
	return transfer.NearbyOptions{Server: base, Mark: t.Presence, Token: func() (string, error) { return f.grant(token) }}
}

// recipient asks a paired device whether it wants what is sent, in the place of a link that somebody carries.
type recipient struct {
	pair transfer.Pair
	near func(base string) transfer.NearbyOptions
}

// recipient is whom --to names, nil without it.
func (c *SendCmd) recipient() (*recipient, error) {
	if c.To == "" {
		return nil, nil
	}
	t, err := loadTrusted()
	if err != nil {
		return nil, err
	}
	i, err := t.find(c.To)
	if err != nil {
		return nil, err
	}
	near := func(base string) transfer.NearbyOptions { return c.near(t, base, c.Token) }
	return &recipient{t.Pairs[i], near}, c.at(t.Pairs[i : i+1])
}

// send sends to the recipient alone. It ends with the transfer, or with the other device's no.
func (r *recipient) send(ctx context.Context, o transfer.SendOptions, show *show) error {
	ctx, cancel := context.WithCancelCause(ctx)
	asked := make(chan struct{}) // closed when nobody is asked any more
	made := false
	tell, offer := o.Event, o.Source.Offer()
	if offer.Kind == piece.KindText {
		offer.Name = "a message"
	}
	o.NoCode, o.State = true, ""
	o.Event = func(e transfer.Event) {
		if e.What != transfer.LinkMade {
			tell(e)
			return
		}
		made = true
		go func() { // ends with ctx
			defer close(asked)
			if err := r.ask(ctx, o.Server, e.Link, offer.Name, offer.Bytes, show); err != nil && ctx.Err() == nil {
				cancel(err)
			}
		}()
	}
	err := transfer.Send(ctx, o)
	cancel(nil)
	if made {
		<-asked
	}
	return err
}

// ask asks until ctx ends. Once the device was asked, only its no counts.
func (r *recipient) ask(ctx context.Context, base, link, name string, bytes int64, show *show) error {
	offer, err := transfer.OfferOf(link, name, bytes)
	if err != nil {
		return err
	}
	show.say("Waiting for " + r.pair.Name + ": open its page for sending, or run switchyard receive --paired there.")
	o, asked := r.near(base), false
	o.Here = func(p transfer.Pair) {
		asked = true
		show.say(p.Name + " is there and is asked.")
	}
	err = transfer.OfferTo(ctx, o, r.pair, offer)
	switch {
	case errors.Is(err, transfer.ErrNo):
		return errors.New(r.pair.Name + " does not want it")
	case asked:
		return nil
	}
	return err
}

// awaitPaired waits until a paired device wants to send something, which is the link to receive from then.
func (c *ReceiveCmd) awaitPaired(ctx context.Context, show *show) error {
	if c.From != "" {
		return Usagef("--paired waits for what paired devices send: leave the link or code out")
	}
	t, err := loadTrusted()
	if err != nil {
		return err
	}
	if err := c.at(t.Pairs); err != nil {
		return err
	}
	base, err := c.find()
	if err != nil {
		return err
	}
	o := c.near(t, base, c.Token)
	o.Seen = func() { show.say("Waiting for a paired device to send something. Ctrl-C ends it.") }
	by, offer, err := transfer.AwaitOffer(ctx, o, t.of(base))
	if err != nil {
		return transferError(ctx, base, err)
	}
	show.say(by.Name + " wants to send you " + offer.Name + ".")
	c.From = offer.Link(base)
	return nil
}
