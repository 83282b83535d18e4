package transfer

import (
	"context"
	"errors"
	"fmt"

	"switchyard/engine/piece"
)

// prepare answers an offer: it asks the user, looks at what is here already, and accepts.
func (r *run) prepare() error {
	s, m := r.sink, r.sink.m
	if err := r.decide(); err != nil {
		return err
	}
	r.phase(Checking)
	if m.Offer.Kind == piece.KindFiles {
		if err := s.places.folders(s.root, m, s.skips); err != nil {
			return notNow(err)
		}
	}
	missing, err := r.look()
	if err != nil {
		return err
	}
	if err := s.fits(missing); err != nil {
		return notNow(err)
	}
	accept := piece.Accept{Window: s.o.Window, Holes: knows(s.m.Offer, piece.KnowsHoles)}
	if accept.Skip, err = r.sayChoice(); err != nil {
		return err
	}
	if s.skip != nil {
		accept.Wanted = &s.wanted
	}
	if !s.o.NoPack && packs(m.Offer) {
		accept.Pack = piece.Deflate
	}
	r.mu.Lock()
	r.accepted, r.packs = true, accept.Pack != ""
	r.shown.Phase = Moving
	r.mu.Unlock()
	return r.say(accept)
}

// notNow is something here that the user can mend before they take the same offer again.
func notNow(err error) error { return &Declined{Reason: told(err), Later: true} }

// decide asks the user, once for a list.
func (r *run) decide() error {
	s, offer := r.sink, r.sink.m.Offer
	if !s.asked {
		if err := s.choose(); err != nil {
			return err
		}
	}
	r.mu.Lock()
	r.shown.Files, r.shown.Bytes = s.wanted.Files, s.wanted.Bytes
	r.mu.Unlock()
	switch {
	case s.asked:
		return nil
	case offer.Kind == piece.KindText && s.o.Text == nil:
		return &Declined{Reason: "this device takes files only, no text"}
	case offer.Kind == piece.KindText && offer.Bytes > MaxText:
		return &Declined{Reason: "the text is too long"}
	}
	if err := s.out.check(s.m, s.wanted, s.skip != nil); err != nil {
		return err
	}
	r.phase(Offering)
	if s.o.Ask != nil {
		if err := s.o.Ask(r.soft, &Offer{Offer: offer, List: &s.m.List, Free: freeSpace(s.root), Holes: s.holes(), Skip: s.skip, Wanted: s.wanted}); err != nil {
			if r.soft.Err() != nil {
				return context.Cause(r.soft)
			}
			if errors.As(err, new(*Declined)) {
				return err
			}
			return &Declined{Reason: err.Error()}
		}
	}
	s.asked = true
	return nil
}

// look tells the sender what is here of each file, and gives what the disk must have room for.
func (r *run) look() (missing need, err error) {
	s := r.sink
	d := desk{root: s.root}
	defer d.close()
	for i, e := range s.m.All() {
		if !e.IsFile() || s.done[i] || s.skips(i) || s.m.Offer.Kind == piece.KindText {
			continue
		}
		f := s.files[i]
		if f == nil {
			f = s.recall(i)
		}
		if f == nil {
			if f = s.find(i, &d); f == nil {
				missing.add(&e, e.Size, 0)
				continue
			}
			if err := r.scan(f); err != nil {
				return need{}, err
			}
			if !s.note(f) {
				r.mu.Lock()
				s.take(f)
				r.mu.Unlock()
			}
		} else if s.files[i] != nil {
			r.mu.Lock()
			s.remember(f)
			r.mu.Unlock()
		}
		here, err := r.have(f)
		if err != nil {
			return need{}, err
		}
		missing.add(&e, e.Size-here, s.stored(f))
	}
	return missing, nil
}

// take makes what was found of a file what is gone on with. run.mu is held.
func (s *Sink) take(f *inFile) {
	s.files[f.entry] = f
	if f.part != "" {
		s.places.parts[f.part] = f.entry
	}
}

