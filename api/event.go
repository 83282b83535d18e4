package api

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"strconv"

	"switchyard/protocol"
)

// Event is what a webhook is told: something that happened in a room. Each comes at least once; the same
// id means the same event. Events of one room come in order.
type Event struct {
	ID string `json:"id"`
	// Type says what happened, and which of the fields below are there.
	Type string `json:"type" oneof:"server-started room-opened room-closed participant-joined participant-left track-published track-unpublished"`
	// At is in milliseconds since 1970.
	At   int64  `json:"at"`
	Room string `json:"room,omitempty"`
	// Participant joined or left, or published the track.
	Participant *protocol.Participant `json:"participant,omitempty"`
	Track       *protocol.Track       `json:"track,omitempty"`
	// Reason says why a participant left: "left", "lost" (its connection), "removed" or "closed" (the room).
	Reason string `json:"reason,omitempty" oneof:"left lost removed closed"`
}

// The types of Event.
const (
	ServerStarted     = "server-started" // all rooms that were open before are closed
	RoomOpened        = "room-opened"
	RoomClosed        = "room-closed"
	ParticipantJoined = "participant-joined"
	ParticipantLeft   = "participant-left"
	TrackPublished    = "track-published"
	TrackUnpublished  = "track-unpublished"
)

// EventTypes lists them.
var EventTypes = []string{ServerStarted, RoomOpened, RoomClosed, ParticipantJoined, ParticipantLeft, TrackPublished, TrackUnpublished}

// SignatureHeader of a webhook says when it was sent and proves who sent it:
//
//	Switchyard-Signature: t=1763850000,v1=5257a869…
//
// t is in seconds since 1970. v1 is the HMAC-SHA256 (RFC 2104) of t, a full stop and the body, in
// hexadecimal; there is one for each secret while secrets are being changed.
const SignatureHeader = "Switchyard-Signature"

// Sign returns the value of SignatureHeader.
func Sign(secrets [][]byte, unix int64, body []byte) string {
	value := "t=" + strconv.FormatInt(unix, 10)
	for _, secret := range secrets {
		value += ",v1=" + hex.EncodeToString(MAC(secret, unix, body))
	}
	return value
}

// MAC is the proof of one signature.
func MAC(secret []byte, unix int64, body []byte) []byte {
	h := hmac.New(sha256.New, secret)
	h.Write(strconv.AppendInt(nil, unix, 10))
	h.Write([]byte{'.'})
	h.Write(body)
	return h.Sum(nil)
}
