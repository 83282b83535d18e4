package room

import (
	"errors"
	"testing"
	"time"

	"switchyard/protocol"
)

// join connects and joins by WebSocket, without media.
func join(r *Room, now time.Time, c Conn, who Identity) {
	r.Connect(now, c, who)
	e, _ := protocol.NewEnvelope(protocol.TypeJoin, protocol.Join{})
	e.ID, e.Seq = 1, 1
	r.Receive(now, c, e)
}

func sentTo(r *Room, c Conn, typ string) (found []protocol.Envelope) {
	for _, o := range r.Outputs() {
		if s, ok := o.(Send); ok && s.Conn == c && s.Envelope.Type == typ {
			found = append(found, s.Envelope)
		}
	}
	return found
}

func TestRoomWindsDown(t *testing.T) {
	now := time.Unix(1, 0)
	r := New("r", Config{}, now)
	join(r, now, 1, Identity{ID: "ann"})
	r.Outputs()
	r.WindDown(now, protocol.Error{Code: protocol.CodeShuttingDown, Retryable: true, Message: "soon", Fatal: true})
	told := sentTo(r, 1, protocol.TypeError)
	var e protocol.Error
	if len(told) != 1 || told[0].Into(&e) != nil || e.Fatal || e.Message != "soon" {
		t.Fatalf("Ann was told %v %+v", told, e)
	}
	join(r, now, 2, Identity{ID: "ben"})
	if len(sentTo(r, 2, protocol.TypeWelcome)) != 1 {
		t.Fatal("Ben cannot come to a call that goes on")
	}
	// Both lose their sockets: they may resume within the grace, and then it is over at once.
	r.Disconnect(now, 1)
	r.Disconnect(now, 2)
	now = now.Add(29 * time.Second)
	if r.Advance(now); r.Closed() {
		t.Fatal("closed while somebody may come back")
	}
	now = now.Add(2 * time.Second)
	r.Advance(now)
	r.Advance(now.Add(time.Millisecond))
	if !r.Closed() {
		t.Fatal("not closed with the last session")
	}
	join(r, now, 3, Identity{ID: "eve"})
	told = sentTo(r, 3, protocol.TypeError)
	if len(told) != 1 || told[0].Into(&e) != nil || e.Code != protocol.CodeShuttingDown || !e.Retryable {
		t.Fatalf("Eve was told %v %+v", told, e)
	}
	if err := r.AdmitViewer(Identity{ID: "w", Grants: protocol.Grants{Subscribe: true}}); err == nil || !errors.As(err, new(*protocol.Error)) {
		t.Errorf("a viewer: %v", err)
	}
}

func TestEmptyRoomWindsDownAtOnce(t *testing.T) {
	now := time.Unix(1, 0)
	r := New("r", Config{}, now)
	if r.WindDown(now, protocol.Error{}); !r.Closed() {
		t.Fatal("an empty room stays")
	}
	join(r, now, 1, Identity{ID: "ann"})
	if sent := sentTo(r, 1, protocol.TypeWelcome); len(sent) != 0 {
		t.Fatal("somebody entered it")
	}
	r.Disconnect(now, 1)
	if r.Advance(now.Add(time.Second)); !r.Closed() {
		t.Fatal("it does not close again")
	}
}

// A room that was opened by somebody who was refused is as empty as before.
func TestRefusedJoinLeavesTheRoomEmpty(t *testing.T) {
	now := time.Unix(1, 0)
	r := New("r", Config{}, now)
	join(r, now, 1, Identity{ID: "ann", Expired: true})
	r.Disconnect(now, 1)
	if r.Advance(now.Add(2 * time.Minute)); !r.Closed() {
		t.Fatal("the room stays open for nobody")
	}
}
