package path

import (
	"testing"
	"time"
)

func TestAReaderRestsInABulkFlowOnly(t *testing.T) {
	const ms = time.Millisecond
	for name, c := range map[string]struct {
		every     time.Duration
		all, full int
		rests     bool // from the second window on
	}{
		"200 Mbit/s":            {ms, 18, 18, true},
		"datagram by datagram":  {70 * time.Microsecond, 1, 1, true},
		"batches anyway":        {ms, restBelow, restBelow, false},
		"acknowledgements":      {ms, 4, 0, false},
		"a talk":                {10 * ms, 1, 1, false},
		"handshakes and pauses": {300 * ms, 6, 6, false},
	} {
		t.Run(name, func(t *testing.T) {
			var r rest
			start := time.Unix(1e9, 0)
			for at := time.Duration(0); at < 2*time.Second; at += c.every {
				got := r.after(start.Add(at), c.all, c.full)
				if at >= restWindow && (got > 0) != c.rests || got > restTime {
					t.Fatalf("after %v it rests %v", at, got)
				}
			}
		})
	}
}

// TestAFlowThatEndsLeavesNoRest has one datagram come after a bulk flow and a pause.
func TestAFlowThatEndsLeavesNoRest(t *testing.T) {
	var r rest
	now := time.Unix(1e9, 0)
	for range 100 {
		now = now.Add(time.Millisecond)
		r.after(now, 10, 10)
	}
	if got := r.after(now.Add(time.Millisecond), 1, 1); got != restTime {
		t.Fatalf("within the flow it rests %v", got)
	}
	if got := r.after(now.Add(time.Second), 1, 1); got != 0 {
		t.Errorf("a second later it rests %v", got)
	}
}
