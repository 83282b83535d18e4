package server

import (
	"io/fs"
	"log/slog"
	"net/netip"
	"time"

	"switchyard/protocol"
	"switchyard/turn"
	"switchyard/web"
)

// Config says where the server listens and keeps its state. The zero value works: it listens on
// localhost:8080 and the media port 8443, and keeps its state in the folder "data".
type Config struct {
	// HTTP is the address of the plain HTTP listener; "localhost:8080" when empty.
	HTTP string
	// Media is the address of the single media port, UDP and TCP; ":8443" when empty.
	Media string
	// Data is the folder of the key, the certificate and the store; "data" when empty.
	Data string
	// NATS is the URL of an existing NATS cluster for the store; empty: embedded, in Data.
	NATS string
	// URL is what links to this server begin with, such as "https://meet.example.org"; empty: it is
	// derived from the first of ACME.Domains and Media, or from HTTP.
	URL string
	// PublicIPs are offered as candidates before the machine's own addresses.
	PublicIPs []netip.Addr
	// AutoIP adds the public address that STUN tells, where the machine has none of its own.
	AutoIP bool
	// STUN is the server (host:port) that AutoIP asks; empty: none.
	STUN string
	// TrustedProxies are reverse proxies whose word about the client's address is believed
	// (X-Forwarded-For, or Forwarded of RFC 7239), for limits and logs.
	TrustedProxies []netip.Prefix
	// CertFile and KeyFile are the TLS certificate (chain) and key in PEM; empty: self-signed.
	CertFile, KeyFile string
	// ACME gets the TLS certificate from an authority instead, for a server with a name in the DNS.
	ACME ACME
	// Origins are other sites whose pages may use this server ("https://example.org"); "*": all.
	Origins []string
	// Open says who may start a room from the home page, and enter such a room by its name: everybody
	// (true), nobody (false), or, when nil, whoever sits at this machine.
	Open *bool
	// Nearby says whether devices behind one public address may see each other when they ask to. True: also those with
	// private addresses, who are taken for one network; nil: those only where the server itself has no other.
	Nearby *bool
	// JWKS is the URL or file of a JSON Web Key Set (RFC 7517). Tokens that its RS256 or ES256 keys have
	// signed are good besides the server's own: whoever has those keys can give every right.
	JWKS string
	// Rooms are the options of rooms for which neither the API nor a token says something.
	Rooms protocol.RoomOptions
	// Webhook is told what happens in rooms.
	Webhook Webhook
	// TokenLife is how long the token of an accepted invitation is valid; 0: 12 hours.
	TokenLife time.Duration
	// RequestRate and RequestBurst limit HTTP requests per second of one address (an IPv4 address
	// or an IPv6 network of 64 bits); 0: 50 and 200. This machine itself is not limited.
	RequestRate, RequestBurst float64
	// GuessRate and GuessBurst limit look-ups of unknown invitations in the same way, for this
	// machine too; 0: one in 6 seconds, and 20.
	GuessRate, GuessBurst float64
	// StartRate and StartBurst limit the rooms started from one address, this machine too; 0: one in 6
	// seconds, and 20.
	StartRate, StartBurst float64
	// InviteRate and InviteBurst limit the invitations that are made from one address without an admin
	// token, this machine too, since each is kept for as long as its maker likes; 0: one in 6 seconds, and 100.
	InviteRate, InviteBurst float64
	// DrainLimit is how long calls may go on after the server was told to end, while it begins no new
	// ones; 0: they end at once.
	DrainLimit time.Duration
	// RelayRate is how many bytes a second each end of a relayed transfer of files may send, RelayTotalRate all of
	// them together; 0: 125 MiB and 500 MiB. What is more waits.
	RelayRate, RelayTotalRate int64
	// TURN is the STUN and TURN server on the media port.
	TURN TURN
	// Files is the web app, with index.html at its root; nil: the embedded one.
	Files fs.FS
	// Log receives what happens, without secrets; nil discards it.
	Log *slog.Logger

	// headerTimeout is how long a request's header may take to arrive; 0: 5 seconds.
	headerTimeout time.Duration
	// backend makes what serves the rooms; nil: newBackend. Tests put their own here.
	backend func(*Server) (*Backend, error)
}

// TURN says what the STUN and TURN server does. The zero value works: it relays between participants and
// to this server, and opens no port.
type TURN struct {
	// Off serves neither STUN nor TURN.
	Off bool
	// Host is the name or address that clients reach the media port by; empty: what they reached HTTP by.
	Host string
	// Sockets opens a real socket for each relay and says where they may send; nil: relays are virtual.
	Sockets *turn.Sockets
	// PerIdentity and Allocations are how many relays there can be; 0: 100 and 10000.
	PerIdentity, Allocations int
	// IdentityRate and Rate bound what is relayed in bytes per second; 0: 4 MiB and 125 MiB.
	IdentityRate, Rate int
}

func (c Config) withDefaults() Config {
	setDefault(&c.HTTP, "localhost:8080")
	setDefault(&c.Media, ":8443")
	setDefault(&c.Data, "data")
	setDefault(&c.headerTimeout, 5*time.Second)
	setDefault(&c.TokenLife, 12*time.Hour)
	setDefault(&c.RequestRate, 50)
	setDefault(&c.RequestBurst, 200)
	setDefault(&c.GuessRate, 1.0/6)
	setDefault(&c.GuessBurst, 20)
	setDefault(&c.StartRate, 1.0/6)
	setDefault(&c.StartBurst, 20)
	setDefault(&c.InviteRate, 1.0/6)
	setDefault(&c.InviteBurst, 100)
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	c.Log = slog.New(redactor{c.Log.Handler()})
	if c.Files == nil {
		c.Files = web.Files
	}
	if c.backend == nil {
		c.backend = newBackend
	}
	return c
}

func setDefault[T comparable](v *T, value T) {
	var zero T
	if *v == zero {
		*v = value
	}
}
