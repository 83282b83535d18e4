package transfer

import (
	"context"
	"errors"
	"strings"
	"time"

	"switchyard/client"
	"switchyard/engine/pake"
	"switchyard/protocol"
)

// sender is the identity of who sends (docs/transfer.md, The link).
const sender protocol.ParticipantID = "sender"

// theSender is its name.
const theSender = "the sender"

const (
	// answerPatience is how long a handshake may take, before it is begun anew.
	answerPatience = 10 * time.Second
	// wayPatience is how long the sender's link is waited for, before we ask for the relay.
	wayPatience = 15 * time.Second
	// farewellPatience is how long a sender that does not know yet that everything is here may take to come again.
	farewellPatience = 20 * time.Second
)

// attending is the receiver's time in the room, until it has what it came for: the files, or with a code the link.
// What is not immutable belongs to run's goroutine; others hand it funcs.
type attending struct {
	v     *receiving
	by    string
	prs   []byte
	sink  *Sink // nil with a code
	room  *room
	inbox chan func()
	ended chan struct{} // closed when run returns

	ctx      context.Context // of run
	present  bool            // the sender is
	greeting *greeting       // not answered yet
	agreed   bool            // the keys are the sender's
	since    time.Time       // when we began to wait for what we wait for
	asked    bool            // for the relay, since the last handshake
	complete bool            // everything is here, but the sender may not know
	known    bool            // it does
	running  context.CancelCauseFunc
	next     Way // comes after what is running
	lastSeen time.Time
	link     *linkWord
	me       func(*pake.Keys) *pairWord // the code is taken to pair our device, not to receive
	pair     *pairWord                  // the other device
	bye      error                      // what the sender said in the room
	over     bool
	err      error
}

func (v *receiving) attend(by string, prs []byte, sink *Sink) *attending {
	return &attending{v: v, by: by, prs: prs, sink: sink, inbox: make(chan func(), 256), ended: make(chan struct{})}
}

// do hands run a func; after the end it is dropped.
func (a *attending) do(f func()) {
	select {
	case a.inbox <- f:
	case <-a.ended:
	}
}

// run enters the room and stays until it has everything, or cannot get it.
func (a *attending) run(ctx context.Context, d door) error {
	inner, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer close(a.ended)
	a.ctx, a.lastSeen = inner, time.Now()
	r, err := enter(ctx, d, pake.Receiver, a)
	if err != nil {
		return err
	}
	a.room = r
	defer r.leave()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	if len(r.c.Participants()) < 2 {
		a.tell(Waiting, "waiting for the sender, who is not here at the moment")
	}
	for !a.over {
		select {
		case f := <-a.inbox:
			f()
		case <-tick.C:
			a.look()
		case <-r.c.Done():
			a.end(r.c.Err())
		case <-ctx.Done():
			a.stop(ctx)
		}
	}
	return a.err
}

func (a *attending) end(err error) {
	if a.complete {
		err = nil // whatever comes of the farewell
	}
	if !a.over {
		a.over, a.err = true, err
	}
}

func (a *attending) tell(what What, text string) {
	a.v.tell(Event{What: what, Peer: string(sender), Name: theSender, Text: text})
}

// stop ends by the will of our user.
func (a *attending) stop(ctx context.Context) {
	a.end(context.Cause(ctx))
	a.room.whisper(sender, secretWord{Bye: why(ctx)}) // a way that breaks meanwhile takes its last words with it
	if a.running == nil {
		return
	}
	a.running(context.Cause(ctx)) // the sink tells the sender
	for late := time.After(2 * time.Second); a.running != nil; {
		select {
		case f := <-a.inbox:
			f()
		case <-late:
			return
		}
	}
}

// look sees whether something takes too long.
func (a *attending) look() {
	waited := time.Since(a.since)
	switch {
	case a.running != nil:
		a.lastSeen = time.Now()
	case a.complete && time.Since(a.lastSeen) > farewellPatience:
		a.end(nil)
	case time.Since(a.lastSeen) > a.v.o.Patience:
		a.end(ErrAway)
	case !a.present:
	case !a.agreed && waited > answerPatience, waited > 2*wayPatience+relayPatience:
		a.greet()
	case a.agreed && a.sink != nil && !a.asked && waited > wayPatience:
		a.asked = true
		a.room.whisper(sender, secretWord{Relay: true})
	}
}

// greet begins a handshake, in the place of one that is under way.
func (a *attending) greet() {
	g, err := greet(parties{a.room.door.Room, a.room.c.ID(), sender}, a.by, a.prs)
	if err != nil {
		a.end(err)
		return
	}
	a.greeting, a.agreed, a.since = g, false, time.Now()
	a.room.say(sender, g.hello)
}

// here implements guest.
func (a *attending) here(p protocol.Participant) {
	if p.ID == sender {
		a.do(func() {
			a.present = true
			a.greet()
		})
	}
}

// gone implements guest.
func (a *attending) gone(id protocol.ParticipantID, left bool) {
	if id == sender {
		a.do(func() {
			a.present, a.agreed, a.greeting = false, false, nil
			a.known = a.known || left && a.complete // who leaves of its own will, without giving up, knows
			if a.complete && a.known && a.running == nil {
				a.end(nil)
				return
			}
			if a.running == nil && !a.complete {
				a.tell(Waiting, "the sender is gone; waiting for it to come back")
			}
		})
	}
}

