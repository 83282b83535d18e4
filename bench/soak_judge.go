package bench

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

// Reading is a server at rest, and what was sent to it and came from it until then.
type Reading struct {
	Goroutines int                `json:"goroutines"`
	Heap       int64              `json:"heap"`    // bytes in use after a collection
	Objects    int64              `json:"objects"` // that hold them
	Memory     int64              `json:"memory"`  // resident, in bytes
	Links      int                `json:"links"`
	Rooms      int                `json:"rooms"`
	Metrics    map[string]float64 `json:"metrics"`

	Sent       uint64 `json:"sent"`    // datagrams by the load
	SentRTP    uint64 `json:"sentRTP"` // of them
	Came       uint64 `json:"received"`
	CameRTP    uint64 `json:"receivedRTP"`
	OwnDrops   uint64 `json:"ownDrops"`   // by receive buffers of the load
	KernelDrop uint64 `json:"kernelDrop"` // by that of the media port
}

// settled waits until everybody is forgotten and returns what is left. With before, it waits longer for
// what is more than it was.
func (s *soak) settled(ctx context.Context, before *Reading) (Reading, error) {
	deadline := time.Now().Add(calm)
	for {
		now, err := s.reading(ctx)
		if err != nil {
			return now, err
		}
		open, _ := s.lingered()
		quiet := now.Links == 0 && now.Rooms == 0 && open == 0
		if quiet && (before == nil || now.Goroutines <= before.Goroutines) || time.Now().After(deadline) {
			return now, nil
		}
		s.Progress(fmt.Sprintf("waiting until the server is at rest: %d links, %d rooms, %d goroutines, %d sockets listen on", now.Links, now.Rooms, now.Goroutines, open))
		if err := sleep(ctx, time.Second); err != nil {
			return now, err
		}
	}
}

func (s *soak) reading(ctx context.Context) (r Reading, err error) {
	// A heap profile with gc collects first, and as text it says what was in use then. Pools empty themselves
	// at the second collection.
	var text string
	for range 2 {
		if text, err = s.get(ctx, "/v1/admin/profile/heap?gc=1&debug=1"); err != nil {
			return r, err
		}
	}
	r.Heap = memStat(text, "HeapAlloc")
	r.Objects = memStat(text, "Mallocs") - memStat(text, "Frees")
	text, err = s.get(ctx, "/metrics")
	if err != nil {
		return r, err
	}
	r.Metrics = parseMetrics(text)
	r.Goroutines = int(r.Metrics["go_goroutines"])
	r.Links, r.Rooms = int(r.Metrics["switchyard_links"]), int(r.Metrics["switchyard_rooms"])
	if r.Memory, err = process(s.PID).rss(); err != nil {
		return r, err
	}
	table, err := os.ReadFile("/proc/net/udp")
	if err != nil {
		return r, err
	}
	r.KernelDrop = portDrops(string(table), s.Media)
	_, waiting := s.lingered()
	r.OwnDrops = s.traffic.dropped.Load() + waiting
	r.Sent, r.SentRTP = s.traffic.sent.Load(), s.traffic.sentRTP.Load()
	r.Came, r.CameRTP = s.traffic.received.Load(), s.traffic.receivedRTP.Load()
	return r, nil
}

func (s *soak) get(ctx context.Context, path string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.Server+path, nil)
	if err != nil {
		return "", err
	}
	req.Header.Set("Authorization", "Bearer "+s.Admin)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", fmt.Errorf("bench: the server does not answer: %w", err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, 64<<20))
	if err == nil && resp.StatusCode != http.StatusOK {
		err = errors.New("bench: GET " + path + ": " + resp.Status)
	}
	return string(b), err
}

