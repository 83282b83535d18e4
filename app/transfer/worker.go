package transfer

import (
	"context"
	"fmt"

	"switchyard/engine/piece"
)

// worker sends jobs on one lane. Its goroutine owns it.
type worker struct {
	*serve
	lane    Lane
	entry   int     // whose file is open, -1 for none
	file    reader  // of entry
	stretch stretch // of file that was looked at last
	hasher  piece.Hasher
	buf     [piece.MaxMessage]byte
	ends    []byte
	last    piece.Hash // of the piece that was passed last
	packer  packer
}

func newWorker(v *serve, lane Lane) *worker {
	return &worker{serve: v, lane: lane, entry: -1}
}

// run sends until every file is got.
func (w *worker) run() error {
	defer w.shut()
	for {
		var j job
		var ok bool
		if !w.wait(func() bool {
			j, ok = w.feed.next(w.have, len(w.ended) >= maxEnded)
			return ok || w.waiting == 0
		}) || !ok {
			return nil
		}
		if err := w.do(j); err != nil {
			return err
		}
	}
}

func (w *worker) do(j job) error {
	if len(j.small) > 0 {
		return w.small(j.small)
	}
	same := piece.Same{Entry: uint32(j.entry)}
	for i := j.first; i < j.first+j.count; i++ {
		equal, err := w.piece(j.entry, i, j.again)
		if err != nil {
			return err
		}
		if equal && same.Count > 0 {
			same.Count++
		} else if equal {
			same.First, same.Count = uint32(i), 1
		}
		if last := i == j.first+j.count-1; same.Count > 0 && (!equal || last) {
			if err := w.put(same.Append(w.ends[:0])); err != nil {
				return err
			}
			same.Count = 0
		}
		if err := w.passedOn(j, i); err != nil {
			return err
		}
	}
	return nil
}

// passedOn counts a piece of a file of several; after the last one the file's end is said.
func (w *worker) passedOn(j job, i int) error {
	if j.again {
		return nil
	}
	w.mu.Lock()
	last := w.feed.sent(j.entry)
	w.mu.Unlock()
	if !last {
		return nil
	}
	if w.entry == j.entry {
		if err := w.src.unchanged(j.entry, w.file); err != nil {
			return err
		}
	}
	return w.end([]int{j.entry}, []piece.Hash{w.src.root(j.entry)})
}

// small sends whole files of one piece or none, and one message that ends them all.
func (w *worker) small(entries []int) error {
	roots := make([]piece.Hash, len(entries))
	for k, i := range entries {
		if w.m.Pieces(i) == 0 {
			roots[k] = piece.Empty
			continue
		}
		equal, err := w.piece(i, 0, false)
		if err != nil {
			return err
		}
		roots[k] = w.last
		if w.entry == i {
			if err := w.src.unchanged(i, w.file); err != nil {
				return err
			}
		}
		if equal {
			if err := w.put(piece.Same{Entry: uint32(i), First: 0, Count: 1}.Append(w.ends[:0])); err != nil {
				return err
			}
		}
	}
	return w.end(entries, roots)
}

// end says that files were sent whole.
func (w *worker) end(entries []int, roots []piece.Hash) error {
	m := append(w.ends[:0], piece.KindEnd)
	for k, i := range entries {
		root := roots[k]
		w.mu.Lock()
		w.ended[i] = root
		w.mu.Unlock()
		m = piece.End{Entry: uint32(i), Size: uint64(w.m.Size(i)), Root: root}.Append(m)
	}
	w.ends = m
	return w.put(m)
}

// put sends what belongs on lane 0.
func (w *worker) put(m []byte) error {
	if w.soft.Err() != nil {
		return context.Cause(w.soft)
	}
	return w.send(m)
}

// push sends what belongs on this worker's lane.
func (w *worker) push(m []byte) error {
	if w.soft.Err() != nil {
		return context.Cause(w.soft)
	}
	if w.lane == w.zero {
		return w.send(m)
	}
	return sendOn(w.hard, w.lane, m)
}

