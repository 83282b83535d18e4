package srtp

import (
	"crypto/cipher"
	"reflect"
	"unsafe"

	"switchyard/media/prefetch"
)

// What sealing and opening need is fetched in two steps (package prefetch), the second when the first has arrived.

// Fetch fetches what stands beside s, and FetchKeys the key schedule of RTP.
func (s *Sender) Fetch() { prefetch.Lines(unsafe.Pointer(s), senderLines) }

// FetchKeys fetches the keys that seal RTP.
func (s *Sender) FetchKeys() {
	if g, ok := s.t.(*gcm); ok {
		g.rtpKeys.fetch()
	}
}

// Fetch fetches what stands beside r.
func (r *Receiver) Fetch() { prefetch.Lines(unsafe.Pointer(r), receiverLines) }

// FetchKeys fetches the keys that open RTCP.
func (r *Receiver) FetchKeys() {
	if g, ok := r.t.(*gcm); ok {
		g.rtcpKeys.fetch()
	}
}

const (
	senderLines   = int(unsafe.Sizeof(senderMemory{})+prefetch.Line-1) / prefetch.Line
	receiverLines = int(unsafe.Sizeof(receiverMemory{})+prefetch.Line-1) / prefetch.Line
)

// schedule is where an AEAD keeps its keys.
type schedule struct {
	at    unsafe.Pointer
	lines int
}

// scheduleOf returns nothing for one that is not a pointer to a struct: that costs time, and nothing else.
func scheduleOf(a cipher.AEAD) schedule {
	v := reflect.ValueOf(a)
	if v.Kind() != reflect.Pointer {
		return schedule{}
	}
	return schedule{v.UnsafePointer(), int(v.Type().Elem().Size()+prefetch.Line-1) / prefetch.Line}
}

// fetch leaves out the middle: Go's AES keeps the keys of single blocks' decryption there, which GCM never needs.
func (s *schedule) fetch() {
	const head, tail = 3, 5 // lines: round keys of AES-128; sizes and the table of GHASH
	prefetch.Lines(s.at, min(head, s.lines))
	if rest := s.lines - head; rest > 0 {
		from := max(s.lines-tail, head)
		prefetch.Lines(unsafe.Add(s.at, from*prefetch.Line), s.lines-from)
	}
}
