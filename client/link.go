package client

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/webrtc/v4"

	"switchyard/protocol"
)

// DefaultLink is the name of the link that OpenLink makes: when both ends open it at once they get
// one link, not two.
const DefaultLink = "data"

// The errors of links.
var (
	ErrPeerGone   = errors.New("client: the other participant is gone")
	ErrLinkClosed = errors.New("client: link closed")
	errLinkFailed = errors.New("client: no way to the other participant was found")
)

const (
	linkFailAfter   = 20 * time.Second // without a connection, the link ends
	bulkFailAfter   = 8 * time.Second  // the same for one that is made for bulk data and was up: there is another way (docs/transfer.md, Ways)
	politeRestart   = 5 * time.Second  // the polite end leaves the restart to the other for so long
	impoliteRestart = 500 * time.Millisecond
)

// keeperID is the id of a DataChannel that both ends could have negotiated but nobody uses: it gives
// the offer its application m-line, so that channels need not exist before the link does.
const keeperID = 1022

type linkKey struct {
	peer protocol.ParticipantID
	name string
}

// Link is a link between two participants, for data. Both ends run perfect negotiation (RFC 9429
// §4.1.10.2 and the W3C's pattern) over signal messages: the one with the greater id is polite. Pion
// cannot roll an offer back, so a polite end that loses starts over with a new peer connection;
// nothing is lost because channels are made when the link is up.
//
// One goroutine, run, owns the peer connection; everything comes to it as a func.
type Link struct {
	// Immutable.
	c      *Client
	key    linkKey
	polite bool
	inbox  chan func() // what run does next; holds 256, a full one makes the sender wait
	up     chan struct{}
	gone   chan struct{}

	channels chan opened   // by the other end
	bulk     *bulk         // nil for a link that is not made for bulk data
	quicUp   chan struct{} // closed when quic is set

	wayOnce sync.Once
	way     *Way // written by wayOnce

	once sync.Once
	mu   sync.Mutex
	pc   *webrtc.PeerConnection // guarded by mu for reading by others; written by run
	err  error                  // guarded by mu

	peerQUIC bool     // guarded by mu: the other end can carry QUIC
	quic     *quicEnd // guarded by mu; nil until there was a path for it
	web      *webEnd  // guarded by mu; nil until the first description, and where there is no socket for it

	rtt atomic.Int64 // nanoseconds, of the path before anything filled it; 0 while it is not known

	// Owned by run.
	ignoring   bool // the other end's offer that lost
	candidates []webrtc.ICECandidateInit
	connected  bool
	heard      bool // a description of the other end came
	peerDials  bool // the other end is a page that may have a WebTransport session
	webTried   bool
	fail       *time.Timer
	restarting *time.Timer
}

// OpenLink opens the DefaultLink to a participant, or returns the one that is there, when it is up.
func (c *Client) OpenLink(ctx context.Context, peer protocol.ParticipantID) (*Link, error) {
	return c.OpenLinkNamed(ctx, peer, DefaultLink)
}

// OpenLinkNamed opens a link of that name.
func (c *Client) OpenLinkNamed(ctx context.Context, peer protocol.ParticipantID, name string) (*Link, error) {
	l, made := c.linkTo(linkKey{peer, name})
	if made {
		l.do(l.offerFirst)
	}
	select {
	case <-l.up:
		return l, nil
	case <-l.gone:
		return nil, l.Err()
	case <-ctx.Done():
		if made {
			l.Close()
		}
		return nil, ctx.Err()
	}
}

// linkTo finds or makes a link.
func (c *Client) linkTo(key linkKey) (l *Link, made bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if l := c.links[key]; l != nil {
		return l, false
	}
	l = &Link{
		c: c, key: key, polite: c.welcomed.You > key.peer, inbox: make(chan func(), 256),
		up: make(chan struct{}), gone: make(chan struct{}), channels: make(chan opened), quicUp: make(chan struct{}),
	}
	if c.o.Bulk {
		var err error
		if l.bulk, err = newBulk(&c.o); err != nil {
			c.log.Warn("link: no sockets for bulk data", "error", err)
		}
	}
	c.links[key] = l
	go l.run()
	return l, true
}

