package room

import (
	"time"

	"switchyard/protocol"
)

// Connect says that a WebSocket is there and who is at its other end. A room that has just closed
// because it was empty goes on.
func (r *Room) Connect(now time.Time, c Conn, who Identity) {
	r.reopen()
	if r.closed {
		r.fatal(c, nil, 0, protocol.NewError(protocol.CodeRoomClosed, "The room was closed. Open its link again."))
		return
	}
	r.conns[c] = &conn{who: who}
	r.occupancy(now)
	r.tellRelays(c, who)
}

// tellRelays tells a new socket the ICE servers of the link to the server at once: the client gathers with
// them while its join is on the way. Who comes with an expired token can only resume, and has some; who would not be let in gets none.
func (r *Room) tellRelays(c Conn, who Identity) {
	if who.Expired || r.Admit(who) != nil {
		return
	}
	if servers := r.cfg.ICEServers(r.name, who, protocol.ServerLink); servers != nil {
		r.reply(c, nil, 0, protocol.TypeICE, protocol.ICE{Link: protocol.ServerLink, ICEServers: servers})
	}
}

func (r *Room) reopen() { r.closed = r.shut }

// Disconnect says that a WebSocket went away. Its session waits to be resumed.
func (r *Room) Disconnect(now time.Time, c Conn) {
	cn := r.conns[c]
	delete(r.conns, c)
	defer r.occupancy(now) // also after one that was refused: the room was not empty while it was there
	if cn == nil {
		return
	}
	s := cn.session
	if s == nil || s.over || s.conn != c {
		return
	}
	s.conn = 0
	r.unwatch(s)
	if !s.entered() {
		r.release(s) // nobody was told of it
		return
	}
	s.dropped = now
	r.showConnected(s.p)
}

// handler takes one kind of message from a session that is in the room. The error goes back to the
// sender; a handler that returns nil has answered.
type handler func(r *Room, now time.Time, s *session, e protocol.Envelope) error

var handlers = map[string]handler{
	protocol.TypePublish:     (*Room).onPublish,
	protocol.TypeParticipant: (*Room).onParticipant,
	protocol.TypeUnpublish:   (*Room).onUnpublish,
	protocol.TypeTrack:       (*Room).onTrack,
	protocol.TypeSubscribe:   (*Room).onSubscribe,
	protocol.TypeSignal:      (*Room).onSignal,
	protocol.TypeReport:      (*Room).onReport,
	protocol.TypeWatchLink:   (*Room).onWatchLink,
	protocol.TypeReady:       (*Room).onReady,
	protocol.TypeData:        (*Room).onData,
	protocol.TypeModerate:    (*Room).onModerate,
	protocol.TypeLeave:       (*Room).onLeave,
}

// Receive takes one message from a WebSocket.
func (r *Room) Receive(now time.Time, c Conn, e protocol.Envelope) {
	cn := r.conns[c]
	if cn == nil {
		return // hung up
	}
	s := cn.session
	if s != nil {
		s.out.acked(e.Ack)
		if e.Seq != 0 && e.Seq <= s.received {
			return // a replay of what was received
		}
		s.received = max(s.received, e.Seq)
		if !s.bucket.take(now, r.cfg.MessageRate, r.cfg.MessageBurst) {
			r.refuse(c, s, e, &protocol.Error{Code: protocol.CodeLimit, Retryable: true,
				Message: "Messages come too fast. Wait a second and send it again."})
			return
		}
	}
	switch e.Type {
	case protocol.TypePing:
		r.onPing(c, s, e)
	case protocol.TypeJoin:
		r.onJoin(now, c, cn, e)
	case protocol.TypeResume:
		r.onResume(now, c, cn, e)
	default:
		r.dispatch(now, c, s, e)
	}
}

func (r *Room) dispatch(now time.Time, c Conn, s *session, e protocol.Envelope) {
	handle := handlers[e.Type]
	switch {
	case handle == nil:
		r.refuse(c, s, e, bad("There is no message of type "+snippet(e.Type)+" from a client."))
	case s == nil:
		r.refuse(c, s, e, bad("Send join or resume first."))
	case !s.entered():
		r.early(c, s, e)
	default:
		if err := handle(r, now, s, e); err != nil {
			r.refuse(c, s, e, err)
		}
	}
}

// early takes what comes between a join and its welcome, while the offer is being answered.
func (r *Room) early(c Conn, s *session, e protocol.Envelope) {
	switch e.Type {
	case protocol.TypeSignal: // candidates trickle in; the server needs none
	case protocol.TypeLeave:
		r.release(s)
	default:
		r.refuse(c, s, e, bad("Wait for the welcome."))
	}
}

// refuse answers with an error.
func (r *Room) refuse(c Conn, s *session, e protocol.Envelope, err error) {
	r.reply(c, s, e.ID, protocol.TypeError, asError(err))
}

// fatal answers with an error and hangs up.
func (r *Room) fatal(c Conn, s *session, re uint64, err *protocol.Error) {
	err.Fatal = true
	r.reply(c, s, re, protocol.TypeError, err)
	r.emit(Hangup{Conn: c})
	delete(r.conns, c)
}

func asError(err error) protocol.Error {
	if e, ok := err.(*protocol.Error); ok {
		return *e
	}
	return protocol.Error{Code: protocol.CodeInternal, Message: "The server failed. Try again.", Retryable: true}
}

// ok answers a request that has no other answer.
func (r *Room) ok(s *session, e protocol.Envelope) {
	if e.ID != 0 {
		r.send(s, e.ID, protocol.TypeOK, protocol.OK{})
	}
}

func (r *Room) onPing(c Conn, s *session, e protocol.Envelope) {
	var m protocol.Ping
	if err := e.Into(&m); err != nil {
		r.refuse(c, s, e, err)
		return
	}
	pong := protocol.Envelope{Type: protocol.TypePong, Re: e.ID, Body: encode(protocol.TypePong, protocol.Pong(m))}
	if s != nil {
		pong.Ack = s.received
	}
	r.emit(Send{Conn: c, Envelope: pong})
}

func forbidden(sentence string) *protocol.Error {
	return protocol.NewError(protocol.CodeForbidden, sentence)
}
func notFound(sentence string) *protocol.Error {
	return protocol.NewError(protocol.CodeNotFound, sentence)
}
func bad(sentence string) *protocol.Error {
	return protocol.NewError(protocol.CodeBadMessage, sentence)
}
func tooMuch(sentence string) *protocol.Error { return protocol.NewError(protocol.CodeLimit, sentence) }
