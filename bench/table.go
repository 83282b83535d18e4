package bench

import (
	"fmt"
	"io"
	"text/tabwriter"
)

// Print writes a result as a table for people.
func (r Result) Print(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	row := func(name, format string, args ...any) { fmt.Fprintf(t, name+"\t"+format+"\n", args...) }
	row("publishers, subscribers", "%d, %d (%d failed to join)", r.Publishers, r.Subscribers, r.Failed)
	row("received", "%d packets in %.1f s: %.0f per second", r.Received, r.Seconds, r.Rate)
	row("lost", "%d of %d (%.4f %%)", r.Lost, r.Expected, r.Loss*100)
	row("latency p50, p99, max", "%s, %s, %s", ms(r.LatencyP50), ms(r.LatencyP99), ms(r.LatencyMax))
	row("join to first packet p50, p99", "%s, %s", ms(r.JoinP50), ms(r.JoinP99))
	if r.CPUPerPacket > 0 {
		row("server CPU per forwarded packet", "%.2f µs (%.0f %% of a core)", r.CPUPerPacket, r.CPUShare*100)
	}
	if r.MemoryAfter > 0 {
		row("server memory per subscriber", "%d kB (%.1f MB in all)", r.MemoryPerClient>>10, float64(r.MemoryAfter)/1e6)
	}
	row("load's own CPU per packet", "%.2f µs", r.OwnCPUPerPacket)
	if r.Doubled+r.Failures > 0 {
		row("doubled, undecrypted", "%d, %d", r.Doubled, r.Failures)
	}
	return t.Flush()
}

// ms prints microseconds.
func ms(us float64) string { return fmt.Sprintf("%.2f ms", us/1000) }
