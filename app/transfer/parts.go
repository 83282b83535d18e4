package transfer

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"switchyard/engine/piece"
)

// maxNumbered is how many names are tried for one file.
const maxNumbered = 1000

// find looks for what is here of a file: a part of it, or a whole file of its name and size. nil is neither.
func (s *Sink) find(i int, d *desk) *inFile {
	if s.places.inFresh(s.m, i) {
		return nil
	}
	dir, _, err := d.at(s.places.local(s.m.Path(i)))
	if err != nil {
		return nil
	}
	base, sure, wholes := s.findWhole(i, dir)
	part := s.findPart(i, dir, wholes)
	switch {
	case s.out.to != nil || part != nil && !sure:
		return part
	case base == "":
		return nil
	}
	return &inFile{entry: i, base: base}
}

// findWhole looks for whole files of a file's size under the names that it may have here: the last of them, or one of its time, which is
// surely what an earlier run received.
func (s *Sink) findWhole(i int, dir *os.Root) (base string, sure bool, wholes []fs.FileInfo) {
	e := s.m.Entry(i)
	for n := range maxNumbered {
		local, ok := s.places.candidate(s.m, e.Path, n)
		if !ok {
			continue
		}
		info, err := dir.Lstat(path.Base(local))
		if err != nil {
			break
		}
		if !info.Mode().IsRegular() || info.Size() != e.Size {
			continue
		}
		wholes = append(wholes, info)
		if !sure {
			base, sure = local, e.Time != 0 && info.ModTime().UnixMilli() == e.Time
		}
	}
	return base, sure, wholes
}

// findPart looks for the part of a file that can be gone on with, the longest where there are several: the others go when the file has
// its name.
func (s *Sink) findPart(i int, dir *os.Root, wholes []fs.FileInfo) (best *inFile) {
	if !s.claim.alone() {
		return nil
	}
	e := s.m.Entry(i)
	for _, part := range s.partsOf(i) {
		info, err := dir.Lstat(path.Base(part))
		if err != nil || !info.Mode().IsRegular() {
			continue
		}
		// A kill may have left a file both of its names.
		if slices.ContainsFunc(wholes, func(whole fs.FileInfo) bool { return os.SameFile(whole, info) }) {
			_ = dir.Remove(path.Base(part))
			s.record.remove(part)
			continue
		}
		of, ours := s.record.of(part)
		if ours && of.owns(info) && of.fits(s.m.Offer.ID, &e) && info.Size() <= e.Size && (best == nil || info.Size() > best.high) {
			best = &inFile{entry: i, part: part, high: info.Size(), fresh: info.Size()}
		}
	}
	return best
}

// partsOf gives the names that parts of a file have or may have: the first, and those with a number that are on record; but none that another
// file of the list has. run.mu is held where there is a list that was accepted.
func (s *Sink) partsOf(i int) (parts []string) {
	local := s.places.local(unreserved(s.m.Path(i)))
	for _, n := range s.record.numbers(partName(local, 0)) {
		part := partName(local, n)
		if _, taken := s.places.parts[part]; !taken && !s.isOther(i, part, n) {
			parts = append(parts, part)
		}
	}
	return parts
}

// isOther says whether a part's name is that of another entry, or of its part.
func (s *Sink) isOther(i int, part string, n int) bool {
	name := path.Join(path.Dir(unreserved(s.m.Path(i))), path.Base(part))
	return s.m.Find(name) >= 0 || n > 0 && s.m.Find(strings.TrimSuffix(name, ".part")) >= 0
}

// partName is what a file is called until it is whole. Where another one is called so, n makes another name.
func partName(local string, n int) string {
	dir, base := path.Split(local)
	if len(base) > 200 { // with its ending it would be too long for most file systems
		h := piece.Sum([]byte(base), 0, true)
		base = string([]rune(base)[:40]) + "~" + h.String()[:16]
	}
	if n == 0 {
		return dir + base + ".part"
	}
	return fmt.Sprintf("%s%s.%d.part", dir, base, n)
}

// newPart takes a name for a file's data, from the n-th on, that no other file of the list has; also of the disk it must be new.
// run.mu is held.
func (s *Sink) newPart(i, n int) (part string, number int) {
	local := s.places.local(unreserved(s.m.Path(i)))
	for ; ; n++ {
		part := partName(local, n)
		if _, taken := s.places.parts[part]; !taken && !s.isOther(i, part, n) {
			s.places.parts[part] = i
			return part, n
		}
	}
}

// makePart makes a part under a name that nothing has; else the error is fs.ErrExist. It is put on record before, as planned, and once more
// when it is there: a kill in between leaves an empty part that is on record.
func (s *Sink) makePart(dir *os.Root, part string, e *piece.Entry) (*os.File, error) {
	base := path.Base(part)
	if _, err := dir.Lstat(base); err == nil {
		return nil, fs.ErrExist // a user's own file, or what another transfer left: it stays as it is, and off the record
	}
	if err := s.put(part, e, planned); err != nil {
		return nil, err
	}
	disk, err := dir.OpenFile(base, os.O_RDWR|os.O_CREATE|os.O_EXCL, mode(e, 0o644)|0o600)
	if err != nil {
		s.record.remove(part)
		return nil, err
	}
	s.record.stepped()
	if err := s.put(part, e, made); err != nil {
		_ = disk.Close()
		_ = dir.Remove(base)
		s.record.remove(part)
		return nil, err
	}
	return disk, nil
}

// put puts a part of this transfer on record. Of one whose folder another process has claimed there is none.
func (s *Sink) put(part string, e *piece.Entry, at stage) error {
	want := began{s.m.Offer.ID, e.Size, e.Time, at}
	if of, ok := s.record.of(part); !s.claim.alone() || ok && of == want {
		return nil
	}
	return s.record.add(s.root, part, want)
}

// reopen opens the part of a file that has one, to write in it.
func (s *Sink) reopen(dir *os.Root, part string, e *piece.Entry) (*os.File, error) {
	base := path.Base(part)
	disk, err := dir.OpenFile(base, os.O_RDWR, 0)
	if errors.Is(err, fs.ErrPermission) && dir.Chmod(base, mode(e, 0o644)|0o600) == nil { // it was about to get its name
		disk, err = dir.OpenFile(base, os.O_RDWR, 0)
	}
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("%s was taken away meanwhile: receive it again", part)
	}
	if err != nil {
		return nil, err
	}
	if err := s.put(part, e, made); err != nil { // whatever is written to it from now on
		_ = disk.Close()
		return nil, err
	}
	return disk, nil
}

// dropParts removes the other parts of a file that is whole. It comes before the file's name: a kill in between leaves its own part, which is all
// of it.
func (r *run) dropParts(d *desk, f *inFile) {
	s := r.sink
	if !s.claim.alone() {
		return
	}
	r.mu.Lock()
	parts := s.partsOf(f.entry)
	r.mu.Unlock()
	e := s.m.Entry(f.entry)
	for _, part := range parts {
		of, ours := s.record.of(part)
		if !ours || !of.fits(s.m.Offer.ID, &e) {
			continue
		}
		dir, base, err := d.at(part)
		if err != nil {
			continue
		}
		if info, err := dir.Lstat(base); err == nil && of.owns(info) && dir.Remove(base) == nil {
			s.record.stepped()
		}
		s.record.remove(part)
	}
}
