package client

import (
	"encoding/binary"
	"encoding/json"
	"errors"

	"github.com/pion/webrtc/v4"

	"switchyard/protocol"
)

// The labels of the two DataChannels to the server.
const (
	reliableLabel = "reliable"
	lossyLabel    = "lossy"
)

// The errors of packets.
var (
	ErrNotOpen   = errors.New("client: the DataChannel is not open")
	ErrBadPacket = errors.New("client: malformed packet on a DataChannel")
	errHeader    = errors.New("client: too many receivers or too long a topic")
)

// Packet is a message of a DataChannel that the server passes on.
type Packet struct {
	From     protocol.ParticipantID   // set by the server
	To       []protocol.ParticipantID // when sending; none means everyone else
	Topic    string
	Payload  []byte
	Reliable bool // ordered and repeated, or neither
}

// packetHeader stands before the payload, as JSON behind its length in two bytes, big endian.
type packetHeader struct {
	To    []protocol.ParticipantID `json:"to,omitempty"`
	From  protocol.ParticipantID   `json:"from,omitempty"`
	Topic string                   `json:"topic"`
}

func encodePacket(p Packet) ([]byte, error) {
	h, err := json.Marshal(packetHeader{To: p.To, From: p.From, Topic: p.Topic})
	if err != nil {
		return nil, err
	}
	if len(h) > 0xffff {
		return nil, errHeader
	}
	b := binary.BigEndian.AppendUint16(make([]byte, 0, 2+len(h)+len(p.Payload)), uint16(len(h)))
	return append(append(b, h...), p.Payload...), nil
}

func decodePacket(b []byte) (Packet, error) {
	if len(b) < 2 {
		return Packet{}, ErrBadPacket
	}
	n := 2 + int(binary.BigEndian.Uint16(b))
	if n > len(b) {
		return Packet{}, ErrBadPacket
	}
	var h packetHeader
	if err := json.Unmarshal(b[2:n], &h); err != nil {
		return Packet{}, errors.Join(ErrBadPacket, err)
	}
	return Packet{From: h.From, To: h.To, Topic: h.Topic, Payload: b[n:]}, nil
}

// SendPacket sends a message over a DataChannel of the link to the server. ErrNotOpen until the
// channel is there, and while a new session begins.
func (c *Client) SendPacket(p Packet) error {
	b, err := encodePacket(p)
	if err != nil {
		return err
	}
	c.mu.Lock()
	link := c.link
	c.mu.Unlock()
	if link == nil {
		return ErrNotOpen
	}
	channel := link.lossy
	if p.Reliable {
		channel = link.reliable
	}
	if channel == nil || channel.ReadyState() != webrtc.DataChannelStateOpen {
		return ErrNotOpen
	}
	return channel.Send(b)
}

// openData makes the two channels; the offer carries an application m-line because of them.
func (l *serverLink) openData() error {
	var err error
	if l.reliable, err = l.pc.CreateDataChannel(reliableLabel, nil); err != nil {
		return err
	}
	unordered, none := false, uint16(0)
	init := &webrtc.DataChannelInit{Ordered: &unordered, MaxRetransmits: &none}
	if l.lossy, err = l.pc.CreateDataChannel(lossyLabel, init); err != nil {
		return err
	}
	l.reliable.OnMessage(func(m webrtc.DataChannelMessage) { l.packet(m.Data, true) })
	l.lossy.OnMessage(func(m webrtc.DataChannelMessage) { l.packet(m.Data, false) })
	return nil
}

func (l *serverLink) packet(b []byte, reliable bool) {
	p, err := decodePacket(b)
	if err != nil {
		l.c.log.Debug("packet dropped", "error", err)
		return
	}
	p.Reliable = reliable
	if f := l.c.o.Events.Packet; f != nil {
		l.c.event(func() { f(p) })
	}
}