// piece sends one piece, unless the receiver has it: then it is equal, and nothing was sent.
func (w *worker) piece(entry, i int, again bool) (equal bool, err error) {
	hash, known := w.src.known(entry, i)
	if again { // it is read and hashed anew: perhaps the file has changed
		known, w.stretch = false, stretch{}
	}
	if have, ok := w.had(entry, i); ok && !again {
		if !known {
			if hash, err = w.hash(entry, i); err != nil {
				return false, err
			}
			known = true
		}
		if w.last = hash; hash == have {
			return true, nil
		}
	}
	if !known {
		w.hasher.Reset(int64(i) * int64(w.m.Offer.Piece))
	}
	packed := false
	if !again {
		if packed, err = w.tryPack(entry, i, !known); err != nil {
			return false, err
		}
	}
	if !packed {
		if err := w.data(entry, i, !known); err != nil {
			return false, err
		}
	}
	if !known {
		if hash, err = w.sum(entry, i); err != nil {
			return false, err
		}
	}
	w.last = hash
	if w.m.Pieces(entry) == 1 {
		return false, nil
	}
	return false, w.push(piece.Piece{Entry: uint32(entry), Piece: uint32(i), Hash: hash}.Append(w.buf[:0]))
}

// had is the hash of what the receiver has of a piece. Nothing is written to the list once the receiver has accepted.
func (w *worker) had(entry, i int) (piece.Hash, bool) {
	if t := w.have[entry]; t != nil {
		return t.Get(i)
	}
	if i == 0 {
		return w.haveWhole.get(entry)
	}
	return piece.Hash{}, false
}

// data sends the bytes of a piece, and hashes them where that is wanted.
func (w *worker) data(entry, i int, hash bool) error {
	if err := w.load(entry); err != nil {
		return err
	}
	from, to := w.m.Span(entry, i)
	for end := from; from < to; {
		if from == end {
			var empty bool
			if end, empty = w.extent(from, to); empty {
				if err := w.hole(entry, from, end, hash); err != nil {
					return err
				}
				from = end
				continue
			}
		}
		n := int(min(end-from, piece.MaxData))
		b := w.buf[:piece.DataHeader+n]
		piece.PutData(b, uint32(entry), uint64(from))
		if err := w.readFull(w.file, b[piece.DataHeader:], from, entry); err != nil {
			return err
		}
		if hash {
			w.hasher.Write(b[piece.DataHeader:])
		}
		if err := w.ship(b, n); err != nil {
			return err
		}
		from += int64(n)
	}
	return nil
}

// hash reads a piece only to hash it.
func (w *worker) hash(entry, i int) (piece.Hash, error) {
	if err := w.load(entry); err != nil {
		return piece.Hash{}, err
	}
	from, to := w.m.Span(entry, i)
	w.hasher.Reset(from)
	for from < to {
		b := w.buf[:min(to-from, piece.MaxData)]
		if err := w.readFull(w.file, b, from, entry); err != nil {
			return piece.Hash{}, err
		}
		if w.soft.Err() != nil {
			return piece.Hash{}, context.Cause(w.soft)
		}
		w.hasher.Write(b)
		from += int64(len(b))
	}
	return w.sum(entry, i)
}

// sum ends the hash of a piece and keeps it for other receivers.
func (w *worker) sum(entry, i int) (h piece.Hash, err error) {
	if w.m.Pieces(entry) == 1 {
		h = w.hasher.Root()
	} else {
		h = w.hasher.Chain()
	}
	if !w.src.learn(entry, i, h) {
		return h, w.src.changed(entry)
	}
	return h, nil
}

// load opens the file of an entry, unless it is open.
func (w *worker) load(entry int) (err error) {
	if w.entry == entry {
		return nil
	}
	w.shut()
	if w.file, err = w.src.open(entry); err != nil {
		return fmt.Errorf("cannot read %q: %w", w.m.Path(entry), err)
	}
	w.entry, w.stretch = entry, stretch{}
	return nil
}

func (w *worker) shut() {
	if w.entry >= 0 {
		_ = w.file.Close()
		w.entry, w.file = -1, nil
	}
}
