package sfu

import (
	"unsafe"

	"switchyard/media/prefetch"
	"switchyard/peer"
)

// A frame or a heap of reports touches hundreds of links, each of which has been idle for some ten milliseconds and stands
// in no near cache. While one is served, the parts of the next ones are fetched (package prefetch): those of the
// furthest that its own address leads to, those of the nearest that four pointers in a row lead to.

// few datagrams are served sooner than fetched.
const few = 4

// coming is what is known of a datagram before it is its turn.
type coming struct {
	key  uint64
	link *Link
}

// How far ahead of a datagram that is served the parts of a later report are fetched. A report is served in less time
// than memory may take, so that each lies two behind the one before, whose arrival it needs.
const (
	aheadHint   = 10 // who may have sent it
	aheadSender = 8  // that link
	aheadParts  = 6  // what the link leads to, in steps
	eachPart    = 2
	parts       = 3
)

// fetch fetches what the datagrams behind the i-th of n need if they are reports, as most are that come together.
func (s *shard) fetch(i, n int) {
	if n < few {
		return
	}
	if i > 0 {
		s.fetchStep(i, n)
		return
	}
	for k := -aheadHint; k <= 0; k++ {
		s.fetchStep(k, n)
	}
}

func (s *shard) fetchStep(i, n int) {
	if at := i + aheadHint; at < n {
		if d := &s.in[at]; isRTCP(d.Buf[:d.N]) {
			s.coming[at].key = s.byPath.fetch(&peer.Path{Remote: d.From, Local: d.To})
		}
	}
	if at := i + aheadSender; at >= 0 && at < n && s.coming[at].key != 0 {
		if l := s.byPath.guess(s.coming[at].key); l != nil {
			s.coming[at].link = l
			prefetch.Lines(unsafe.Pointer(l), reportLines)
		}
	}
	for part := range parts {
		if at := i + aheadParts - eachPart*part; at >= 0 && at < n && s.coming[at].link != nil {
			s.coming[at].link.fetchReport(part)
		}
	}
}

// mostReported bounds the streams that a report is expected to tell of.
const mostReported = 64

// fetchReport fetches what a report needs, in steps.
func (l *Link) fetchReport(part int) {
	l.peer.FetchOpening(part)
	switch part {
	case 0:
		l.twccOut.FetchFeedback()
		prefetch.Lines(unsafe.Pointer(unsafe.SliceData(l.bySSRC)), len(l.bySSRC)/4)
	case 1:
		l.twccOut.FetchArrived()
		for i := 0; i < len(l.bySSRC) && i < mostReported; i += 2 { // a stream and its repairs
			l.bySSRC[i].slot.out.FetchReport()
		}
	}
}

// How far ahead of a slot that is served the parts of a later one are fetched: sending takes longer than memory does.
const (
	aheadSlot = 5 - iota
	aheadLink
	aheadPeer
	aheadSRTP
	aheadKeys
	ahead = aheadSlot
)

// fetch fetches what the slots behind the i-th need to send.
func (f *fanout) fetch(i int) {
	slots := f.slots
	if at := i + aheadSlot; at < len(slots) {
		slots[at].fetch()
	}
	if at := i + aheadLink; at >= 0 && at < len(slots) {
		s := slots[at]
		s.out.FetchSegment()
		prefetch.Lines(unsafe.Pointer(s.link), sendLines)
	}
	if at := i + aheadPeer; at >= 0 && at < len(slots) {
		l := slots[at].link
		l.peer.FetchSealing(0)
		l.twccOut.FetchSent()
	}
	if at := i + aheadSRTP; at >= 0 && at < len(slots) {
		slots[at].link.peer.FetchSealing(1)
	}
	if at := i + aheadKeys; at >= 0 && at < len(slots) {
		slots[at].link.peer.FetchSealing(2)
	}
}

func (s *slot) fetch() {
	prefetch.Lines(unsafe.Pointer(s), 1)
	s.out.Fetch()
}

const (
	// sendLines of a link are touched by what is sent, reportLines by a report.
	sendLines   = int(unsafe.Offsetof(Link{}.twccOut))/prefetch.Line + 3
	reportLines = int(unsafe.Offsetof(Link{}.tally))/prefetch.Line + 1
)
