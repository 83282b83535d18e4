// Package protocol is the wire: the messages that clients and the server exchange as JSON over one
// WebSocket, and the types inside them. The TypeScript types of web/sdk are generated from this
// package with their comments. docs/protocol.md says when each message is sent.
package protocol

import "encoding/json"

//go:generate go run ./tsgen -o ../web/sdk/src/protocol.ts

// Version is the protocol's version: it stands in the path (/v1/) and in Welcome.
const Version = 1

// Subprotocol is the WebSocket subprotocol that both ends name.
const Subprotocol = "switchyard.v1"

// Envelope wraps every message in both directions.
type Envelope struct {
	// Type names the message, such as "join"; it decides the shape of Body.
	Type string `json:"type"`
	// ID numbers the requests of one side, from 1; 0 or absent where no answer is expected.
	ID uint64 `json:"id,omitempty"`
	// Re is the ID of the request that this message answers.
	Re uint64 `json:"re,omitempty"`
	// Seq numbers the messages of one direction within a session, from 1, without gaps. Messages
	// outside a session (ping, pong, resume and errors before a welcome) carry none.
	Seq uint64 `json:"seq,omitempty"`
	// Ack is the highest Seq that was received from the other side: it may forget up to there.
	Ack uint64 `json:"ack,omitempty"`
	// Body is the message of that type; absent when it has no fields.
	Body json.RawMessage `json:"body,omitempty"`
}

// The types of message. Client to server, then server to client; track, participant, signal and data go
// both ways.
const (
	TypeJoin        = "join"
	TypeResume      = "resume"
	TypePublish     = "publish"
	TypeUnpublish   = "unpublish"
	TypeTrack       = "track"
	TypeSubscribe   = "subscribe"
	TypeSignal      = "signal"
	TypeReport      = "report"
	TypeWatchLink   = "watch-link"
	TypeReady       = "ready"
	TypeData        = "data"
	TypeModerate    = "moderate"
	TypePing        = "ping"
	TypeLeave       = "leave"
	TypeWelcome     = "welcome"
	TypeJoined      = "joined"
	TypeLeft        = "left"
	TypeParticipant = "participant"
	TypePublished   = "published"
	TypeUnpublished = "unpublished"
	TypeSlots       = "slots"
	TypeNeedSlots   = "need-slots"
	TypeSpeakers    = "speakers"
	TypeRoom        = "room"
	TypeQuality     = "quality"
	TypeWanted      = "wanted"
	TypeBackup      = "backup"
	TypeLinkStats   = "link-stats"
	TypePlan        = "plan"
	TypeRestartICE  = "restart-ice"
	TypeICE         = "ice"
	TypeToken       = "token"
	TypeOK          = "ok"
	TypePong        = "pong"
	TypeError       = "error"
)

// ServerLink is the id of the link between a participant and the server.
const ServerLink = "server"

// ParticipantID names a participant within a room. It is the token's identity.
type ParticipantID string

// TrackID names a track within a room; the server makes it.
type TrackID string

// TrackSource says what a track shows.
type TrackSource string

// The sources of a track.
const (
	SourceCamera      TrackSource = "camera"
	SourceMicrophone  TrackSource = "microphone"
	SourceScreen      TrackSource = "screen"
	SourceScreenAudio TrackSource = "screen-audio"
	SourceFile        TrackSource = "file"
	SourceBridge      TrackSource = "bridge"
	SourceMix         TrackSource = "mix"
)

// TrackKind is "audio" or "video".
type TrackKind string

// The two kinds of track.
const (
	KindAudio TrackKind = "audio"
	KindVideo TrackKind = "video"
)

// Grants are what a token allows in its room.
type Grants struct {
	// Publish lists the sources that may be published; "*" allows all.
	Publish []string `json:"publish,omitempty"`
	// Subscribe allows to receive tracks.
	Subscribe bool `json:"subscribe,omitempty"`
	// Data allows to send data messages and to open links to other participants.
	Data bool `json:"data,omitempty"`
	// Moderate allows to mute and remove others and to make invitations.
	Moderate bool `json:"moderate,omitempty"`
	// Record allows to start and stop recordings.
	Record bool `json:"record,omitempty"`
	// Admin opens the admin API of the whole server; such a token names no room.
	Admin bool `json:"admin,omitempty"`
}

