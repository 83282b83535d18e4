package server

import "encoding/binary"

// protocolKind is what the first bytes of a TCP connection on the media port announce.
type protocolKind uint8

const (
	garbage protocolKind = iota
	httpPlain
	tlsHello
	iceFramed  // STUN in RFC 4571 framing: ICE-TCP (RFC 6544)
	stunStream // STUN without framing: TURN over TCP (RFC 8656)
	kinds
)

var kindNames = [kinds]string{"garbage", "http", "tls", "ice", "turn"}

func (k protocolKind) String() string { return kindNames[k] }

// classifyBytes is how many first bytes classify needs: every protocol of the port sends more before
// it waits for an answer.
const classifyBytes = 10

const magicCookie = 0x2112A442 // RFC 8489 §5

// classify tells the protocols of the media port apart by their first classifyBytes bytes.
//
// Both kinds of STUN can begin with 0x00, and a frame's length can look like a TLS record's type, so
// the magic cookie is looked at first: no ClientHello (RFC 8446 §4, its byte 5 is 1) and no HTTP
// request (ASCII) can have it there.
func classify(b []byte) protocolKind {
	if len(b) < classifyBytes {
		return garbage
	}
	b = b[:classifyBytes]
	switch {
	case binary.BigEndian.Uint32(b[6:]) == magicCookie && b[2]&0xC0 == 0 && binary.BigEndian.Uint16(b) >= 20:
		return iceFramed
	case binary.BigEndian.Uint32(b[4:]) == magicCookie && b[0]&0xC0 == 0:
		return stunStream
	case b[0] == 0x16 && b[1] == 3: // handshake record, TLS 1.x (RFC 8446 §5.1)
		return tlsHello
	case beginsRequest(b):
		return httpPlain
	}
	return garbage
}

// beginsRequest reports whether b is the beginning of an HTTP request line: a method in capitals
// (RFC 9110 §9.1), a space, and a target.
func beginsRequest(b []byte) bool {
	for i, c := range b {
		switch {
		case c == ' ':
			return i >= 3 && i+1 < len(b) && (b[i+1] == '/' || b[i+1] == '*' || b[i+1] == 'h')
		case c < 'A' || c > 'Z':
			return false
		}
	}
	return false
}
