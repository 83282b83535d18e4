package turn

import "sync/atomic"

// Reason is why a request was refused or a datagram dropped.
type Reason uint8

// The reasons. Up to RefusedPeer the client was told, by an error response; the others are drops.
const (
	RefusedNoIntegrity Reason = iota // 401: the first request of every client, to learn the nonce
	RefusedCredentials               // 401: unknown user or wrong password
	RefusedExpired                   // 401: credentials past their end
	RefusedStaleNonce                // 438: nonce past its end, replayed or used too long
	RefusedForgedNonce               // 438: nonce of another client, or not ours
	RefusedBadRequest                // 400
	RefusedAttribute                 // 420: an attribute we do not know and may not ignore
	RefusedMismatch                  // 437: no allocation, or one too many
	RefusedOtherUser                 // 441: the allocation is another user's
	RefusedTransport                 // 442: only UDP is relayed
	RefusedFamily                    // 440, 443: address family
	RefusedQuota                     // 486: the identity has as many allocations as it may
	RefusedCapacity                  // 508: the server has
	RefusedPeer                      // 403: a peer that is not relayed to

	DropMalformed    // not STUN, not ChannelData, or broken
	DropMethod       // a method or class that no client sends
	DropFlood        // too many unauthenticated messages of one address, or in all
	DropNoAllocation // data without an allocation
	DropNoPermission // data to a peer without permission
	DropNotPermitted // data from a peer without permission
	DropNoChannel    // ChannelData on a number that is not bound
	DropPeer         // data to a peer that is not relayed to
	DropTooLong      // data longer than a datagram; on a connection it also ends it
	DropIdentityRate // over the identity's bandwidth
	DropTotalRate    // over the bandwidth of all
	DropClientFull   // the client's connection or socket does not take more
	DropNoLink       // to the media port, but of no link there
	DropSocket       // a real relay's socket failed, and its allocation ended
	reasons
)

var reasonNames = [reasons]string{"no-integrity", "credentials", "expired", "stale-nonce", "forged-nonce",
	"bad-request", "attribute", "mismatch", "other-user", "transport", "family", "quota", "capacity", "peer",
	"malformed", "method", "flood", "no-allocation", "no-permission", "not-permitted", "no-channel", "peer",
	"too-long", "identity-rate", "total-rate", "client-full", "no-link", "socket"}

func (r Reason) String() string {
	if r < reasons {
		return reasonNames[r]
	}
	return "unknown"
}

type counters struct {
	bindings, allocated, refreshed                atomic.Uint64
	streams                                       atomic.Int64
	streamsRefused, evicted                       atomic.Uint64
	toPeers, fromPeers, toPeerBytes, fromPeerByte atomic.Uint64
	reasons                                       [reasons]atomic.Uint64
}

func (c *counters) count(r Reason) { c.reasons[r].Add(1) }

// Stats is a snapshot.
type Stats struct {
	Allocations    int    // now
	Streams        int64  // TCP and TLS connections now
	Allocated      uint64 // allocations made
	Evicted        uint64 // idle ones that made room
	Bindings       uint64 // STUN binding requests answered
	StreamsRefused uint64 // connections closed because there were too many, or they said nothing
	Queued         uint64 // datagrams lost because the server was behind
	// Datagrams and bytes of payload relayed.
	ToPeers, ToPeerBytes     uint64
	FromPeers, FromPeerBytes uint64
	Refused                  map[string]uint64 // requests answered by an error, by reason
	Drops                    map[string]uint64 // datagrams dropped, by reason
}

// Stats returns the counters since the start.
func (s *Server) Stats() Stats {
	c := &s.counters
	out := Stats{
		Streams: c.streams.Load(), Allocated: c.allocated.Load(), Bindings: c.bindings.Load(),
		StreamsRefused: c.streamsRefused.Load(), Evicted: c.evicted.Load(), Queued: s.queueFull.Load(),
		ToPeers: c.toPeers.Load(), ToPeerBytes: c.toPeerBytes.Load(),
		FromPeers: c.fromPeers.Load(), FromPeerBytes: c.fromPeerByte.Load(),
		Refused: map[string]uint64{}, Drops: map[string]uint64{},
	}
	for r := range reasons {
		if r <= RefusedPeer {
			out.Refused[r.String()] = c.reasons[r].Load()
		} else {
			out.Drops[r.String()] = c.reasons[r].Load()
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	out.Allocations = len(s.byClient)
	return out
}
