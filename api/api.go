// Package api is the wire of the server's HTTP API: the types of its JSON, the table of its routes, and
// the signature of webhooks. The server routes by the table, client/admin calls by it, and
// docs/openapi.json is generated from both types and table, with their comments.
package api

import (
	"encoding/json"
	"time"

	"switchyard/protocol"
)

//go:generate go run ./openapigen -o ../docs/openapi.json

// Room is a room: open now, or kept by the server with options, or both.
type Room struct {
	Room string `json:"room"`
	// Open: somebody is in it, or was a moment ago.
	Open bool `json:"open"`
	// OpenedAt is in milliseconds since 1970; absent while it is not open.
	OpenedAt int64 `json:"openedAt,omitempty"`
	// Kept: the server keeps options for the room, whether it is open or not.
	Kept         bool `json:"kept"`
	Participants int  `json:"participants"`
	// Viewers watch by WHEP and are no participants.
	Viewers int `json:"viewers"`
	Tracks  int `json:"tracks"`
	// Options are those that hold, from all that gives some; KeptOptions those that the API gave.
	Options     protocol.RoomOptions `json:"options"`
	KeptOptions protocol.RoomOptions `json:"keptOptions"`
}

// RoomList is a page of rooms, by name.
type RoomList struct {
	Rooms []Room `json:"rooms"`
	// Next is the value of after for the next page; absent on the last.
	Next string `json:"next,omitempty"`
}

// CreateRoom asks for a room that is kept, with options.
type CreateRoom struct {
	// Room is its name: 1 to 64 letters, digits, '-', '_' or '.'; absent: the server makes one.
	Room    string               `json:"room,omitempty"`
	Options protocol.RoomOptions `json:"options,omitzero"`
}

// Participant is somebody in a room, with what it may do.
type Participant struct {
	protocol.Participant
	Grants protocol.Grants `json:"grants"`
	// Quality is how its connection does: "good", "fair" or "poor"; absent where it has not said.
	Quality string `json:"quality,omitempty"`
}

// ParticipantList is a page of participants, by id.
type ParticipantList struct {
	Participants []Participant `json:"participants"`
	// Next is the value of after for the next page; absent on the last.
	Next string `json:"next,omitempty"`
}

// ChangeParticipant changes a participant while the room lives; absent fields stay. Grants replace those of
// its token as a whole, also when it comes back with it.
type ChangeParticipant struct {
	Name *string `json:"name,omitempty"`
	Role *string `json:"role,omitempty"`
	// Attributes are added to those it has; an empty one goes.
	Attributes map[string]string `json:"attributes,omitempty"`
	Grants     *protocol.Grants  `json:"grants,omitempty"`
}

// Mute says which tracks to mute: those that fit all that is given, so all of the room with nothing given.
// Their owners can unmute them; the server cannot.
type Mute struct {
	Participant protocol.ParticipantID `json:"participant,omitempty"`
	Track       protocol.TrackID       `json:"track,omitempty"`
	Kind        protocol.TrackKind     `json:"kind,omitempty" oneof:"audio video"`
	Source      protocol.TrackSource   `json:"source,omitempty"`
	// Except are participants whose tracks stay as they are.
	Except []protocol.ParticipantID `json:"except,omitempty"`
}

// Muted says which tracks were muted, or were so before.
type Muted struct {
	Tracks []protocol.TrackID `json:"tracks"`
}

// RoomStats is how the links and tracks of a room do.
type RoomStats struct {
	// At is when, in microseconds since 1970.
	At int64 `json:"at"`
	protocol.RoomDetail
}

// TrackList is a page of tracks, by id.
type TrackList struct {
	Tracks []protocol.Track `json:"tracks"`
	// Next is the value of after for the next page; absent on the last.
	Next string `json:"next,omitempty"`
}

// SendData asks to send a message to participants. They see it as data without a sender.
type SendData struct {
	// To lists the receivers; absent: everyone.
	To []protocol.ParticipantID `json:"to,omitempty"`
	// Topic tells applications apart, such as "chat"; at most 64 bytes.
	Topic string `json:"topic"`
	// Payload is any JSON, at most 64 KiB.
	Payload json.RawMessage `json:"payload"`
}