// renewed implements guest.
func (a *attending) renewed() {
	a.do(func() {
		if a.present {
			a.greet()
		}
	})
}

// heard implements guest.
func (a *attending) heard(from protocol.ParticipantID, w word) {
	if from != sender {
		return
	}
	a.do(func() {
		switch w.T {
		case wordBegin:
			a.present = true
			a.greet()
		case wordHello:
			a.answered(w)
		case wordRefused:
			if a.greeting != nil {
				a.end(errSecret)
				if w.Reason == reasonVersion {
					a.err = errVersion
				}
			}
		}
	})
}

// answered takes the sender's part of the handshake.
func (a *attending) answered(w word) {
	g := a.greeting
	if g == nil || len(w.Nonce) > 0 && string(w.Nonce) != string(g.hello.Nonce) {
		return // to an earlier hello
	}
	keys, answer, err := g.answered(w)
	if answer.T != "" {
		a.room.say(sender, answer)
	}
	if err != nil {
		a.end(err)
		return
	}
	a.greeting, a.agreed, a.since, a.asked = nil, true, time.Now(), false
	a.room.seal.set(sender, keys)
	if a.sink != nil && a.running == nil && !a.complete {
		a.tell(Arrived, "the sender is here; connecting")
	}
}

// told implements guest.
func (a *attending) told(from protocol.ParticipantID, w secretWord) {
	if from != sender {
		return
	}
	a.do(func() {
		switch {
		case w.Done && a.running == nil && a.complete:
			a.end(nil)
		case w.Done:
			a.known = true // the sink is about to end
		case w.Bye != "":
			a.bye = &Cancelled{Reason: words(w.Bye)}
			if a.running == nil {
				a.end(a.bye)
			} else {
				time.AfterFunc(patience, func() { a.do(func() { a.end(a.bye) }) })
			}
		case w.Pair != nil && a.me != nil:
			a.room.whisper(sender, secretWord{Pair: a.me(a.room.seal.of(sender))})
			a.pair = w.Pair
			a.end(nil)
		case w.Pair != nil && a.sink == nil:
			a.end(ErrPairCode)
		case w.Link != nil && a.me != nil:
			a.end(ErrFileCode)
		case a.sink == nil && w.Link != nil && validID(w.Link.ID):
			a.link = w.Link
			a.end(nil)
		case a.sink != nil && w.Relay:
			a.asked = true
			go func() { // ends with the dialling
				w, err := a.room.relay(a.ctx, sender)
				if err != nil {
					a.room.log.Info("no relay", "error", err)
					return
				}
				a.came(w)
			}()
		}
	})
}

// linked implements guest.
func (a *attending) linked(l *client.Link) {
	if l.Peer() != sender || a.sink == nil {
		l.Close()
		return
	}
	w := way{l.Way()}
	if strings.HasPrefix(l.Name(), climbPrefix) && !w.Direct() {
		return // no better than what there is; the sender closes it
	}
	go a.came(w)
}

// came takes a new way, which comes in the place of what there is.
func (a *attending) came(w Way) {
	select {
	case a.inbox <- func() { a.arrived(w) }:
	case <-a.ended:
		_ = w.Close()
	}
}

func (a *attending) arrived(w Way) {
	if a.over {
		go w.Close() // waits for last words
		return
	}
	if a.running == nil {
		a.receive(w, false)
		return
	}
	if a.next != nil {
		go a.next.Close()
	}
	a.next = w
	a.running(ErrWayLost) // without a word: the sender knows
}

// receive runs the sink on a way, in a goroutine of its own.
func (a *attending) receive(w Way, moved bool) {
	ctx, cancel := context.WithCancelCause(a.ctx)
	a.running = cancel
	if !a.complete {
		a.v.tell(Event{What: Connected, Peer: string(sender), Name: theSender, Kind: w.Kind(), Direct: w.Direct(), Text: wayWords(w.Kind(), w.Direct(), moved)})
	}
	go func() {
		err := a.sink.Run(ctx, w)
		_ = w.Close()
		cancel(nil)
		a.do(func() { a.ran(err) })
	}()
}

// ran takes how the sink ended on a way.
func (a *attending) ran(err error) {
	a.running, a.lastSeen, a.since = nil, time.Now(), time.Now()
	next := a.next
	a.next = nil
	if a.bye != nil && errors.Is(err, ErrWayLost) {
		err = a.bye
	}
	if err == nil && !a.complete {
		a.tell(Completed, "complete: every byte is verified")
	}
	a.complete = a.complete || err == nil
	switch unknown := err == nil && !a.sink.Known(); {
	case a.over:
	case a.complete && a.known: // by a word in the room, whatever became of the way
	case next != nil && (unknown || errors.Is(err, ErrWayLost)):
		a.receive(next, true)
		return
	case unknown || a.complete && errors.Is(err, ErrWayLost):
		a.room.refresh()
		return
	case errors.Is(err, ErrWayLost):
		a.tell(Broken, "the connection is interrupted; waiting for another way")
		a.room.refresh()
		return
	}
	if next != nil {
		go next.Close()
	}
	a.end(err)
}
