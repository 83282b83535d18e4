package bench

import (
	"context"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

const canRest = true

// rester reads many sockets in turns with a rest between them. It never waits in the kernel for a
// datagram: who sends over loopback finds nobody to wake up, as if the receiver were another machine
// (docs/bench.md). One goroutine runs it; it owns the batch.
type rester struct {
	rest  time.Duration
	batch *batch

	mu    sync.Mutex // held for a turn, not for the rest
	polls []unix.PollFd
	takes []func(at time.Time, b []byte) // parallel to polls
}

func newRester(rest time.Duration) *rester { return &rester{rest: rest, batch: newBatch()} }

func (r *rester) add(fd int, f func(at time.Time, b []byte)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.polls, r.takes = append(r.polls, unix.PollFd{Fd: int32(fd), Events: unix.POLLIN}), append(r.takes, f)
}

// remove forgets a socket; when it returns the socket is not read any more.
func (r *rester) remove(fd int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	i := slices.IndexFunc(r.polls, func(p unix.PollFd) bool { return p.Fd == int32(fd) })
	if i >= 0 {
		r.polls, r.takes = slices.Delete(r.polls, i, i+1), slices.Delete(r.takes, i, i+1)
	}
}

// run reads until ctx ends.
func (r *rester) run(ctx context.Context) {
	for ctx.Err() == nil {
		r.turn()
		time.Sleep(r.rest)
	}
}

// turn reads what has come. A poll that does not wait enters no queue of waiters.
func (r *rester) turn() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if n, err := unix.Poll(r.polls, 0); n == 0 || err != nil {
		return
	}
	for i := range r.polls {
		if r.polls[i].Revents == 0 {
			continue
		}
		for n := batchSize; n == batchSize; {
			var err error
			if n, err = r.batch.receive(int(r.polls[i].Fd)); err != nil {
				break
			}
			r.batch.each(n, r.takes[i])
		}
	}
}
