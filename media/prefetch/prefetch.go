//go:build amd64 || arm64

// Package prefetch asks the processor for memory before it is needed. A server of many links touches each of
// them seldom: what stands in a link is in no near cache then, and loads that depend on each other wait one after
// the other, 100 to 300 ns each. Loops over many links ask for what the next ones need while they work on this one.
package prefetch

import "unsafe"

// Line is the size of what is fetched at once, in bytes.
const Line = 64

// Lines fetches n cache lines from the one that holds p on. Nothing else happens, whatever stands at p: it may be
// nil or point at what is gone.
//
//go:noescape
func Lines(p unsafe.Pointer, n int)
