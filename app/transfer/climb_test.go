package transfer

import (
	"context"
	"errors"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"switchyard/engine/piece"
)

func TestDirectWayIsLookedForWithGrowingPauses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		var tries []time.Duration
		found := 0
		n := newNetwork(1)
		c := &climb{first: climbFirst, found: func() { found++ }, open: func(context.Context) (Way, error) {
			tries = append(tries, time.Since(begin))
			if len(tries) == 6 {
				return n.sender(), nil
			}
			return nil, errIndirect
		}}
		c.begin(t.Context())
		<-c.over
		for k, want := range []time.Duration{5, 15, 35, 75, 135, 195} {
			if tries[k] != want*time.Second {
				t.Errorf("tried after %v", tries)
				break
			}
		}
		if way := c.take(); way == nil || found != 1 {
			t.Errorf("found %d times: %v", found, way)
		}
	})
}

// The receiver may move before the sender's try has returned, which ends the old way: what the try brings is the next one.
func TestTryThatIsUnderWayIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(1)
		c := &climb{first: climbFirst, found: func() {}, open: func(ctx context.Context) (Way, error) {
			select {
			case <-time.After(time.Second):
				return n.sender(), nil
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}}
		c.begin(t.Context())
		time.Sleep(climbFirst + 100*time.Millisecond)
		if c.take() == nil {
			t.Error("the try was given up")
		}
		c.begin(t.Context())
		c.way = nil
		if begin := time.Now(); c.take() != nil || time.Since(begin) > 0 {
			t.Error("a try was begun, or waited for, when none was under way")
		}
		c.begin(t.Context())
		time.Sleep(climbFirst + 100*time.Millisecond)
		begin := time.Now()
		if c.drop(); c.way != nil || time.Since(begin) > 0 {
			t.Error("a try that nobody needs was waited for")
		}
	})
}

// Moving loses nothing that was verified, and neither end takes it for a failure.
func TestMovingToABetterWay(t *testing.T) {
	dir, to := t.TempDir(), t.TempDir()
	const size = 8 << 20
	write(t, filepath.Join(dir, "film"), size, rand.New(rand.NewPCG(51, 1)))
	source := newSource(t, SourceOptions{Piece: piece.MinPiece, NoPack: true}, filepath.Join(dir, "film"))
	sink := newSink(t, to, SinkOptions{})
	slow, first := counting(1)
	ctx, stop := context.WithCancelCause(t.Context())
	count := slow.tamper
	slow.tamper = func(lane int, toSink bool, m []byte) []byte {
		if m = count(lane, toSink, m); first.Load() > size/2 {
			stop(errBetter)
		}
		return m
	}
	done := make(chan error, 1)
	go func() {
		err := source.Serve(ctx, slow.sender(), nil)
		slow.break_() // the sender closes the way that it leaves
		done <- err
	}()
	received := sink.Run(t.Context(), slow.receiver())
	if err := <-done; !errors.Is(err, ErrWayLost) || !errors.Is(received, ErrWayLost) {
		t.Fatalf("sender %v, receiver %v", err, received)
	}
	fast, second := counting(4)
	mustPass(t, fast, source, sink)
	sameTree(t, readTree(t, dir), readTree(t, to))
	if again := first.Load() + second.Load() - size; second.Load() == 0 || again > size/2 {
		t.Errorf("%d and %d bytes were sent for %d", first.Load(), second.Load(), size)
	}
}
