package conference

import (
	"context"
	"time"

	"switchyard/protocol"
)

// WindDown lets calls go on and begins no new ones: no room opens any more, and each closes when the last
// one leaves. Everyone is told notice. Rooms where somebody only waits close at once: they come back by themselves. It waits until no room is left or ctx ends.
func (h *Host) WindDown(ctx context.Context, notice string) error {
	told := protocol.Error{Code: protocol.CodeShuttingDown, Retryable: true, Message: notice}
	h.mu.Lock()
	h.winding = true
	for _, a := range h.rooms {
		a.box.post(func() {
			if a.waits() {
				a.room.Close(time.Now(), *errDraining)
				return
			}
			a.room.WindDown(time.Now(), told)
		})
	}
	h.mu.Unlock()
	return h.wait(ctx)
}

// waits says whether those in the room do nothing but wait, for hours maybe: for a device nearby, or for somebody to open
// a link.
func (a *actor) waits() bool {
	kind := a.room.Options().Kind
	return kind == protocol.KindNearby || kind == protocol.KindTransfer && len(a.room.Participants()) < 2
}

// wait returns when the last room has closed, or ctx ends. No room may open any more.
func (h *Host) wait(ctx context.Context) error {
	done := make(chan struct{})
	go func() { // ends with the last room
		h.wg.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Occupancy is how many rooms are open, and how many participants and viewers are in them.
func (h *Host) Occupancy() (rooms, people int) {
	for _, r := range h.Snapshot() {
		rooms++
		people += len(r.Participants) + r.Viewers
	}
	return rooms, people
}
