package transfer

import (
	"fmt"
	"io"
	"os"

	"switchyard/engine/piece"
)

// inLane is what comes on one lane: one piece after the other. Its goroutine owns it.
type inLane struct {
	*run
	zero     bool
	desk     desk
	file     *inFile
	disk     *os.File // of file
	entry    int      // of the piece under way, -1 for none
	piece    int
	next, to int64 // of it in the file
	fresh    int64 // from here on the file was never written: zeros need not be
	holes    bool  // zeros were not written
	full     bool  // all data is here; its hash comes next
	hasher   piece.Hasher

	packed  []byte // a compressed piece, as far as it has come
	size    int    // of it, 0 where none is under way
	inflate io.ReadCloser
	plain   []byte
}

func (l *inLane) idle() bool { return l.entry < 0 }

// hear is one message of the sender.
func (l *inLane) hear(m []byte) error {
	if len(m) == 0 {
		return errProtocol("an empty message")
	}
	switch kind := m[0]; {
	case kind == piece.KindData:
		return l.data(m)
	case kind == piece.KindHole:
		return l.onHole(m)
	case kind == piece.KindPacked:
		return l.onPacked(m)
	case kind == piece.KindPiece:
		return l.onPiece(m)
	case !l.zero:
	case kind == piece.KindControl:
		c, err := piece.ParseControl(m)
		if err != nil {
			return errProtocol(err.Error())
		}
		return l.control(c)
	case kind == piece.KindSame:
		return l.onSame(m)
	case kind == piece.KindEnd:
		return l.onEnd(m)
	}
	return errProtocol(fmt.Sprintf("a message of kind %d", m[0]))
}

func (l *inLane) data(m []byte) error {
	d, err := piece.ParseData(m)
	if err != nil {
		return errProtocol(err.Error())
	}
	if err := l.beginAt(d.Entry, d.Offset); err != nil {
		return err
	}
	if int(d.Entry) != l.entry || d.Offset != uint64(l.next) || int64(len(d.Bytes)) > l.to-l.next || l.full || l.size > 0 {
		return errProtocol("data in the wrong place")
	}
	if err := l.write(d.Bytes); err != nil {
		return err
	}
	l.took(len(d.Bytes))
	if l.next == l.to {
		return l.filled()
	}
	return nil
}

// beginAt starts the piece that data or a hole is the first of, where none is under way.
func (l *inLane) beginAt(entry uint32, offset uint64) error {
	if !l.idle() {
		return nil
	}
	size := uint64(l.sizeOfPiece())
	if size == 0 || offset%size != 0 || offset/size >= piece.MaxPieces {
		return errProtocol("data that begins within a piece")
	}
	return l.begin(int(entry), int(offset/size))
}

// sizeOfPiece is 0 while nothing may come.
func (r *run) sizeOfPiece() piece.Size {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.accepted {
		return 0
	}
	return r.sink.m.Offer.Piece
}

// begin starts a piece: it must be one that is missing and that no other lane is at.
func (l *inLane) begin(entry, i int) error {
	l.mu.Lock()
	f, err := l.claim(entry, i)
	l.mu.Unlock()
	if err != nil {
		return err
	}
	if f.text == nil {
		if l.disk, err = l.diskOf(f); err != nil {
			return &entryError{entry, err}
		}
	}
	l.file, l.entry, l.piece, l.full, l.holes = f, entry, i, false, false
	l.next, l.to = l.sink.m.Span(entry, i)
	l.mu.Lock()
	l.fresh = f.fresh
	f.high = max(f.high, l.to)
	l.mu.Unlock()
	l.hasher.Reset(l.next)
	return nil
}

// claim finds the file of a piece and marks the piece as being received. mu is held.
func (r *run) claim(entry, i int) (*inFile, error) {
	s := r.sink
	if !r.accepted || entry >= s.m.Len() || !s.m.IsFile(entry) || i >= s.m.Pieces(entry) {
		return nil, errProtocol("data of what it did not offer")
	}
	if s.done[entry] || s.skips(entry) {
		return nil, errProtocol("data of a file that is whole or was not wanted")
	}
	f := s.file(entry)
	if _, verified := f.tree.Get(i); verified || f.busy[i] || f.ending {
		return nil, errProtocol("data of a piece twice")
	}
	if f.busy == nil {
		f.busy = make(map[int]bool)
	}
	f.busy[i] = true
	return f, nil
}

// write puts bytes in their place and hashes them.
func (l *inLane) write(b []byte) error {
	l.hasher.Write(b)
	defer func() { l.next += int64(len(b)) }()
	if l.file.text != nil {
		copy(l.file.text[l.next:], b)
		return nil
	}
	if l.next >= l.fresh && l.sink.out.to == nil && zeros(b) {
		l.holes = true
		return nil
	}
	if _, err := l.disk.WriteAt(b, l.next); err != nil {
		return &entryError{l.entry, diskError(l.sink.m.Path(l.entry), err)}
	}
	return nil
}

// zeros says whether there is nothing but zeros.
func zeros(b []byte) bool {
	for len(b) >= 8 {
		if b[0]|b[1]|b[2]|b[3]|b[4]|b[5]|b[6]|b[7] != 0 {
			return false
		}
		b = b[8:]
	}
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}

// filled is the last byte of a piece.
func (l *inLane) filled() error {
	l.sink.record.stepped()
	if l.sink.m.Pieces(l.entry) > 1 {
		l.full = true // its hash comes next
		return nil
	}
	if err := l.file.shut(l.sink.m, l.holes); err != nil {
		return &entryError{l.entry, diskError(l.sink.m.Path(l.entry), err)}
	}
	return l.verified(l.hasher.Root(), true)
}

