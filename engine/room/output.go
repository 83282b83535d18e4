package room

import (
	"switchyard/media"
	"switchyard/protocol"
)

// Output is something for the owner to do.
type Output interface{ output() }

// Send gives a message to a WebSocket.
type Send struct {
	Conn     Conn
	Envelope protocol.Envelope
}

// Hangup closes a WebSocket once what was sent before has left. It brings no Disconnect.
type Hangup struct{ Conn Conn }

// AnswerOffer asks for the answer to an offer of the session's link to the server, which is made by
// the first one. The owner calls Answered.
type AnswerOffer struct {
	Session ID
	Ticket  uint64
	SDP     string
}

// CloseLink ends the session's link to the server, if it has one.
type CloseLink struct{ Session ID }

// PublishTrack binds an m-line of the session's link to a track, or to a backup of one. If that fails the
// owner calls TrackFailed.
type PublishTrack struct {
	Session ID
	MID     string
	Track   protocol.TrackID
	// Formats are what the m-line can send.
	Formats []media.Format
	// BackupOf is the track of which it is a second encoding, in Codec; "" for a track.
	BackupOf protocol.TrackID
	Codec    media.Codec
}

// UnpublishTrack ends a track, or a backup.
type UnpublishTrack struct {
	Session ID
	Track   protocol.TrackID
}

// WatchLink says that a session wants to know once a second how its link to the server does, or no more.
// The owner calls LinkStats.
type WatchLink struct {
	Session ID
	On      bool
}

// ParticipantJoined, ParticipantLeft, TrackPublished and TrackUnpublished tell those outside of the room
// what happened in it. A session that takes the place of another is no coming and going.
type ParticipantJoined struct{ Participant protocol.Participant }

// ParticipantLeft has the reason that the others are told, or "closed" where the room was closed.
type ParticipantLeft struct {
	Participant protocol.Participant
	Reason      string
}

// TrackPublished says that a track began.
type TrackPublished struct{ Track protocol.Track }

// TrackUnpublished says that it ended.
type TrackUnpublished struct{ Track protocol.Track }

func (ParticipantJoined) output() {}
func (ParticipantLeft) output()   {}
func (TrackPublished) output()    {}
func (TrackUnpublished) output()  {}
func (Send) output()              {}
func (Hangup) output()            {}
func (AnswerOffer) output()       {}
func (CloseLink) output()         {}
func (PublishTrack) output()      {}
func (UnpublishTrack) output()    {}
func (WatchLink) output()         {}

// Line is one m-line of a session's link to the server, as answered.
type Line struct {
	MID  string
	Kind media.Kind
	// Recv: the participant sends on it. Send: it is a slot.
	Recv, Send bool
	// Pair is the stream id that an audio and a video slot share.
	Pair string
	// Formats are those that were agreed on, the most wanted first.
	Formats []media.Format
}

// Answer is what became of an AnswerOffer.
type Answer struct {
	SDP   string
	Lines []Line // all m-lines that carry media
	Err   *protocol.Error
}
