package transfer

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	"switchyard/protocol"
)

const (
	// climbFirst and climbLast are how long a way through the server carries a transfer before a direct one is looked for, and how
	// long at most until the next try: each doubles the pause.
	climbFirst = 5 * time.Second
	climbLast  = time.Minute
	// climbPrefix begins the names of links that are taken only where they are direct: what there is goes on else.
	climbPrefix = "d-"
)

// errBetter ends a way for one that is better. It is an ErrWayLost, so that the other end is told nothing.
var errBetter = fmt.Errorf("%w: there is a better one", ErrWayLost)

// climb looks for a direct way to a receiver while another one carries the transfer. A goroutine of its own makes the tries.
type climb struct {
	open  func(ctx context.Context) (Way, error) // one try
	first time.Duration                          // pause before the first
	found func()                                 // called when there is one, which take then gives

	stop context.CancelFunc
	over chan struct{} // closed when no try is under way any more
	quit chan struct{} // closed when no other one is to begin
	way  Way           // set before over is closed; nil for none
}

// begin starts looking.
func (c *climb) begin(ctx context.Context) {
	ctx, c.stop = context.WithCancel(ctx)
	c.over, c.quit = make(chan struct{}), make(chan struct{})
	go c.run(ctx)
}

func (c *climb) run(ctx context.Context) {
	defer close(c.over)
	for pause := c.first; ; pause = min(2*pause, climbLast) {
		select {
		case <-time.After(pause):
		case <-c.quit:
			return
		case <-ctx.Done():
			return
		}
		if way, err := c.open(ctx); err == nil {
			c.way = way
			c.found()
			return
		}
	}
}

// take ends the search and gives what it found, nil for nothing. A try that is under way is waited for: perhaps the other end moved
// to it already, which ended the way that there was.
func (c *climb) take() Way {
	close(c.quit)
	<-c.over
	c.stop()
	return c.way
}

// drop ends the search at once.
func (c *climb) drop() {
	c.stop()
	<-c.over
	if c.way != nil {
		_ = c.way.Close()
	}
}

// climbs looks for a direct way to a peer in the place of one, where that is not direct; found is called when there is one.
func (r *room) climbs(ctx context.Context, peer protocol.ParticipantID, from Way, found func()) *climb {
	if from.Direct() {
		return nil
	}
	c := &climb{first: climbFirst, found: found, open: func(ctx context.Context) (Way, error) { return r.climbTo(ctx, peer) }}
	c.begin(ctx)
	return c
}

// climbTo is one try.
func (r *room) climbTo(ctx context.Context, peer protocol.ParticipantID) (Way, error) {
	ctx, cancel := context.WithTimeout(ctx, directPatience)
	defer cancel()
	l, err := r.c.OpenLinkNamed(ctx, peer, climbPrefix+strings.ToLower(rand.Text()[:8]))
	if err != nil {
		return nil, err
	}
	w := way{l.Way()}
	if !w.Direct() {
		_ = w.Close()
		return nil, errIndirect
	}
	r.log.Info("a direct way came up", "peer", peer)
	return w, nil
}

var errIndirect = errors.New("transfer: the link is relayed, too")
