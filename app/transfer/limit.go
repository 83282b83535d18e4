package transfer

import (
	"context"
	"sync"
	"time"
)

// bucket holds a rate in bytes a second over all that shares it. A nil bucket has no limit.
type bucket struct {
	rate float64
	mu   sync.Mutex
	free time.Time // when what was taken is paid for
}

func newBucket(rate int64) *bucket {
	if rate <= 0 {
		return nil
	}
	return &bucket{rate: float64(rate)}
}

// take waits until n bytes may go. A twentieth of a second may go at once after a rest.
func (b *bucket) take(ctx context.Context, n int) error {
	if b == nil {
		return nil
	}
	now := time.Now()
	b.mu.Lock()
	if early := now.Add(-50 * time.Millisecond); b.free.Before(early) {
		b.free = early
	}
	b.free = b.free.Add(time.Duration(float64(n) / b.rate * float64(time.Second)))
	wait := b.free.Sub(now)
	b.mu.Unlock()
	if wait <= 0 {
		return nil
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
