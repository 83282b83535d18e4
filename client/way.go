package client

import (
	"context"
	"sync"
	"time"

	"github.com/pion/webrtc/v4"
)

// The kinds of ways.
const (
	WayQUIC        = "quic"
	WayDataChannel = "datachannel"
	WayRelay       = "relay"
)

// Way is a link seen as lanes for bulk data (docs/transfer.md, Ways). One end opens lanes, the other accepts them:
// who opens decides whether they run by QUIC or by DataChannels, and who accepts takes either. A way ends
// with its link, and closing it closes the link.
type Way struct {
	// Immutable.
	l        *Link
	accepted chan Lane // lane 0 first; holds MaxLanes, more are closed as they come
	stop     func()
	ctx      context.Context // of the goroutines that accept; ends with the link

	mu    sync.Mutex
	next  int       // guarded by mu, as all below: the number of the next lane that Open makes
	kind  string    // of the lanes that there are; "" before the first
	flush []flusher // what Close waits for
	early []Lane    // came before lane 0
	begun bool      // lane 0 was accepted
}

// flusher is a lane that can say whether the other end has all that was sent.
type flusher interface{ flushed() bool }

// Way returns the link as lanes; always the same. Where QUIC may come up it waits for that, a few seconds
// at most. Channels that Link.Accept would have brought go to it from now on.
func (l *Link) Way() *Way {
	l.wayOnce.Do(func() {
		ctx, cancel := context.WithCancel(context.Background())
		l.way = &Way{l: l, accepted: make(chan Lane, MaxLanes), ctx: ctx, stop: cancel}
		go func() { // ends with the link
			<-l.gone
			cancel()
		}()
		go l.way.acceptChannels()
	})
	return l.way
}

// Open opens the next lane; the first is lane 0.
func (w *Way) Open(ctx context.Context) (Lane, error) {
	w.mu.Lock()
	n := w.next
	if n >= MaxLanes {
		w.mu.Unlock()
		return nil, ErrLanes
	}
	w.next++
	w.mu.Unlock()
	var lane *channelLane
	_, err := w.l.Open(laneLabel+string(rune('0'+n)), nil, func(d *webrtc.DataChannel) { lane = newChannelLane(w.l, d) })
	if err != nil {
		return nil, err
	}
	w.add(lane, WayDataChannel)
	return lane, nil
}

func (w *Way) add(lane flusher, kind string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.flush = append(w.flush, lane)
	w.kind = kind
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
		w.add(lane, WayDataChannel)
		n, _ := laneNumber(d.Label())
		w.came(n, lane)
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

// Lanes is how many are worth opening.
func (w *Way) Lanes() int { return 1 }

// Kind is WayQUIC or WayDataChannel.
func (w *Way) Kind() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.kind == "" {
		return WayDataChannel
	}
	return w.kind
}

// Direct tells whether no relay is in between.
func (w *Way) Direct() bool { return w.l.Direct() }

// Close waits a second at most until the other end has what was sent, and closes the link.
func (w *Way) Close() error {
	deadline := time.Now().Add(lastWords)
	for !w.flushed() && time.Now().Before(deadline) {
		select {
		case <-w.l.gone:
		case <-time.After(2 * time.Millisecond):
			continue
		}
		break
	}
	w.l.Close()
	w.stop()
	return nil
}

func (w *Way) flushed() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, lane := range w.flush {
		if !lane.flushed() {
			return false
		}
	}
	return true
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
