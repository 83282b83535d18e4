package egress

import (
	"time"

	"switchyard/codec/rtcp"
	"switchyard/media"
)

// Playout bounds how long a receiver keeps frames before it shows them. The zero value leaves that to it.
type Playout struct {
	Chosen   bool
	Min, Max time.Duration // 0 to 40.95 s, in steps of 10 ms
}

// What one can choose.
var (
	// Immediate shows each frame as soon as it is whole: for remote control and talk.
	Immediate = Playout{Chosen: true}
	// Smooth hides jitter and repairs: for an audience.
	Smooth = Playout{Chosen: true, Min: 200 * time.Millisecond, Max: time.Second}
	// unbound is what receivers begin with: it takes a choice back.
	unbound = Playout{Min: 0, Max: 10 * time.Second}
)

const (
	playoutStep   = 10 * time.Millisecond
	playoutMost   = 1<<12 - 1 // steps
	playoutRepeat = 10        // packets that carry a choice before a report can acknowledge it
)

// playout tells the receiver a choice until it has got it.
type playout struct {
	chosen  Playout
	telling bool
	told    int          // packets that carried it, up to playoutRepeat
	upTo    media.ExtSeq // the last of those
}

// Playout sets the bounds. Receivers keep what they were told, so that it goes along with packets
// until a report says that they have got some.
func (s *Slot) Playout(p Playout) {
	if p == s.playout.chosen {
		return
	}
	s.playout = playout{chosen: p, telling: true}
}

// tells returns what to tell with the packet that goes out as seq.
func (t *playout) tells(seq media.ExtSeq) (low, high uint16, ok bool) {
	if !t.telling {
		return 0, 0, false
	}
	if t.told < playoutRepeat && (t.told == 0 || seq > t.upTo) { // not what is resent
		t.told++
		t.upTo = seq
	}
	p := t.chosen
	if !p.Chosen {
		p = unbound
	}
	return steps(p.Min), steps(max(p.Min, p.Max)), true
}

// acknowledge takes a report. It cannot tell which packets arrived, only that one after playoutRepeat of them
// did: it would have to have lost all those.
func (t *playout) acknowledge(r rtcp.Report) {
	if t.telling && t.told == playoutRepeat && int16(uint16(r.Highest)-uint16(t.upTo)) >= 0 {
		t.telling = false
	}
}

func steps(d time.Duration) uint16 {
	return uint16(min(max(d/playoutStep, 0), playoutMost))
}
