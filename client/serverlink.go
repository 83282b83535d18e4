package client

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/pion/webrtc/v4"

	"switchyard/protocol"
)

const (
	negotiateTimeout = 10 * time.Second
	healAfter        = 2 * time.Second // disconnected for so long: restart ICE
	patience         = 4 * time.Second // for the first connection: then again
	healPause        = 3 * time.Second // between attempts to repair a link
	healAttempts     = 5               // then a new session begins
)

// serverLink is the one peer connection to the server. The client always offers.
type serverLink struct {
	// Immutable.
	c            *Client
	pc           *webrtc.PeerConnection
	ctx          context.Context // ends with the link
	cancel       context.CancelFunc
	reliable     *webrtc.DataChannel // nil without data
	lossy        *webrtc.DataChannel
	state        chan webrtc.PeerConnectionState // the latest state; holds one
	repairWanted chan struct{}                   // holds one
	turn         chan struct{}                   // full while an offer waits for its answer; see lock

	// Owned by the session's goroutine.
	joining bool                       // the join carried our offer, and the turn is taken until the welcome
	first   *webrtc.SessionDescription // that offer, until it is applied

	mu      sync.Mutex
	slots   map[string]*Slot         // by MID, guarded by mu
	pending map[string]protocol.Slot // what was said of slots that have no media yet, guarded by mu
	idle    []*position              // without a track, guarded by mu
}

// newServerLink makes the peer connection with everything that is published, and the slots.
func (c *Client) newServerLink() (*serverLink, error) {
	c.mu.Lock()
	pubs, pairs := append([]*Publication(nil), c.pubs...), c.slots
	c.mu.Unlock()
	pc, err := c.api.NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		return nil, err
	}
	l := &serverLink{
		c: c, pc: pc, slots: map[string]*Slot{}, pending: map[string]protocol.Slot{},
		state: make(chan webrtc.PeerConnectionState, 1), repairWanted: make(chan struct{}, 1),
		turn: make(chan struct{}, 1),
	}
	l.ctx, l.cancel = context.WithCancel(c.ctx)
	pc.OnTrack(l.onTrack)
	pc.OnConnectionStateChange(l.onState)
	if err := l.build(pubs, pairs); err != nil {
		l.close()
		return nil, err
	}
	go l.heal()
	return l, nil
}

func (l *serverLink) build(pubs []*Publication, pairs int) error {
	if !l.c.o.NoData {
		if err := l.openData(); err != nil {
			return err
		}
	}
	for _, p := range pubs {
		if err := p.attach(l); err != nil {
			return err
		}
	}
	return l.addSlots(pairs)
}

// empty tells whether there is nothing to offer: an offer has an m-line at least.
func (l *serverLink) empty() bool { return l.reliable == nil && len(l.pc.GetTransceivers()) == 0 }

func (l *serverLink) addSlots(pairs int) error {
	for range pairs {
		for _, kind := range []webrtc.RTPCodecType{webrtc.RTPCodecTypeVideo, webrtc.RTPCodecTypeAudio} {
			init := webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}
			if _, err := l.pc.AddTransceiverFromKind(kind, init); err != nil {
				return fmt.Errorf("client: slot: %w", err)
			}
		}
	}
	return nil
}

// grow adds slots by a new offer.
func (l *serverLink) grow(pairs int) {
	err := l.lock()
	if err == nil {
		err = l.addSlots(pairs)
		l.unlock()
	}
	if err == nil {
		err = l.negotiate(false)
	}
	if err != nil {
		l.c.log.Warn("cannot add slots", "error", err)
	}
}

// lock waits for the turn to change what is offered: one offer at a time. It fails when the link ends.
func (l *serverLink) lock() error {
	select {
	case l.turn <- struct{}{}:
		return nil
	case <-l.ctx.Done():
		return ErrSessionLost
	}
}

func (l *serverLink) unlock() { <-l.turn }

// firstOffer makes the join's offer. It is applied, which begins to gather, when the ICE servers are known:
// the server tells them as soon as the socket is open.
func (l *serverLink) firstOffer() (*protocol.Description, error) {
	if err := l.lock(); err != nil {
		return nil, err
	}
	l.joining = true
	d, err := l.pc.CreateOffer(nil)
	if err != nil {
		return nil, fmt.Errorf("client: offer: %w", err)
	}
	l.first = &d
	return &protocol.Description{Type: "offer", SDP: d.SDP}, nil
}

// gather applies the join's offer, once.
func (l *serverLink) gather() error {
	if l.first == nil {
		return nil
	}
	d := *l.first
	l.first = nil
	l.takeICEServers()
	if err := l.pc.SetLocalDescription(d); err != nil {
		return fmt.Errorf("client: offer: %w", err)
	}
	return nil
}

// offer makes the next offer. It waits for no candidates: the server needs none of ours.
func (l *serverLink) offer(restart bool) (*protocol.Description, error) {
	if restart {
		l.takeICEServers()
	}
	d, err := l.pc.CreateOffer(&webrtc.OfferOptions{ICERestart: restart})
	if err != nil {
		return nil, fmt.Errorf("client: offer: %w", err)
	}
	if err := l.pc.SetLocalDescription(d); err != nil {
		return nil, fmt.Errorf("client: offer: %w", err)
	}
	return &protocol.Description{Type: "offer", SDP: d.SDP}, nil
}

