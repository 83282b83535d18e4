package congestion

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// Report is a scenario's runs with several seeds.
type Report struct {
	Scenario *Scenario
	Runs     []*Result
}

// Try runs a scenario with the seeds 1 to n.
func (sc *Scenario) Try(n int) Report {
	rep := Report{Scenario: sc}
	for seed := range n {
		rep.Runs = append(rep.Runs, sc.Run(uint64(seed+1)))
	}
	return rep
}

// OK reports whether every run is within every bound.
func (p Report) OK() bool {
	return !slices.ContainsFunc(p.Runs, func(r *Result) bool { return !r.OK() })
}

// figures are the least and the greatest value of each check.
func (p Report) figures() (rows [][3]string) {
	for i, c := range p.Runs[0].Checks {
		low, high, mark := c, c, ""
		for _, r := range p.Runs {
			if r.Checks[i].Got < low.Got {
				low = r.Checks[i]
			}
			if r.Checks[i].Got > high.Got {
				high = r.Checks[i]
			}
			if !r.Checks[i].OK {
				mark = " (MISSED)"
			}
		}
		got := low.String()
		if got != high.String() {
			got = strings.TrimSuffix(got, c.Unit) + " to " + high.String()
		}
		rows = append(rows, [3]string{c.What, got + mark, c.Want})
	}
	return rows
}

// Markdown writes the figures as a table, under the chart in the folder dir.
func (p Report) Markdown(w io.Writer, dir string) {
	fmt.Fprintf(w, "### %s (%s)\n\n![](%s/%s.svg)\n\n", p.Scenario.Title, p.Scenario.Ref, dir, p.Scenario.Name)
	fmt.Fprintf(w, "| | measured, %d runs | bound |\n|---|---|---|\n", len(p.Runs))
	for _, row := range p.figures() {
		fmt.Fprintf(w, "| %s | %s | %s |\n", row[0], row[1], row[2])
	}
	fmt.Fprintln(w)
}

// Print writes the figures for a terminal.
func (p Report) Print(w io.Writer) {
	fmt.Fprintf(w, "%s (%s)\n", p.Scenario.Title, p.Scenario.Ref)
	for _, row := range p.figures() {
		fmt.Fprintf(w, "  %-62s %-22s %s\n", row[0], row[1], row[2])
	}
}
