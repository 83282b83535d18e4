package ingest

import "switchyard/media"

const (
	windowSize = 1024 // sequence numbers that duplicates are known of
	maxDropout = 3000 // RFC 3550 appendix A.1
	maxPadding = 32   // consumed packets that are remembered
)

// window extends sequence numbers, knows duplicates, and closes the gaps that consumed padding
// leaves.
type window struct {
	started  bool
	base     media.ExtSeq // first one
	highest  media.ExtSeq
	seen     [windowSize / 64]uint64
	received uint64 // unique packets
	bad      uint32 // the sequence number that would confirm a restart, noBad for none

	padding      [maxPadding]media.ExtSeq // newest consumed ones, a ring
	paddingTotal uint64
}

const noBad = 1 << 16

// position is where a sequence number lies.
type position uint8

const (
	inOrder   position = iota // right after the highest
	ahead                     // after a gap
	late                      // fills a hole
	duplicate                 // there already
	tooOld                    // behind the window
	outside                   // far away: perhaps a restart
	restarted                 // the second in a row from far away: the stream begins anew
)

// place extends seq and tells where it lies; it changes nothing but the suspicion of a restart, which
// a repaired packet does not raise.
func (w *window) place(seq uint16, repaired bool) (media.ExtSeq, position) {
	if !w.started {
		return 1<<16 | media.ExtSeq(seq), ahead
	}
	d := int16(seq - uint16(w.highest))
	ext := w.highest + media.ExtSeq(int64(d))
	switch {
	case d == 1:
		return ext, inOrder
	case d > 0 && d < maxDropout:
		return ext, ahead
	case d <= 0 && d > -windowSize:
		if ext < w.base { // from before the first packet: not missed by anybody
			return ext, tooOld
		}
		if w.has(ext) {
			return ext, duplicate
		}
		return ext, late
	case d < 0 && d > -maxDropout, repaired:
		return ext, tooOld
	}
	if w.bad == uint32(seq) {
		return (w.highest&^0xffff + 2<<16) | media.ExtSeq(seq), restarted
	}
	w.bad = uint32(seq + 1)
	return ext, outside
}

// take marks ext as received.
func (w *window) take(ext media.ExtSeq, pos position) {
	if !w.started || pos == restarted {
		*w = window{started: true, base: ext, highest: ext}
		w.seen[ext/64%media.ExtSeq(len(w.seen))] |= 1 << (ext % 64)
		w.received, w.bad = 1, noBad
		return
	}
	w.bad = noBad
	for s := w.highest + 1; s <= ext; s++ {
		w.seen[s/64%media.ExtSeq(len(w.seen))] &^= 1 << (s % 64)
	}
	w.highest = max(w.highest, ext)
	w.seen[ext/64%media.ExtSeq(len(w.seen))] |= 1 << (ext % 64)
	w.received++
}

func (w *window) has(ext media.ExtSeq) bool {
	return w.seen[ext/64%media.ExtSeq(len(w.seen))]&(1<<(ext%64)) != 0
}

// consume notes that ext, the highest so far, carries nothing and is not passed on.
func (w *window) consume(ext media.ExtSeq) {
	w.padding[w.paddingTotal%maxPadding] = ext
	w.paddingTotal++
}

// outward returns the sequence number that subscribers see: without the consumed ones. False when
// ext is too old to tell.
func (w *window) outward(ext media.ExtSeq) (media.ExtSeq, bool) {
	after := uint64(0)
	for ; after < min(w.paddingTotal, maxPadding); after++ {
		if w.padding[(w.paddingTotal-1-after)%maxPadding] < ext {
			break
		}
	}
	if after == maxPadding {
		return 0, false
	}
	return ext - media.ExtSeq(w.paddingTotal-after), true
}