// Description is an SDP offer or answer.
type Description struct {
	// Type is "offer", "answer", "pranswer" or "rollback".
	Type string `json:"type" oneof:"offer answer pranswer rollback"`
	SDP  string `json:"sdp,omitempty"`
}

// Candidate is a trickled ICE candidate; an empty Candidate string ends them.
type Candidate struct {
	Candidate     string  `json:"candidate"`
	SDPMid        *string `json:"sdpMid,omitempty"`
	SDPMLineIndex *uint16 `json:"sdpMLineIndex,omitempty"`
	UsernameFrag  *string `json:"usernameFragment,omitempty"`
}

// ICEServer is a STUN or TURN server for one link, as RTCIceServer has it.
type ICEServer struct {
	URLs       []string `json:"urls"`
	Username   string   `json:"username,omitempty"`
	Credential string   `json:"credential,omitempty"`
}

// Participant is a person or program in a room, as the others see it.
type Participant struct {
	ID   ParticipantID `json:"id"`
	Name string        `json:"name,omitempty"`
	// Role is what the token's invitation said, such as "host", "guest", "viewer"; a label only.
	Role string `json:"role,omitempty"`
	// Attributes are free small strings that the participant set about itself.
	Attributes map[string]string `json:"attributes,omitempty"`
	// JoinedAt is in milliseconds since 1970.
	JoinedAt int64 `json:"joinedAt"`
	// Connected is false while its session waits to be resumed.
	Connected bool    `json:"connected"`
	Tracks    []Track `json:"tracks"`
}

// Track is one published audio or video stream.
type Track struct {
	ID          TrackID       `json:"id"`
	Participant ParticipantID `json:"participant"`
	Kind        TrackKind     `json:"kind"`
	Source      TrackSource   `json:"source"`
	// Label is the publisher's name for it, such as the device's or the window's title.
	Label string `json:"label,omitempty"`
	// Group joins tracks of one origin: a screen and its audio, a camera and its microphone.
	Group string `json:"group,omitempty"`
	Muted bool   `json:"muted,omitempty"`
	// Codec is the encoding name once media arrived, such as "VP8" or "opus"; a backup may have another.
	Codec string `json:"codec,omitempty"`
	// Width and Height are in pixels, 0 when not known.
	Width  int `json:"width,omitempty"`
	Height int `json:"height,omitempty"`
	// Layers are the simulcast layers that the publisher sends, best first.
	Layers []Layer `json:"layers,omitempty"`
	// BackupOf is only in what answers a Publish: this is a second encoding of that track.
	BackupOf TrackID `json:"backupOf,omitempty"`
}

// Layer is one simulcast encoding.
type Layer struct {
	RID    string `json:"rid"`
	Width  int    `json:"width,omitempty"`
	Height int    `json:"height,omitempty"`
	// MaxBitrate is in bits per second.
	MaxBitrate int `json:"maxBitrate,omitempty"`
}

// Slot is a receive position of a subscriber and what feeds it now.
type Slot struct {
	// MID is the m-line of the link to the server.
	MID  string    `json:"mid"`
	Kind TrackKind `json:"kind"`
	// Track feeds the slot; absent when nothing does.
	Track TrackID `json:"track,omitempty"`
	// Generation grows with each change of Track; messages of older generations are void.
	Generation uint32 `json:"generation"`
	// Timestamp is the RTP timestamp of the first frame of this generation; absent until it was
	// sent. A frame with an earlier timestamp belongs to an earlier generation.
	Timestamp *uint32 `json:"timestamp,omitempty"`
	// Paused says why nothing is sent although Track is set: "muted", "bandwidth", "codec"
	// (this subscriber cannot decode it), "no-media" (the publisher sends nothing); else absent.
	Paused string `json:"paused,omitempty" oneof:"muted bandwidth codec no-media"`
}

// Wish is a track that a subscriber wants, with the size it shows it at.
type Wish struct {
	Track TrackID `json:"track"`
	// Width and Height are in device pixels; 0 where it does not matter. Audio has none.
	Width  int `json:"width,omitempty"`
	Height int `json:"height,omitempty"`
	// Pinned puts it before everything that is not pinned.
	Pinned bool `json:"pinned,omitempty"`
}
