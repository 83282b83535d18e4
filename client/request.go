package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/coder/websocket"

	"switchyard/protocol"
)

// request sends a message and waits for its answer, over as many sockets as it takes. An answer of
// type error becomes a *protocol.Error.
func (s *session) request(ctx context.Context, kind string, body any) (protocol.Envelope, error) {
	answer := make(chan reply, 1)
	id, err := s.post(ctx, kind, body, answer)
	if err != nil {
		return protocol.Envelope{}, err
	}
	select {
	case r := <-answer:
		if r.err == nil && r.e.Type == protocol.TypeError {
			r.err = asError(r.e)
		}
		return r.e, r.err
	case <-ctx.Done():
		s.mu.Lock()
		delete(s.waiting, id)
		s.mu.Unlock()
		return protocol.Envelope{}, ctx.Err()
	}
}

// tell sends a message that has no answer.
func (s *session) tell(ctx context.Context, kind string, body any) error {
	_, err := s.post(ctx, kind, body, nil)
	return err
}

// post waits for a session and puts a message into its outbox.
func (s *session) post(ctx context.Context, kind string, body any, answer chan<- reply) (uint64, error) {
	for {
		s.mu.Lock()
		ready := s.ready
		select {
		case <-ready:
			id, err := s.put(kind, body, answer)
			s.mu.Unlock()
			s.poke()
			return id, err
		default:
		}
		s.mu.Unlock()
		select {
		case <-ready:
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
}

// put numbers the message. mu is held.
func (s *session) put(kind string, body any, answer chan<- reply) (uint64, error) {
	if s.over != nil {
		return 0, s.over
	}
	e := protocol.Envelope{Type: kind, Body: encode(body)}
	if answer != nil {
		s.id++
		e.ID = s.id
	}
	if !s.out.add(e) {
		return 0, ErrBusy
	}
	if answer != nil {
		s.waiting[e.ID] = answer
	}
	return e.ID, nil
}

// encode makes the body of a message. Our own message types always encode, but for what a user put
// into Data.Payload, which SendData checks.
func encode(body any) json.RawMessage {
	b, err := json.Marshal(body)
	if err != nil {
		return nil
	}
	return b
}

func asError(e protocol.Envelope) error {
	pe := &protocol.Error{}
	if err := json.Unmarshal(e.Body, pe); err != nil {
		return fmt.Errorf("client: the server's error is unreadable: %w", err)
	}
	return pe
}

func writeEnvelope(ctx context.Context, conn *websocket.Conn, e protocol.Envelope) error {
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	b, err := json.Marshal(e)
	if err != nil {
		return err
	}
	return conn.Write(ctx, websocket.MessageText, b)
}

// readEnvelope reads one message. What is no JSON object ends the socket: the server is broken, or
// something in between is.
func readEnvelope(ctx context.Context, conn *websocket.Conn) (protocol.Envelope, error) {
	kind, b, err := conn.Read(ctx)
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		return protocol.Envelope{}, err
	}
	if kind != websocket.MessageText {
		return protocol.Envelope{}, errors.New("client: binary message on the WebSocket")
	}
	var e protocol.Envelope
	if err := json.Unmarshal(b, &e); err != nil {
		return protocol.Envelope{}, fmt.Errorf("client: message: %w", err)
	}
	return e, nil
}
