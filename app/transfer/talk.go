package transfer

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"switchyard/engine/piece"
)

// maxLanes is how many lanes a transfer uses.
const maxLanes = 8

// patience is how long an end waits for the other one to hear the last word.
const patience = 2 * time.Second

// talk is one conversation over a way, of either end: its lifetime, and lane 0, which several goroutines send on.
type talk struct {
	// soft ends when the transfer is over or has failed: its cause says why. Nothing new is begun then.
	soft context.Context
	stop context.CancelCauseFunc
	// hard ends a while later: what is being sent may end in between, since half a message would garble the lane.
	hard context.Context
	kill context.CancelFunc

	zero Lane
	mu   sync.Mutex // one sender at a time on lane 0
	wg   sync.WaitGroup
}

func newTalk(parent context.Context, zero Lane) *talk {
	t := &talk{zero: zero}
	t.soft, t.stop = context.WithCancelCause(parent)
	t.hard, t.kill = context.WithCancel(context.WithoutCancel(parent))
	return t
}

// spawn runs one goroutine of the conversation; its error ends the conversation. close waits for it. What could not be
// sent ends it a while later: the other end may have said why it hangs up, and who reads lane 0 is about to hear that.
func (t *talk) spawn(f func() error) {
	t.wg.Go(func() {
		switch err := f(); {
		case errors.Is(err, errUnsent):
			time.AfterFunc(patience, func() { t.stop(err) })
		case err != nil:
			t.stop(err)
		}
	})
}

// send sends on lane 0.
func (t *talk) send(m []byte) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return sendOn(t.hard, t.zero, m)
}

func (t *talk) say(c piece.Control) error { return t.send(piece.AppendControl(nil, c)) }

func sendOn(ctx context.Context, lane Lane, m []byte) error {
	if err := lane.Send(ctx, m); err != nil {
		return lost(fmt.Errorf("%w: %w", errUnsent, err))
	}
	return nil
}

// errUnsent is a lane that takes nothing any more.
var errUnsent = errors.New("nothing can be sent")

// errOver is the cause of a conversation that ended as it should.
var errOver = errors.New("transfer: over")

// close ends the conversation after its soft end: it tells the other device why, where that is not known to it, waits for the
// goroutines and gives the error for the caller, nil where the transfer is complete.
func (t *talk) close(parent context.Context) error {
	<-t.soft.Done()
	err := context.Cause(t.soft)
	timer := time.AfterFunc(patience, t.kill)
	defer timer.Stop()
	var remote *RemoteError
	var cancelled *Cancelled
	var declined *Declined
	switch {
	case errors.Is(err, errOver):
		err = nil
	case errors.Is(err, ErrWayLost), errors.As(err, &remote), errors.As(err, &cancelled):
	case errors.As(err, &declined):
		_ = t.say(piece.Cancel{Reason: declined.Reason, Later: declined.Later})
	case parent.Err() != nil:
		_ = t.say(piece.Cancel{Reason: why(parent)})
	default:
		e := piece.Error{Text: told(err)}
		if at := (*entryError)(nil); errors.As(err, &at) {
			e.Entry = &at.entry
		}
		_ = t.say(e)
	}
	_ = t.zero.Close()
	t.kill()
	t.wg.Wait()
	return err
}
