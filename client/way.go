package client

import (
	"context"
	"strconv"
	"sync"

	"github.com/pion/webrtc/v4"
)

// The kinds of ways.
const (
	WayQUIC         = "quic"
	WayWebTransport = "webtransport"
	WayDataChannel  = "datachannel"
	WayRelay        = "relay"
)

// Way is a link seen as lanes for bulk data (docs/transfer.md, Ways). One end opens lanes, the other accepts them:
// who opens decides whether they run by QUIC, WebTransport or DataChannels, and who accepts takes any. A way ends
// with its link, and closing it closes the link.
type Way struct {
	// Immutable.
	l        *Link
	accepted chan Lane       // lane 0 first; holds MaxLanes, more are closed as they come
	ctx      context.Context // of the goroutines that accept; ends with the link

	mu       sync.Mutex
	next     int            // guarded by mu, as all below: the number of the next lane that Open makes
	kind     string         // of the lanes that there are; "" before the first
	fellBack bool           // neither QUIC nor WebTransport came up
	channels []*channelLane // those of them that are DataChannels
	early    []Lane         // came before lane 0
	begun    bool           // lane 0 was accepted
}

// Way returns the link as lanes; always the same. Channels that Link.Accept would have brought go to it from now on.
func (l *Link) Way() *Way {
	l.wayOnce.Do(func() {
		ctx, cancel := context.WithCancel(context.Background())
		l.way = &Way{l: l, accepted: make(chan Lane, MaxLanes), ctx: ctx}
		go func() { // ends with the link
			<-l.gone
			cancel()
		}()
		go l.way.acceptChannels()
		go l.way.acceptQUIC()
		go l.way.acceptWeb()
	})
	return l.way
}

// opener opens lanes of one kind.
type opener interface {
	open(ctx context.Context, n int) (*streamLane, error)
}

// Open opens the next lane; the first is lane 0. Where what is better does not come up for that one within 3 s, all
// lanes are DataChannels.
func (w *Way) Open(ctx context.Context) (Lane, error) {
	if err := w.l.Err(); err != nil {
		return nil, err // QUIC closes a moment later
	}
	w.mu.Lock()
	n := w.next
	kind, opener := w.opener()
	if n >= MaxLanes {
		w.mu.Unlock()
		return nil, ErrLanes
	}
	w.next++
	w.mu.Unlock()
	if opener != nil {
		lane, err := opener.open(ctx, n)
		if err == nil {
			w.add(kind)
			return lane, nil
		}
		if n > 0 || ctx.Err() != nil || w.l.Err() != nil {
			return nil, err
		}
		w.l.c.log.Info("link: lanes are DataChannels on this path", "link", w.l.key.name, "participant", w.l.key.peer, "error", err)
		w.mu.Lock()
		w.fellBack = true
		w.mu.Unlock()
	}
	return w.openChannel(n)
}

// opener is what opens lanes, and of which kind; nil where they are DataChannels. mu is held.
func (w *Way) opener() (string, opener) {
	if w.fellBack || w.kind == WayDataChannel {
		return WayDataChannel, nil
	}
	w.l.mu.Lock()
	defer w.l.mu.Unlock()
	switch {
	case w.l.quic != nil:
		return WayQUIC, w.l.quic
	case w.l.web != nil && w.l.web.wanted():
		return WayWebTransport, w.l.web
	}
	return WayDataChannel, nil
}

func (w *Way) openChannel(n int) (Lane, error) {
	var lane *channelLane
	label := laneLabel + strconv.Itoa(n)
	_, err := w.l.Open(label, nil, func(d *webrtc.DataChannel) { lane = newChannelLane(w.l, d) })
	if err != nil {
		return nil, err
	}
	w.add(WayDataChannel, lane)
	return lane, nil
}

// add notes of which kind the lanes are, and which channels there are.
func (w *Way) add(kind string, channels ...*channelLane) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.kind = kind
	w.channels = append(w.channels, channels...)
}

