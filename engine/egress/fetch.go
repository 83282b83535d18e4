package egress

import (
	"unsafe"

	"switchyard/media/prefetch"
)

// Fetch fetches what every packet touches of the slot (package prefetch), and FetchSegment, when that has arrived, the
// stretch that it goes on with.
func (s *Slot) Fetch() {
	const rare = unsafe.Offsetof(s.stats) + unsafe.Offsetof(s.stats.Retransmitted) // from here to red
	prefetch.Lines(unsafe.Pointer(s), int(rare/prefetch.Line)+1)
	prefetch.Lines(unsafe.Pointer(&s.red), int((unsafe.Sizeof(s.red)+unsafe.Sizeof(s.sent))/prefetch.Line)+1)
}

// FetchSegment comes after Fetch.
func (s *Slot) FetchSegment() {
	g := s.segment()
	prefetch.Lines(unsafe.Pointer(g), int(unsafe.Offsetof(g.table)/prefetch.Line)+2)
}

// FetchReport fetches what a receiver's report touches.
func (s *Slot) FetchReport() {
	const from = unsafe.Offsetof(s.playout) / prefetch.Line * prefetch.Line
	prefetch.Lines(unsafe.Pointer(s), 5)
	prefetch.Lines(unsafe.Add(unsafe.Pointer(s), from), 2)
}
