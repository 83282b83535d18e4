package transfer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"switchyard/client"
	"switchyard/engine/pake"
	"switchyard/protocol"
)

// recipient is one participant of the sender's room. It belongs to the goroutine of sending.run.
type recipient struct {
	id      protocol.ParticipantID
	name    string
	pending *welcoming
	tries   int       // handshakes that were answered and not confirmed
	tried   bool      // a guest has one try
	claimed pake.Code // the code there was when a guest came: perhaps the one that it claimed
	known   bool      // had the right secret once
	left    bool      // the room, while work went on
	done    bool
	failed  error
	work    *carrier
	away    *time.Timer // until it counts as failed
}

func (s *sending) peer(id protocol.ParticipantID) *recipient {
	p := s.peers[id]
	if p == nil {
		p = &recipient{id: id, name: "the receiver"}
		s.peers[id] = p
	}
	return p
}

// here implements guest.
func (s *sending) here(m protocol.Participant) {
	s.do(func() {
		switch p := s.peer(m.ID); {
		case isReceiver(m.ID) && m.Name != "":
			p.name = words(m.Name)
		case isGuest(m.ID) && p.claimed == (pake.Code{}):
			p.claimed = s.code
		}
	})
}

// gone implements guest.
func (s *sending) gone(id protocol.ParticipantID, _ bool) {
	s.do(func() {
		p := s.peers[id]
		if p == nil {
			return
		}
		if isGuest(id) {
			switch {
			case p.pending != nil: // asked for our answer and went: that was a guess
				s.mistaken(p)
			case !p.tried && p.claimed != (pake.Code{}) && p.claimed == s.code: // nobody else can claim it now
				s.code = pake.Code{}
				s.newCode()
			}
			return
		}
		if p.work != nil {
			p.left = true
			p.work.drop() // perhaps it has everything: served knows
			return
		}
		s.lose(p)
	})
}

// lose takes that a receiver is not here any more.
func (s *sending) lose(p *recipient) {
	if p.known && !p.done && p.failed == nil {
		s.wait(p, "is gone; it can come back with the same command")
	}
}

// wait begins the time in which a receiver that is away must come back.
func (s *sending) wait(p *recipient, text string) {
	d := max(linger, s.o.Expires)
	s.tell(Event{What: Stopped, Peer: string(p.id), Name: p.name,
		Text: fmt.Sprintf("%s %s until %s", p.name, text, time.Now().Add(d).Format("15:04"))})
	p.arrived()
	p.away = time.AfterFunc(d, func() {
		s.do(func() {
			if !p.done && p.failed == nil {
				p.failed = fmt.Errorf("transfer: %s did not come back: send it again for a new link", p.name)
				s.check()
			}
		})
	})
}

// arrived ends the time of wait.
func (p *recipient) arrived() {
	if p.away != nil {
		p.away.Stop()
	}
}

// renewed implements guest: our session is a new one, and so are our keys to everybody.
func (s *sending) renewed() { s.do(s.begin) }

// linked implements guest: links are opened by the sender.
func (s *sending) linked(l *client.Link) { l.Close() }

// heard implements guest.
func (s *sending) heard(from protocol.ParticipantID, w word) {
	s.do(func() {
		switch w.T {
		case wordHello:
			s.hello(from, w)
		case wordConfirm:
			s.confirm(from, w)
		case wordRefused:
			if p := s.peers[from]; p != nil && p.pending != nil {
				s.mistaken(p)
			}
		}
	})
}

