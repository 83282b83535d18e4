package turn

import (
	"log/slog"
	"maps"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"switchyard/media"
)

// Media is the media port as relays see it. Its methods may be called from any goroutine and never block.
type Media interface {
	// Addresses are those that clients reach the media port by, the most reachable first.
	Addresses() []netip.Addr
	Port() uint16
	// WriteTo sends a datagram from the media port; from is the local address that the client asked.
	WriteTo(b []byte, to netip.AddrPort, from netip.Addr) error
	// Enter opens a way from a relay to the media port's address at; answers come by back.
	Enter(relay netip.AddrPort, at netip.Addr, back Back) Entrance
}

// Entrance takes what a relay sends to the media port.
type Entrance interface {
	// Receive keeps no reference to b. False: b belongs to no link.
	Receive(b []byte) bool
}

// Back takes the media port's answers to one relay.
type Back interface {
	// Send reports whether b could be passed on. It keeps no reference to it.
	Send(b []byte) bool
	// Closed reports that the relay is gone.
	Closed() bool
}

// Sockets says how real relay sockets are opened, and where they may send besides the public internet.
type Sockets struct {
	Min, Max uint16         // UDP ports, both included
	Allow    []netip.Prefix // never an address of this machine
}

// Config says what clients may use. The zero value works, but lets nobody in without a Secret.
type Config struct {
	Secret Secret
	Realm  string // "switchyard" when empty
	// Sockets opens a real socket for each relay; nil: relays are virtual.
	Sockets *Sockets
	// PerIdentity and Allocations are how many allocations there can be; 0: 100 and 10000. A browser
	// makes one per peer connection, transport and network interface. Where there are as many, those that
	// carry nothing make room.
	PerIdentity, Allocations int
	// Grace is how long an allocation may be refreshed after the end of the credentials it was made with,
	// or of fresher ones that a refresh brought; 0: 24 hours. Browsers and Pion go on with those they began with.
	Grace time.Duration
	// IdentityRate and Rate bound what is relayed, both ways together, in bytes per second; 0: 4 MiB and
	// 125 MiB. As much may come at once.
	IdentityRate, Rate int
	// Streams is how many TCP and TLS connections there can be; 0: 5000.
	Streams int
	// Log receives what happens; nil discards it.
	Log *slog.Logger
}

func (c Config) withDefaults() Config {
	for _, d := range []struct {
		v *int
		d int
	}{
		{&c.PerIdentity, 100}, {&c.Allocations, 10000}, {&c.IdentityRate, 4 << 20}, {&c.Rate, 125 << 20},
		{&c.Streams, 5000},
	} {
		if *d.v <= 0 {
			*d.v = d.d
		}
	}
	if c.Grace <= 0 {
		c.Grace = 24 * time.Hour
	}
	if c.Realm == "" {
		c.Realm = "switchyard"
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}

// Virtual relays have the ports of RFC 6056 §2.1's dynamic range.
const virtualMin, virtualMax = 49152, 65535

// Server is the STUN and TURN server. Its methods are safe for concurrent use.
type Server struct {
	// Immutable after Start.
	cfg     Config
	media   Media
	own     map[netip.Addr]bool // the media port's addresses
	machine map[netip.Addr]bool // all addresses of this machine, and own
	nonces  *nonces

	queue     chan datagram
	queueFull atomic.Uint64
	done      chan struct{}
	wg        sync.WaitGroup
	counters  counters
	rate      meter // of all

	// Guarded by mu.
	mu       sync.Mutex
	byClient map[client]*allocation
	byPort   map[uint16]*allocation
	users    map[string]*user
	streams  map[*stream]struct{}
	allUsed  time.Time // until then no allocation is idle
	closed   bool
}

// New returns a server that keeps what Datagram brings until Start.
func New(c Config) *Server {
	return &Server{
		cfg: c.withDefaults(), nonces: newNonces(),
		own: map[netip.Addr]bool{}, machine: map[netip.Addr]bool{},
		queue: make(chan datagram, queueSize), done: make(chan struct{}),
		byClient: map[client]*allocation{}, byPort: map[uint16]*allocation{},
		users: map[string]*user{}, streams: map[*stream]struct{}{},
	}
}

// Start begins to answer, with the relays' addresses on the media port.
func (s *Server) Start(m Media) {
	s.media = m
	for _, a := range m.Addresses() {
		s.own[a], s.machine[a] = true, true
	}
	if addrs, err := net.InterfaceAddrs(); err == nil {
		for _, a := range addrs {
			if p, err := netip.ParsePrefix(a.String()); err == nil {
				s.machine[p.Addr().Unmap()] = true
			}
		}
	}
	s.wg.Go(s.takeDatagrams)
	s.wg.Go(s.sweep)
}

// Close ends all allocations and connections and waits for them.
func (s *Server) Close() {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return
	}
	s.closed = true
	close(s.done)
	for _, a := range s.byClient {
		s.end(a)
	}
	open := slices.Collect(maps.Keys(s.streams))
	s.mu.Unlock()
	for _, st := range open { // outside of the lock: TLS says goodbye
		st.close()
	}
	s.wg.Wait()
}

// client is a client's 5-tuple with the server (RFC 8656 §3).
type client struct {
	remote netip.AddrPort
	local  netip.Addr // ours, of UDP
	stream *stream    // nil: UDP
}

// queueSize is how many datagrams wait for the server; the next ones are dropped and counted.
const queueSize = 2048

// datagram came by UDP. buf goes back to the pool.
type datagram struct {
	from client
	buf  *buffer
	n    int
}

// buffer holds a message with what relaying adds to a datagram.
type buffer [media.MaxDatagram + overhead]byte

// overhead is what a Data indication adds to its payload: header, address of IPv6, and DATA's own.
const overhead = 20 + 24 + 4 + 4

var buffers = sync.Pool{New: func() any { return new(buffer) }}

// Datagram takes a copy of a datagram that reached the media port at local. It never blocks; false says
// that there was no room.
func (s *Server) Datagram(remote netip.AddrPort, local netip.Addr, b []byte) bool {
	d := datagram{from: client{remote: remote, local: local}, buf: buffers.Get().(*buffer)}
	d.n = copy(d.buf[:], b)
	select {
	case s.queue <- d:
		return true
	default:
		buffers.Put(d.buf)
		s.queueFull.Add(1)
		return false
	}
}

// takeDatagrams answers what came by UDP. Its goroutine ends with Close.
func (s *Server) takeDatagrams() {
	floods := newLimiter()
	for {
		select {
		case <-s.done:
			return
		case d := <-s.queue:
			now := time.Now()
			s.receive(now, d.from, d.buf[:d.n], floods)
			buffers.Put(d.buf)
		}
	}
}

// sweepEvery is how late an allocation that was not refreshed may end.
const sweepEvery = 2 * time.Second

// sweep ends what has expired. Its goroutine ends with Close.
func (s *Server) sweep() {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		select {
		case <-s.done:
			return
		case now := <-tick.C:
			s.expire(now)
		}
	}
}

func (s *Server) expire(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range s.byClient {
		if !now.Before(a.expires) {
			s.end(a)
		} else {
			a.forget(now)
		}
	}
}
