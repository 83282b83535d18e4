package transfer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"switchyard/client"
	"switchyard/engine/pake"
	"switchyard/protocol"
)

const (
	// maxGuesses is how many guesses at the secrets are answered before the link is revoked.
	maxGuesses = 10
	// confirmPatience is how long a guest with a code may take to confirm.
	confirmPatience = 20 * time.Second
	// linger is how long a receiver that stopped half way is waited for, at least.
	linger = 10 * time.Minute
	// After a way that did not come up the next is tried with a growing pause.
	firstPause = 100 * time.Millisecond
	lastPause  = 2 * time.Second
)

// The errors of Send.
var (
	ErrNobody   = errors.New("transfer: nobody came for it in time: send it again for a new link")
	ErrGuessed  = errors.New("transfer: ten wrong guesses were made at the passphrase, so the link was revoked: send it again for a new one")
	ErrNotAll   = errors.New("transfer: not everybody got it")
	ErrReplaced = errors.New("transfer: the same link is being sent from somewhere else")
)

// SendOptions say what is sent, and how it is offered. Server and Source are needed.
type SendOptions struct {
	Server string
	Source *Source
	// Token has the data or the admin grant; it is not needed where the server is open.
	Token      string
	Receivers  int           // how many may get it; 1 where it is 0
	Expires    time.Duration // how long the link waits to be accepted; the server's choice where it is 0
	Passphrase string        // asked of receivers by their program; "" for none
	NoCode     bool          // no code to say aloud
	// State is the file that keeps the link, so that the same can be sent again after a crash; "" for none.
	State string
	Name  string // ours, as the receiver sees it
	HTTP  *http.Client
	Log   *slog.Logger
	// Event is called by one goroutine at a time.
	Event func(Event)
}

// Send makes a link to the source and serves its receivers. It returns nil when as many as may have it have verified
// every byte. When ctx ends it tells them so, with the cause of ctx as the reason.
func Send(ctx context.Context, o SendOptions) error {
	o.Receivers = max(o.Receivers, 1)
	s := &sending{
		o: o, inbox: make(chan func(), 256), peers: map[protocol.ParticipantID]*recipient{}, ended: make(chan struct{}),
		api: client.Transfers{Server: o.Server, HTTP: o.HTTP},
	}
	defer close(s.ended)
	if err := s.prepare(ctx); err != nil {
		return err
	}
	o.Source.SetID(s.kept.Transfer.ID)
	r, err := enter(ctx, door{o.Server, s.kept.Transfer.Room, s.kept.Transfer.Token, o.Name, o.HTTP, o.Log}, pake.Sender, s)
	if err != nil {
		if ctx.Err() != nil {
			s.withdraw(ctx)
		}
		return err
	}
	s.room = r
	defer r.leave()
	return s.run(ctx)
}

// sending is one Send. What is not immutable belongs to run's goroutine; others hand it funcs.
type sending struct {
	o     SendOptions
	api   client.Transfers
	kept  kept
	link  Link
	room  *room
	inbox chan func()   // what run does next; a full one makes the client wait
	ended chan struct{} // closed when Send returns

	ctx     context.Context // of run
	peers   map[protocol.ParticipantID]*recipient
	code    pake.Code // "" when there is none to be tried
	expired bool
	err     error // ends run
	over    bool
}

// prepare finds the link of before, or makes one.
func (s *sending) prepare(ctx context.Context) error {
	k, err := s.again(ctx)
	if err != nil {
		return err
	}
	if k == nil {
		made, err := s.api.Make(ctx, s.o.Token, client.TransferOptions{Receivers: s.o.Receivers, ExpiresIn: s.o.Expires, Code: !s.o.NoCode})
		if err != nil {
			return err
		}
		k = &kept{Transfer: made, Key: keyText(newKey(), s.o.Passphrase != "")}
	}
	s.kept = *k
	if s.link, err = ParseLink(k.Transfer.URL + "#" + k.Key); err != nil {
		return err
	}
	if k.Transfer.Nameplate > 0 {
		s.code = pake.NewCode(strconv.Itoa(k.Transfer.Nameplate))
	}
	s.keep()
	s.tell(s.linkEvent(LinkMade))
	return nil
}

func (s *sending) linkEvent(what What) Event {
	e := Event{What: what, Link: s.link.String(), Expires: s.kept.Transfer.Expires, Receivers: s.o.Receivers}
	if s.code != (pake.Code{}) {
		e.Code = s.code.String()
	}
	return e
}

func (s *sending) tell(e Event) {
	if s.o.Event != nil {
		s.o.Event(e)
	}
}

// do hands run a func; after the end it is dropped.
func (s *sending) do(f func()) {
	select {
	case s.inbox <- f:
	case <-s.ended:
	}
}