// hello answers the first word of a handshake. To answer is to let one guess be made.
func (s *sending) hello(from protocol.ParticipantID, w word) {
	p := s.peer(from)
	prs, ok := s.secret(p, w.By)
	if !ok || p.failed != nil {
		s.room.say(from, word{T: wordRefused, Reason: reasonSecret})
		return
	}
	h, err := welcome(parties{s.kept.Transfer.Room, from, s.room.c.ID()}, prs, w)
	if err != nil {
		s.room.log.Info("handshake refused", "from", from, "error", err)
		reason := reasonSecret
		if errors.Is(err, errVersion) {
			reason = reasonVersion
		}
		s.room.say(from, word{T: wordRefused, Reason: reason})
		return
	}
	p.pending, p.tried = h, true
	p.tries++
	if w.By == byCode {
		s.code = pake.Code{}
		time.AfterFunc(confirmPatience, func() {
			s.do(func() {
				if p.pending == h {
					s.mistaken(p)
				}
			})
		})
	}
	if s.guessed(); !s.over {
		s.room.say(from, h.answer)
	}
}

// secret is what a participant must know: a receiver the link, a guest the code of this moment, which is tried once.
func (s *sending) secret(p *recipient, by string) ([]byte, bool) {
	switch {
	case by == byLink && isReceiver(p.id):
		return pake.LinkSecret(s.link.Key, s.o.Passphrase), true
	case by == byCode && isGuest(p.id) && !p.tried && s.code != (pake.Code{}):
		return pake.CodeSecret(s.code), true
	}
	return nil, false
}

// mistaken takes that a handshake will not be confirmed.
func (s *sending) mistaken(p *recipient) {
	byCode := p.pending.by == byCode
	p.pending = nil
	text := "somebody tried a wrong passphrase"
	if byCode {
		text = "somebody tried a wrong code, and the right one is void now"
		s.newCode()
	}
	s.tell(Event{What: Refused, Peer: string(p.id), Text: text})
}

// confirm takes the last word of a handshake: now both ends have the same keys.
func (s *sending) confirm(from protocol.ParticipantID, w word) {
	p := s.peers[from]
	if p == nil || p.pending == nil {
		return
	}
	h := p.pending
	if len(w.Nonce) > 0 && string(w.Nonce) != string(h.answer.Nonce) {
		return // of an earlier handshake
	}
	if h.confirmed(w) != nil {
		s.room.say(from, word{T: wordRefused, Reason: reasonSecret})
		s.mistaken(p)
		return
	}
	p.pending, p.tries = nil, 0
	s.room.seal.set(from, h.keys)
	if h.by == byCode {
		s.room.whisper(from, secretWord{Link: &linkWord{ID: s.link.ID, Key: keyText(s.link.Key, s.link.Passphrase)}})
		if s.o.Receivers > 1 {
			s.newCode()
		}
		return
	}
	p.known, p.left = true, false
	p.arrived()
	if !s.kept.Begun {
		s.kept.Begun = true
		s.keep()
	}
	s.tell(Event{What: Arrived, Peer: string(from), Name: p.name, Text: p.name + " is here"})
	before := p.work
	if before != nil {
		before.drop()
	}
	p.work = s.carry(p, before)
}

// told implements guest.
func (s *sending) told(from protocol.ParticipantID, w secretWord) {
	s.do(func() {
		p := s.peers[from]
		if p == nil || p.work == nil {
			return
		}
		if w.Relay {
			select {
			case p.work.asked <- struct{}{}:
			default:
			}
		}
		if w.Bye != "" && !p.done {
			p.work.drop()
			p.work = nil
			s.wait(p, "stopped ("+words(w.Bye)+"); it can go on with the same command")
		}
	})
}

// carrier serves one receiver in a goroutine of its own, over one way after the other.
type carrier struct {
	asked  chan struct{} // the receiver wants the relay; holds one
	cancel context.CancelCauseFunc
	ended  chan struct{}
}

// drop ends the carrier without a word: the receiver is gone, or begins anew.
func (c *carrier) drop() { c.cancel(errDropped) }

// errDropped ends a carrier. It is an ErrWayLost, so that the receiver is not told that somebody gave up.
var errDropped = fmt.Errorf("%w: the receiver is gone or begins anew", ErrWayLost)

