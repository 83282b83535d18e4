package transfer

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"

	"switchyard/engine/piece"
)

// diskOf is the part of a file, open.
func (l *inLane) diskOf(f *inFile) (*os.File, error) {
	f.opens.Lock()
	defer f.opens.Unlock()
	if f.disk != nil {
		return f.disk, nil
	}
	s, e := l.sink, &l.sink.m.Entries[f.entry]
	l.mu.Lock()
	if f.part == "" {
		f.part = s.newPart(f.entry)
	}
	part := f.part
	if s.m.Pieces(f.entry) > 1 {
		s.open++
	}
	many := s.open > maxUnder
	l.mu.Unlock()
	if many {
		return nil, errProtocol("more than 64 files at once")
	}
	dir, base, err := l.desk.at(part)
	if err != nil {
		return nil, diskError(e.Path, err)
	}
	disk, err := dir.OpenFile(base, os.O_RDWR|os.O_CREATE, mode(e, 0o644)|0o600)
	if err != nil {
		return nil, diskError(e.Path, err)
	}
	info, err := disk.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is no file", part)
	}
	if err != nil {
		_ = disk.Close()
		return nil, diskError(e.Path, err)
	}
	l.mu.Lock()
	f.disk, f.mode, f.fresh = disk, info.Mode().Perm(), max(f.fresh, info.Size())
	l.mu.Unlock()
	return disk, nil
}

// shut gives the part its length and its mode and closes it. A mode that forbids writing comes later, by name: a piece
// may still have to be written once more.
func (f *inFile) shut(m *piece.Manifest, holes bool) error {
	if f.disk == nil {
		return nil
	}
	e := &m.Entries[f.entry]
	var err error
	if holes || f.fresh > 0 {
		err = f.disk.Truncate(e.Size)
	}
	if want := mode(e, 0o644); err == nil && want != f.mode && want&0o200 != 0 {
		if err = f.disk.Chmod(want); err == nil {
			f.mode = want
		}
	}
	if err == nil && m.Pieces(f.entry) > 1 {
		err = f.disk.Sync() // the name must not outlive the bytes
	}
	err = errors.Join(err, f.disk.Close())
	f.disk = nil
	return err
}

// finish ends a file of which every piece is here: it must be what the sender sent, and gets its name.
func (l *inLane) finish(f *inFile) error {
	s, e := l.sink, &l.sink.m.Entries[f.entry]
	pieces := s.m.Pieces(f.entry)
	if f.tree.Root(pieces) != f.root {
		return l.wrongRoot(f, pieces)
	}
	where := ""
	switch {
	case s.m.Offer.Kind == piece.KindText:
		l.mu.Lock()
		text := string(s.file(f.entry).text)
		l.mu.Unlock()
		s.o.Text(text)
	case s.out.to != nil:
		if err := l.pass(f); err != nil {
			return err
		}
		if err := l.drop(f); err != nil {
			return err
		}
	case f.base != "" && len(f.kept) == pieces:
		where = f.base
	default:
		var err error
		if where, err = l.keep(f); err != nil {
			return &entryError{f.entry, diskError(e.Path, err)}
		}
	}
	if s.o.Saved != nil && where != "" {
		s.o.Saved(e.Path, where)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if pieces == 1 {
		s.verified += e.Size
	} else if f.part != "" {
		s.open--
	}
	s.done[f.entry] = true
	s.saved++
	delete(s.files, f.entry)
	delete(s.places.parts, f.part)
	l.shown.File = e.Path
	l.gots = piece.Got{Entry: uint32(f.entry), Root: f.root}.Append(l.gots)
	l.nudge()
	return nil
}

// wrongRoot is a file that is not what the sender says: its one piece is asked for again; several that were each right cannot be.
func (r *run) wrongRoot(f *inFile, pieces int) error {
	if pieces != 1 {
		return &entryError{f.entry, fmt.Errorf("%q is not what was sent", r.sink.m.Entries[f.entry].Path)}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	f.tree.Forget(0)
	f.kept = nil
	f.ending = false
	return r.ask(f, 0)
}

// keep gives a file its name, and says where it is.
func (l *inLane) keep(f *inFile) (where string, err error) {
	s, e := l.sink, &l.sink.m.Entries[f.entry]
	if f.part == "" || len(f.kept) > 0 || s.m.Pieces(f.entry) > 1 {
		if _, err := l.diskOf(f); err != nil {
			return "", err
		}
		if err := l.copyKept(f); err != nil {
			return "", err
		}
	}
	if err := f.shut(s.m, f.holes); err != nil {
		return "", err
	}
	dir, part, err := l.desk.at(f.part)
	if err != nil {
		return "", err
	}
	if want := mode(e, 0o644); want != f.mode {
		if err := dir.Chmod(part, want); err != nil {
			return "", err
		}
	}
	if err := setTime(dir, part, e); err != nil {
		return "", err
	}
	for n := range maxNumbered {
		local, ok := s.places.candidate(s.m, e.Path, n)
		if !ok {
			continue
		}
		err := rename(dir, part, path.Base(local), s.places.fresh[path.Dir(local)])
		if !errors.Is(err, fs.ErrExist) {
			return local, err
		}
	}
	return "", fmt.Errorf("there are %d files of its name already", maxNumbered)
}

// rename gives a part its name, unless something has it: then the error is fs.ErrExist. In a fresh folder nothing has.
func rename(dir *os.Root, part, name string, fresh bool) error {
	if !fresh {
		// A link fails where a file is, whoever made it just now; not every file system has links.
		err := dir.Link(part, name)
		if err == nil {
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
			if _, err := f.disk.WriteAt(b, from); err != nil {
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
		return fmt.Errorf("%q must not be written here: %w", name, err)
	}
	return fmt.Errorf("cannot write %q: %w", name, err)
}
