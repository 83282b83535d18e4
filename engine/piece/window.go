package piece

import "errors"

// ErrTaken is a receiver that says that it took more than it was sent, or less than before.
var ErrTaken = errors.New("piece: more was taken than was sent")

// Window is how much a sender may have on the way: what it sent minus what the receiver took stays at or below Limit.
type Window struct {
	Limit       int64 // bytes
	sent, taken int64
}

// Room says whether n bytes more may be sent now. What is larger than half of the window may be sent when nothing is on the way.
func (w *Window) Room(n int64) bool {
	return w.sent-w.taken+n <= w.Limit || w.sent == w.taken
}

// Send counts n bytes as sent.
func (w *Window) Send(n int64) { w.sent += n }

// Take is word from the receiver that it took so many bytes since the connection began.
func (w *Window) Take(total uint64) error {
	if total > uint64(w.sent) || int64(total) < w.taken {
		return ErrTaken
	}
	w.taken = int64(total)
	return nil
}

// Due says whether a receiver that told of what it had taken up to told must tell again.
func Due(taken, told, window int64) bool { return taken-told >= window/4 }
