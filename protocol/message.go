package protocol

import "encoding/json"

// ---- Client to server ----

// Join enters the room that the token and the path name. Answer: Welcome or Error.
type Join struct {
	Name         string            `json:"name,omitempty"`
	Attributes   map[string]string `json:"attributes,omitempty"`
	Capabilities Capabilities      `json:"capabilities"`
	// Offer is the first offer of the link to the server; saves a round trip. Optional.
	Offer *Description `json:"offer,omitempty"`
}

// Capabilities are what a client can do, so that the server plans with it.
type Capabilities struct {
	// SDK is the client's name and version, such as "web/0.1".
	SDK string `json:"sdk,omitempty"`
	// Transports lists bulk transports of a link beyond DataChannels, such as "quic".
	Transports []string `json:"transports,omitempty"`
}

// Resume continues a session on a new WebSocket within 30 seconds. Envelope.Ack says what was
// received; the server replays what came later. Answer: Welcome with Resumed, or Error
// "session-unknown", after which the client joins anew.
type Resume struct {
	Session string `json:"session"`
}

// Publish names media that the client sends. Answer: Published with the tracks made.
type Publish struct {
	Tracks []PublishTrack `json:"tracks"`
}

// PublishTrack binds a send position of the link to the server to a track.
type PublishTrack struct {
	// MID is the m-line that sends it.
	MID    string      `json:"mid"`
	Kind   TrackKind   `json:"kind"`
	Source TrackSource `json:"source"`
	Label  string      `json:"label,omitempty"`
	Group  string      `json:"group,omitempty"`
	Muted  bool        `json:"muted,omitempty"`
	Width  int         `json:"width,omitempty"`
	Height int         `json:"height,omitempty"`
	Layers []Layer     `json:"layers,omitempty"`
	// BackupOf makes it no track of its own but a second encoding of that one, as a Backup asks for.
	BackupOf TrackID `json:"backupOf,omitempty"`
	// Codec is what it is encoded in; of a backup alone.
	Codec string `json:"codec,omitempty"`
}

// Unpublish ends tracks of the sender. Answer: OK.
type Unpublish struct {
	Tracks []TrackID `json:"tracks"`
}

// TrackUpdate changes a track of the sender; absent fields stay. The server sends the same message
// to the others. Answer to the sender: OK.
type TrackUpdate struct {
	Track  TrackID `json:"track"`
	Muted  *bool   `json:"muted,omitempty"`
	Label  *string `json:"label,omitempty"`
	Width  *int    `json:"width,omitempty"`
	Height *int    `json:"height,omitempty"`
	Codec  *string `json:"codec,omitempty"`
	Layers []Layer `json:"layers,omitempty"`
}

// Subscribe replaces the sender's wishes. Without Auto only the wished tracks are sent, those that
// find a slot, in the order given after the pinned; with Auto what is left over of the slots goes to
// the other tracks, speakers first. A session starts with Auto and no wishes. Answer: OK.
type Subscribe struct {
	Wishes []Wish `json:"wishes"`
	Auto   bool   `json:"auto,omitempty"`
	// Sound gives everyone's audio as Auto does, but only the video that is wished: what a client
	// shows is what it gets.
	Sound bool `json:"sound,omitempty"`
	// Playout is what the pictures are wanted for: "immediate" shows each as soon as it is whole, "smooth"
	// keeps them for 0.2 to 1 s, so that jitter and repairs do not show. Absent: as the receiver likes.
	Playout string `json:"playout,omitempty" oneof:"smooth immediate"`
}

