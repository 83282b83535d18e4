package path

import (
	"testing"
	"time"
)

func TestAReaderRestsInABulkFlowOnly(t *testing.T) {
	const ms, small = time.Millisecond, 2 * 212_992 // what a kernel gives to anybody
	for name, c := range map[string]struct {
		every     time.Duration
		all, full int
		buffer    int
		rests     bool // from the second window on
	}{
		"200 Mbit/s":            {ms, 18, 18, small, true},
		"datagram by datagram":  {70 * time.Microsecond, 1, 1, small, true},
		"batches anyway":        {ms, restBelow, restBelow, small, false},
		"acknowledgements":      {ms, 4, 0, small, false},
		"a talk":                {10 * ms, 1, 1, small, false},
		"1 Gbit/s":              {350 * time.Microsecond, 30, 30, small, true},
		"more than is held":     {100 * time.Microsecond, 30, 30, small, false},
		"a large buffer":        {100 * time.Microsecond, 30, 30, 2 * kernelBuffer, true},
		"one at a time only":    {70 * time.Microsecond, 1, 1, 0, false},
		"handshakes and pauses": {300 * ms, 6, 6, small, false},
	} {
		t.Run(name, func(t *testing.T) {
			r := rest{buffer: c.buffer}
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
	r := rest{buffer: kernelBuffer}
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
