package udp

import (
	"net/netip"
	"time"
)

// Socket is a UDP socket.
type Socket struct{}

// Listen opens a socket on addr; an unspecified IPv6 address takes IPv4 too.
func Listen(addr netip.AddrPort, o Options) (*Socket, error) { return nil, nil }

// LocalAddr returns the address that the socket is bound to.
func (s *Socket) LocalAddr() netip.AddrPort { return netip.AddrPort{} }

// ReadBatch waits for datagrams until deadline (zero: for ever).
func (s *Socket) ReadBatch(d []Datagram, deadline time.Time) (int, error) { return 0, nil }

// Wake has the pending or the next ReadBatch return at once.
func (s *Socket) Wake() {}

// WriteTo sends one datagram.
func (s *Socket) WriteTo(b []byte, to netip.AddrPort, from netip.Addr) error { return nil }

// Stats returns the counters.
func (s *Socket) Stats() Stats { return Stats{} }

// Close closes the socket.
func (s *Socket) Close() error { return nil }

// Writer queues datagrams of one socket.
type Writer struct{}

// NewWriter returns a writer; one goroutine owns it.
func (s *Socket) NewWriter() *Writer { return &Writer{} }

// Reserve returns at least n bytes.
func (w *Writer) Reserve(n int) []byte { return nil }

// Commit queues the first n bytes of what Reserve returned last.
func (w *Writer) Commit(to netip.AddrPort, from netip.Addr, n int) {}

// Flush sends what is queued.
func (w *Writer) Flush() {}