// Accept waits for a lane that the other end opens; lane 0 comes first.
func (w *Way) Accept(ctx context.Context) (Lane, error) {
	select {
	case lane := <-w.accepted:
		return lane, nil
	case <-w.l.gone:
		return nil, w.l.Err()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// acceptChannels owns the channels that the other end opens, until the link ends.
func (w *Way) acceptChannels() {
	for {
		var lane *channelLane
		d, err := w.l.Accept(w.ctx, func(d *webrtc.DataChannel) {
			if _, ok := laneNumber(d.Label()); ok {
				lane = newChannelLane(w.l, d)
			}
		})
		if err != nil {
			return
		}
		if lane == nil {
			_ = d.Close() // no lane
			continue
		}
		w.add(WayDataChannel, lane)
		n, _ := laneNumber(d.Label())
		w.came(n, lane)
	}
}

// acceptQUIC takes the lanes that the other end dials, until the link ends.
func (w *Way) acceptQUIC() {
	select {
	case <-w.l.quicUp:
	case <-w.l.gone:
		return
	}
	w.l.mu.Lock()
	q := w.l.quic
	w.l.mu.Unlock()
	for lane := range q.incoming {
		w.add(WayQUIC)
		w.came(lane.number, lane)
	}
}

// acceptWeb takes the lanes that a page opens in its session, until the link ends.
func (w *Way) acceptWeb() {
	w.l.mu.Lock()
	web := w.l.web
	w.l.mu.Unlock()
	if web == nil {
		return
	}
	select {
	case <-web.up:
	case <-w.l.gone:
		return
	}
	for lane := range web.incoming {
		w.add(WayWebTransport)
		w.came(lane.number, lane)
	}
}

// came hands a lane to Accept, behind lane 0.
func (w *Way) came(n int, lane Lane) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if n != 0 && !w.begun {
		if len(w.early) < MaxLanes {
			w.early = append(w.early, lane)
			return
		}
		_ = lane.Close()
		return
	}
	w.begun = true
	for _, lane := range append([]Lane{lane}, w.early...) {
		select {
		case w.accepted <- lane:
		default:
			_ = lane.Close()
		}
	}
	w.early = nil
}

// Lanes is how many are worth opening now.
func (w *Way) Lanes() int {
	if w.Kind() != WayQUIC {
		return 1
	}
	w.l.mu.Lock()
	q := w.l.quic
	w.l.mu.Unlock()
	if q == nil {
		return 1
	}
	switch long, loses := q.rtt() > longWay, q.loses(); {
	case long && loses:
		return MaxLanes
	case loses:
		return lossLanes
	case long:
		return longLanes
	}
	return 1
}

// Kind is WayQUIC, WayWebTransport or WayDataChannel; before the first lane, what it will probably be.
func (w *Way) Kind() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.kind != "" {
		return w.kind
	}
	kind, _ := w.opener()
	return kind
}

// Direct tells whether no relay is in between.
func (w *Way) Direct() bool { return w.l.Direct() }

// Close waits two seconds at most until the other end has what was sent, and closes the link.
func (w *Way) Close() error {
	ctx, cancel := context.WithTimeout(w.ctx, lastWords)
	defer cancel()
	var finishing sync.WaitGroup
	w.l.mu.Lock()
	q, web := w.l.quic, w.l.web
	w.l.mu.Unlock()
	if q != nil {
		q.mu.Lock()
		for _, lane := range q.lanes {
			finishing.Go(func() { lane.finish(ctx) })
		}
		q.mu.Unlock()
	}
	if web != nil {
		web.mu.Lock()
		for _, lane := range web.lanes {
			finishing.Go(func() { lane.finish(ctx) })
		}
		web.mu.Unlock()
	}
	w.mu.Lock()
	for _, lane := range w.channels {
		finishing.Go(func() { lane.finish(ctx) })
	}
	w.mu.Unlock()
	finishing.Wait()
	w.l.Close()
	return nil
}

// Direct tells whether the link has a path without a relay.
func (l *Link) Direct() bool {
	l.mu.Lock()
	pc := l.pc
	l.mu.Unlock()
	if pc == nil {
		return false
	}
	pair, err := pc.SCTP().Transport().ICETransport().GetSelectedCandidatePair()
	return err == nil && pair != nil && !relayed(pair)
}

func relayed(p *webrtc.ICECandidatePair) bool {
	return p.Local.Typ == webrtc.ICECandidateTypeRelay || p.Remote.Typ == webrtc.ICECandidateTypeRelay
}
