package room

import (
	"time"

	"switchyard/protocol"
)

// WindDown lets the room go on only as long as somebody is in it: nobody enters an empty room any more,
// and it closes with the last session. Everyone is told notice, which is no error of theirs and ends
// nothing.
func (r *Room) WindDown(now time.Time, notice protocol.Error) {
	notice.Fatal = false
	r.broadcast(nil, protocol.TypeError, notice)
	r.winding = true
	r.cfg.EmptyFor = time.Nanosecond // zero would mean the default
	r.occupancy(now)
	if !r.empty.IsZero() {
		r.closed = true
	}
}

// wound says why nobody can enter a room that winds down; nil where it is not empty.
func (r *Room) wound() error {
	if r.winding && len(r.participants) == 0 && r.viewers == 0 {
		return &protocol.Error{Code: protocol.CodeShuttingDown, Retryable: true, Message: "The server is shutting down. Try again in a moment."}
	}
	return nil
}
