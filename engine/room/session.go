package room

import (
	"time"

	"switchyard/protocol"
)

// session is one client's stay. It outlives its WebSocket by Config.Grace.
type session struct {
	id     ID
	secret string
	who    Identity
	p      *participant // nil until it entered, and for viewers

	conn     Conn      // 0 while no socket serves it
	dropped  time.Time // when the socket went; zero while there is one
	iceAt    time.Time // when fresh ICE servers are due; zero where nothing waits
	detached bool      // WHIP, WHEP: never has a socket
	over     bool

	join     *protocol.Join // while the answer to its offer is awaited
	joinID   uint64         // the join's Envelope.ID
	received uint64         // highest Seq from the client
	out      outbox
	bucket   bucket

	link     linkState
	lines    []Line
	offer    *offer              // the one being answered
	tickets  uint64              // counts offers
	deferred []protocol.Envelope // publish messages that wait for the answer

	wishes  []protocol.Wish
	playout string
	auto    bool
	sound   bool
	report  protocol.Report
	epoch   uint64 // of the last plan that the client is ready for
	watches bool   // it wants to know how its link does
	program bool   // a WHEP viewer: gets the room's program
}

// offer is an offer of the link to the server that waits for its answer.
type offer struct {
	ticket uint64
	re     uint64 // Envelope.ID of the signal; unused for a join
}

type linkState uint8

const (
	linkNone linkState = iota
	linkNew            // answered, not up yet
	linkUp
	linkDown
)

func (s *session) entered() bool { return s.p != nil && !s.over }

// connected is what the others see: somebody is at the other end.
func (s *session) connected() bool {
	return (s.detached || s.conn != 0) && s.link != linkDown
}

func (s *session) line(mid string) *Line {
	for i := range s.lines {
		if s.lines[i].MID == mid {
			return &s.lines[i]
		}
	}
	return nil
}

// outbox numbers a session's outgoing messages and keeps those that were not acknowledged. When it is
// full the oldest are forgotten; a client that has not got them cannot resume.
type outbox struct {
	seq   uint64
	held  []protocol.Envelope // the last of them has number seq
	bytes int
}

func (o *outbox) push(e protocol.Envelope, c Config) protocol.Envelope {
	o.seq++
	e.Seq = o.seq
	o.held = append(o.held, e)
	o.bytes += size(e)
	for len(o.held) > c.ReplayMessages || o.bytes > c.ReplayBytes {
		o.forget(1)
	}
	return e
}

// acked forgets what the client has got.
func (o *outbox) acked(seq uint64) {
	first := o.seq - uint64(len(o.held)) + 1
	if seq >= first && seq <= o.seq {
		o.forget(int(seq - first + 1))
	}
}

func (o *outbox) forget(n int) {
	for _, e := range o.held[:n] {
		o.bytes -= size(e)
	}
	clear(o.held[:n])
	o.held = o.held[n:]
}

// after returns what was sent after seq; false where some of it was forgotten, or seq is of the future.
func (o *outbox) after(seq uint64) ([]protocol.Envelope, bool) {
	if seq > o.seq || o.seq-seq > uint64(len(o.held)) {
		return nil, false
	}
	return o.held[uint64(len(o.held))-(o.seq-seq):], true
}

// size is about what an envelope takes, in bytes.
func size(e protocol.Envelope) int { return len(e.Body) + len(e.Type) + 48 }
