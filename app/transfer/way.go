package transfer

import "context"

// Lane carries ordered, reliable messages both ways, each of 1 to piece.MaxMessage bytes. Send and Receive may be called at the
// same time, but each by one goroutine at a time.
type Lane interface {
	// Send sends one message, which is copied or written when it returns. It waits while the way is full.
	Send(ctx context.Context, m []byte) error
	// Receive gives the next message, valid until the next Receive; io.EOF when the other end closed.
	Receive(ctx context.Context) ([]byte, error)
	Close() error
}

// Way is one connection between the two ends of a transfer. It ends with its network; the transfer goes on on the next one.
type Way interface {
	Open(ctx context.Context) (Lane, error)   // the sender's side; the first is lane 0
	Accept(ctx context.Context) (Lane, error) // the receiver's side, lane 0 first
	Lanes() int                               // how many are worth opening
	Kind() string                             // "quic", "datachannel" or "relay"
	Direct() bool
	Close() error
}
