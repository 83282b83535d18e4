package transfer

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestLimitHoldsOverAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBucket(1_000_000)
		begin := time.Now()
		done := make(chan struct{})
		for range 4 {
			go func() {
				for range 25 {
					if err := b.take(t.Context(), 50_000); err != nil {
						t.Error(err)
					}
				}
				done <- struct{}{}
			}()
		}
		for range 4 {
			<-done
		}
		if took := time.Since(begin); took < 4900*time.Millisecond || took > 5100*time.Millisecond {
			t.Errorf("5 MB at 1 MB/s took %v", took)
		}
		time.Sleep(time.Hour) // a rest does not save up an hour's worth
		begin = time.Now()
		for range 20 {
			_ = b.take(t.Context(), 50_000)
		}
		if took := time.Since(begin); took < 900*time.Millisecond {
			t.Errorf("1 MB after a rest took %v", took)
		}
		ctx, stop := context.WithCancelCause(t.Context())
		stop(errCut)
		if err := b.take(ctx, 1_000_000); !errors.Is(err, errCut) {
			t.Errorf("stopped: %v", err)
		}
		if err := newBucket(0).take(ctx, 1<<40); err != nil {
			t.Errorf("no limit: %v", err)
		}
	})
}
