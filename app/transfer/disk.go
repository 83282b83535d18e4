package transfer

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"

	"switchyard/engine/piece"
)

// diskOf is the part of a file, open.
func (l *inLane) diskOf(f *inFile) (*os.File, error) {
	f.opens.Lock()
	defer f.opens.Unlock()
	if f.disk != nil {
		return f.disk, nil
	}
	s, e := l.sink, l.sink.m.Entry(f.entry)
	l.mu.Lock()
	if s.m.Pieces(f.entry) > 1 {
		s.open++
	}
	many := s.open > maxUnder
	l.mu.Unlock()
	if many {
		return nil, errProtocol("more than 64 files at once")
	}
	disk, err := l.openPart(f)
	if err != nil {
		return nil, diskError(e.Path, err)
	}
	info, err := disk.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is no file", f.part)
	}
	if err != nil {
		_ = disk.Close()
		return nil, diskError(e.Path, err)
	}
	l.mu.Lock()
	f.disk, f.mode, f.fresh, f.synced = disk, info.Mode().Perm(), max(f.fresh, info.Size()), false
	l.mu.Unlock()
	return disk, nil
}

// openPart opens the part of a file that has one, or makes it: under a name that nothing has.
func (l *inLane) openPart(f *inFile) (*os.File, error) {
	s, e := l.sink, l.sink.m.Entry(f.entry)
	l.mu.Lock()
	part := f.part
	l.mu.Unlock()
	if part != "" {
		dir, _, err := l.desk.at(part)
		if err != nil {
			return nil, err
		}
		return s.reopen(dir, part, &e)
	}
	for n := s.claim.first; ; n++ {
		l.mu.Lock()
		part, n = s.newPart(f.entry, n)
		l.mu.Unlock()
		dir, _, err := l.desk.at(part)
		var disk *os.File
		if err == nil {
			disk, err = s.makePart(dir, part, &e)
		}
		l.mu.Lock()
		if err == nil {
			f.part = part
		} else {
			delete(s.places.parts, part)
		}
		l.mu.Unlock()
		if !errors.Is(err, fs.ErrExist) {
			return disk, err
		}
	}
}

// shut gives the part its length and its mode and closes it. A mode that forbids writing comes later, by name: a piece
// may still have to be written once more.
func (f *inFile) shut(m *piece.Manifest, holes bool) error {
	if f.disk == nil {
		return nil
	}
	e := m.Entry(f.entry)
	var err error
	if holes || f.fresh > 0 {
		err = f.disk.Truncate(e.Size)
	}
	if want := mode(&e, 0o644); err == nil && want != f.mode && want&0o200 != 0 {
		if err = f.disk.Chmod(want); err == nil {
			f.mode = want
		}
	}
	if err == nil && m.Pieces(f.entry) > 1 {
		err = syncOf(f.disk) // those of one piece are brought to the disk many at a time
		f.synced = err == nil
	}
	err = errors.Join(err, f.disk.Close())
	f.disk = nil
	return err
}

// finish ends a file of which every piece is here: it must be what the sender sent, and gets its name.
func (l *inLane) finish(f *inFile) error {
	s, e := l.sink, l.sink.m.Entry(f.entry)
	pieces := s.m.Pieces(f.entry)
	if f.tree.Root(pieces) != f.root {
		return l.wrongRoot(f, pieces)
	}
	switch {
	case s.m.Offer.Kind == piece.KindText:
		l.mu.Lock()
		text := string(s.file(f.entry).text)
		l.mu.Unlock()
		s.o.Text(text)
		l.whole(f, "")
	case s.out.to != nil:
		if err := l.pass(f); err != nil {
			return err
		}
		if err := l.drop(f); err != nil {
			return err
		}
		l.closed(f)
		l.whole(f, "")
	case f.base != "" && len(f.kept) == pieces:
		l.dropParts(&l.desk, f)
		l.whole(f, f.base)
	default:
		if err := l.complete(f); err != nil {
			return &entryError{f.entry, diskError(e.Path, err)}
		}
		l.closed(f)
		l.settle(f)
	}
	return nil
}

