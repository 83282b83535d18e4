package bwe

import (
	"unsafe"

	"switchyard/media"
	"switchyard/media/prefetch"
)

// What reports and packets need is fetched ahead of them (package prefetch), when what stands in s itself is there.

// FetchSent fetches where the next packet will be noted.
func (s *Sender) FetchSent() {
	if s.history != nil {
		prefetch.Lines(unsafe.Pointer(&s.history[s.next%historySize]), 1)
	}
}

// reported are the most packets that feedback is expected to tell of.
const reported = 16

// FetchFeedback fetches what feedback on the newest packets needs, but for what FetchArrived does.
func (s *Sender) FetchFeedback() {
	if s.history != nil {
		const each = prefetch.Line / unsafe.Sizeof(sent{})
		for seq := max(s.told, s.next-reported); seq < s.next; seq += media.ExtSeq(each) {
			prefetch.Lines(unsafe.Pointer(&s.history[seq%historySize]), 1)
		}
	}
	if e := s.est; e != nil {
		const hot = unsafe.Offsetof(e.probe) + unsafe.Offsetof(e.probe.c)
		prefetch.Lines(unsafe.Pointer(e), int(hot/prefetch.Line)+1)
		prefetch.Lines(unsafe.Pointer(&e.arrived), 1)
	}
}

// FetchArrived fetches what the estimator remembers of the newest arrivals, when FetchFeedback's has arrived.
func (s *Sender) FetchArrived() {
	if s.est == nil {
		return
	}
	t := &s.est.arrived
	size := len(t.ring)
	prefetch.Lines(unsafe.Pointer(&t.ring[(t.n+size-1)%size]), 2)
	for _, first := range t.first {
		prefetch.Lines(unsafe.Pointer(&t.ring[first%size]), 1)
	}
}
