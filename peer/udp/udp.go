// Package udp is a UDP socket for one owner that reads and writes datagrams in batches without
// allocating: recvmmsg and sendmmsg, generic segmentation offload (UDP_SEGMENT), and the local
// address of each datagram both ways (IPV6_RECVPKTINFO, RFC 3542 §6), so that an answer leaves from
// the address that was asked. Where the kernel has none of these, the same API sends one by one.
package udp

import (
	"errors"
	"net/netip"
)

// Limits of one GSO message. The kernel takes 64 segments; 54 of 1200 bytes are just below the
// 65,507 bytes that a UDP message may have.
const (
	maxSegments   = 54
	maxGSOPayload = 65000
)

// MaxBatch is the largest number of datagrams that one ReadBatch returns.
const MaxBatch = 64

// Errors of WriteTo.
var (
	ErrTooLong = errors.New("udp: datagram too long")
	ErrFull    = errors.New("udp: send buffer full")
)

// Options of a socket. The zero value works.
type Options struct {
	ReusePort bool // SO_REUSEPORT: several sockets share the port, the kernel spreads the senders
	Buffer    int  // bytes of the kernel's buffers, each way; 0 means 4 MB

	NoGSO  bool // never use UDP_SEGMENT
	NoMmsg bool // one system call per message
	NoSlow bool // of ListenGroup: read everything at once
}

const defaultBuffer = 4 << 20

// Datagram is a place for one received datagram.
type Datagram struct {
	Buf  []byte         // set by the caller; a longer datagram is dropped
	N    int            // length of what was received, 0 for a dropped one
	From netip.AddrPort // who sent it; IPv4 is never in its IPv6-mapped form
	To   netip.Addr     // our address that it was sent to; invalid where the system does not tell
}
