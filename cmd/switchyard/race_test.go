//go:build race

package main

// mostMemory is what sending and receiving may take, in bytes: the race detector keeps several words for each.
const mostMemory = 500 << 20
