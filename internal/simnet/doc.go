// Package simnet is a bad network for tests: latency, jitter, loss, reordering, duplication, a rate
// and a bounded queue, each per direction, drawn from a seed.
//
// A Network lies in memory: its hosts have net.PacketConns that never touch a socket. It uses time
// by package time alone, so that inside a testing/synctest bubble it runs on virtual time. A Relay
// stands between two real UDP sockets, such as a browser's and the server's, on machines whose
// kernel cannot delay packets.
//
// What a path does to its n-th datagram depends only on the seed, the two addresses and the sizes
// and times of what went before, not on other paths.
package simnet
