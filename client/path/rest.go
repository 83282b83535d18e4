package path

import "time"

// How a socket's reader rests while a bulk flow comes datagram by datagram, as from any wire without GRO: each one alone would
// wake the reader, the goroutines of quic-go or DTLS and the disk's, and every second one an acknowledgement and the other end.
const (
	// restTime is what a rest adds to a round trip at most.
	restTime = time.Millisecond
	// restBelow is how many datagrams one read brings at least where they come in batches anyway.
	restBelow = 32
	// datagramCost is what a full datagram takes of the kernel's buffer, in bytes.
	datagramCost = 2304
	// restBusy is how many full datagrams within restWindow are a bulk flow: handshakes, ICE and talk do not wait.
	restBusy   = 16
	restWindow = 20 * time.Millisecond
)

// rest tells a reader after each read how long it may sleep before the next.
type rest struct {
	buffer int       // bytes that the kernel's buffer holds meanwhile; 0: there is no resting
	began  time.Time // when the window began
	full   int       // full datagrams in it
	before int       // and in the window before it
}

// after is told how many datagrams a read brought, and how many of them were full.
func (r *rest) after(now time.Time, all, full int) time.Duration {
	if age := now.Sub(r.began); age >= restWindow {
		r.before = 0
		if age < 2*restWindow {
			r.before = r.full
		}
		r.began, r.full = now, 0
	}
	r.full += full
	busy := max(r.full, r.before)
	// What comes in a rest fills half of the buffer at most: a flow is faster for moments than on average.
	if full == 0 || all >= restBelow || busy < restBusy || busy*datagramCost*2 > r.buffer*int(restWindow/restTime) {
		return 0
	}
	return restTime
}
