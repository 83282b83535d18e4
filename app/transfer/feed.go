package transfer

import "switchyard/engine/piece"

// job is what a worker sends at a time: pieces of one file, or some whole small files.
type job struct {
	entry, first, count int
	small               []int // entries, when not empty
	again               bool
}

// feed gives the jobs of one receiver in order. serve.mu guards it.
type feed struct {
	m     *piece.Manifest
	skip  []bool
	redo  []job
	entry int         // the next one
	piece int         // of it
	under map[int]int // pieces that are left of files of several pieces, by entry
}

const (
	smallFiles = 512     // in one job
	smallBytes = 1 << 20 // in one job
	haveRun    = 64      // pieces in one job that the receiver has: most likely nothing is sent of them
)

// next is the next job; ok is false when there is none now. When full, only what was wrong is sent.
func (f *feed) next(have map[int]*piece.Tree, full bool) (j job, ok bool) {
	if n := len(f.redo); n > 0 {
		j = f.redo[0]
		f.redo = f.redo[1:]
		return j, true
	}
	if full {
		return j, false
	}
	var bytes int64
	for f.entry < f.m.Len() {
		i := f.entry
		size := f.m.Size(i)
		pieces := f.m.Offer.Piece.Count(size)
		switch {
		case f.skip[i] || !f.m.IsFile(i):
			f.entry++
		case pieces > 1 && len(j.small) > 0:
			return j, true
		case pieces > 1:
			return f.part(pieces, have[i]), true
		case len(j.small) > 0 && (bytes+size > smallBytes || len(j.small) == smallFiles):
			return j, true
		default:
			j.small = append(j.small, i)
			bytes += size
			f.entry++
		}
	}
	return j, len(j.small) > 0
}

// part is the next job of a file of several pieces.
func (f *feed) part(pieces int, have *piece.Tree) job {
	j := job{entry: f.entry, first: f.piece, count: 1}
	if f.piece == 0 {
		f.under[f.entry] = pieces
	}
	if have != nil {
		for j.count < haveRun && j.first+j.count < pieces {
			if _, ok := have.Get(j.first + j.count); !ok {
				break
			}
			j.count++
		}
	}
	if f.piece += j.count; f.piece == pieces {
		f.entry, f.piece = f.entry+1, 0
	}
	return j
}

// sent counts a piece of a file of several as sent; true when it was the last.
func (f *feed) sent(entry int) bool {
	f.under[entry]--
	if f.under[entry] > 0 {
		return false
	}
	delete(f.under, entry)
	return true
}

// passed says whether a piece was given to a worker already.
func (f *feed) passed(entry, i int) bool {
	if f.m == nil || !f.m.IsFile(entry) || f.skip[entry] {
		return false
	}
	return entry < f.entry || entry == f.entry && i < f.piece
}

// dry says whether every job was given.
func (f *feed) dry() bool { return f.m != nil && f.entry == f.m.Len() && len(f.redo) == 0 }
