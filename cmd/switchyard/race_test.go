//go:build race

package main

// mostMemory is what sending and receiving may take, in bytes: the race detector keeps several words for each. The binary
// as it is shipped is held to 100 MB by a scenario.
const mostMemory = 500 << 20