// memStat reads one of the runtime's figures from a heap profile in text; 0 where it is not told.
func memStat(profile, name string) int64 {
	_, rest, _ := strings.Cut(profile, "\n# "+name+" = ")
	line, _, _ := strings.Cut(rest, "\n")
	n, err := strconv.ParseInt(strings.TrimSpace(line), 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// parseMetrics reads the text format of Prometheus; labels stay in the name.
func parseMetrics(text string) map[string]float64 {
	m := map[string]float64{}
	scan := bufio.NewScanner(strings.NewReader(text))
	for scan.Scan() {
		line := scan.Text()
		i := strings.LastIndexByte(line, ' ')
		if i <= 0 || line[0] == '#' {
			continue
		}
		if v, err := strconv.ParseFloat(line[i+1:], 64); err == nil {
			m[strings.TrimSpace(line[:i])] = v
		}
	}
	return m
}

// portDrops adds up what full receive buffers of a port dropped, from the text of /proc/net/udp.
func portDrops(table, address string) (n uint64) {
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		return 0
	}
	suffix := fmt.Sprintf(":%04X", to.Port())
	for line := range strings.Lines(table) {
		f := strings.Fields(line) // sl local rem st queues tr retrnsmt uid timeout inode ref pointer drops
		if len(f) >= 13 && strings.HasSuffix(f[1], suffix) {
			if d, err := strconv.ParseUint(f[12], 10, 64); err == nil {
				n += d
			}
		}
	}
	return n
}

// Check is one thing that must hold.
type Check struct {
	Name string `json:"name"`
	OK   bool   `json:"ok"`
	Told string `json:"told"`
}

// SoakResult is what a soak found.
type SoakResult struct {
	Seconds float64    `json:"seconds"`
	Done    SoakCounts `json:"done"`
	Before  Reading    `json:"before"`
	After   Reading    `json:"after"`
	Checks  []Check    `json:"checks"`
	OK      bool       `json:"ok"`
}

// What may be more after a soak than before it, however many came and went: the runtime's own goroutines come and
// go, and maps and slices keep room for what they held.
const (
	moreGoroutines = 4
	moreHeap       = 2 << 20
	moreObjects    = 3000
	moreMemory     = 48 << 20
)

// judge holds what the server says against what was sent to it and came from it.
func judge(lived time.Duration, done SoakCounts, before, after Reading) SoakResult {
	r := SoakResult{Seconds: lived.Seconds(), Done: done, Before: before, After: after, OK: true}
	check := func(name string, ok bool, format string, args ...any) {
		r.Checks = append(r.Checks, Check{name, ok, fmt.Sprintf(format, args...)})
		r.OK = r.OK && ok
	}
	grown := func(name string) uint64 { return uint64(after.Metrics[name] - before.Metrics[name]) }
	dropped := func(prefix string) (n uint64) {
		for name := range after.Metrics {
			if strings.HasPrefix(name, prefix) {
				n += grown(name)
			}
		}
		return n
	}
	check("somebody came", done.Joins > 0 && done.FailedJoins*100 <= done.Joins, "%d joins, %d failed", done.Joins, done.FailedJoins)
	check("everybody is forgotten", after.Links == 0 && after.Rooms == 0, "%d links, %d rooms", after.Links, after.Rooms)
	check("goroutines", after.Goroutines <= before.Goroutines+moreGoroutines, "%d, then %d", before.Goroutines, after.Goroutines)
	check("heap", after.Heap > 0 && after.Heap <= before.Heap+moreHeap, "%.1f MB, then %.1f", mega(before.Heap), mega(after.Heap))
	joins := float64(max(done.Joins, 1))
	check("objects", after.Objects > 0 && after.Objects <= before.Objects+moreObjects, "%d on the heap, then %d: %+.2f, and %+.0f bytes, for each join",
		before.Objects, after.Objects, float64(after.Objects-before.Objects)/joins, float64(after.Heap-before.Heap)/joins)
	check("memory", after.Memory <= before.Memory+moreMemory, "%.1f MB, then %.1f", mega(before.Memory), mega(after.Memory))

	sent, kernel := after.Sent-before.Sent, after.KernelDrop-before.KernelDrop
	check("datagrams to the server", sent == grown("switchyard_udp_received_total")+kernel,
		"%d sent = %d received + %d dropped by the kernel", sent, grown("switchyard_udp_received_total"), kernel)
	rtp, drops := after.SentRTP-before.SentRTP, dropped("switchyard_drops_total")+dropped("switchyard_udp_drops_total")
	got := grown("switchyard_rtp_received_total")
	check("RTP to the server", got <= rtp && rtp <= got+drops+kernel, "%d sent, %d received, %d of all kinds dropped by reason", rtp, got, drops+kernel)
	came, own := after.Came-before.Came, after.OwnDrops-before.OwnDrops
	check("datagrams from the server", came+own == grown("switchyard_udp_sent_total"),
		"%d received + %d dropped here = %d sent", came, own, grown("switchyard_udp_sent_total"))
	out, made := after.CameRTP-before.CameRTP, grown("switchyard_rtp_sent_total")
	unsent := dropped("switchyard_udp_drops_total") + grown(`switchyard_drops_total{reason="no-path"}`) + grown(`switchyard_drops_total{reason="via-full"}`)
	check("RTP from the server", out <= made && made <= out+own+unsent, "%d made, %d received, %d of all kinds dropped by reason", made, out, own+unsent)
	return r
}

func mega(n int64) float64 { return float64(n) / 1e6 }

// Print writes a result for people.
func (r SoakResult) Print(w io.Writer) error {
	d := r.Done
	fmt.Fprintf(w, "%.0f s: %d joins, %d leaves, %d vanished, %d publishes, %d changes of wishes\n", r.Seconds, d.Joins, d.Leaves, d.Vanished, d.Publishes, d.Wishes)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, c := range r.Checks {
		verdict := "ok"
		if !c.OK {
			verdict = "NOT OK"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\n", c.Name, verdict, c.Told)
	}
	return t.Flush()
}
