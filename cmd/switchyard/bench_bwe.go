package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"switchyard/bench/congestion"
)

// BenchBWECmd tries the bandwidth estimation on a simulated network.
type BenchBWECmd struct {
	Seeds int    `help:"Runs of each test case, with the dice thrown anew." default:"5" placeholder:"N"`
	Only  string `help:"Name of the one test case to run." placeholder:"NAME"`
	Out   string `help:"Draw charts into this folder, and put the figures into the document of the same name beside it (docs/congestion: docs/congestion.md)." placeholder:"DIR"`
}

// errMissed is for a figure out of its bounds.
var errMissed = errors.New("a figure is out of its bounds: see MISSED above")

// Run runs the test cases in virtual time: it takes seconds.
func (c *BenchBWECmd) Run(_ context.Context, std *Streams) error {
	var doc bytes.Buffer
	line := newStatus(std.Err)
	missed, found := false, false
	for _, sc := range congestion.Scenarios() {
		if c.Only != "" && c.Only != sc.Name {
			continue
		}
		found = true
		line.show(sc.Title)
		rep := sc.Try(max(c.Seeds, 1))
		missed = missed || !rep.OK()
		line.end()
		rep.Print(std.Out)
		if c.Out == "" {
			continue
		}
		rep.Markdown(&doc, filepath.Base(c.Out))
		if err := os.WriteFile(filepath.Join(c.Out, sc.Name+".svg"), []byte(rep.Runs[0].Chart()), 0o644); err != nil {
			return fmt.Errorf("charts: %w", err)
		}
	}
	if !found {
		return Usagef("--only %q: there is no such test case", c.Only)
	}
	if c.Out != "" && c.Only == "" {
		if err := replaceFigures(c.Out+".md", doc.Bytes()); err != nil {
			return err
		}
	}
	if missed {
		return errMissed
	}
	return nil
}

// Marks around the figures in the document.
const (
	figuresBegin = "<!-- figures: made by switchyard bench bwe -->\n"
	figuresEnd   = "<!-- end of figures -->"
)

func replaceFigures(name string, figures []byte) error {
	b, err := os.ReadFile(name)
	if err != nil {
		return fmt.Errorf("figures: %w", err)
	}
	head, rest, ok := bytes.Cut(b, []byte(figuresBegin))
	_, tail, ok2 := bytes.Cut(rest, []byte(figuresEnd))
	if !ok || !ok2 {
		return fmt.Errorf("figures: %s lacks the marks %q and %q", name, figuresBegin, figuresEnd)
	}
	out := bytes.Join([][]byte{head, []byte(figuresBegin + "\n"), figures, []byte(figuresEnd), tail}, nil)
	return os.WriteFile(name, out, 0o644)
}
