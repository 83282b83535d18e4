package peer

import (
	"unsafe"

	"switchyard/media/prefetch"
)

// FetchSealing fetches what SealRTP needs (package prefetch): step 0, 1 and 2, each when the step before has arrived.
func (l *Link) FetchSealing(step int) {
	switch {
	case step == 0:
		prefetch.Lines(unsafe.Pointer(l), 1)
	case l.sender == nil:
	case step == 1:
		l.sender.Fetch()
	default:
		l.sender.FetchKeys()
	}
}

// FetchOpening fetches what OpenRTCP needs, in the same steps.
func (l *Link) FetchOpening(step int) {
	switch {
	case step == 0:
		prefetch.Lines(unsafe.Pointer(l), 1)
	case l.receiver == nil:
	case step == 1:
		l.receiver.Fetch()
	default:
		l.receiver.FetchKeys()
	}
}
