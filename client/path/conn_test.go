package path

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestReadingWaitsUntilQUICHasLooked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var looked atomic.Uint64
		var c Conn
		c.Follow(looked.Load)
		c.handed = ahead - 1
		waits := func() time.Duration {
			begun := time.Now()
			c.yield()
			return time.Since(begun)
		}
		if d := waits(); d != 0 {
			t.Errorf("with little ahead it waits %v", d)
		}
		c.handed = 200
		time.AfterFunc(450*time.Microsecond, func() { looked.Store(100) })
		if d := waits(); d != 500*time.Microsecond {
			t.Errorf("QUIC looked after 450 µs, and it waits %v", d)
		}
		c.handed = 500
		if d := waits(); d != yieldMost*yieldStep {
			t.Errorf("QUIC looks no more, and it waits %v", d)
		}
		if d := waits(); d != 0 {
			t.Errorf("what is lost is waited for again: %v", d)
		}
		looked.Store(500) // it was only late
		c.handed += ahead
		waits()
		c.handed += ahead
		if d := waits(); d == 0 {
			t.Error("it does not wait any more")
		}
	})
}