// closed counts a file of several pieces as open no more.
func (r *run) closed(f *inFile) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.sink.m.Pieces(f.entry) > 1 && f.part != "" {
		r.sink.open--
	}
}

// wrongRoot is a file that is not what the sender says: its one piece is asked for again; several that were each right cannot be.
func (r *run) wrongRoot(f *inFile, pieces int) error {
	if pieces != 1 {
		return &entryError{f.entry, fmt.Errorf("%q is not what was sent", r.sink.m.Path(f.entry))}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	f.tree.Forget(0)
	f.kept = nil
	f.ending = false
	return r.ask(f, 0)
}

// complete makes a part all that the file is, but for its name.
func (l *inLane) complete(f *inFile) error {
	s, e := l.sink, l.sink.m.Entry(f.entry)
	if f.part == "" || len(f.kept) > 0 || s.m.Pieces(f.entry) > 1 {
		if _, err := l.diskOf(f); err != nil {
			return err
		}
		if err := l.copyKept(f); err != nil {
			return err
		}
	}
	if err := f.shut(s.m, f.holes); err != nil {
		return err
	}
	s.record.stepped()
	dir, part, err := l.desk.at(f.part)
	if err != nil {
		return err
	}
	if want := mode(&e, 0o644); want != f.mode {
		if err := dir.Chmod(part, want); err != nil {
			return err
		}
		s.record.stepped()
	}
	defer s.record.stepped()
	return setTime(dir, part, &e)
}

// rename gives a part its name, unless something has it: then the error is fs.ErrExist. In a fresh folder nothing has.
func (s *Sink) rename(dir *os.Root, part, name string, fresh bool) error {
	if !fresh {
		// A link fails where a file is, whoever made it just now; not every file system has links.
		err := dir.Link(part, name)
		if err == nil {
			s.record.stepped()
			return dir.Remove(part)
		}
		if _, there := dir.Lstat(name); there == nil || errors.Is(err, fs.ErrExist) {
			return fs.ErrExist
		}
	}
	return dir.Rename(part, name)
}

// drop removes a part that was passed on.
func (l *inLane) drop(f *inFile) error {
	f.close()
	if f.part == "" {
		return nil
	}
	defer l.sink.record.stepped()
	l.sink.record.remove(f.part)
	return l.sink.root.Remove(f.part)
}

// copyKept takes the pieces that a whole file here has in common with the sent one, and verifies them once more.
func (l *inLane) copyKept(f *inFile) error {
	if len(f.kept) == 0 {
		return nil
	}
	base, err := l.sink.root.Open(f.base)
	if err != nil {
		return err
	}
	defer base.Close()
	var hasher piece.Hasher
	buf := make([]byte, piece.MaxData)
	for i := range f.kept {
		from, to := l.sink.m.Span(f.entry, i)
		hasher.Reset(from)
		for from < to {
			b := buf[:min(int64(len(buf)), to-from)]
			if n, err := base.ReadAt(b, from); n < len(b) {
				return fmt.Errorf("%s changed meanwhile: %w", f.base, errors.Join(err, io.ErrUnexpectedEOF))
			}
			hasher.Write(b)
			if from >= f.fresh && zeros(b) {
				f.holes = true
			} else if _, err := f.disk.WriteAt(b, from); err != nil {
				return err
			}
			from += int64(len(b))
		}
		if h, _ := f.tree.Get(i); h != hasher.Chain() {
			return fmt.Errorf("%s changed meanwhile: try again", f.base)
		}
	}
	return nil
}

// diskError says what a failure to write means.
func diskError(name string, err error) error {
	switch {
	case isFull(err):
		return fmt.Errorf("the disk is full: make room and receive again; what has come of %q is kept", name)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%q must not be written here: %w; choose another folder", name, cause(err))
	case errors.Is(err, syscall.EROFS):
		return fmt.Errorf("%q cannot be written here: %w; choose another folder", name, cause(err))
	}
	return fmt.Errorf("cannot write %q: %w", name, cause(err))
}

// cause is an error without the path that the system puts before it.
func cause(err error) error {
	if path, ok := errors.AsType[*fs.PathError](err); ok {
		return path.Err
	}
	return err
}
