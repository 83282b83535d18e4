package splice

import (
	"crypto/rand"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"
)

// However many share a rate, together they have it and no more, and each gets as much as the others.
func TestAPaceIsSharedFairly(t *testing.T) {
	for _, c := range []struct {
		sharing int
		rate    float64
	}{{1, 1e6}, {2, 1e6}, {7, 1e6}, {200, 50e6}} {
		synctest.Test(t, func(t *testing.T) {
			const size, lasts = 64 << 10, 20 * time.Second
			p := &pace{rate: c.rate}
			end := time.Now().Add(lasts)
			passed := make([]atomic.Int64, c.sharing)
			var wg sync.WaitGroup
			for i := range passed {
				wg.Go(func() {
					for time.Now().Before(end) {
						passed[i].Add(size)
						time.Sleep(p.take(time.Now(), size))
					}
				})
			}
			wg.Wait()
			all, least, most := int64(0), passed[0].Load(), passed[0].Load()
			for i := range passed {
				n := passed[i].Load()
				all, least, most = all+n, min(least, n), max(most, n)
			}
			// Each may have one message that is not paid yet, and whoever came first the lead.
			ahead := int64(c.rate * lead.Seconds())
			if want := int64(c.rate * lasts.Seconds()); all < want-int64(size) || all > want+ahead+int64(c.sharing+1)*size {
				t.Errorf("%d: %d bytes passed, %d are allowed", c.sharing, all, want)
			}
			if most-least > ahead+2*size {
				t.Errorf("%d: one got %d, another %d", c.sharing, least, most)
			}
		})
	}
}

// Who was quiet has saved nothing up.
func TestAPaceSavesNothing(t *testing.T) {
	p, now := &pace{rate: 1000}, time.Now()
	if w := p.take(now, 500); w != 500*time.Millisecond-lead {
		t.Fatal(w)
	}
	now = now.Add(time.Hour)
	if w := p.take(now, 500); w != 500*time.Millisecond-lead {
		t.Fatal(w)
	}
	if w := p.take(now, 500); w != time.Second-lead {
		t.Fatal(w)
	}
}

// What is over the rate comes later, and all of it.
func TestRatesHoldBackAndDropNothing(t *testing.T) {
	for name, c := range map[string]Config{"a connection's": {Rate: 1 << 20}, "everybody's": {TotalRate: 1 << 20}} {
		t.Run(name, func(t *testing.T) {
			b := serve(t, c)
			one, two := b.pair()
			const count, size = 32, 16 << 10
			message := make([]byte, size)
			_, _ = rand.Read(message)
			began := time.Now()
			go func() { // ends with the last message
				for range count {
					if one.Write(t.Context(), websocket.MessageBinary, message) != nil {
						return
					}
				}
			}()
			for range count {
				if got := b.receive(two); len(got) != size {
					t.Fatalf("%d bytes", len(got))
				}
			}
			// The last one is not waited for.
			least := time.Duration(float64((count-1)*size)/(1<<20)*float64(time.Second)) - lead
			if took := time.Since(began); took < least-time.Millisecond {
				t.Errorf("half a megabyte at one a second took %v, less than %v", took, least)
			}
			st := b.Stats()
			if own, all := st.Held[heldConnection], st.Held[heldServer]; own+all == 0 || own > 0 != (c.Rate > 0) || all > 0 != (c.TotalRate > 0) {
				t.Errorf("held back: %v", st.Held)
			}
		})
	}
}

// Who is held back hears that the room was closed.
func TestHeldBackEnds(t *testing.T) {
	b := serve(t, Config{Rate: 1024})
	one, two := b.pair()
	b.send(one, make([]byte, 64<<10)) // a minute's worth
	b.receive(two)
	b.CloseRoom("r", "", "The room was closed.")
	if code, _ := b.end(one); code != StatusShut {
		t.Error(code)
	}
	if code, _ := b.end(two); code != StatusShut {
		t.Error(code)
	}
}