// Signal carries a description or a candidate of one link. For the link to the server the client
// offers and the server answers with a Signal whose Envelope.Re is the offer's. A link between
// participants is named by who opens it; the server sets From and passes it on, and both ends use
// perfect negotiation, the one with the greater participant id being polite.
type Signal struct {
	// Link is "server", or a name chosen by the participant that opens the link.
	Link string `json:"link"`
	// To is the participant at the other end, absent for the server.
	To ParticipantID `json:"to,omitempty"`
	// From is set by the server.
	From        ParticipantID `json:"from,omitempty"`
	Description *Description  `json:"description,omitempty"`
	Candidate   *Candidate    `json:"candidate,omitempty"`
	// Transports lists the bulk transports that the sender offers or accepts on this link. Without a description it
	// takes the place of what the last one listed.
	Transports []string `json:"transports,omitempty"`
	// WebTransport is where the sender answers it, beside a description with that transport.
	WebTransport *WebTransport `json:"webTransport,omitempty"`
	// Close ends the link.
	Close bool `json:"close,omitempty"`
	// Sealed holds the five above in the place of them, encrypted between the two participants: base64url
	// (docs/transfer.md).
	Sealed string `json:"sealed,omitempty"`
}

// WebTransport is a server for the other end of a link only, at the addresses of the sender's ICE candidates; its certificate is
// the one that the description names.
type WebTransport struct {
	Port int    `json:"port"`
	Path string `json:"path"` // a secret
}

// Report tells the server what a participant measured. No answer.
type Report struct {
	// Uplink and Downlink are estimates in bits per second, 0 when not known.
	Uplink   int `json:"uplink,omitempty"`
	Downlink int `json:"downlink,omitempty"`
	// Loss is the share of packets lost since the last report, 0 to 1.
	Loss float64 `json:"loss,omitempty"`
	// RTT is in milliseconds.
	RTT float64 `json:"rtt,omitempty"`
	// CPU is the pressure: "nominal", "fair", "serious" or "critical".
	CPU string `json:"cpu,omitempty" oneof:"nominal fair serious critical"`
	// Battery is the charge, 0 to 1, while discharging.
	Battery *float64 `json:"battery,omitempty"`
	// Links says of each link between participants whether it is up, by link name.
	Links map[string]string `json:"links,omitempty"`
	// Freezes counts frozen pictures since the last report.
	Freezes int `json:"freezes,omitempty"`
}

// Ready says that the new links of a plan carry media for the sender. No answer.
type Ready struct {
	Epoch uint64 `json:"epoch"`
}

// Data is a small message to others in the room, at most 64 KiB. The server sets From and passes it
// on in order. Answer to the sender: OK when it was passed on.
type Data struct {
	// To lists the receivers; empty means everyone else.
	To   []ParticipantID `json:"to,omitempty"`
	From ParticipantID   `json:"from,omitempty"`
	// Topic tells applications apart, such as "chat".
	Topic   string          `json:"topic"`
	Payload json.RawMessage `json:"payload"`
	// At is set by the server, in milliseconds since 1970.
	At int64 `json:"at,omitempty"`
}

// Moderate acts on another participant. It needs the moderate grant. Answer: OK.
type Moderate struct {
	// Action is "mute" (a track), "remove" (a participant) or "close" (the room).
	Action      string        `json:"action" oneof:"mute remove close"`
	Participant ParticipantID `json:"participant,omitempty"`
	Track       TrackID       `json:"track,omitempty"`
	Reason      string        `json:"reason,omitempty"`
}

// Ping asks for a Pong; send one every 10 seconds when nothing else was sent.
type Ping struct {
	// Time is copied into the Pong.
	Time float64 `json:"time,omitempty"`
}

// Leave ends the session. Answer: OK, then the server closes the WebSocket.
type Leave struct{}

// ---- Server to client ----