// carry makes a carrier, which begins when the one before it has ended.
func (s *sending) carry(p *recipient, before *carrier) *carrier {
	ctx, cancel := context.WithCancelCause(s.ctx)
	c := &carrier{asked: make(chan struct{}, 1), cancel: cancel, ended: make(chan struct{})}
	id, name := p.id, p.name
	go func() {
		defer cancel(nil)
		if before != nil {
			<-before.ended
		}
		accepted, err := s.serve(ctx, c, id, name)
		close(c.ended)
		s.do(func() {
			if p.work == c {
				p.work = nil
				s.served(p, err, accepted)
			}
		})
	}()
	return c
}

// serve finds ways and serves the source over them until the receiver has everything or will not have it.
func (s *sending) serve(ctx context.Context, c *carrier, id protocol.ParticipantID, name string) (accepted bool, err error) {
	var better Way // in the place of the last one
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		way, moved := better, better != nil
		if !moved {
			way, err = s.room.findWay(ctx, id, c.asked)
		}
		better = nil
		if err == nil {
			e := Event{What: Connected, Peer: string(id), Name: name, Kind: way.Kind(), Direct: way.Direct(), Text: wayWords(way.Kind(), way.Direct(), moved)}
			s.tellLater(e)
			better, err = s.serveOn(ctx, id, way, func(p Progress) {
				accepted = accepted || p.Phase != Offering
				s.tellLater(Event{What: Advanced, Peer: e.Peer, Name: name, Progress: p, Kind: p.Kind, Direct: p.Direct})
			})
			pause = firstPause
		}
		if err != nil && ctx.Err() != nil {
			if better != nil {
				_ = better.Close()
			}
			return accepted, context.Cause(ctx)
		}
		if way != nil && (err == nil || !errors.Is(err, ErrWayLost)) {
			return accepted, err
		}
		if better != nil {
			err = nil
			continue
		}
		s.room.log.Info("way lost", "peer", id, "error", err)
		s.room.refresh()
		s.tellLater(Event{What: Broken, Peer: string(id), Name: name, Text: "the connection is interrupted; looking for another way"})
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
	}
}

// serveOn serves over one way, until a better one comes up, which it returns with an ErrWayLost.
func (s *sending) serveOn(ctx context.Context, id protocol.ParticipantID, way Way, notify func(Progress)) (better Way, err error) {
	served, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	climb := s.room.climbs(ctx, id, way, func() { stop(errBetter) })
	err = s.o.Source.Serve(served, way, notify)
	_ = way.Close()
	switch {
	case climb == nil:
	case errors.Is(err, ErrWayLost) && ctx.Err() == nil:
		better = climb.take()
	default:
		climb.drop()
	}
	return better, err
}

// later is why a receiver has not taken the offer yet, though it may; "" where that is not how it ended.
func later(err error) string {
	if c, ok := errors.AsType[*Cancelled](err); ok && c.Later {
		return c.Reason
	}
	return ""
}

// tellLater tells an event of another goroutine.
func (s *sending) tellLater(e Event) { s.do(func() { s.tell(e) }) }

// served takes how a worker ended.
func (s *sending) served(p *recipient, err error, accepted bool) {
	switch {
	case err == nil:
		p.done = true
		s.kept.Done = append(s.kept.Done, string(p.id))
		s.keep()
		s.room.whisper(p.id, secretWord{Done: true}) // the way may have taken the last words with it
		s.tell(Event{What: Completed, Peer: string(p.id), Name: p.name, Text: p.name + " has everything, and every byte is verified"})
	case errors.Is(err, errDropped):
		if p.left {
			s.lose(p)
		}
		return
	case later(err) != "":
		s.wait(p, "did not take it yet ("+later(err)+"); it can receive it")
	case accepted && (errors.As(err, new(*Cancelled)) || errors.As(err, new(*RemoteError))):
		s.wait(p, "stopped ("+err.Error()+"); it can go on with the same command")
	default:
		p.failed = err
		s.tell(Event{What: Stopped, Peer: string(p.id), Name: p.name, Text: p.name + " did not get it: " + err.Error()})
	}
	s.check()
}
