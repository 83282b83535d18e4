package client

import (
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strings"

	"github.com/pion/webrtc/v4"

	"switchyard/protocol"
)

// Options say where to go and how. URL and Token are enough.
type Options struct {
	// URL is the server ("https://example.org") or a room's page or WebSocket on it
	// ("https://example.org/r/standup"); http, https, ws and wss are understood.
	URL string
	// Room is needed where the URL names none.
	Room  string
	Token string
	// Name and Attributes are what others see.
	Name       string
	Attributes map[string]string

	// Slots is how many pairs of video and audio can be received at once; 0 receives nothing until
	// the server says that more could be used, and MaxSlots allows it.
	Slots int
	// MaxSlots bounds what the client adds when the server says need-slots; Slots when smaller.
	MaxSlots int
	// NoData leaves the two DataChannels to the server out.
	NoData bool

	Events Events

	// Sealer, where it is set, seals all signals of links between participants; those that come unsealed or do
	// not open are dropped (Stats).
	Sealer Sealer
	// Bulk makes links between participants for bulk data (Link.Way): by QUIC where the other end is
	// a program of ours too, else by DataChannels with large buffers. Both run on sockets of our own.
	Bulk bool
	// LinkSettings change the engine of Bulk links at last, as NewAPI's settings do.
	LinkSettings []func(*webrtc.SettingEngine)

	// API makes peer connections; nil means NewAPI of the URL.
	API *webrtc.API
	// HTTP makes the WebSocket's request; nil means http.DefaultClient.
	HTTP *http.Client
	Log  *slog.Logger // nil discards
}

// Events are told in order by one goroutine, which an Events func may hold up: the messages wait.
// Those that are nil are not told.
type Events struct {
	// State says how the session does.
	State func(State)
	// Joined, Left and Changed are about participants; at a join everyone who is there is Joined.
	Joined  func(protocol.Participant)
	Left    func(protocol.Left)
	Changed func(protocol.Participant)
	// Published, Unpublished and TrackChanged are about the tracks of others.
	Published    func(protocol.Track)
	Unpublished  func(protocol.Track)
	TrackChanged func(protocol.Track)
	// Slot says that something else feeds a slot now.
	Slot func(protocol.Slot)
	// Media brings a slot when its first packet is there. It must start a goroutine that reads the
	// slot to its end. Without Media, slots are read and thrown away.
	Media func(*Slot)
	// Speakers lists who speaks, loudest first.
	Speakers func([]protocol.Speaker)
	// Data is a data message of the WebSocket, Packet one of a DataChannel.
	Data   func(protocol.Data)
	Packet func(Packet)
	// Link brings a link that another participant opened.
	Link func(*Link)
	// Warning is an error that the server reports without being asked.
	Warning func(protocol.Error)
}

// State is how the session with the server does.
type State uint8

// The states of a client. Media may flow while it is Reconnecting.
const (
	Connected State = iota + 1
	Reconnecting
	Rejoined // the session was lost and a new one began: tracks and slots are new
	Closed
)

func (s State) String() string {
	return [...]string{"", "connected", "reconnecting", "rejoined", "closed"}[s]
}

// The errors of a client, beside *protocol.Error.
var (
	ErrClosed      = errors.New("client: closed")
	ErrSessionLost = errors.New("client: the session was lost and a new one begins: ask again")
	ErrAddress     = errors.New("client: the address is no http, https, ws or wss URL")
	ErrNoRoom      = errors.New("client: no room given")
	errLinkBroken  = errors.New("client: the link to the server broke")
	errReconnect   = errors.New("client: asked to reconnect")
	errSilent      = errors.New("client: the server fell silent")
)

// endpoint is the WebSocket's address without the token, and the host.
func (o *Options) endpoint() (*url.URL, error) {
	u, err := url.Parse(o.URL)
	if err != nil {
		return nil, errors.Join(ErrAddress, err)
	}
	if err := toWebSocket(u); err != nil {
		return nil, err
	}
	room := o.Room
	for _, prefix := range []string{"/v1/rooms/", "/r/"} {
		if before, after, ok := strings.Cut(u.Path, prefix); ok {
			u.Path = before
			if room == "" {
				room = strings.Trim(after, "/")
			}
		}
	}
	if room == "" {
		return nil, ErrNoRoom
	}
	if o.Token == "" {
		o.Token = u.Query().Get("token")
	}
	u.Fragment, u.RawQuery = "", ""
	return u.JoinPath("v1", "rooms", room), nil
}

// toWebSocket gives an address the scheme of its WebSockets. Error: ErrAddress.
func toWebSocket(u *url.URL) error {
	switch u.Scheme {
	case "http", "ws":
		u.Scheme = "ws"
	case "https", "wss":
		u.Scheme = "wss"
	default:
		return ErrAddress
	}
	return nil
}

func isLoopback(host string) bool {
	return host == "localhost" || strings.HasPrefix(host, "127.") || host == "::1"
}