// Welcome opens or continues a session.
type Welcome struct {
	Version int    `json:"version"`
	Server  string `json:"server"`
	Room    string `json:"room"`
	// Session continues this session in a Resume; keep it secret.
	Session string `json:"session"`
	// Resumed: the session went on, what was missed follows; Participants is absent.
	Resumed bool `json:"resumed,omitempty"`
	// Replaced: an older session of the same identity was connected and has been ended.
	Replaced bool          `json:"replaced,omitempty"`
	You      ParticipantID `json:"you"`
	Grants   Grants        `json:"grants"`
	// Participants are those in the room, you among them.
	Participants []Participant `json:"participants,omitempty"`
	// Metadata is what the API keeps about the room; also where Resumed.
	Metadata map[string]string `json:"metadata,omitempty"`
	// Answer answers Join.Offer.
	Answer *Description `json:"answer,omitempty"`
	// ICEServers are for the link to the server.
	ICEServers []ICEServer `json:"iceServers,omitempty"`
	// LinkICEServers are for links between participants.
	LinkICEServers []ICEServer `json:"linkIceServers,omitempty"`
	Limits         Limits      `json:"limits"`
}

// Limits are what the server allows a session.
type Limits struct {
	// MessageBytes is the largest WebSocket message.
	MessageBytes int `json:"messageBytes"`
	// DataBytes is the largest Data.Payload.
	DataBytes    int `json:"dataBytes"`
	Tracks       int `json:"tracks"`
	Participants int `json:"participants"`
	// ResumeSeconds is how long a dropped session waits.
	ResumeSeconds int `json:"resumeSeconds"`
}

// RoomUpdate says what changed about the room.
type RoomUpdate struct {
	// Metadata is all that there is now.
	Metadata map[string]string `json:"metadata"`
}

// Joined says that someone came.
type Joined struct {
	Participant Participant `json:"participant"`
}

// Left says that someone went.
type Left struct {
	Participant ParticipantID `json:"participant"`
	// Reason is "left", "lost" (the session was not resumed), "replaced" or "removed".
	Reason string `json:"reason" oneof:"left lost replaced removed"`
}

// ParticipantUpdate says what changed about someone; absent fields stay. A client sends it with
// Attributes alone, those to be set; an empty string takes one away. It is for the sender's own, and
// with the moderate grant for anyone's. Everyone is then told all attributes of the participant.
// Answer to the sender: OK.
type ParticipantUpdate struct {
	Participant ParticipantID     `json:"participant"`
	Name        *string           `json:"name,omitempty"`
	Role        *string           `json:"role,omitempty"`
	Attributes  map[string]string `json:"attributes,omitzero"`
	Connected   *bool             `json:"connected,omitempty"`
	// Grants are what the participant may do from now on; only it is told.
	Grants *Grants `json:"grants,omitempty"`
}

// Published says that there are new tracks; it is also the answer to Publish.
type Published struct {
	Tracks []Track `json:"tracks"`
}

// Unpublished says that tracks ended. Left ends all tracks of a participant without it.
type Unpublished struct {
	Tracks []TrackID `json:"tracks"`
}

// Slots says what feeds the receiver's slots: only the slots that changed.
type Slots struct {
	Slots []Slot `json:"slots"`
}

// NeedSlots says that more tracks are wished than there are slots: the client may offer more.
type NeedSlots struct {
	Audio int `json:"audio"`
	Video int `json:"video"`
}

// Speakers lists who speaks now, loudest first.
type Speakers struct {
	Speakers []Speaker `json:"speakers"`
}

// Speaker is one who speaks.
type Speaker struct {
	Participant ParticipantID `json:"participant"`
	Track       TrackID       `json:"track"`
	// Level is 0 (silence) to 1 (loudest).
	Level float64 `json:"level"`
}

// Quality tells how participants' connections do.
type Quality struct {
	Participants []ParticipantQuality `json:"participants"`
}

// ParticipantQuality is the connection of one participant.
type ParticipantQuality struct {
	Participant ParticipantID `json:"participant"`
	// Quality is "good", "fair", "poor" or "lost".
	Quality string `json:"quality" oneof:"good fair poor lost"`
	// Loss is the share of packets lost on the way to the server, 0 to 1.
	Loss float64 `json:"loss,omitempty"`
	// RTT is in milliseconds.
	RTT float64 `json:"rtt,omitempty"`
}

