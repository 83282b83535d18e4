package simnet

import (
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"
)

// maxSessions bounds the clients of a Relay; datagrams of further ones are dropped (DropSessions).
const maxSessions = 256

// Relay passes UDP between clients and one target over real sockets, with Conditions each way. To the
// target, each client looks like a port of the relay's address.
type Relay struct {
	// immutable
	target   netip.AddrPort
	front    *net.UDPConn // faces the clients
	seed     uint64
	schedule schedule
	readers  sync.WaitGroup

	mu       sync.Mutex
	up, down Conditions
	sessions map[netip.AddrPort]*session
	stats    [2]Stats // by up, down
	closed   bool
}

// The index of Relay.stats.
const (
	upward = iota
	downward
)

// session is one client. Its goroutine reads what the target sends and ends when back is closed.
type session struct {
	client   netip.AddrPort
	back     *net.UDPConn // faces the target
	up, down *shaper      // guarded by Relay.mu
}

// NewRelay listens on the given address (port 0 takes a free one) and passes on to target. up is
// the direction to the target.
func NewRelay(listen, target netip.AddrPort, up, down Conditions, seed uint64) (*Relay, error) {
	front, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(listen))
	if err != nil {
		return nil, err
	}
	r := &Relay{
		target: target, front: front, seed: seed, up: up, down: down,
		sessions: map[netip.AddrPort]*session{},
	}
	r.readers.Add(1)
	go r.readClients()
	return r, nil
}

// Addr is where clients send to.
func (r *Relay) Addr() netip.AddrPort {
	return unmap(r.front.LocalAddr().(*net.UDPAddr).AddrPort())
}

// Set changes the conditions of both directions, for clients that are there and those to come.
func (r *Relay) Set(up, down Conditions) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.up, r.down = up, down
	for _, s := range r.sessions {
		s.up.c, s.down.c = up, down
	}
}

// Stats counts what went to the target and what came from it.
func (r *Relay) Stats() (up, down Stats) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.stats[upward], r.stats[downward]
}

// Close stops the relay and waits for its goroutines; what is on its way is lost.
func (r *Relay) Close() error {
	r.mu.Lock()
	if r.closed {
		r.mu.Unlock()
		return net.ErrClosed
	}
	r.closed = true
	err := r.front.Close()
	for _, s := range r.sessions {
		err = errors.Join(err, s.back.Close())
	}
	r.mu.Unlock()
	r.schedule.close()
	r.readers.Wait()
	return err
}

// readClients owns the reading side of front.
func (r *Relay) readClients() {
	defer r.readers.Done()
	buf := make([]byte, maxDatagram)
	for {
		n, from, err := r.front.ReadFromUDPAddrPort(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue // an ICMP error of an earlier send
		}
		r.fromClient(unmap(from), buf[:n])
	}
}

func (r *Relay) fromClient(from netip.AddrPort, b []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.session(from)
	if s == nil {
		r.stats[upward].In++
		r.stats[upward].Dropped[DropSessions]++
		return
	}
	r.pass(upward, s.up, b, func(p []byte) error {
		_, err := s.back.Write(p)
		return err
	})
}

// session returns the client's session and makes it when new; nil when there are too many. Holds mu.
func (r *Relay) session(from netip.AddrPort) *session {
	if s := r.sessions[from]; s != nil || r.closed || len(r.sessions) >= maxSessions {
		return s
	}
	back, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(r.target))
	if err != nil {
		return nil
	}
	order := 2 * uint64(len(r.sessions))
	s := &session{
		client: from, back: back,
		up:   newShaper(r.up, r.seed, order),
		down: newShaper(r.down, r.seed, order+1),
	}
	r.sessions[from] = s
	r.readers.Add(1)
	go r.readTarget(s)
	return s
}

// readTarget owns the reading side of one session's socket.
func (r *Relay) readTarget(s *session) {
	defer r.readers.Done()
	buf := make([]byte, maxDatagram)
	for {
		n, err := s.back.Read(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue // connection refused: the target is away just now
		}
		r.mu.Lock()
		r.pass(downward, s.down, buf[:n], func(p []byte) error {
			_, err := r.front.WriteToUDPAddrPort(p, s.client)
			return err
		})
		r.mu.Unlock()
	}
}

// pass shapes one datagram of a direction. Holds mu; write runs later and without it.
func (r *Relay) pass(way int, shape *shaper, b []byte, write func([]byte) error) {
	stats := &r.stats[way]
	stats.In++
	at, copies, reason := shape.send(time.Now(), len(b))
	if copies == 0 {
		stats.Dropped[reason]++
		return
	}
	stats.Duplicated += uint64(copies - 1)
	payload := append([]byte(nil), b...)
	for _, t := range at[:copies] {
		r.schedule.add(t, func() {
			err := write(payload)
			r.mu.Lock()
			defer r.mu.Unlock()
			if err != nil {
				stats.Dropped[DropReceiver]++
				return
			}
			stats.Delivered++
		})
	}
}

func unmap(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}