func (l *inLane) onPiece(m []byte) error {
	p, err := piece.ParsePiece(m)
	if err != nil {
		return errProtocol(err.Error())
	}
	if !l.full || int(p.Entry) != l.entry || int(p.Piece) != l.piece {
		return errProtocol("the hash of a piece that did not come")
	}
	own := l.hasher.Chain()
	return l.verified(own, own == p.Hash)
}

// verified ends a piece. The one piece of a file is compared with the file's hash, when that comes.
func (l *inLane) verified(own piece.Hash, right bool) error {
	l.mu.Lock()
	f, i := l.file, l.piece
	delete(f.busy, i)
	f.holes = f.holes || l.holes
	var err error
	if right && l.sink.passed(f, i, own) {
		err = &entryError{f.entry, fmt.Errorf("%q changed after a part of it was written to the output", l.sink.m.Path(f.entry))}
	} else if right {
		f.tree.Set(i, own)
		if f.base != "" {
			if f.moved == nil {
				f.moved = make(map[int]bool)
			}
			f.moved[i] = true
		}
		if l.sink.m.Pieces(f.entry) > 1 {
			l.sink.verified += pieceLength(l.sink.m, f.entry, i)
		}
	} else {
		err = l.ask(f, i)
	}
	whole := l.isWhole(f)
	l.mu.Unlock()
	l.file, l.disk, l.entry, l.full = nil, nil, -1, false
	if err == nil && l.sink.out.to != nil && l.sink.m.Pieces(f.entry) > 1 {
		err = l.pass(f)
	}
	if err != nil || !whole {
		return err
	}
	return l.finish(f)
}

func pieceLength(m *piece.Manifest, entry, i int) int64 {
	from, to := m.Span(entry, i)
	return to - from
}

// maxWrong is how often a piece may come wrong.
const maxWrong = 3

// ask asks for a piece again. mu is held.
func (r *run) ask(f *inFile, i int) error {
	if f.wrong == nil {
		f.wrong = make(map[int]int)
	}
	if f.wrong[i]++; f.wrong[i] > maxWrong {
		return &entryError{f.entry, fmt.Errorf("%q arrives wrong again and again", r.sink.m.Path(f.entry))}
	}
	f.fresh = max(f.fresh, f.high) // what was written may not be zero any more
	r.agains = append(r.agains, piece.Again{Entry: uint32(f.entry), Piece: uint32(i)})
	r.nudge()
	return nil
}

func (l *inLane) onSame(m []byte) error {
	same, err := piece.ParseSame(m)
	if err != nil {
		return errProtocol(err.Error())
	}
	l.mu.Lock()
	f := l.sink.files[int(same.Entry)]
	if f == nil && l.accepted && !l.sink.isDone(int(same.Entry)) {
		if f = l.sink.recall(int(same.Entry)); f != nil {
			l.sink.files[f.entry] = f
		}
	}
	if !l.accepted || f == nil || int(same.First)+int(same.Count) > l.sink.m.Pieces(f.entry) {
		l.mu.Unlock()
		return errProtocol("says that a piece is the same that is not here")
	}
	for i := int(same.First); i < int(same.First)+int(same.Count); i++ {
		h, ok := f.local.Get(i)
		if _, twice := f.tree.Get(i); !ok || twice || f.busy[i] {
			l.mu.Unlock()
			return errProtocol("says that a piece is the same that is not here")
		}
		f.tree.Set(i, h)
		if f.base != "" && !f.moved[i] {
			if f.kept == nil {
				f.kept = make(map[int]bool)
			}
			f.kept[i] = true
		}
		if l.sink.m.Pieces(f.entry) > 1 {
			l.sink.verified += pieceLength(l.sink.m, f.entry, i)
		}
	}
	whole := l.isWhole(f)
	l.mu.Unlock()
	if whole {
		return l.finish(f)
	}
	return nil
}

func (l *inLane) onEnd(m []byte) error {
	ends, err := piece.ParseEnds(m)
	if err != nil {
		return errProtocol(err.Error())
	}
	for k := range ends.Len() {
		if err := l.end(ends.At(k)); err != nil {
			return err
		}
	}
	return nil
}

func (l *inLane) end(e piece.End) error {
	l.mu.Lock()
	s, i := l.sink, int(e.Entry)
	if !l.accepted || i >= s.m.Len() || !s.m.IsFile(i) || s.done[i] || s.skips(i) || e.Size != uint64(s.m.Size(i)) {
		l.mu.Unlock()
		return errProtocol("ends what it did not offer")
	}
	f := s.file(i)
	if f.ended && f.root != e.Root || f.ending {
		l.mu.Unlock()
		return errProtocol("ends a file twice")
	}
	f.root, f.ended = e.Root, true
	whole := l.isWhole(f)
	l.mu.Unlock()
	if whole {
		return l.finish(f)
	}
	return nil
}

// isWhole says whether all of a file is here, and the caller is to finish it. mu is held.
func (r *run) isWhole(f *inFile) bool {
	if !f.ended || f.ending || f.tree.Len() < r.sink.m.Pieces(f.entry) {
		return false
	}
	f.ending = true
	return true
}

// took counts data that is on disk.
func (r *run) took(n int) {
	r.mu.Lock()
	r.taken += int64(n)
	due := piece.Due(r.taken, r.told, r.sink.o.Window)
	r.mu.Unlock()
	if due {
		r.nudge()
	}
}
