package transfer

import (
	"fmt"
	"io"
	"sync"
	"sync/atomic"

	"switchyard/engine/piece"
)

// out passes the one file of an offer on to a writer, as standard output, piece by piece as they are verified. The folder is
// where the pieces wait for those before them, and for a connection that broke.
type out struct {
	to   io.Writer    // nil for none
	mu   sync.Mutex   // held by who passes pieces on
	next atomic.Int32 // the piece that is due; written with mu
}

// check says why an offer cannot be passed on.
func (o *out) check(m *piece.Manifest, wanted piece.Wanted, chosen bool) error {
	if o.to != nil && m.Offer.Kind == piece.KindFiles && (wanted.Files != 1 || !chosen && m.Len() != 1) {
		return &Declined{fmt.Sprintf("only one file can go to the output, and these are %d entries: choose one file with --only, or name a folder with --to",
			m.Len()), true}
	}
	return nil
}

// pass writes the pieces of f that are verified and due. More of them may come meanwhile: whoever brings one looks again.
func (l *inLane) pass(f *inFile) error {
	o := &l.sink.out
	o.mu.Lock()
	defer o.mu.Unlock()
	buf := make([]byte, piece.MaxData)
	for {
		due := int(o.next.Load())
		l.mu.Lock()
		_, ok := f.tree.Get(due)
		l.mu.Unlock()
		if !ok {
			return nil
		}
		disk, err := l.diskOf(f)
		if err != nil {
			return err
		}
		from, to := l.sink.m.Span(f.entry, due)
		for from < to {
			b := buf[:min(int64(len(buf)), to-from)]
			if _, err := disk.ReadAt(b, from); err != nil {
				return fmt.Errorf("cannot read what has come: %w", err)
			}
			if _, err := o.to.Write(b); err != nil {
				return fmt.Errorf("cannot write to the output: %w", err)
			}
			from += int64(len(b))
		}
		o.next.Add(1)
	}
}

// passed says that a piece that comes anew is another one than that which was passed on already. run.mu is held.
func (s *Sink) passed(f *inFile, i int, own piece.Hash) bool {
	if s.out.to == nil || i >= int(s.out.next.Load()) {
		return false
	}
	before, ok := f.local.Get(i)
	return ok && before != own
}