// run serves until the end.
func (s *sending) run(ctx context.Context) error {
	inner, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	s.ctx = inner
	s.begin()
	expiry := time.NewTimer(time.Until(s.kept.Transfer.Expires))
	defer expiry.Stop()
	for !s.over {
		select {
		case f := <-s.inbox:
			f()
		case <-expiry.C:
			s.expired = true
			s.check()
		case <-s.room.c.Done():
			return s.lost(s.room.c.Err())
		case <-ctx.Done():
			return s.stop(ctx)
		}
	}
	s.forget()
	return s.err
}

// lost says why the server ended our session.
func (s *sending) lost(err error) error {
	if e, ok := errors.AsType[*protocol.Error](err); ok && e.Code == protocol.CodeReplaced {
		return ErrReplaced
	}
	return err
}

// stop ends by the will of our user: everybody is told, and a link that nobody used is revoked.
func (s *sending) stop(ctx context.Context) error {
	reason := why(ctx)
	for id, p := range s.peers {
		if !p.done { // by the room, too: a way that breaks meanwhile takes its last words with it
			s.room.whisper(id, secretWord{Bye: reason})
		}
		if p.work != nil {
			p.work.cancel(context.Cause(ctx))
		}
	}
	for _, p := range s.peers {
		if p.work == nil {
			continue
		}
		for running := true; running; {
			select {
			case <-p.work.ended:
				running = false
			case f := <-s.inbox: // it may have something to tell before it ends
				f()
				running = p.work != nil
			}
		}
	}
	s.withdraw(ctx)
	return context.Cause(ctx)
}

// withdraw revokes a link that nobody can go on with: nobody has begun, or we keep nothing to send it again by.
func (s *sending) withdraw(ctx context.Context) {
	if s.kept.Begun && s.o.State != "" {
		return
	}
	out, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	if err := s.api.Revoke(out, s.kept.Transfer); err == nil {
		s.forget()
	}
}

// begin asks those who are here to begin: we are new.
func (s *sending) begin() {
	me := s.room.c.ID()
	for _, p := range s.room.c.Participants() {
		if p.ID != me {
			s.room.say(p.ID, word{T: wordBegin})
		}
	}
	s.tell(Event{What: Waiting, Text: s.waitingFor()})
}

func (s *sending) waitingFor() string {
	if s.o.Receivers == 1 {
		return "waiting for the receiver"
	}
	return fmt.Sprintf("waiting for %d receivers", s.o.Receivers-s.count(func(p *recipient) bool { return p.done }))
}

func (s *sending) count(f func(*recipient) bool) (n int) {
	for _, p := range s.peers {
		if f(p) {
			n++
		}
	}
	return n
}

// check ends run when there is nothing more to do.
func (s *sending) check() {
	done := s.count(func(p *recipient) bool { return p.done })
	failed := s.count(func(p *recipient) bool { return p.failed != nil })
	open := s.count(func(p *recipient) bool { return p.known && !p.done && p.failed == nil })
	switch {
	case done >= s.o.Receivers:
		s.over = true
	case open > 0:
	case done+failed >= s.o.Receivers, s.expired && failed > 0:
		s.over, s.err = true, ErrNotAll
		for _, p := range s.peers {
			if p.failed != nil && s.o.Receivers == 1 {
				s.err = p.failed
			}
		}
	case s.expired && done > 0:
		s.over = true
	case s.expired:
		s.over, s.err = true, ErrNobody
	}
}

// guessed counts what may have been guesses at the secrets. Guesses at codes, which strangers can make who try small
// numbers, end the codes; guesses of those who have the link end the link.
func (s *sending) guessed() {
	link, code := 0, 0
	for id, p := range s.peers {
		if isGuest(id) {
			code += p.tries
		} else {
			link += p.tries
		}
	}
	if code >= maxGuesses && !s.o.NoCode {
		s.o.NoCode = true
		s.tell(Event{What: Refused, Text: "too many wrong codes were tried, so there will be no more of them: use the link"})
	}
	if link <= maxGuesses {
		return
	}
	ctx, cancel := context.WithTimeout(s.ctx, 5*time.Second)
	defer cancel()
	if err := s.api.Revoke(ctx, s.kept.Transfer); err != nil {
		s.room.log.Warn("cannot revoke the link", "error", err)
	}
	s.over, s.err = true, ErrGuessed
}

// newCode makes a code in the place of one that was tried.
func (s *sending) newCode() {
	if s.o.NoCode || s.over || s.expired {
		return
	}
	go func() { // ends with the request
		n, err := s.api.NewCode(s.ctx, s.kept.Transfer)
		if err != nil {
			s.room.log.Info("no new code", "error", err)
			return
		}
		s.do(func() {
			s.code = pake.NewCode(strconv.Itoa(n))
			s.tell(s.linkEvent(CodeMade))
		})
	}()
}

// isReceiver and isGuest tell who is who by the identities that the server gives.
func isReceiver(id protocol.ParticipantID) bool { return strings.HasPrefix(string(id), "r-") }
func isGuest(id protocol.ParticipantID) bool    { return strings.HasPrefix(string(id), "c-") }
