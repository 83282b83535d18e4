package transfer

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"switchyard/client"
	"switchyard/engine/pake"
	"switchyard/protocol"
)

const (
	// enterPatience is how long a room is tried to be entered again where the network or the server fails.
	enterPatience = 30 * time.Second
	sayTimeout    = 10 * time.Second
	sayQueue      = 256
	refreshEvery  = 5 * time.Second
)

// guest is what its room tells one end. Its methods are called in order by one goroutine.
type guest interface {
	here(p protocol.Participant)               // somebody is in the room, also after a new session began
	gone(id protocol.ParticipantID, left bool) // somebody is not here any more; left says that it was their own doing
	renewed()                                  // our session was lost and a new one began, before here tells who is there
	heard(from protocol.ParticipantID, w word) // of the handshake
	told(from protocol.ParticipantID, w secretWord)
	linked(l *client.Link) // the other end opened a link, and it is up
}

// door is what it takes to enter.
type door struct {
	Server string
	Room   string
	Token  string
	Name   string
	HTTP   *http.Client
	Log    *slog.Logger
}

// room is our place in the room of a transfer: a session with the server without a link to it. Two goroutines live
// with it: the client's, which calls the guest, and talk, which says what say queued.
type room struct {
	door  door
	c     *client.Client
	seal  *sealer
	log   *slog.Logger
	out   chan saying // full: the server takes nothing, and what is said more is dropped
	spoke chan struct{}

	mu        sync.Mutex
	refreshed time.Time // guarded by mu: when refresh last did something
}

type saying struct {
	to protocol.ParticipantID
	w  word
}

// enter enters the room; g may hear of it before enter returns.
func enter(ctx context.Context, d door, side pake.Side, g guest) (*room, error) {
	r := &room{door: d, seal: newSealer(side), log: d.Log, out: make(chan saying, sayQueue), spoke: make(chan struct{})}
	if r.log == nil {
		r.log = slog.New(slog.DiscardHandler)
	}
	welcomed := false
	o := client.Options{
		URL: d.Server, Room: d.Room, Token: d.Token, Name: d.Name, NoData: true, Sealer: r.seal, Bulk: true, HTTP: d.HTTP, Log: r.log,
	}
	o.Events = client.Events{
		State: func(s client.State) {
			if s == client.Rejoined {
				g.renewed()
			}
		},
		Joined: g.here,
		Left:   func(l protocol.Left) { g.gone(l.Participant, l.Reason == "left") },
		Data:   func(m protocol.Data) { r.hear(g, m) },
		Link:   g.linked,
	}
	until := time.Now().Add(enterPatience)
	for pause := 250 * time.Millisecond; !welcomed; pause = min(2*pause, 2*time.Second) {
		c, err := client.Dial(ctx, o)
		if err == nil {
			r.c, welcomed = c, true
			break
		}
		if final(err) || ctx.Err() != nil || time.Now().After(until) {
			return nil, err
		}
		r.log.Info("entering again", "error", err)
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	go r.talk()
	return r, nil
}

// final tells whether the server said no for good.
func final(err error) bool {
	e, ok := errors.AsType[*protocol.Error](err)
	return ok && !e.Retryable || errors.Is(err, client.ErrAddress) || errors.Is(err, client.ErrNoRoom)
}

// hear takes a data message apart.
func (r *room) hear(g guest, m protocol.Data) {
	if m.Topic != topic {
		return
	}
	w, err := parseWord(m.Payload)
	if err != nil {
		r.log.Debug("unreadable word", "from", m.From)
		return
	}
	if w.T != wordSealed {
		g.heard(m.From, w)
		return
	}
	plain, err := r.seal.open(m.From, "data", w.Box)
	if err != nil {
		r.log.Debug("word does not open", "from", m.From)
		return
	}
	if s, err := parseSecret(plain); err == nil {
		g.told(m.From, s)
	}
}

// say sends a word to one participant, behind what was said before.
func (r *room) say(to protocol.ParticipantID, w word) {
	select {
	case r.out <- saying{to, w}:
	default:
		r.log.Warn("too many words wait for the server")
	}
}

// whisper sends a sealed word.
func (r *room) whisper(to protocol.ParticipantID, s secretWord) {
	plain, err := json.Marshal(s)
	if err != nil {
		return // strings and booleans can be written
	}
	box, err := r.seal.seal(to, "data", plain)
	if err != nil {
		return // who has no keys yet is told nothing
	}
	r.say(to, word{T: wordSealed, Box: box})
}

// talk says what is queued until the queue is closed.
func (r *room) talk() {
	defer close(r.spoke)
	for s := range r.out {
		ctx, cancel := context.WithTimeout(context.Background(), sayTimeout)
		if err := r.c.SendData(ctx, topic, s.w, s.to); err != nil {
			r.log.Debug("word did not arrive", "to", s.to, "word", s.w.T, "error", err)
		}
		cancel()
	}
}

// refresh is called when a way broke: perhaps the network is another one, and the WebSocket hangs on the old one.
func (r *room) refresh() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if time.Since(r.refreshed) > refreshEvery {
		r.refreshed = time.Now()
		r.c.Reconnect()
	}
}

// leave says what is queued, within a second, and leaves. Nothing may be said after.
func (r *room) leave() {
	close(r.out)
	select {
	case <-r.spoke:
	case <-time.After(time.Second):
	case <-r.c.Done():
	}
	_ = r.c.Close()
}