// remember makes what was verified on an earlier way what is here. run.mu is held.
func (s *Sink) remember(f *inFile) {
	pieces := s.m.Pieces(f.entry)
	for i := range pieces {
		h, ok := f.tree.Get(i)
		if !ok {
			continue
		}
		f.local.Set(i, h)
		f.tree.Forget(i)
		if pieces > 1 {
			s.verified -= pieceLength(s.m, f.entry, i)
		}
	}
	f.ended, f.ending, f.wrong = false, false, nil
}

// have sends the hashes of what is here of a file, and gives how many bytes that are.
func (r *run) have(f *inFile) (bytes int64, err error) {
	var m []byte
	count := 0
	flush := func() error {
		if count == 0 {
			return nil
		}
		count = 0
		return r.send(m)
	}
	for i := range r.sink.m.Pieces(f.entry) {
		h, ok := f.local.Get(i)
		if !ok || count == piece.MaxHave {
			if err := flush(); err != nil {
				return 0, err
			}
		}
		if !ok {
			continue
		}
		if count == 0 {
			m = piece.AppendHave(m[:0], uint32(f.entry), uint32(i))
		}
		m = append(m, h[:]...)
		bytes += pieceLength(r.sink.m, f.entry, i)
		count++
	}
	return bytes, flush()
}

// scan hashes what is on disk of a file.
func (r *run) scan(f *inFile) error {
	name := f.part
	if name == "" {
		name = f.base
	}
	disk, err := r.sink.root.Open(name)
	if err != nil {
		return nil // it is not ours to read: then all of it comes anew
	}
	defer disk.Close()
	m := r.sink.m
	var hasher piece.Hasher
	buf := make([]byte, piece.MaxData)
	pieces := m.Pieces(f.entry)
	r.working(m.Path(f.entry))
	for i := range pieces {
		from, to := m.Span(f.entry, i)
		hasher.Reset(from)
		for from < to {
			b := buf[:min(int64(len(buf)), to-from)]
			if n, _ := disk.ReadAt(b, from); n < len(b) {
				return nil // the part ends here
			}
			hasher.Write(b)
			from += int64(len(b))
			if r.soft.Err() != nil {
				return context.Cause(r.soft)
			}
		}
		if pieces == 1 {
			f.local.Set(i, hasher.Root())
		} else {
			f.local.Set(i, hasher.Chain())
		}
	}
	return nil
}

// file is the state of a file of which something comes. run.mu is held.
func (s *Sink) file(i int) *inFile {
	f := s.files[i]
	if f == nil {
		f = s.recall(i)
	}
	if f == nil {
		f = &inFile{entry: i}
	}
	if s.files[i] == nil {
		if s.m.Offer.Kind == piece.KindText {
			f.text = make([]byte, s.m.Size(i))
		}
		s.files[i] = f
	}
	return f
}

// note keeps that a small file is here already, whole and under its own name, in less memory than a file that is not whole: there may
// be a million of them. run.mu need not be held: nothing comes before the offer is accepted.
func (s *Sink) note(f *inFile) bool {
	pieces := s.m.Pieces(f.entry)
	if f.part != "" || pieces > 1 || f.base != s.places.local(s.m.Path(f.entry)) {
		return false
	}
	h, ok := f.local.Get(0)
	if pieces == 0 {
		h, ok = piece.Empty, true
	}
	return ok && s.found.set(f.entry, h)
}

// recall is a file that was noted; nil for one that was not.
func (s *Sink) recall(i int) *inFile {
	h, ok := s.found.get(i)
	if !ok {
		return nil
	}
	f := &inFile{entry: i, base: s.places.local(s.m.Path(i))}
	if s.m.Pieces(i) == 1 {
		f.local.Set(0, h)
	}
	return f
}

func packs(o piece.Offer) bool {
	for _, p := range o.Packs {
		// A compressed piece is held in memory until it is whole.
		if p == piece.Deflate && o.Piece <= 4<<20 {
			return true
		}
	}
	return false
}

// inWords is a number of bytes for a user.
func inWords(n int64) string {
	const units = "kMGTPE"
	if n < 1000 {
		return fmt.Sprintf("%d B", n)
	}
	v, u := float64(n)/1000, 0
	for v >= 999.95 && u < len(units)-1 {
		v, u = v/1000, u+1
	}
	return fmt.Sprintf("%.1f %cB", v, units[u])
}
