package bench

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
)

// median of an even number is the mean of the two in the middle; 0 of nothing.
func median[T any](list []T, f func(T) float64) float64 {
	if len(list) == 0 {
		return 0
	}
	values := make([]float64, len(list))
	for i, v := range list {
		values[i] = f(v)
	}
	slices.SortFunc(values, cmp.Compare[float64])
	n := len(values)
	return (values[(n-1)/2] + values[n/2]) / 2
}

func (m Measured) cpu() float64 {
	return median(m.Runs, func(p Pass) float64 { return p.CPUPerPacket })
}

// PrintSeries writes the medians of each variant, and the comparisons.
func PrintSeries(w io.Writer, all []Measured) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(t, "\truns\tµs/packet\tleast..most\tfloor\tratio\tlost\tp50\tp99\tkB/subscriber\tserver core\tload core\tstolen\t\n")
	for _, m := range all {
		if len(m.Runs) == 0 {
			continue
		}
		mid := func(f func(Pass) float64) float64 { return median(m.Runs, f) }
		low, high, lost := m.Runs[0].CPUPerPacket, m.Runs[0].CPUPerPacket, uint64(0)
		for _, p := range m.Runs {
			low, high, lost = min(low, p.CPUPerPacket), max(high, p.CPUPerPacket), lost+p.Lost
		}
		fmt.Fprintf(t, "%s\t%d\t%.2f\t%.2f..%.2f\t%.2f\t%.2f\t%d\t%s\t%s\t%.0f\t%.0f %%\t%.0f %%\t%.0f %%\t\n", m.Name, len(m.Runs), m.cpu(), low, high,
			mid(func(p Pass) float64 { return p.Floor }), mid(func(p Pass) float64 { return p.Ratio }), lost,
			ms(mid(func(p Pass) float64 { return p.LatencyP50 })), ms(mid(func(p Pass) float64 { return p.LatencyP99 })),
			mid(func(p Pass) float64 { return float64(p.MemoryPerClient) / 1000 }), 100*mid(func(p Pass) float64 { return p.CPUShare }),
			100*mid(func(p Pass) float64 { return p.OwnCPUShare }), 100*mid(func(p Pass) float64 { return p.Stolen }))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, m := range all {
		fmt.Fprintf(w, "%s: %s\n", m.Name, m.What)
	}
	return printComparisons(w, all)
}

func printComparisons(w io.Writer, all []Measured) error {
	find := func(name string) float64 {
		i := slices.IndexFunc(all, func(m Measured) bool { return m.Name == name })
		if i < 0 {
			return 0
		}
		return all[i].cpu()
	}
	for _, c := range Comparisons {
		over, under := find(c.Over), find(c.Under)
		if over == 0 || under == 0 {
			continue
		}
		verdict := "within"
		if over/under > c.Most {
			verdict = "ABOVE"
		}
		if _, err := fmt.Fprintf(w, "%s / %s: %.2f, %s %.2f\n", c.Over, c.Under, over/under, verdict, c.Most); err != nil {
			return err
		}
	}
	return nil
}

// machine is time of all cores, in ticks, as /proc/stat counts it.
type machine struct{ stolen, total uint64 }

// stolen reads how much the host took; zero where that is not told.
func stolen() machine {
	b, err := os.ReadFile("/proc/stat")
	if err != nil {
		return machine{}
	}
	return parseMachine(string(b))
}

func parseMachine(stat string) (m machine) {
	line, _, _ := strings.Cut(stat, "\n")
	f := strings.Fields(line) // cpu user nice system idle iowait irq softirq steal guest guest_nice
	if len(f) < 9 || f[0] != "cpu" {
		return m
	}
	for i, v := range f[1:9] { // guest times are in user and nice already
		n, err := strconv.ParseUint(v, 10, 64)
		if err != nil {
			return machine{}
		}
		m.total += n
		if i == 7 {
			m.stolen = n
		}
	}
	return m
}

func (m machine) since(before machine) float64 {
	if m.total <= before.total {
		return 0
	}
	return float64(m.stolen-before.stolen) / float64(m.total-before.total)
}