// accept takes the server's answer.
func (l *serverLink) accept(d *protocol.Description) error {
	if d == nil || d.Type != "answer" {
		return fmt.Errorf("client: the server did not answer the offer")
	}
	if err := l.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: d.SDP}); err != nil {
		return fmt.Errorf("client: answer: %w", err)
	}
	return nil
}

// negotiate offers and waits for the answer. When it fails the link is stuck with its offer (pion
// cannot roll back) and a new session begins.
func (l *serverLink) negotiate(restart bool) error {
	if err := l.lock(); err != nil {
		return err
	}
	defer l.unlock()
	offer, err := l.offer(restart)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(l.ctx, negotiateTimeout+joinTimeout)
	defer cancel()
	e, err := l.c.session.request(ctx, protocol.TypeSignal, protocol.Signal{Link: protocol.ServerLink, Description: offer})
	if err == nil {
		var answer protocol.Signal
		if err = e.Into(&answer); err == nil {
			err = l.accept(answer.Description)
		}
	}
	if err != nil && l.ctx.Err() == nil {
		l.c.log.Warn("negotiation failed", "error", err)
		l.abandon()
	}
	return err
}

// abandon gives the link up: the client joins anew.
func (l *serverLink) abandon() {
	l.c.mu.Lock()
	present := l.c.link == l
	l.c.mu.Unlock()
	if present && l.ctx.Err() == nil {
		l.cancel()
		l.c.session.abandon()
	}
}

// takeICEServers gives the latest servers to the peer connection, before a restart gathers with them.
// While pion gathers it must not: it reads the list unguarded.
func (l *serverLink) takeICEServers() {
	l.c.mu.Lock()
	servers := iceServers(l.c.serverICE)
	l.c.mu.Unlock()
	if len(servers) == 0 || l.pc.ICEGatheringState() == webrtc.ICEGatheringStateGathering {
		return
	}
	config := l.pc.GetConfiguration()
	config.ICEServers = servers
	if err := l.pc.SetConfiguration(config); err != nil {
		l.c.log.Debug("ICE servers not taken", "error", err)
	}
}

func (l *serverLink) close() {
	l.cancel()
	_ = l.pc.Close() // nothing can be done about a failure, and nothing depends on it
}

// onTrack is told of the first packet of a slot.
func (l *serverLink) onTrack(remote *webrtc.TrackRemote, recv *webrtc.RTPReceiver) {
	mid := ""
	for _, t := range l.pc.GetTransceivers() {
		if t.Receiver() == recv {
			mid = t.Mid()
		}
	}
	s := &Slot{mid: mid, kind: protocol.KindVideo, link: l, recv: recv, remote: remote}
	if remote.Kind() == webrtc.RTPCodecTypeAudio {
		s.kind = protocol.KindAudio
	}
	l.mu.Lock()
	if m, ok := l.pending[mid]; ok {
		s.now.assign(m)
	}
	l.slots[mid] = s
	l.mu.Unlock()
	go s.readReports()
	if f := l.c.o.Events.Media; f != nil {
		l.c.event(func() { f(s) })
	} else {
		go s.drain()
	}
}

// assign takes a message about a slot; false when it is void.
func (l *serverLink) assign(m protocol.Slot) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s := l.slots[m.MID]; s != nil {
		return s.assign(m)
	}
	if m.Generation < l.pending[m.MID].Generation {
		return false
	}
	l.pending[m.MID] = m
	return true
}

func (l *serverLink) onState(s webrtc.PeerConnectionState) {
	select {
	case <-l.state:
	default:
	}
	select {
	case l.state <- s:
	default:
	}
}

// repair asks for an ICE restart.
func (l *serverLink) repair() {
	select {
	case l.repairWanted <- struct{}{}:
	default:
	}
}

// heal restarts ICE when the transport was lost, until it is back; it owns the link's repair and ends
// with the link.
func (l *serverLink) heal() {
	timer := time.After(patience)
	attempts := 0
	for {
		select {
		case <-l.ctx.Done():
			return
		case s := <-l.state:
			switch s {
			case webrtc.PeerConnectionStateConnected:
				timer, attempts = nil, 0
			case webrtc.PeerConnectionStateDisconnected:
				timer = time.After(healAfter)
			case webrtc.PeerConnectionStateFailed:
				timer = time.After(0)
			}
			continue
		case <-l.repairWanted:
		case <-timer:
			if l.pc.CurrentRemoteDescription() == nil { // nothing was offered, or not answered yet
				timer = time.After(patience)
				continue
			}
		}
		if attempts++; attempts > healAttempts {
			l.abandon()
			return
		}
		l.c.log.Info("restarting ICE", "link", protocol.ServerLink, "attempt", attempts)
		if err := l.negotiate(true); err != nil {
			return // abandoned, or closed
		}
		timer = time.After(healPause)
		if l.pc.ConnectionState() == webrtc.PeerConnectionStateConnected {
			timer, attempts = nil, 0
		}
	}
}