// Wanted tells a publisher which encodings of its tracks somebody needs: only what changed. It may stop
// encoding the others, and must send again, beginning with a keyframe, what is named once more. Everything
// is wanted until a first Wanted says otherwise.
type Wanted struct {
	Tracks []WantedTrack `json:"tracks"`
}

// WantedTrack is what somebody needs of one track.
type WantedTrack struct {
	Track TrackID `json:"track"`
	// None: nobody receives the track at all.
	None bool `json:"none,omitempty"`
	// Layers are the simulcast layers that somebody receives, by RID; absent for all of them.
	Layers []string `json:"layers,omitempty"`
}

// Backup asks the publisher of a video track to send the same picture in another codec as well, for
// somebody who cannot decode the track. It does so on an m-line of its own, by a Publish with BackupOf, or
// not at all where it cannot. What is needed of it a Wanted for the backup's own id says. No answer; it may come again.
type Backup struct {
	Track TrackID `json:"track"`
	// Codec is the encoding name, such as "VP8".
	Codec string `json:"codec"`
}

// Plan is the receiver's part of the room's plan: the links it shall have. Epoch grows; a client
// ignores a plan whose epoch is not greater than the last.
type Plan struct {
	Epoch uint64 `json:"epoch"`
	// Shape is "direct", "mesh", "hybrid", "sfu" or "mcu".
	Shape string     `json:"shape" oneof:"direct mesh hybrid sfu mcu"`
	Links []PlanLink `json:"links"`
}

// PlanLink is one link of a plan.
type PlanLink struct {
	Link string `json:"link"`
	// Peer is absent for the link to the server.
	Peer ParticipantID `json:"peer,omitempty"`
	// Tracks are those of the receiver that flow over this link.
	Tracks []TrackID `json:"tracks,omitempty"`
}

// RestartICE asks the client to offer again on a link with new ICE credentials.
type RestartICE struct {
	Link string `json:"link"`
}

// ICE brings fresh ICE servers for the link to the server, for another link, or, where Link is empty, for
// all links between participants.
type ICE struct {
	Link       string      `json:"link"`
	ICEServers []ICEServer `json:"iceServers"`
}

// Token brings a token with a later expiry: use it at the next connection.
type Token struct {
	Token string `json:"token"`
}

// OK answers a request that has no other answer.
type OK struct{}

// Pong answers Ping.
type Pong struct {
	Time float64 `json:"time,omitempty"`
}

// Error answers a request that failed, or says why the session ends.
type Error struct {
	// Code is one of the Code constants.
	Code string `json:"code" oneof:"Code*"`
	// Message is one sentence for a person that says what to do.
	Message string `json:"message"`
	// Retryable: the same request may succeed later.
	Retryable bool `json:"retryable"`
	// Fatal: the session is over and the WebSocket will be closed.
	Fatal bool `json:"fatal,omitempty"`
}

// The codes of Error.
const (
	CodeBadMessage     = "bad-message"  // not JSON, unknown type, missing field, too large
	CodeUnauthorized   = "unauthorized" // token absent, malformed, expired, for another room
	CodeForbidden      = "forbidden"    // the grants do not allow it
	CodeNotFound       = "not-found"    // room, participant, track or link unknown
	CodeRoomFull       = "room-full"
	CodeLimit          = "limit"    // too many tracks, messages or bytes
	CodeReplaced       = "replaced" // the same identity joined again elsewhere
	CodeRemoved        = "removed"  // by a moderator
	CodeRoomClosed     = "room-closed"
	CodeSessionUnknown = "session-unknown" // cannot be resumed: join anew
	CodeBadOffer       = "bad-offer"       // the SDP cannot be answered; Message says why
	CodeShuttingDown   = "shutting-down"
	CodeInternal       = "internal"
)
