package main

import (
	"context"
	"encoding/json"
	"os"
	"time"

	"switchyard/bench"
)

// BenchSeriesCmd measures several loads.
type BenchSeriesCmd struct {
	Variants []string      `arg:"" optional:"" help:"Which: names or groups, or all; --list tells them. forward without any."`
	List     bool          `help:"List them and end."`
	Repeats  int           `help:"How often each is measured, in turns." default:"3" placeholder:"N"`
	For      time.Duration `help:"How long each run measures." default:"8s" placeholder:"DURATION"`
	Floor    time.Duration `help:"How long the floor is measured after each run." default:"2s" placeholder:"DURATION"`
	HTTP     string        `help:"Address for the measured server's HTTP." name:"http" default:"127.0.0.1:18090" placeholder:"ADDR"`
	Media    string        `help:"Address for its media." default:"127.0.0.1:18453" placeholder:"ADDR"`
	Wake     bool          `help:"Let every datagram wake up its receiver."`
	JSON     bool          `help:"Print JSON: every run, not only medians."`
}

// Run measures and prints. What was measured before a failure is printed, too.
func (c *BenchSeriesCmd) Run(ctx context.Context, std *Streams) error {
	if c.List {
		_, err := std.Out.Write([]byte(bench.VariantNames() + "\n"))
		return err
	}
	if len(c.Variants) == 0 {
		c.Variants = []string{"forward"}
	}
	variants, err := bench.ChooseVariants(c.Variants)
	if err != nil {
		return Usagef("there is no such load; there are: %s", bench.VariantNames())
	}
	if c.Repeats < 1 || c.For < time.Second || c.Floor < 100*time.Millisecond {
		return Usagef("at least one repeat, --for 1s and --floor 100ms")
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	line := newStatus(std.Err)
	all, failed := bench.Series{
		Launcher: bench.Launcher{Binary: self, HTTP: c.HTTP, Media: c.Media}, Variants: variants, Repeats: c.Repeats, For: c.For, Floor: c.Floor, Wake: c.Wake, Progress: line.show,
	}.Run(ctx)
	line.end()
	if c.JSON {
		err = json.NewEncoder(std.Out).Encode(all)
	} else {
		err = bench.PrintSeries(std.Out, all)
	}
	if failed != nil {
		return failed
	}
	return err
}
