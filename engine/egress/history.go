package egress

import "switchyard/media"

const historySize = 1024

// history knows which of the newest outgoing sequence numbers were sent: none is ever sealed twice.
type history struct {
	highest media.ExtSeq
	bits    [historySize / 64]uint64
}

func (h *history) has(seq media.ExtSeq) bool {
	return seq <= h.highest && seq+historySize > h.highest &&
		h.bits[seq/64%media.ExtSeq(len(h.bits))]&(1<<(seq%64)) != 0
}

// old reports whether seq is further back than the history goes.
func (h *history) old(seq media.ExtSeq) bool { return seq+historySize <= h.highest }

func (h *history) add(seq media.ExtSeq) {
	for s := h.highest + 1; s <= seq; s++ {
		h.bits[s/64%media.ExtSeq(len(h.bits))] &^= 1 << (s % 64)
	}
	h.highest = max(h.highest, seq)
	h.bits[seq/64%media.ExtSeq(len(h.bits))] |= 1 << (seq % 64)
}

// extend returns the sent sequence number whose low bits are seq; false when it lies in the future.
func (h *history) extend(seq uint16) (media.ExtSeq, bool) {
	d := int64(int16(seq - uint16(h.highest)))
	if d > 0 || int64(h.highest)+d < 0 {
		return 0, false
	}
	return h.highest + media.ExtSeq(d), true
}
