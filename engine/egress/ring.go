package egress

import "switchyard/media"

// Sizes of a track's ring, in packets: about 2 s of 2.5 Mbit/s, and 1.3 s of audio.
const (
	VideoRing = 512
	AudioRing = 64
)

// Ring keeps the newest packets of one track on one shard: the retransmission cache of all its
// slots there. It holds a reference to each.
type Ring struct{ slots []*media.Packet }

// NewRing returns a ring of n packets, a power of two.
func NewRing(n int) *Ring { return &Ring{slots: make([]*media.Packet, n)} }

// Put keeps p (it retains it) and releases what it overwrites. A new epoch empties the ring first.
func (r *Ring) Put(p *media.Packet) {}

// Get returns the packet with that sequence number, nil when it is not there. The ring's reference
// covers it until the next Put.
func (r *Ring) Get(seq media.ExtSeq) *media.Packet { return nil }

// Close releases everything.
func (r *Ring) Close() {}
