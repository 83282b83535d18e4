package transfer

import (
	"context"
	"crypto/rand"
	"errors"
	"strings"
	"time"

	"switchyard/client"
	"switchyard/engine/pake"
	"switchyard/protocol"
)

const (
	kindRelay = "relay"
	// directPatience is how long a link may take to come up, before the relay is taken.
	directPatience = 8 * time.Second
	// relayPatience is how long one end waits for the other at the relay.
	relayPatience = 30 * time.Second
	// linkPrefix begins the names of links that carry files.
	linkPrefix = "t-"
)

// clientWay is a way of package client, whose lanes have another type.
type clientWay interface {
	Open(ctx context.Context) (client.Lane, error)
	Accept(ctx context.Context) (client.Lane, error)
	Lanes() int
	Kind() string
	Direct() bool
	Close() error
}

// way makes a client's way one of ours.
type way struct{ clientWay }

func (w way) Open(ctx context.Context) (Lane, error)   { return w.clientWay.Open(ctx) }
func (w way) Accept(ctx context.Context) (Lane, error) { return w.clientWay.Accept(ctx) }

// findWay makes the sender's way to a peer: a link, or the relay where no link comes up in time or the peer asks
// for it.
func (r *room) findWay(ctx context.Context, peer protocol.ParticipantID, asked <-chan struct{}) (Way, error) {
	direct, cancel := context.WithTimeout(ctx, directPatience)
	defer cancel()
	go func() { // ends with direct
		select {
		case <-asked:
			cancel()
		case <-direct.Done():
		}
	}()
	l, err := r.c.OpenLinkNamed(direct, peer, linkPrefix+strings.ToLower(rand.Text()[:8]))
	if err == nil {
		return way{l.Way()}, nil
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	r.log.Info("no link, taking the relay", "peer", peer, "error", err)
	r.whisper(peer, secretWord{Relay: true})
	return r.relay(ctx, peer)
}

// relay meets the peer at the relay.
func (r *room) relay(ctx context.Context, peer protocol.ParticipantID) (Way, error) {
	k := r.seal.of(peer)
	if k == nil {
		return nil, errors.New("transfer: no keys for the relay")
	}
	ctx, cancel := context.WithTimeout(ctx, relayPatience)
	defer cancel()
	seal, open := k.Relay(r.seal.side), k.Relay(r.seal.side.Other())
	keys := client.RelayKeys{Seal: seal[:], Open: open[:], Sender: r.seal.side == pake.Sender}
	w, err := client.DialRelay(ctx, r.door.Server, r.door.Room, r.c.Token(), peer, keys, r.door.HTTP)
	if err != nil {
		return nil, err
	}
	return way{w}, nil
}
