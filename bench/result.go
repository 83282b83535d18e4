package bench

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"
)

// Result is what a run measured. Times are in microseconds.
type Result struct {
	Publishers  int     `json:"publishers"`
	Subscribers int     `json:"subscribers"`
	Failed      int     `json:"failedJoins"`
	Seconds     float64 `json:"seconds"`
	Rested      bool    `json:"rested"` // receivers were not woken by each datagram

	Sent     uint64   `json:"sent"`     // packets by publishers in the window
	Expected uint64   `json:"expected"` // of them by all subscribers together
	Received uint64   `json:"received"` // each once
	Lost     uint64   `json:"lost"`     // for good
	Loss     float64  `json:"loss"`     // share, 0 to 1
	Repaired uint64   `json:"repaired"` // in the window: missing, then retransmitted
	Asked    uint64   `json:"asked,omitempty"`
	PLI      uint64   `json:"pli,omitempty"`
	Doubled  uint64   `json:"doubled,omitempty"`
	Other    uint64   `json:"other,omitempty"`       // padding
	Failures uint64   `json:"undecrypted,omitempty"` // packets that did not open
	Rate     float64  `json:"packetsPerSecond"`      // received
	Bitrate  float64  `json:"bitrate"`               // of RTP by each subscriber, bits per second
	Layers   []uint64 `json:"layers,omitempty"`      // received, by layer, the lowest first

	LatencyP50 float64 `json:"latencyP50"`
	LatencyP99 float64 `json:"latencyP99"`
	LatencyMax float64 `json:"latencyMax"`
	JoinP50    float64 `json:"joinP50"` // from the first byte of signalling to the first RTP packet
	JoinP99    float64 `json:"joinP99"`

	// Of the server's process, where PID was given.
	CPUPerPacket    float64 `json:"cpuPerPacket,omitempty"` // of all packets that subscribers received in the window
	CPUShare        float64 `json:"cpuShare,omitempty"`     // of one core
	MemoryPerClient int64   `json:"memoryPerSubscriber,omitempty"`
	MemoryBefore    int64   `json:"memoryBefore,omitempty"` // without subscribers
	MemoryAfter     int64   `json:"memoryAfter,omitempty"`
	OwnCPUPerPacket float64 `json:"loadCPUPerPacket"` // of this process
	OwnCPUShare     float64 `json:"loadCPUShare"`     // of one core

	// Of shaped downlinks.
	QueueP50   float64  `json:"queueP50,omitempty"` // of the delay in their queues
	QueueP95   float64  `json:"queueP95,omitempty"`
	Overflowed uint64   `json:"overflowed,omitempty"` // packets that found the queue full
	History    []Second `json:"history,omitempty"`
}

func (r *Result) costs(server, own, length time.Duration) {
	if r.Received == 0 {
		return
	}
	r.CPUPerPacket = us(server) / float64(r.Received)
	r.CPUShare = float64(server) / float64(length)
	r.OwnCPUPerPacket = us(own) / float64(r.Received)
	r.OwnCPUShare = float64(own) / float64(length)
}

// Print writes a result as a table for people.
func (r Result) Print(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	row := func(name, format string, args ...any) { fmt.Fprintf(t, name+"\t"+format+"\n", args...) }
	row("publishers, subscribers", "%d, %d (%d failed to join)", r.Publishers, r.Subscribers, r.Failed)
	row("received", "%d packets in %.1f s: %.0f per second, %.0f kbit/s by each", r.Received, r.Seconds, r.Rate, r.Bitrate/1000)
	row("lost for good", "%d of %d (%.4f %%), repaired %d", r.Lost, r.Expected, r.Loss*100, r.Repaired)
	if len(r.Layers) > 0 {
		row("received by layer", "%v, the lowest first", r.Layers)
	}
	row("latency p50, p99, max", "%s, %s, %s", ms(r.LatencyP50), ms(r.LatencyP99), ms(r.LatencyMax))
	if r.JoinP99 > 0 {
		row("join to first packet p50, p99", "%s, %s", ms(r.JoinP50), ms(r.JoinP99))
	}
	if r.CPUPerPacket > 0 {
		row("server CPU per forwarded packet", "%.2f µs (%.0f %% of a core)", r.CPUPerPacket, r.CPUShare*100)
	}
	if r.MemoryAfter > 0 {
		row("server memory per subscriber", "%d kB (%.1f MB in all)", r.MemoryPerClient/1000, float64(r.MemoryAfter)/1e6)
	}
	row("load's own CPU per packet", "%.2f µs (%.0f %% of a core; receivers %s)", r.OwnCPUPerPacket, r.OwnCPUShare*100, r.reading())
	if r.Doubled+r.Failures > 0 {
		row("doubled, undecrypted", "%d, %d", r.Doubled, r.Failures)
	}
	if r.QueueP95 > 0 {
		row("downlink queue p50, p95", "%s, %s; %d packets found it full", ms(r.QueueP50), ms(r.QueueP95), r.Overflowed)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	return r.printHistory(w)
}

func (r Result) reading() string {
	if r.Rested {
		return "rest"
	}
	return "are woken"
}

// printHistory writes the seconds of shaped downlinks.
func (r Result) printHistory(w io.Writer) error {
	if len(r.History) == 0 {
		return nil
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(t, "second\tdownlink\treceived\tlongest queue\tdropped\t\n")
	for _, s := range r.History {
		fmt.Fprintf(t, "%.0f\t%d kbit/s\t%.0f kbit/s\t%s\t%d\t\n", s.At, s.Rate/1000, s.Came/1000, ms(s.Queued), s.Dropped)
	}
	return t.Flush()
}

// ms prints microseconds.
func ms(us float64) string { return fmt.Sprintf("%.2f ms", us/1000) }
