package bench

import "sync/atomic"

// traffic counts the datagrams of many sockets, to be held against what a server says that it received
// and sent. A nil one counts nothing.
type traffic struct {
	sent, received       atomic.Uint64 // datagrams
	sentRTP, receivedRTP atomic.Uint64 // of them
	dropped              atomic.Uint64 // by full receive buffers of sockets that are closed
}

func (t *traffic) out(b []byte) {
	if t == nil {
		return
	}
	t.sent.Add(1)
	if isRTP(b) {
		t.sentRTP.Add(1)
	}
}

func (t *traffic) in(b []byte) {
	if t == nil {
		return
	}
	t.received.Add(1)
	if isRTP(b) {
		t.receivedRTP.Add(1)
	}
}

// isRTP tells RTP from RTCP and all else (RFC 7983 §7, RFC 5761 §4).
func isRTP(b []byte) bool { return len(b) >= 12 && b[0]>>6 == 2 && (b[1] < 192 || b[1] > 223) }
