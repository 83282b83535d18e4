package main

import (
	"fmt"
	"io"
	"os"

	"golang.org/x/term"
)

// status is one line on a terminal that is written over; it is silent elsewhere.
type status struct {
	out   io.Writer
	shown bool
}

func newStatus(w io.Writer) *status {
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		return &status{out: w}
	}
	return &status{out: io.Discard}
}

func (s *status) show(line string) {
	s.shown = true
	fmt.Fprintf(s.out, "\r\x1b[K%s", line)
}

// clear removes the line, so that something else can be printed.
func (s *status) clear() {
	if s.shown {
		fmt.Fprint(s.out, "\r\x1b[K")
		s.shown = false
	}
}

func (s *status) end() {
	if s.shown {
		fmt.Fprintln(s.out)
	}
}