// onSignal takes what another participant says of a link.
func (c *Client) onSignal(m protocol.Signal) {
	if m.Link == protocol.ServerLink && m.From == "" && m.Close {
		c.serverClosed()
	}
	if m.Link == protocol.ServerLink || m.From == "" {
		return
	}
	m, ok := c.unseal(m)
	if !ok {
		return
	}
	key := linkKey{m.From, m.Link}
	c.mu.Lock()
	known := c.links[key] != nil
	c.mu.Unlock()
	if !known && (m.Close || m.Description == nil || m.Description.Type != "offer") {
		return // the rest of a link that ended
	}
	l, made := c.linkTo(key)
	if f := c.o.Events.Link; made && f != nil {
		go func() {
			select {
			case <-l.up:
				c.event(func() { f(l) })
			case <-l.gone:
			}
		}()
	}
	l.do(func() { l.receive(m) })
}

// Peer is the participant at the other end.
func (l *Link) Peer() protocol.ParticipantID { return l.key.peer }

// Name is the link's name.
func (l *Link) Name() string { return l.key.name }

// Open opens a DataChannel; nil options mean ordered and reliable. Setup is called before the other end
// can know of it.
func (l *Link) Open(label string, o *webrtc.DataChannelInit, setup ...func(*webrtc.DataChannel)) (*webrtc.DataChannel, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.pc == nil || l.err != nil {
		return nil, ErrLinkClosed
	}
	d, err := l.pc.CreateDataChannel(label, o)
	if err == nil {
		for _, f := range setup {
			f(d)
		}
	}
	return d, err
}

// opened is a DataChannel that is not read until taken is closed.
type opened struct {
	channel *webrtc.DataChannel
	taken   chan struct{}
}

// Accept waits for a DataChannel that the other end opens. Setup is called before anything is read from
// it: an OnMessage that is set there misses nothing, one that is set later may miss the first messages.
func (l *Link) Accept(ctx context.Context, setup ...func(*webrtc.DataChannel)) (*webrtc.DataChannel, error) {
	select {
	case o := <-l.channels:
		for _, f := range setup {
			f(o.channel)
		}
		close(o.taken)
		return o.channel, nil
	case <-l.gone:
		return nil, l.Err()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Done is closed when the link ended; Err then says why.
func (l *Link) Done() <-chan struct{} { return l.gone }

// Err is nil while the link lives, ErrLinkClosed when one of the ends closed it.
func (l *Link) Err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}

// Close ends the link on both ends.
func (l *Link) Close() {
	l.c.mu.Lock()
	mine := l.c.links[l.key] == l
	if mine {
		delete(l.c.links, l.key)
	}
	l.c.mu.Unlock()
	if mine {
		_ = l.tell(protocol.Signal{Close: true}) // the other end notices by ICE else
	}
	l.end(ErrLinkClosed)
}

// end closes our end.
func (l *Link) end(err error) {
	l.once.Do(func() {
		l.c.mu.Lock()
		if l.c.links[l.key] == l {
			delete(l.c.links, l.key) // before anybody hears of the end, and opens it anew
		}
		l.c.mu.Unlock()
		l.mu.Lock()
		l.err = err
		l.mu.Unlock()
		close(l.gone)
	})
}

func (l *Link) do(f func()) {
	select {
	case l.inbox <- f:
	case <-l.gone:
	}
}

func (l *Link) run() {
	l.fail = time.AfterFunc(linkFailAfter, func() { l.do(l.giveUp) })
	l.restarting = time.AfterFunc(time.Hour, func() { l.do(func() { l.offer(true) }) })
	l.restarting.Stop()
	defer l.fail.Stop()
	defer l.restarting.Stop()
	for {
		select {
		case f := <-l.inbox:
			f()
		case <-l.gone:
			l.endQUIC()
			l.mu.Lock()
			pc, web := l.pc, l.web
			l.mu.Unlock()
			if web != nil {
				web.end()
			}
			if pc != nil {
				_ = pc.Close()
			}
			return
		}
	}
}

func (l *Link) giveUp() {
	if !l.connected {
		l.c.log.Info("link failed", "link", l.key.name, "participant", l.key.peer)
		l.end(errLinkFailed)
	}
}

// restart asks for an ICE restart.
func (l *Link) restart() { l.do(func() { l.offer(true) }) }