// DataSent says how many participants get the message. One whose connection is away gets it when it
// resumes.
type DataSent struct {
	Receivers int `json:"receivers"`
}

// CreateInvitation asks for a link that lets others into a room.
type CreateInvitation struct {
	Room string `json:"room"`
	// Role is what people become; absent: guest.
	Role string `json:"role,omitempty" oneof:"host guest viewer"`
	// Uses is how many people may accept; absent or 0: any number.
	Uses int `json:"uses,omitempty"`
	// ExpiresIn is in seconds, 366 days at most; absent or 0: seven days.
	ExpiresIn int64 `json:"expiresIn,omitempty"`
}

// Invitation is an invitation for whoever may make one. Its id is the secret in the link.
type Invitation struct {
	ID   string `json:"id"`
	URL  string `json:"url"`
	Room string `json:"room"`
	Role string `json:"role"`
	// Uses is how many more people may accept; absent: any number, or none where Reason is "used-up".
	Uses    int       `json:"uses,omitempty"`
	Expires time.Time `json:"expires"`
	// Reason says why it cannot be accepted any more; absent while it can.
	Reason string `json:"reason,omitempty" oneof:"expired revoked used-up"`
}

// InvitationList is a page of invitations, by id.
type InvitationList struct {
	Invitations []Invitation `json:"invitations"`
	// Next is the value of after for the next page; absent on the last.
	Next string `json:"next,omitempty"`
}

// InvitationFacts are what everyone with the link may know; reading them does not use it up.
type InvitationFacts struct {
	Room  string `json:"room"`
	Role  string `json:"role"`
	Valid bool   `json:"valid"`
	// Reason says why it is not valid.
	Reason string `json:"reason,omitempty" oneof:"expired revoked used-up"`
}

// Accept accepts an invitation.
type Accept struct {
	// Name is shown to the others, at most 64 characters.
	Name string `json:"name,omitempty"`
}

// Accepted lets the one who accepted into the room.
type Accepted struct {
	Token    string `json:"token"`
	Room     string `json:"room"`
	Identity string `json:"identity"`
	Role     string `json:"role"`
}

// CreateToken asks for a token that lets somebody into a room, for programs that know their users.
type CreateToken struct {
	Room string `json:"room"`
	// Identity names the participant: once in a room at a time; absent: the server makes one.
	Identity string `json:"identity,omitempty"`
	Name     string `json:"name,omitempty"`
	Role     string `json:"role,omitempty"`
	// Grants are what the token allows; absent: publish all, subscribe and data.
	Grants *protocol.Grants `json:"grants,omitempty"`
	// ExpiresIn is in seconds, 366 days at most; absent or 0: 12 hours.
	ExpiresIn int64 `json:"expiresIn,omitempty"`
	// Options are those of the room where this token opens it.
	Options *protocol.RoomOptions `json:"options,omitempty"`
}

// Token is a token and whom it lets in where.
type Token struct {
	Token    string    `json:"token"`
	Room     string    `json:"room"`
	Identity string    `json:"identity"`
	Expires  time.Time `json:"expires"`
}

// ServerInfo is what the pages around a call depend on.
type ServerInfo struct {
	// Open says whether whoever asks may start rooms without an invitation.
	Open bool `json:"open"`
	// HTTPS is the address of this server by HTTPS.
	HTTPS string `json:"https"`
	// Nearby says whether devices may ask to see each other.
	Nearby bool `json:"nearby"`
}

// OpenRoom is a room that was started without an invitation. Who has its key is its host.
type OpenRoom struct {
	Room string `json:"room"`
	Key  string `json:"key"`
}

// OpenRoomFacts are what everyone with the name may know.
type OpenRoomFacts struct {
	Room string `json:"room"`
	Role string `json:"role"`
}

// EnterOpenRoom enters an open room.
type EnterOpenRoom struct {
	// Name is shown to the others, at most 64 characters.
	Name string `json:"name,omitempty"`
	// Key makes a host; without it one is a guest.
	Key string `json:"key,omitempty"`
}

