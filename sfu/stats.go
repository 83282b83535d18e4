package sfu

import (
	"sync/atomic"
	"time"

	"switchyard/engine/bwe"
	"switchyard/engine/egress"
	"switchyard/engine/ingest"
	"switchyard/media"
	"switchyard/peer"
	"switchyard/peer/tcp"
	"switchyard/peer/udp"
)

// DropReason is why a shard dropped a datagram or packet. Drops inside a track or slot are counted
// there.
type DropReason uint8

// The reasons.
const (
	DropShort           DropReason = iota // datagram too short for any protocol
	DropUnknownProtocol                   // first byte that RFC 7983 gives to nobody
	DropUnknownPath                       // not STUN, and from an address that no link owns
	DropUnknownUfrag                      // STUN for a link that is not here
	DropUnknownStream                     // RTP that belongs to no m-line
	DropSRTP                              // not authentic, replayed, or before the keys
	DropSRTCP                             // the same, of RTCP
	DropMalformedRTCP                     // the rest of a compound that is not RTCP
	DropNoPath                            // to send: no consent on any path
	DropSeal                              // to send: no keys, or longer than a datagram
	DropNoChannel                         // data for a channel that is not open
	DropChannelFull                       // data for a channel whose buffer is full
	DropViaFull                           // to send: the queue of the TCP connection or relay is full, or it ended
	DropUnclaimed                         // of no link, and Config.Unclaimed had no room
	DropPaced                             // to send: it waited too long for its turn
	dropReasons
)

var dropNames = [dropReasons]string{"short", "unknown-protocol", "unknown-path", "unknown-ufrag", "unknown-stream",
	"srtp", "srtcp", "malformed-rtcp", "no-path", "seal", "no-channel", "channel-full", "via-full", "unclaimed", "paced"}

func (r DropReason) String() string {
	if r < dropReasons {
		return dropNames[r]
	}
	return "unknown"
}

// counters are a shard's; written by its loop, read by anyone.
type counters struct {
	received, sent, unpublished, passedOn, readErrors atomic.Uint64
	padding                                           atomic.Uint64
	tallies                                           tallies
	estimates                                         [len(estimateSteps) + 1]atomic.Int64
	drops                                             [dropReasons]atomic.Uint64
}

func (c *counters) drop(r DropReason) { c.drops[r].Add(1) }

// Stats is a snapshot of the whole SFU.
type Stats struct {
	Links       int64
	Received    uint64 // RTP packets opened
	Sent        uint64 // RTP packets sealed and queued, retransmissions included
	Unpublished uint64 // RTP packets of m-lines that are no track
	Padding     uint64 // bytes of padding sent by bandwidth probes
	// Estimates is how many links may send no more than each of EstimateSteps, and how many more than the last.
	Estimates      [len(estimateSteps) + 1]int64
	LayerSwitches  uint64           // of slots, without a change of the track
	Retransmitted  uint64           // packets sent again
	KeyframesAsked uint64           // requests to publishers
	Keyframes      uint64           // that came
	Slots          map[string]int64 // that a track feeds now, by SlotStates
	PassedOn       uint64           // datagrams that reached another shard's socket
	Drops          map[string]uint64
	Sockets        udp.Stats // summed
}

// Stats returns the counters since the start.
func (s *SFU) Stats() Stats {
	out := Stats{Links: s.links.Load(), Drops: map[string]uint64{}, Slots: map[string]int64{}}
	for _, sh := range s.shards {
		c := &sh.counters
		out.Received += c.received.Load()
		out.Sent += c.sent.Load()
		out.Unpublished += c.unpublished.Load()
		out.Padding += c.padding.Load()
		for i := range c.estimates {
			out.Estimates[i] += c.estimates[i].Load()
		}
		out.LayerSwitches += c.tallies.switches.Load()
		out.Retransmitted += c.tallies.resent.Load()
		out.KeyframesAsked += c.tallies.asked.Load()
		out.Keyframes += c.tallies.keyframes.Load()
		for i, state := range slotStates {
			out.Slots[state] += c.tallies.slots[i].Load()
		}
		out.PassedOn += c.passedOn.Load()
		for r := range dropReasons {
			out.Drops[r.String()] += c.drops[r].Load()
		}
		out.Drops["mailbox-full"] += sh.box.droppedInbound.Load() + sh.box.droppedDeliveries.Load()
		addSocket(&out.Sockets, sh.sock.Stats())
	}
	return out
}

