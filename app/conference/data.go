package conference

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"unicode/utf8"

	"switchyard/protocol"
	"switchyard/sfu"
)

// The DataChannels of the link to the server that are passed on.
const (
	reliable = "reliable"
	lossy    = "lossy"
)

// Bounds of a message on a DataChannel.
const (
	maxFrame  = 256 << 10
	maxHeader = 16 << 10
)

// dataHeader precedes the payload of a message on a DataChannel.
type dataHeader struct {
	To    []protocol.ParticipantID `json:"to,omitempty"`
	From  protocol.ParticipantID   `json:"from,omitempty"`
	Topic string                   `json:"topic"`
}

var errFrame = errors.New("conference: malformed data message")

// parseFrame splits a message: 2 bytes of header length, big-endian, the header, the payload.
func parseFrame(b []byte) (dataHeader, []byte, error) {
	if len(b) < 2 || len(b) > maxFrame {
		return dataHeader{}, nil, errFrame
	}
	n := int(binary.BigEndian.Uint16(b))
	if n > maxHeader || n > len(b)-2 || !utf8.Valid(b[2:2+n]) {
		return dataHeader{}, nil, errFrame
	}
	var h dataHeader
	if err := json.Unmarshal(b[2:2+n], &h); err != nil {
		return dataHeader{}, nil, errFrame
	}
	return h, b[2+n:], nil
}

// buildFrame is the inverse of parseFrame.
func buildFrame(h dataHeader, payload []byte) ([]byte, error) {
	head, err := json.Marshal(h)
	if err != nil || len(head) > maxHeader {
		return nil, errFrame
	}
	b := make([]byte, 2, 2+len(head)+len(payload))
	binary.BigEndian.PutUint16(b, uint16(len(head)))
	return append(append(b, head...), payload...), nil
}

// relay passes a message from one participant's DataChannel on to the others'.
func (a *actor) relay(l *link, e sfu.Data) {
	if l.closed || a.links[l.session] != l {
		return
	}
	h, payload, err := parseFrame(e.Payload)
	if err != nil || e.Label != reliable && e.Label != lossy {
		a.host.count.dataBad.Add(1)
		return
	}
	from, to, ok := a.room.Receivers(l.session, h.To)
	if !ok {
		a.host.count.dataBad.Add(1)
		a.room.Warn(l.session, protocol.Error{Code: protocol.CodeForbidden, Message: "Your token does not allow to send data. Ask for an invitation that does."})
		return
	}
	b, err := buildFrame(dataHeader{From: from, Topic: h.Topic}, payload)
	if err != nil {
		a.host.count.dataBad.Add(1)
		return
	}
	for _, id := range to {
		if other := a.links[id]; other != nil && other.media != nil {
			other.media.SendData(e.Label, b, false)
			a.host.count.dataRelayed.Add(1)
		}
	}
}
