package sfu

import (
	"log/slog"
	"net/netip"
	"runtime"

	"switchyard/media"
)

// Config says where and how an SFU listens. The zero value listens on a free UDP port of all
// addresses with one shard per core.
type Config struct {
	// Listen is the UDP address of the single port. With an unspecified address the candidates are
	// those of the machine's interfaces; with a loopback address, that address.
	Listen netip.AddrPort
	// PublicIPs are offered as candidates before the machine's own, for a server behind a 1:1 NAT.
	PublicIPs []netip.Addr
	// TCP offers ICE-TCP candidates on the same port; the owner of the TCP listener hands
	// connections to ServeTCP.
	TCP bool
	// Shards is the number of loops; 0 means runtime.GOMAXPROCS. Each waits in system calls of its own,
	// so give Go one processor more than that (as the serve verb does), or other goroutines wait for
	// Go's monitor to notice.
	Shards int
	// Clock is the server's timebase; nil makes one.
	Clock *media.Clock
	// Log receives what happens to links; nil discards it.
	Log *slog.Logger
	// Unclaimed takes datagrams that are of no link but may be for a STUN or TURN server on the same
	// port: STUN without a user fragment, TURN, and ChannelData. It is called on a shard's loop: it must
	// copy b, never block, and return false where it has no room. nil: they are dropped.
	Unclaimed func(remote netip.AddrPort, local netip.Addr, b []byte) bool
	// MaxLinks bounds the links of the whole SFU; 0 means 10000.
	MaxLinks int
}

func (c Config) withDefaults() Config {
	if !c.Listen.IsValid() {
		c.Listen = netip.AddrPortFrom(netip.IPv6Unspecified(), 0)
	}
	if c.Shards <= 0 {
		c.Shards = min(runtime.GOMAXPROCS(0), maxShards)
	}
	c.Shards = min(c.Shards, maxShards)
	if c.Clock == nil {
		c.Clock = media.NewClock()
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.MaxLinks <= 0 {
		c.MaxLinks = 10000
	}
	return c
}

// maxShards keeps the set of shards that want a track in one word.
const maxShards = 32
