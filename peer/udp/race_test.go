//go:build race

package udp

// raceEnabled: the race detector has sync.Pool forget at random, which allocates.
const raceEnabled = true
