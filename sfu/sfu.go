package sfu

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"

	"switchyard/media"
	"switchyard/peer"
	"switchyard/peer/tcp"
	"switchyard/peer/udp"
)

// Errors of the package.
var (
	ErrClosed    = errors.New("sfu: closed")
	ErrTooMany   = errors.New("sfu: too many links on this server")
	ErrNoSuchMID = errors.New("sfu: no such m-line")
)

// SFU is the forwarding server: its sockets, its shards and the links on them. Its methods may be
// called from any goroutine.
type SFU struct {
	// Immutable.
	cfg         Config
	shards      []*shard
	pool        *media.Pool
	certificate *peer.Certificate
	candidates  []peer.Candidate
	loopback    bool

	links  atomic.Int64
	closed atomic.Bool
	wg     sync.WaitGroup // shards and TCP readers

	tcpMu sync.Mutex
	tcp   map[*tcp.Conn]struct{} // guarded by tcpMu
}

// New opens the sockets and starts the shards.
func New(cfg Config) (*SFU, error) {
	cfg = cfg.withDefaults()
	certificate, err := peer.NewCertificate()
	if err != nil {
		return nil, fmt.Errorf("sfu: %w", err)
	}
	s := &SFU{
		cfg:         cfg,
		pool:        media.NewPool(8192),
		certificate: certificate,
		tcp:         map[*tcp.Conn]struct{}{},
	}
	if err := s.listen(); err != nil {
		return nil, err
	}
	for _, sh := range s.shards {
		s.wg.Go(sh.run)
	}
	return s, nil
}

// listen opens a socket for each shard, all on one port.
func (s *SFU) listen() error {
	socks, err := udp.ListenGroup(s.cfg.Listen, s.cfg.Shards, udp.Options{})
	if err != nil {
		return fmt.Errorf("sfu: listen on UDP %v: %w", s.cfg.Listen, err)
	}
	for i, sock := range socks {
		s.shards = append(s.shards, newShard(s, i, sock))
	}
	addr := netip.AddrPortFrom(s.cfg.Listen.Addr(), socks[0].LocalAddr().Port())
	s.cfg.Listen = addr
	addrs := localAddrs(addr.Addr(), s.cfg.PublicIPs)
	for _, a := range addrs {
		c := peer.Candidate{Addr: netip.AddrPortFrom(a, addr.Port())}
		s.candidates = append(s.candidates, c)
		s.loopback = s.loopback || a.IsLoopback()
	}
	if s.cfg.TCP {
		for _, c := range s.candidates {
			s.candidates = append(s.candidates, peer.Candidate{Addr: c.Addr, TCP: true})
		}
	}
	return nil
}

// Addr returns the UDP address that the SFU listens on, with its actual port.
func (s *SFU) Addr() netip.AddrPort { return s.cfg.Listen }

// Clock returns the server's timebase.
func (s *SFU) Clock() *media.Clock { return s.cfg.Clock }

// Close ends all links and waits until everything has stopped.
func (s *SFU) Close() {
	if s.closed.Swap(true) {
		return
	}
	s.tcpMu.Lock()
	for c := range s.tcp {
		c.Close()
	}
	s.tcpMu.Unlock()
	for _, sh := range s.shards {
		sh.stop()
	}
	s.wg.Wait()
}

// LinkOptions say what a link is for.
type LinkOptions struct {
	// ID names the link in logs and statistics.
	ID string
	// OnEvent receives the link's events, on its shard, in order.
	OnEvent func(Event)
	// NoRecv declines what the other end would send (WHEP), NoSend what it would receive (WHIP).
	NoRecv, NoSend bool
	// RecvCodecs are the codecs that are taken from the other end; empty: all.
	RecvCodecs []media.Codec
	// MaxBitrate is what the other end is asked to keep each video m-line to, in bits per second; 0: any.
	MaxBitrate int
}

// Connect answers an offer and puts the new link on a shard. The error is a *peer.OfferError when
// the offer is at fault.
func (s *SFU) Connect(offer string, o LinkOptions) (*Link, string, error) {
	if s.closed.Load() {
		return nil, "", ErrClosed
	}
	if s.links.Add(1) > int64(s.cfg.MaxLinks) {
		s.links.Add(-1)
		return nil, "", ErrTooMany
	}
	l, answer, err := s.leastLoaded().connect(offer, o)
	if err != nil {
		s.links.Add(-1)
		return nil, "", err
	}
	return l, answer, nil
}

func (s *SFU) leastLoaded() *shard {
	best := s.shards[0]
	for _, sh := range s.shards[1:] {
		if sh.load.Load() < best.load.Load() {
			best = sh
		}
	}
	return best
}

// newUfrag returns ICE credentials (RFC 8445 §5.3). The first character of the ufrag is the shard's
// number, so that a first check that reached another shard's socket is passed on.
func newUfrag(shard int) (ufrag, pwd string) {
	text := rand.Text() + rand.Text()
	return string(shardDigits[shard]) + text[:11], text[11:43]
}

// shardDigits are ice-chars; there are at least maxShards of them.
const shardDigits = "0123456789abcdefghijklmnopqrstuvwxyz"

// shardOf returns the shard that a ufrag of ours names, nil when it is not one of ours.
func (s *SFU) shardOf(ufrag []byte) *shard {
	if len(ufrag) == 0 {
		return nil
	}
	for i, sh := range s.shards {
		if ufrag[0] == shardDigits[i] {
			return sh
		}
	}
	return nil
}
