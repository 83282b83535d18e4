package path

import "time"

// How a socket's reader rests while a bulk flow comes datagram by datagram, as from any wire without GRO: each one alone would
// wake the reader, quic-go's goroutines and the disk's, and every second one an acknowledgement and the other end.
const (
	// restTime is what a rest adds to a round trip at most.
	restTime = time.Millisecond
	// restBelow is how many datagrams one read brings at least where they come in batches anyway. So many in each rest fill
	// a fifth of the smallest buffer that a kernel gives (212,992 bytes, doubled, at 2304 for a datagram).
	restBelow = 32
	// restBusy is how many full datagrams within restWindow are a bulk flow: handshakes, ICE and talk do not wait.
	restBusy   = 16
	restWindow = 20 * time.Millisecond
)

// rest tells a reader after each read how long it may sleep before the next.
type rest struct {
	began      time.Time // when the window began
	full       int       // full datagrams in it
	busyBefore bool      // the window before it was busy
}

// after is told how many datagrams a read brought, and how many of them were full.
func (r *rest) after(now time.Time, all, full int) time.Duration {
	if age := now.Sub(r.began); age >= restWindow {
		r.busyBefore = r.full >= restBusy && age < 2*restWindow
		r.began, r.full = now, 0
	}
	r.full += full
	if full == 0 || all >= restBelow || r.full < restBusy && !r.busyBefore {
		return 0
	}
	return restTime
}
