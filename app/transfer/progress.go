package transfer

import "time"

// Phase is what one end is doing.
type Phase string

// The phases of a connection, in their order.
const (
	Offering  Phase = "offering"  // the list goes over; the receiver's user decides
	Checking  Phase = "checking"  // the receiver looks at what it has already
	Moving    Phase = "moving"    // data
	Finishing Phase = "finishing" // all is sent; the receiver verifies the last of it
	Done      Phase = "done"      // every byte is verified, and has its name
)

// Progress is how far a transfer is, told a few times a second and at each new phase.
type Progress struct {
	Phase     Phase
	Files     int   // of the whole transfer
	FilesDone int   // verified, with their names, or not wanted
	Bytes     int64 // of the whole transfer
	Verified  int64
	Rate      float64 // bytes of data a second over the last seconds, as they travel
	File      string  // the path that was worked on last
	Kind      string  // of the way
	Direct    bool
}

// Left is how long it will take at this rate, 0 where that cannot be said.
func (p Progress) Left() time.Duration {
	if p.Rate < 1 || p.Verified >= p.Bytes {
		return 0
	}
	return time.Duration(float64(p.Bytes-p.Verified) / p.Rate * float64(time.Second))
}

// tick is how often progress is told.
const tick = 200 * time.Millisecond

// pace is the rate over the last three seconds.
type pace struct {
	at    [15]time.Time
	bytes [15]int64
	n     int
}

func (p *pace) rate(now time.Time, bytes int64) float64 {
	oldest := 0
	if p.n >= len(p.at) {
		oldest = p.n % len(p.at)
	}
	since, from := p.at[oldest], p.bytes[oldest]
	p.at[p.n%len(p.at)], p.bytes[p.n%len(p.at)] = now, bytes
	p.n++
	if p.n == 1 || !now.After(since) {
		return 0
	}
	return float64(bytes-from) / now.Sub(since).Seconds()
}
