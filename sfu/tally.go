package sfu

import (
	"sync/atomic"
	"time"

	"switchyard/engine/egress"
	"switchyard/media"
)

const tallyEvery = time.Second

// slotStates are what slots that a track feeds are counted by: that it flows, or why it does not.
var slotStates = [...]string{"live", string(PausedBandwidth), string(PausedCodec), string(PausedNoMedia), "off"}

// SlotStates are the keys of Stats.Slots.
func SlotStates() []string { return slotStates[:] }

// tallies are what a shard's slots and receivers did, gathered from them once a second so that the packets'
// road need not count. Written by the shard, read by anyone.
type tallies struct {
	switches, resent, asked, keyframes atomic.Uint64
	slots                              [len(slotStates)]atomic.Int64
}

// tally is what of a link is in its shard's tallies already. Owned by the link's shard.
type tally struct {
	due   media.Time
	slots [len(slotStates)]int64
}

// tallied is what of a slot or receiver is.
type tallied struct{ first, second uint64 }

// add gives what is new to the sums.
func (t *tallied) add(first, second uint64, sum, other *atomic.Uint64) {
	sum.Add(first - t.first)
	other.Add(second - t.second)
	t.first, t.second = first, second
}

// tell brings the shard's tallies up to date where that is due.
func (l *Link) tell(now media.Time) {
	if now < l.tally.due {
		return
	}
	l.tally.due = now.Add(tallyEvery)
	l.gather(true)
}

// gather adds what happened since the last time. Without standing, the link's slots are counted no more.
func (l *Link) gather(standing bool) {
	c := &l.shard.counters.tallies
	var slots [len(slotStates)]int64
	for _, s := range l.slots {
		st := s.out.Stats()
		s.tallied.add(st.LayerSwitches, st.Retransmitted, &c.switches, &c.resent)
		if s.fan != nil && standing {
			slots[s.state()]++
		}
	}
	for _, r := range l.receivers {
		st := r.in.Stats()
		r.tallied.add(st.KeyframeAsked, st.Keyframes, &c.asked, &c.keyframes)
	}
	for i, n := range slots {
		c.slots[i].Add(n - l.tally.slots[i])
	}
	l.tally.slots = slots
}

// state is an index of slotStates.
func (s *slot) state() int {
	switch s.reason() {
	case PausedBandwidth:
		return 1
	case PausedCodec:
		return 2
	case PausedNoMedia:
		return 3
	}
	if s.out.Paused() == egress.Off {
		return 4 // by its owner's preference
	}
	return 0
}
