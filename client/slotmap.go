package client

import "switchyard/protocol"

// maxGenerations bounds what a slot remembers. Packets that are so old that their generation was
// forgotten belong to no track.
const maxGenerations = 8

// slotMap says which track a packet of a slot belongs to. The server tells with each generation from
// which RTP timestamp on it holds; before that is known the packets are of older generations.
type slotMap struct {
	latest protocol.Slot
	began  []generation // oldest first, by timestamp
}

type generation struct {
	number uint32
	track  protocol.TrackID
	first  uint32 // RTP timestamp
}

// assign takes a message about the slot; false when it is void.
func (m *slotMap) assign(s protocol.Slot) bool {
	if s.Generation < m.latest.Generation {
		return false
	}
	m.latest = s
	if s.Timestamp == nil || s.Track == "" {
		return true
	}
	if n := len(m.began); n > 0 && m.began[n-1].number == s.Generation {
		return true
	}
	if len(m.began) == maxGenerations {
		m.began = m.began[1:]
	}
	m.began = append(m.began, generation{s.Generation, s.Track, *s.Timestamp})
	return true
}

// lookup returns the generation and the track of a packet; false when it is not known.
func (m *slotMap) lookup(timestamp uint32) (generation, bool) {
	for i := len(m.began) - 1; i >= 0; i-- {
		g := &m.began[i]
		ahead := int32(timestamp - g.first)
		if ahead < 0 {
			continue
		}
		if ahead > 1<<30 && i == len(m.began)-1 {
			g.first = timestamp - 1<<29 // it lasts long: keep the comparison far from its wrap
		}
		return *g, true
	}
	return generation{}, false
}
