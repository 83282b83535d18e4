package client

import "switchyard/protocol"

// maxHeld bounds the messages that wait for the server's acknowledgement. When it is full, requests
// fail with ErrBusy: the server is not reading.
const maxHeld = 1024

// outbox numbers what is sent in a session and keeps it until the server has it. It is owned by
// session and guarded by its mutex.
type outbox struct {
	seq     uint64 // of the newest message
	written uint64 // of the newest that was given to the present socket
	held    []protocol.Envelope
}

// add takes a message; false when the outbox is full.
func (o *outbox) add(e protocol.Envelope) bool {
	if len(o.held) >= maxHeld {
		return false
	}
	o.seq++
	e.Seq = o.seq
	o.held = append(o.held, e)
	return true
}

// ack forgets what the server has.
func (o *outbox) ack(seq uint64) {
	n := 0
	for n < len(o.held) && o.held[n].Seq <= seq {
		n++
	}
	o.held = o.held[n:]
}

// rewind makes everything that is held go out again, on a new socket.
func (o *outbox) rewind() { o.written = 0 }

// next returns the message to be written now.
func (o *outbox) next() (protocol.Envelope, bool) {
	for _, e := range o.held {
		if e.Seq > o.written {
			o.written = e.Seq
			return e, true
		}
	}
	return protocol.Envelope{}, false
}