func addSocket(sum *udp.Stats, s udp.Stats) {
	sum.Received += s.Received
	sum.Truncated += s.Truncated
	sum.Sent += s.Sent
	sum.Messages += s.Messages
	sum.Calls += s.Calls
	sum.SocketFull += s.SocketFull
	sum.Unreachable += s.Unreachable
	sum.TooLong += s.TooLong
	sum.Failed += s.Failed
	sum.GSOFailed += s.GSOFailed
}

// LinkStats is a snapshot of one link.
type LinkStats struct {
	ID        string
	Shard     int
	Up        bool
	Remote    string        // address of the path, "" before there is one
	Transport string        // "udp", "tcp", or "relay": TURN on this server
	RTT       time.Duration // of ICE checks, smoothed; 0 before the first answer
	Tracks    []TrackStats
	Slots     []SlotStats
	Send      bwe.Stats
	Estimate  bwe.Usage     // of what may be sent
	Wanted    media.Bitrate // what the best of all slots would take
}

// TrackStats is what one m-line of a link received.
type TrackStats struct {
	MID, ID string
	Kind    media.Kind
	Format  media.Format
	Layers  []media.Layer // the lowest first; of video that is published
	Needed  uint32        // bit i: somebody receives the layers of stream i
	ingest.Stats
}

// SlotStats is what one slot of a link sent.
type SlotStats struct {
	MID    string
	Kind   media.Kind
	Track  string // id of what feeds it
	Pause  string
	Reason PauseReason // why its owner sees nothing of the track
	// Showing is the layer that flows, zero where none does or the track has none, with so many of its
	// temporal layers.
	Showing                media.Layer
	Temporals, TemporalsOf int
	egress.Stats
}

// Stats returns the link's counters; false when it has ended.
func (l *Link) Stats() (LinkStats, bool) {
	out := LinkStats{ID: l.ID}
	alive := false
	ok := l.call(func() {
		if alive = !l.ended; alive {
			l.collect(&out)
		}
	})
	return out, ok && alive
}

func transport(p peer.Path) string {
	switch p.Via.(type) {
	case nil:
		return "udp"
	case *tcp.Conn:
		return "tcp"
	}
	return "relay"
}

func (l *Link) collect(out *LinkStats) {
	out.Shard = l.shard.index
	out.Up, out.RTT, out.Send = l.up, l.peer.RTT(), l.twccOut.Stats()
	out.Estimate = l.rate.est.Usage(l.shard.clock.Now())
	if l.up {
		out.Remote, out.Transport = l.path.Remote.String(), transport(l.path)
	}
	for _, r := range l.receivers {
		t := TrackStats{MID: r.mid, Kind: r.kind, Stats: r.in.Stats()}
		t.Format, _ = r.in.Current()
		if r.track != nil {
			t.ID, t.Layers, t.Needed = r.track.ID, r.track.Layers(), r.track.needed
		}
		out.Tracks = append(out.Tracks, t)
	}
	out.Wanted = l.rate.demand
	for _, s := range l.slots {
		st := SlotStats{MID: s.mid, Kind: s.kind, Pause: s.out.Paused().String(), Reason: s.reason(), Stats: s.out.Stats()}
		if s.fan != nil {
			st.Track = s.fan.track.ID
			s.showing(&st)
		}
		out.Slots = append(out.Slots, st)
	}
}

// reason says why nothing of what feeds the slot is sent.
func (s *slot) reason() PauseReason {
	switch p := s.out.Paused(); {
	case p == egress.Codec:
		return PausedCodec
	case p == egress.Off && s.allowed.Off:
		return PausedBandwidth
	case p == egress.Keyframe:
		return PausedNoMedia
	}
	return PausedNot
}

// showing finds the layer that flows.
func (s *slot) showing(st *SlotStats) {
	if s.kind != media.Video || s.out.Paused() != egress.Live {
		return
	}
	for _, l := range s.fan.track.Layers() {
		above := st.Target.Layer == st.Layer && st.Target.Spatials > 0 && l.Spatial >= st.Target.Spatials
		if l.Stream == st.Layer && l.Live && !above {
			st.Showing = l // the lowest come first
		}
	}
	most := media.Bitrate(0)
	for _, rate := range st.Showing.Rates {
		if rate > most {
			most, st.TemporalsOf = rate, st.TemporalsOf+1
		}
	}
	st.Temporals = st.TemporalsOf
	if n := int(st.Target.Temporals); n > 0 {
		st.Temporals = min(n, st.Temporals)
	}
}
