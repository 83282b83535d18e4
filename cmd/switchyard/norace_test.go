//go:build !race

package main

// mostMemory is what sending and receiving may take, in bytes, whatever the size of the files.
const mostMemory = 100 << 20
