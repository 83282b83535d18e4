package server

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"

	"switchyard/app/conference"
	"switchyard/protocol"
	"switchyard/signal/splice"
)

// Backend is what the server needs of the packages that serve rooms and media. wire.go makes it;
// absent fields are answered as not found.
type Backend struct {
	Rooms http.Handler   // the WebSocket, GET /v1/rooms/{room}
	WHIP  http.Handler   // everything below /whip/
	WHEP  http.Handler   // everything below /whep/
	ICE   func(net.Conn) // owns an ICE-TCP connection, first bytes unread, until it returns
	TURN  func(net.Conn) // the same for TURN over TCP, and over TLS
	Admin Admin
	// Diagnose answers the offer of a link that is in no room; see doctor.go.
	Diagnose func(offer string) (answer string, err error)
	// Addresses are those that are offered for media, the most reachable first.
	Addresses func() []netip.Addr
	// ICEServers are those of a link to the server and of a link between participants, for a client that
	// makes this request.
	ICEServers func(r *http.Request) (server, links []protocol.ICEServer)
	// Relays joins the WebSockets of participants who have no better way, GET /v1/relay/{room}.
	Relays *splice.Server
	// Host has the rooms, for the API.
	Host *conference.Host
	// Samples are the metrics of the moment.
	Samples func() []Sample
	// Ready returns nil while rooms can be joined.
	Ready func(context.Context) error
	// WindDown begins no new calls, tells those who are in one, and waits until the last call has ended
	// or ctx ends. Occupancy is how many rooms are open and how many people are in them. Both or none.
	WindDown  func(ctx context.Context, notice string)
	Occupancy func() (rooms, people int)
	// Drain tells everyone that the server ends, and waits for them until ctx ends.
	Drain func(context.Context)
	Close func() error
}

// Admin is what the admin API shows and does.
type Admin interface {
	Rooms() []RoomInfo
	Links() []LinkInfo
	// Detail is everything about all rooms, at one moment.
	Detail() []protocol.RoomDetail
	// Tap records a link until it ends, then closes the writer; stop ends it before. Error:
	// ErrNoLink.
	Tap(link string, t Tap) (stop func(), err error)
}

// Tap says what is recorded of a link; one of the two writers is set.
type Tap struct {
	Packets io.WriteCloser // in rtpdump format
	Events  io.WriteCloser // a JSON object per line
	Payload bool           // whole packets, not headers only
}

// ErrNoLink is returned by Admin.Tap for a link that is not there.
var ErrNoLink = errors.New("server: no such link")

// RoomInfo is a room in the admin API.
type RoomInfo struct {
	Room         string `json:"room"`
	Participants int    `json:"participants"`
	Viewers      int    `json:"viewers"` // by WHEP
	Tracks       int    `json:"tracks"`
}

// LinkInfo is a link in the admin API.
type LinkInfo struct {
	Link        string `json:"link"`
	Room        string `json:"room,omitempty"`
	Participant string `json:"participant,omitempty"`
	// Stats are the counters of whoever owns the link.
	Stats any `json:"stats,omitempty"`
}

// Sample is one value of a metric.
type Sample struct {
	Name    string // "switchyard_links"; counters end in "_total"
	Help    string
	Counter bool   // else a gauge
	Label   string // name of the one label; "" for none
	Of      string // its value
	Value   float64
}
