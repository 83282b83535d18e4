// Package client is the Go client of the protocol (docs/protocol.md): it joins a room, publishes
// tracks, receives others' tracks on slots, exchanges data, and opens links to other participants. It
// also speaks WHIP and WHEP. Media runs on pion/webrtc.
package client

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/pion/webrtc/v4"

	"switchyard/protocol"
)

// sdkName is what the client says of itself.
const sdkName = "go/0.1"

// maxEvents bounds the events that wait for the Events funcs. When it is full the WebSocket is not
// read until there is room: nothing is lost, and answers to requests wait too.
const maxEvents = 4096

// Client is one participant of a room. Its methods may be called from any goroutine, also from
// Events funcs.
type Client struct {
	// Immutable.
	o       Options
	api     *webrtc.API
	log     *slog.Logger
	session *session
	ctx     context.Context // of the client's goroutines; cancelled by Close
	cancel  context.CancelFunc
	events  chan func()
	done    chan struct{} // closed when run ended
	dropped dropped

	mu        sync.Mutex
	token     string           // guarded by mu, as all below
	welcomed  protocol.Welcome // the latest, without participants
	roster    roster
	link      *serverLink                               // the present one
	pubs      []*Publication                            // in the order they were made
	wanted    map[protocol.TrackID]protocol.WantedTrack // what somebody needs of ours; nil before anything was said
	wishes    *protocol.Subscribe                       // what the user asked last, nil before
	links     map[linkKey]*Link
	linkICE   []protocol.ICEServer
	serverICE []protocol.ICEServer
	slots     int  // pairs to offer
	joinedOne bool // a welcome came
	err       error
}

// Dial joins a room. It returns when the server welcomed us, or the first error; later the client
// comes back by itself until Close, or until the server ends the session for good (see Err).
// Ctx bounds only the dialling.
func Dial(ctx context.Context, o Options) (*Client, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.HTTP == nil {
		o.HTTP = http.DefaultClient
	}
	u, err := o.endpoint()
	if err != nil {
		return nil, err
	}
	if o.API == nil {
		if o.API, err = NewAPI(o.URL); err != nil {
			return nil, err
		}
	}
	c := &Client{
		o: o, api: o.API, log: o.Log, token: o.Token, slots: o.Slots,
		events: make(chan func(), maxEvents), done: make(chan struct{}), links: map[linkKey]*Link{},
	}
	c.ctx, c.cancel = context.WithCancel(context.WithoutCancel(ctx))
	c.session = newSession(u, c.Token, o.HTTP, o.Log, c)
	first := make(chan error, 1)
	go c.run(func(err error) { first <- err })
	go c.tellEvents()
	select {
	case err = <-first:
	case <-ctx.Done():
		err = ctx.Err()
	}
	if err != nil {
		c.cancel()
		<-c.done
		return nil, err
	}
	return c, nil
}

// run owns the session, and ends everything with it.
func (c *Client) run(first func(error)) {
	err := c.session.run(c.ctx, first)
	c.mu.Lock()
	c.err = err
	link := c.link
	links := c.links
	c.links = map[linkKey]*Link{}
	c.mu.Unlock()
	for _, l := range links {
		l.end(ErrClosed)
	}
	if link != nil {
		link.close()
	}
	c.state(Closed)
	close(c.done)
}

// tellEvents calls the Events funcs until the client is closed and the last event is told.
func (c *Client) tellEvents() {
	for {
		select {
		case f := <-c.events:
			f()
		case <-c.done:
			for {
				select {
				case f := <-c.events:
					f()
				default:
					return
				}
			}
		}
	}
}

// event queues one call of an Events func.
func (c *Client) event(f func()) {
	select {
	case c.events <- f:
	case <-c.done:
	}
}

func (c *Client) state(s State) {
	if f := c.o.Events.State; f != nil {
		c.event(func() { f(s) })
	}
}

// Reconnect resumes the session over a new WebSocket: for who learnt that the network is another one, which the WebSocket
// itself takes up to 25 s to notice.
func (c *Client) Reconnect() { c.session.reconnect() }

// Close leaves the room and closes all links. It waits a second at most for the server's word.
func (c *Client) Close() error {
	ctx, cancel := context.WithTimeout(c.ctx, time.Second)
	_, _ = c.session.request(ctx, protocol.TypeLeave, protocol.Leave{}) // leaving anyway
	cancel()
	c.cancel()
	<-c.done
	return nil
}

// Done is closed when the client is closed, by Close or by the server.
func (c *Client) Done() <-chan struct{} { return c.done }

// Err says why the client is closed: a *protocol.Error of the server, or ErrClosed; nil before.
func (c *Client) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// ID is our name in the room.
func (c *Client) ID() protocol.ParticipantID {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.welcomed.You
}

// Welcome is what the server said last at the door, without the participants.
func (c *Client) Welcome() protocol.Welcome {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.welcomed
}

// Token is the latest token: the server sends one with a later expiry in time.
func (c *Client) Token() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.token
}

// Subscribe says which tracks are wanted, and whether free slots go to the others. See
// protocol.Subscribe. It is repeated when the client joins anew.
func (c *Client) Subscribe(ctx context.Context, wishes []protocol.Wish, auto bool) error {
	m := protocol.Subscribe{Wishes: slices.Clone(wishes), Auto: auto}
	if m.Wishes == nil {
		m.Wishes = []protocol.Wish{}
	}
	c.mu.Lock()
	c.wishes = &m
	c.mu.Unlock()
	_, err := c.session.request(ctx, protocol.TypeSubscribe, m)
	return err
}

// SendData sends a small JSON message over the WebSocket, in order, to some or (without to) all others.
func (c *Client) SendData(ctx context.Context, topic string, payload any, to ...protocol.ParticipantID) error {
	b, err := json.Marshal(payload)
	if err != nil {
		return err
	}
	_, err = c.session.request(ctx, protocol.TypeData, protocol.Data{To: to, Topic: topic, Payload: b})
	return err
}

// Moderate acts on another participant (protocol.Moderate); it needs the grant.
func (c *Client) Moderate(ctx context.Context, m protocol.Moderate) error {
	_, err := c.session.request(ctx, protocol.TypeModerate, m)
	return err
}

// Report tells the server what was measured.
func (c *Client) Report(ctx context.Context, m protocol.Report) error {
	return c.session.tell(ctx, protocol.TypeReport, m)
}

// LinkState is the state of the link to the server, as WebRTC names it ("connected", "failed", …).
func (c *Client) LinkState() string {
	c.mu.Lock()
	link := c.link
	c.mu.Unlock()
	if link == nil {
		return webrtc.PeerConnectionStateNew.String()
	}
	return link.pc.ConnectionState().String()
}
