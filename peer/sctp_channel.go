package peer

import (
	"errors"
	"io"
	"sync"

	"github.com/pion/datachannel"
)

const (
	smallMessage = 4 << 10  // a channel's buffer at first
	keepMessage  = 64 << 10 // a larger buffer is given up after use
)

// DataChannel is one WebRTC data channel (RFC 8831). Its methods may be called from any goroutine.
type DataChannel struct {
	Label, Protocol   string
	Ordered, Reliable bool

	a  *association
	dc *datachannel.DataChannel

	mu        sync.Mutex
	onMessage func(b []byte, text bool) // guarded by mu
	onClose   func()                    // guarded by mu
	closed    bool                      // guarded by mu: Close was called, or it ended
	ended     bool                      // guarded by mu: the reading goroutine has ended
}

func newDataChannel(a *association, dc *datachannel.DataChannel) *DataChannel {
	t := dc.ChannelType
	return &DataChannel{
		Label: dc.Label, Protocol: dc.Protocol,
		Ordered:  t&datachannel.ChannelTypeReliableUnordered == 0,
		Reliable: t&^datachannel.ChannelTypeReliableUnordered == datachannel.ChannelTypeReliable,
		a:        a, dc: dc,
	}
}

// Send queues one message; it never blocks. ErrBufferFull says that the other end does not keep up,
// ErrMessageTooBig that it would not take so large a message, ErrClosed that the channel is gone. It
// keeps no reference to b.
func (d *DataChannel) Send(b []byte, text bool) error {
	d.mu.Lock()
	closed := d.closed
	d.mu.Unlock()
	limit := d.a.link.cfg.MaxBuffered
	switch {
	case closed:
		return ErrClosed
	case len(b) > d.a.maxSize:
		return ErrMessageTooBig
	case d.dc.BufferedAmount()+uint64(len(b)) > limit,
		uint64(d.a.sctp.BufferedAmount()+len(b)) > linkBuffered*limit:
		return ErrBufferFull
	}
	if _, err := d.dc.WriteDataChannel(b, text); err != nil {
		return ErrClosed // the association or the stream has ended meanwhile
	}
	return nil
}

// BufferedAmount returns the bytes that wait to be sent.
func (d *DataChannel) BufferedAmount() uint64 { return d.dc.BufferedAmount() }

// OnMessage has f called with each message, on the channel's own goroutine: while f runs no other
// message is taken and the other end is slowed down. b is valid during the call.
func (d *DataChannel) OnMessage(f func(b []byte, text bool)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.onMessage = f
}

// OnClose has f called once when the channel ends, on the channel's own goroutine; at once when it
// has ended already.
func (d *DataChannel) OnClose(f func()) {
	d.mu.Lock()
	ended := d.ended
	d.onClose = f
	d.mu.Unlock()
	if ended && f != nil {
		f()
	}
}

// Close closes the channel (RFC 8831 §6.7).
func (d *DataChannel) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return nil
	}
	d.closed = true
	return d.dc.Close()
}

// read takes messages until the channel ends.
func (d *DataChannel) read() {
	b := make([]byte, smallMessage)
	for {
		n, text, err := d.dc.ReadDataChannel(b)
		if errors.Is(err, io.ErrShortBuffer) {
			if len(b) >= int(d.a.link.cfg.MaxMessageSize) {
				break // it was told what we take
			}
			b = make([]byte, min(4*len(b), int(d.a.link.cfg.MaxMessageSize)))
			continue
		}
		if err != nil {
			break
		}
		d.mu.Lock()
		f := d.onMessage
		d.mu.Unlock()
		if f != nil {
			f(b[:n], text)
		}
		if len(b) > keepMessage {
			b = make([]byte, smallMessage)
		}
	}
	d.end()
}

func (d *DataChannel) end() {
	_ = d.Close()
	d.mu.Lock()
	d.ended = true
	f := d.onClose
	d.mu.Unlock()
	if f != nil {
		f()
	}
}
