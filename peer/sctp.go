package peer

// DataChannel is one WebRTC data channel (RFC 8831). Its methods may be called from any goroutine.
type DataChannel struct {
	Label, Protocol   string
	Ordered, Reliable bool
}

// DataChannelOptions describe a channel that we open.
type DataChannelOptions struct {
	Protocol       string
	Unordered      bool
	MaxRetransmits *uint16 // nil: reliable
}

// Send queues one message; it never blocks.
func (d *DataChannel) Send(b []byte, text bool) error { return ErrNotConnected }

// BufferedAmount returns the bytes that wait to be sent.
func (d *DataChannel) BufferedAmount() uint64 { return 0 }

// OnMessage has f called with each message, on the channel's own goroutine: while f runs no other
// message is taken and the other end is slowed down. b is valid during the call.
func (d *DataChannel) OnMessage(f func(b []byte, text bool)) {}

// OnClose has f called once when the channel ends, on the channel's own goroutine.
func (d *DataChannel) OnClose(f func()) {}

// Close closes the channel.
func (d *DataChannel) Close() error { return nil }

// OpenDataChannel opens a channel; messages may be sent at once.
func (l *Link) OpenDataChannel(label string, o DataChannelOptions) (*DataChannel, error) {
	return nil, ErrNotConnected
}
