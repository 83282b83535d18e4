package whip

import (
	"context"
	"net/http"
	"sync"
	"time"
)

// Rooms is the server as this package sees it. Both methods may be called at the same time from
// many requests; the context ends with the request. An error that is an [*Error] reaches the client
// as it is, any other one as 503 without its text.
type Rooms interface {
	Publish(ctx context.Context, r Request) (s Session, answer string, err error)
	Watch(ctx context.Context, r Request) (s Session, answer string, err error)
}

// Request is one offer.
type Request struct {
	Room  string // as in the URL, unescaped; 1 to 128 bytes
	Token string // "" when the client gave none
	Offer string // SDP, not parsed yet; at most Options.MaxOffer bytes

	RemoteAddr string // of the HTTP connection, "host:port"
	Host       string // by which name or address the client reached the server, with its port

	// Closed is to be called when the session has ended by itself, from any goroutine, at any
	// time, once or more often: its URL is then 404.
	Closed func()
}

// Session is one publisher or viewer that was let in.
type Session interface {
	// Offer takes a further offer, here always one that restarts ICE.
	Offer(ctx context.Context, offer string) (answer string, err error)
	// Close ends the session. It is called once at most.
	Close()
}

// Options tune a Handler. The zero value works.
type Options struct {
	// MaxOffer is the largest offer that is read, in bytes; 0 means 131072. Browsers need 8,000.
	MaxOffer int64
	// ICEServers names the STUN and TURN servers of a session, for the Link headers of its 201; nil
	// means none.
	ICEServers func(Request, Session) []ICEServer
	// AllowOrigin is the Access-Control-Allow-Origin of every response; "" means "*": no cookie is
	// ever read here, so that another site's page can do no more than its user's token permits.
	AllowOrigin string
}

// ICEServer is a STUN or TURN server as in RFC 9725 §4.6.
type ICEServer struct {
	URL                  string // "turn:example.net:8443?transport=tcp"
	Username, Credential string // "" for STUN
}

// Error is a refusal that Rooms words itself.
type Error struct {
	Status     int           // HTTP: 400, 401, 403, 404, 409, 422 or 503
	Detail     string        // a sentence for the developer of the client: what to do
	RetryAfter time.Duration // with 503, 0 means unknown
}

func (e *Error) Error() string { return "whip: " + e.Detail }

// Handler serves both protocols. Make it with New.
type Handler struct {
	rooms Rooms
	opts  Options
	mux   *http.ServeMux

	mu       sync.Mutex
	sessions map[string]*session // by id; guarded by mu
}

// New returns a handler for the paths below /whip/ and /whep/.
func New(rooms Rooms, o Options) *Handler {
	if o.MaxOffer == 0 {
		o.MaxOffer = 128 << 10
	}
	if o.AllowOrigin == "" {
		o.AllowOrigin = "*"
	}
	h := &Handler{rooms: rooms, opts: o, mux: http.NewServeMux(), sessions: make(map[string]*session)}
	for protocol, join := range map[string]joinFunc{"whip": rooms.Publish, "whep": rooms.Watch} {
		h.mux.HandleFunc("/"+protocol+"/{room}", h.endpoint(protocol, join))
		h.mux.HandleFunc("/"+protocol+"/{room}/{id}", h.resource(protocol))
	}
	h.mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		refuse(w, http.StatusNotFound, "there is nothing here; POST an SDP offer to /whip/{room} to publish, or to /whep/{room} to watch")
	})
	return h
}

// ServeHTTP implements http.Handler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	head := w.Header()
	head.Set("Access-Control-Allow-Origin", h.opts.AllowOrigin)
	head.Set("Access-Control-Expose-Headers", "Location, Link, ETag, Accept-Post, Accept-Patch, Retry-After")
	head.Set("Cache-Control", "no-store")
	h.mux.ServeHTTP(w, r)
}

// Sessions returns the number of open sessions.
func (h *Handler) Sessions() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.sessions)
}
