package calls

import (
	"fmt"
	"sync"

	"switchyard/client"
	"switchyard/protocol"
)

// ear reads the slots of somebody and remembers which packets came.
type ear struct {
	mu    sync.Mutex
	flows []*flow
}

// flow is what came in one slot. Sequence numbers and timestamps are extended to count on.
type flow struct {
	slot *client.Slot

	mu       sync.Mutex
	seqs     map[int64]bool
	times    map[int64]bool // of packets with a payload
	first    int64
	high     int64 // sequence number
	now      int64 // newest timestamp
	copies   int
	unmarked map[int64]bool // timestamps whose last packet has not come
}

func (e *ear) listen(s *client.Slot) {
	f := &flow{slot: s, seqs: map[int64]bool{}, times: map[int64]bool{}, unmarked: map[int64]bool{}}
	e.mu.Lock()
	e.flows = append(e.flows, f)
	e.mu.Unlock()
	go func() {
		for {
			p, err := s.Read()
			if err != nil {
				return
			}
			f.take(p)
		}
	}()
}

// of returns the flow of a track, nil while there is none.
func (e *ear) of(track protocol.TrackID) *flow {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, f := range e.flows {
		if f.slot.State().Track == track {
			return f
		}
	}
	return nil
}

// packets is how many came in all slots.
func (e *ear) packets() (n int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, f := range e.flows {
		n += f.count()
	}
	return n
}

func (f *flow) take(p client.Received) {
	f.mu.Lock()
	defer f.mu.Unlock()
	seq, at := int64(p.SequenceNumber)+1<<20, int64(p.Timestamp)+1<<40
	if len(f.seqs) == 0 {
		f.first, f.high, f.now = seq, seq, at
	} else {
		seq = f.high + int64(int16(uint16(seq)-uint16(f.high)))
		at = f.now + int64(int32(uint32(at)-uint32(f.now)))
	}
	if f.seqs[seq] {
		f.copies++
		return
	}
	f.seqs[seq] = true
	f.first, f.high, f.now = min(f.first, seq), max(f.high, seq), max(f.now, at)
	if len(p.Payload) == 0 {
		return
	}
	if !f.times[at] {
		f.times[at], f.unmarked[at] = true, true
	}
	if p.Marker {
		delete(f.unmarked, at)
	}
}

// mark is a point in a flow.
type mark struct{ seq, time int64 }

// newest is where the flow is now.
func (f *flow) newest() mark {
	f.mu.Lock()
	defer f.mu.Unlock()
	return mark{f.high, f.now}
}

// beginning is the first sequence number.
func (f *flow) beginning() int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.first
}

// count is how many different packets came.
func (f *flow) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.seqs)
}

// repeats is how many packets came more than once.
func (f *flow) repeats() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.copies
}

// holes says what is missing up to a mark: packets since first, and frames, which are step apart, since
// another mark. Empty: nothing.
func (f *flow) holes(first int64, from, to mark, step int64) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	packets, frames, torn := 0, 0, 0
	for seq := first; seq <= to.seq; seq++ {
		if !f.seqs[seq] {
			packets++
		}
	}
	for at := from.time; at < to.time; at += step {
		if !f.times[at] {
			frames++
		}
		if f.unmarked[at] {
			torn++
		}
	}
	if packets+frames+torn == 0 {
		return ""
	}
	return fmt.Sprintf("%d of %d packets missing, %d of %d frames, %d without their end",
		packets, to.seq-first+1, frames, (to.time-from.time)/step, torn)
}
