package transfer

import (
	"os"

	"switchyard/engine/piece"
)

// leastHole is how many bytes without data are told of as a hole; fewer are sent as the zeros that they are.
const leastHole = 16 << 10

// holesOf is how many bytes of a file are stored nowhere, 0 where that is not known. Only a file that takes less room than its size is opened.
func holesOf(name string, info os.FileInfo) (holes int64) {
	if took := allocated(info); took < 0 || took+leastHole > info.Size() {
		return 0 // else it has holes, or its disk compresses
	}
	f, err := os.Open(name)
	if err != nil {
		return 0 // who sends it finds out
	}
	defer f.Close()
	size := info.Size()
	for at, n := int64(0), 0; at < size && n < maxExtents; n++ {
		end, hole := extent(f, at, size)
		if hole {
			// What is left of it in the pieces at its ends may be sent as data.
			holes += max(0, end-at-2*leastHole)
		}
		at = end
	}
	return holes
}

// maxExtents is how many parts of a sparse file are looked at: what comes behind them counts as data.
const maxExtents = 1 << 20

// zeroes is what a hole reads as.
var zeroes [piece.MaxData]byte

// stretch is a part of a file that is one hole or has none. A file system may look at all of it to tell, as tmpfs does, and at
// all of the file many times if it is asked for each piece.
type stretch struct {
	from, end int64
	hole      bool
}

// extent says where what begins at from in the open file ends, at to at the latest, and whether it is a hole that may be sent as one.
func (w *worker) extent(from, to int64) (end int64, hole bool) {
	f, ok := w.file.(*os.File)
	if !ok || !w.accept.Holes {
		return to, false
	}
	if s := &w.stretch; from < s.from || from >= s.end {
		s.from = from
		s.end, s.hole = extent(f, from, max(to, w.m.Size(w.entry)))
	}
	return min(w.stretch.end, to), w.stretch.hole
}

// hole sends a part of a piece that is a hole.
func (w *worker) hole(entry int, from, to int64, hash bool) error {
	if hash {
		for at := from; at < to; at += int64(len(zeroes)) {
			w.hasher.Write(zeroes[:min(int64(len(zeroes)), to-at)])
		}
	}
	return w.push(piece.Hole{Entry: uint32(entry), Offset: uint64(from), Length: uint32(to - from)}.Append(w.buf[:0]))
}

// sparse says whether a piece has a hole: then it is not compressed.
func (w *worker) sparse(from, to int64) bool {
	end, hole := w.extent(from, to)
	return hole || end < to
}

// onHole is a part of a piece in which there is nothing.
func (l *inLane) onHole(m []byte) error {
	h, err := piece.ParseHole(m)
	if err != nil {
		return errProtocol(err.Error())
	}
	if err := l.beginAt(h.Entry, h.Offset); err != nil {
		return err
	}
	if int(h.Entry) != l.entry || h.Offset != uint64(l.next) || int64(h.Length) > l.to-l.next || l.full || l.size > 0 {
		return errProtocol("a hole in the wrong place")
	}
	for left := int64(h.Length); left > 0; {
		n := min(left, int64(len(zeroes)))
		if err := l.write(zeroes[:n]); err != nil {
			return err
		}
		left -= n
	}
	if l.next == l.to {
		return l.filled()
	}
	return nil
}