// CreateTransfer asks for a link by which files are handed over, from device to device.
type CreateTransfer struct {
	// Receivers is how many may accept, 1 to 100; absent or 0: one.
	Receivers int `json:"receivers,omitempty"`
	// ExpiresIn is how long the link waits to be accepted, in seconds, 10 to 604800 (seven days); absent or 0: ten
	// minutes. Who has accepted may come back for seven days more.
	ExpiresIn int64 `json:"expiresIn,omitempty"`
	// Code asks for a nameplate, the number of a code that can be spoken.
	Code bool `json:"code,omitempty"`
}

// Transfer is a link for files, as its sender has it.
type Transfer struct {
	// ID is what stands in the link. The key to what is sent, which belongs behind it as the URL's fragment, is the
	// sender's own: no server knows it.
	ID  string `json:"id"`
	URL string `json:"url"`
	// Room is where sender and receivers meet, with Identity and Token for the sender.
	Room     string    `json:"room"`
	Identity string    `json:"identity"`
	Token    string    `json:"token"`
	Expires  time.Time `json:"expires"`
	// Receivers is how many may accept.
	Receivers int `json:"receivers"`
	// Nameplate is the number of its code; absent where none was asked for.
	Nameplate int `json:"nameplate,omitempty"`
}

// TransferFacts are what everyone with the link may know; reading them does not use it up.
type TransferFacts struct {
	Valid bool `json:"valid"`
	// Reason says why it is not valid.
	Reason  string    `json:"reason,omitempty" oneof:"expired revoked used-up"`
	Expires time.Time `json:"expires"`
	// Left is how many may still accept.
	Left int `json:"left"`
}

// AcceptTransfer takes the place of one of a transfer's receivers.
type AcceptTransfer struct {
	// Name is shown to the sender, at most 64 characters.
	Name string `json:"name,omitempty"`
	// Once is a random text of the receiver's own, 16 to 64 characters: who asks again with it, since the answer was
	// lost, gets the same place.
	Once string `json:"once,omitempty"`
}

// EnterNearby asks to be seen by devices nearby, and to see them.
type EnterNearby struct {
	// Name is what the others see, at most 64 characters.
	Name string `json:"name,omitempty"`
	// Device is a random text that the device keeps, 16 to 64 characters, so that it is the same one when it comes
	// back; absent: it is a new one each time. Others do not see it.
	Device string `json:"device,omitempty"`
	// Network asks for the devices behind the same public address.
	Network bool `json:"network,omitempty"`
	// Pairs are those of this device, 16 at most: what two devices agreed on when they were paired.
	Pairs []string `json:"pairs,omitempty"`
}

// Nearby has a room for the network and one for each pair.
type Nearby struct {
	Rooms []NearbyRoom `json:"rooms"`
	// Hint says why there is none for the network although it was asked for.
	Hint string `json:"hint,omitempty"`
}

// NearbyRoom is where devices see each other. Its token is good for five minutes: who moved to another network asks
// for another.
type NearbyRoom struct {
	// Pair is whose room it is; absent: the network's.
	Pair     string `json:"pair,omitempty"`
	Room     string `json:"room"`
	Identity string `json:"identity"`
	Token    string `json:"token"`
}

// Nameplate is the number of a code that can be spoken.
type Nameplate struct {
	Nameplate int `json:"nameplate"`
}

// Problem is an error of the API (RFC 9457), as application/problem+json.
type Problem struct {
	Title  string `json:"title"`
	Status int    `json:"status"`
	// Detail is one sentence for a person that says what to do.
	Detail string `json:"detail"`
	// Code is for programs: one of the codes of docs/protocol.md, or of docs/api.md.
	Code string `json:"code,omitempty"`
}

// The codes of problems that the protocol does not have.
const (
	CodeExists   = "exists"   // there is one of that name already
	CodeConflict = "conflict" // it was changed since it was read
)

func (p *Problem) Error() string {
	if p.Detail != "" {
		return p.Detail
	}
	return p.Title
}
