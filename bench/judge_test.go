package bench

import (
	"bytes"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestVariantsAreChosenByNameAndGroup(t *testing.T) {
	chosen, err := ChooseVariants([]string{"subs-100", "scale", "subs-50"})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, v := range chosen {
		names = append(names, v.Name)
	}
	if want := []string{"subs-100", "subs-50", "subs-500", "rooms-1", "rooms-50"}; !slices.Equal(names, want) {
		t.Errorf("%v, want %v", names, want)
	}
	if all, err := ChooseVariants([]string{"all"}); err != nil || len(all) != len(Variants) {
		t.Errorf("all: %d, %v", len(all), err)
	}
	if _, err := ChooseVariants([]string{"nothing"}); err == nil || !strings.Contains(err.Error(), "subs-800") {
		t.Errorf("an unknown one: %v", err)
	}
	for _, c := range Comparisons {
		if _, err := ChooseVariants([]string{c.Over, c.Under}); err != nil {
			t.Error(err)
		}
	}
}

func TestSeriesPrintsMediansAndRatios(t *testing.T) {
	pass := func(cpu, floor float64) Pass {
		return Pass{Result: Result{CPUPerPacket: cpu}, Floor: floor, Ratio: cpu / floor}
	}
	all := []Measured{
		{Name: "subs-50", Runs: []Pass{pass(9, 1), pass(2, 1), pass(3, 1)}},
		{Name: "subs-500", Runs: []Pass{pass(4, 2), pass(5, 2), pass(1, 2)}},
		{Name: "rooms-1"},
	}
	var out bytes.Buffer
	if err := PrintSeries(&out, all); err != nil {
		t.Fatal(err)
	}
	if s := out.String(); !strings.Contains(s, "subs-500 / subs-50: 1.33, ABOVE 1.25") || !strings.Contains(s, "2.00..9.00") || strings.Contains(s, "rooms-50 /") {
		t.Error(s)
	}
	if m := median([]int{1, 2, 3, 10}, func(v int) float64 { return float64(v) }); m != 2.5 {
		t.Errorf("median %v", m)
	}
}

func TestStolenTime(t *testing.T) {
	a := parseMachine("cpu  100 0 50 800 10 0 5 35 0 0\ncpu0 1 2 3\n")
	b := parseMachine("cpu  200 0 50 800 10 0 5 135 0 0\n")
	if got := b.since(a); got != .5 {
		t.Errorf("stolen %v", got)
	}
	for _, s := range []string{"", "cpu", "cpu a b c d e f g h", "intr 1 2 3 4 5 6 7 8 9"} {
		if parseMachine(s) != (machine{}) || parseMachine(s).since(a) != 0 {
			t.Errorf("%q is understood", s)
		}
	}
}

func TestMetricsAndPortDropsAreRead(t *testing.T) {
	m := parseMetrics("# HELP x y\nswitchyard_links 3\nswitchyard_drops_total{reason=\"no-path\"} 1.5e+02\n\nbad\nbad x\n 4\n")
	if len(m) != 2 || m["switchyard_links"] != 3 || m[`switchyard_drops_total{reason="no-path"}`] != 150 {
		t.Errorf("%v", m)
	}
	table := "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n" +
		"  404: 0100007F:4BF3 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 2146946 2 0000000026e24882 7\n" +
		"  404: 0100007F:4BF3 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 2146945 2 0000000040f12318 2\n" +
		"  405: 0100007F:4BF4 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 2146945 2 0000000040f12318 9\n"
	if n := portDrops(table, "127.0.0.1:19443"); n != 9 {
		t.Errorf("%d drops", n)
	}
	if n := memStat("heap profile: 1\n\n# runtime.MemStats\n# Alloc = 7\n# HeapAlloc = 12345\n# HeapSys = 9\n", "HeapAlloc"); n != 12345 || memStat("\n# HeapAlloc = x", "HeapAlloc") != 0 {
		t.Errorf("a heap of %d", n)
	}
	if n := portDrops(table, "nonsense"); n != 0 {
		t.Errorf("%d drops", n)
	}
}

func FuzzMetrics(f *testing.F) {
	f.Add("switchyard_links 3\n# x\nswitchyard_drops_total{reason=\"no-path\"} 1\n", "  404: 0100007F:4BF3 0 0 0 0 0 0 0 0 0 0 7\n")
	f.Fuzz(func(t *testing.T, text, table string) {
		for name := range parseMetrics(text) {
			if name == "" || name[0] == '#' {
				t.Fatalf("a metric %q", name)
			}
		}
		portDrops(table, "127.0.0.1:19443")
		parseMachine(table)
	})
}

// soakBefore and soakAfter are readings between which everything adds up.
func soakReadings() (before, after Reading) {
	before = Reading{Goroutines: 30, Heap: 10e6, Objects: 20000, Memory: 50e6, Metrics: map[string]float64{
		"switchyard_udp_received_total": 10, "switchyard_udp_sent_total": 20, "switchyard_rtp_received_total": 5, "switchyard_rtp_sent_total": 8,
	}}
	after = Reading{
		Goroutines: 31, Heap: 11e6, Objects: 21000, Memory: 60e6, Sent: 100, SentRTP: 80, Came: 190, CameRTP: 150, OwnDrops: 10, KernelDrop: 2,
		Metrics: map[string]float64{
			"switchyard_udp_received_total": 108, "switchyard_udp_sent_total": 220, "switchyard_rtp_received_total": 80, "switchyard_rtp_sent_total": 168,
			`switchyard_drops_total{reason="srtp"}`: 3,
		},
	}
	return before, after
}

func TestSoakJudges(t *testing.T) {
	done := SoakCounts{Joins: 500, FailedJoins: 2}
	before, after := soakReadings()
	if r := judge(time.Minute, done, before, after); !r.OK {
		t.Fatalf("%+v", r.Checks)
	}
	for name, spoil := range map[string]func(*Reading){
		"everybody is forgotten":    func(r *Reading) { r.Links = 1 },
		"goroutines":                func(r *Reading) { r.Goroutines = 60 },
		"heap":                      func(r *Reading) { r.Heap = 13e6 },
		"objects":                   func(r *Reading) { r.Objects = 24000 },
		"memory":                    func(r *Reading) { r.Memory = 200e6 },
		"datagrams to the server":   func(r *Reading) { r.Sent++ },
		"RTP to the server":         func(r *Reading) { r.SentRTP = 90 },
		"datagrams from the server": func(r *Reading) { r.Came-- },
		"RTP from the server":       func(r *Reading) { r.CameRTP = 140 },
	} {
		before, after := soakReadings()
		after.Metrics = maps.Clone(after.Metrics)
		spoil(&after)
		r := judge(time.Minute, done, before, after)
		var failed []string
		for _, c := range r.Checks {
			if !c.OK {
				failed = append(failed, c.Name)
			}
		}
		if r.OK || !slices.Equal(failed, []string{name}) {
			t.Errorf("%s: failed %v", name, failed)
		}
	}
	if r := judge(time.Minute, SoakCounts{}, before, after); r.OK {
		t.Error("a soak without anybody is well")
	}
}
