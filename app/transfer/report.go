package transfer

import (
	"time"

	"switchyard/engine/piece"
)

// nudge has report send what has come up. It never waits.
func (r *run) nudge() {
	select {
	case r.due <- struct{}{}:
	default:
	}
}

// report tells the sender what was taken, verified, got and wrong.
func (r *run) report() error {
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	var last piece.Progress
	for {
		select {
		case <-r.due:
		case <-ticker.C:
		case <-r.soft.Done():
			return nil
		}
		for _, m := range r.news(&last) {
			if err := r.send(m); err != nil {
				return err
			}
		}
	}
}

// news are the messages that are due, and none when nothing is new.
func (r *run) news(last *piece.Progress) (messages [][]byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.accepted {
		return nil
	}
	const most = piece.MaxGots * gotLength
	for len(r.gots) > 0 {
		n := min(len(r.gots), most)
		messages = append(messages, append([]byte{piece.KindGot}, r.gots[:n]...))
		r.gots = r.gots[n:]
	}
	r.gots = nil
	for _, a := range r.agains {
		messages = append(messages, a.Append(nil))
	}
	r.agains = nil
	now := piece.Progress{Taken: uint64(r.taken), Verified: uint64(r.sink.verified)}
	if now != *last {
		*last, r.told = now, r.taken
		// First of all: the sender may be waiting for room.
		messages = append([][]byte{now.Append(nil)}, messages...)
	}
	return messages
}

const gotLength = 4 + 32

// tell tells the user how far it is.
func (r *run) tell() error {
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-r.soft.Done():
			return nil
		}
		if p := r.snapshot(); p.Phase != "" {
			r.sink.o.Notify(p)
		}
	}
}

func (r *run) snapshot() Progress {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := r.shown
	p.Kind, p.Direct = r.way.Kind(), r.way.Direct()
	p.Verified, p.FilesDone = r.sink.verified, r.sink.saved
	p.Rate = r.pace.rate(time.Now(), r.taken)
	return p
}

func (r *run) phase(p Phase) {
	r.mu.Lock()
	r.shown.Phase = p
	r.mu.Unlock()
	r.sink.o.Notify(r.snapshot())
}

func (r *run) working(path string) {
	r.mu.Lock()
	r.shown.File = path
	r.mu.Unlock()
}

// linger waits for the sender to close, after bye: it may be gone already.
func (r *run) linger() error {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-r.soft.Done():
	}
	return errOver
}
