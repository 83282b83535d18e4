package transfer

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"
	"time"

	"switchyard/engine/piece"
)

// places says where the entries of a list lie in the folder. All paths are with '/', below the folder's os.Root, which no path
// and no link leads out of.
type places struct {
	dirs  map[string]string // an offered folder that has another name here, since a file had its own, and those in it
	fresh []bool            // by entry: folders that were made; nothing in them has to be looked for
	parts map[string]int    // names of parts, and whose they are
}

func newPlaces(entries int) places {
	return places{dirs: make(map[string]string), fresh: make([]bool, entries), parts: make(map[string]int)}
}

// local is where an entry lies, unless something else lies there.
func (p *places) local(name string) string {
	dir, base := path.Split(name)
	if dir == "" || len(p.dirs) == 0 {
		return name
	}
	if d, ok := p.dirs[dir[:len(dir)-1]]; ok {
		return d + "/" + base
	}
	return name
}

// inFresh says whether an entry is in a folder that was made for it.
func (p *places) inFresh(m *piece.Manifest, i int) bool {
	parent := m.Parent(i)
	return parent >= 0 && p.fresh[parent]
}

// folderOf is where an offered folder lies.
func (p *places) folderOf(name string) string {
	if d, ok := p.dirs[name]; ok {
		return d
	}
	return name
}

// candidate is the n-th name that an entry may have here; ok is false where another entry has it.
func (p *places) candidate(m *piece.Manifest, name string, n int) (local string, ok bool) {
	if n == 0 {
		return p.local(name), !reserved(name)
	}
	name = numbered(unreserved(name), n)
	return p.local(name), m.Find(name) < 0
}

// reserved says whether a name is one that we trust when we find it: a ticket, or the record of parts. No sender may plant those.
func reserved(name string) bool {
	return strings.HasPrefix(piece.Fold(path.Base(name)), ".switchyard")
}

func unreserved(name string) string {
	if !reserved(name) {
		return name
	}
	dir, base := path.Split(name)
	return dir + strings.TrimPrefix(base, ".")
}

// folders makes the folders of a list.
func (p *places) folders(root *os.Root, m *piece.Manifest, skips func(int) bool) error {
	for i, e := range m.All() {
		if e.Kind == piece.Folder && !skips(i) {
			if err := p.folder(root, m, i, &e); err != nil {
				return diskError(e.Path, err)
			}
		}
	}
	return nil
}

func (p *places) folder(root *os.Root, m *piece.Manifest, i int, e *piece.Entry) error {
	for n := 0; ; n++ {
		local, ok := p.candidate(m, e.Path, n)
		if !ok {
			continue
		}
		err := root.Mkdir(local, mode(e, 0o755)|0o700)
		switch {
		case err == nil:
			p.fresh[i] = true
		case errors.Is(err, fs.ErrExist):
			if info, err := root.Stat(local); err != nil || !info.IsDir() {
				continue
			}
		default:
			return err
		}
		if local != e.Path {
			p.dirs[e.Path] = local
		}
		return nil
	}
}

// mode is the permission of an entry; one that nobody said has the usual one.
func mode(e *piece.Entry, usual fs.FileMode) fs.FileMode {
	if e.Mode == 0 {
		return usual
	}
	return fs.FileMode(e.Mode) & 0o775 // nothing is for everybody to write
}

// maxNumbered is how many names are tried for one file.
const maxNumbered = 1000

// find looks for what is here of a file: a part of it, or a whole file of its name and size. nil is neither.
func (s *Sink) find(i int, d *desk) *inFile {
	e := s.m.Entry(i)
	p := &s.places
	if p.inFresh(s.m, i) {
		return nil
	}
	base := ""
	dir, _, err := d.at(p.local(e.Path))
	if err != nil {
		return nil
	}
	for n := range maxNumbered {
		local, ok := p.candidate(s.m, e.Path, n)
		if !ok {
			continue
		}
		if f := s.findParts(i, dir, local); f != nil {
			return f
		}
		info, err := dir.Lstat(path.Base(local))
		if err != nil {
			break
		}
		if info.Mode().IsRegular() && info.Size() == e.Size && s.out.to == nil {
			base = local
		}
	}
	if base == "" {
		return nil
	}
	return &inFile{entry: i, base: base}
}

// findParts looks for a part of a file that can be gone on with.
func (s *Sink) findParts(i int, dir *os.Root, local string) *inFile {
	for n := 0; ; n++ {
		part := partName(local, n)
		if f := s.findPart(i, dir, part); f != nil {
			return f
		}
		if _, ours := s.record.of(part); !ours && n > 0 {
			return nil // there are no more of them
		}
	}
}

// findPart looks at one name. A part that is not on record is not ours, and that of another transfer is not for this file.
func (s *Sink) findPart(i int, dir *os.Root, part string) *inFile {
	e := s.m.Entry(i)
	if _, taken := s.places.parts[part]; taken || !s.claim.alone() || s.m.Find(path.Join(path.Dir(e.Path), path.Base(part))) >= 0 {
		return nil
	}
	info, err := dir.Lstat(path.Base(part))
	if err != nil || !info.Mode().IsRegular() || info.Size() > e.Size {
		return nil
	}
	// A crash may have left a file both of its names.
	if whole, err := dir.Lstat(strings.TrimSuffix(path.Base(part), ".part")); err == nil && os.SameFile(whole, info) {
		_ = dir.Remove(path.Base(part))
		return nil
	}
	if of, ours := s.record.of(part); !ours || !of.fits(s.m.Offer.ID, &e) {
		return nil
	}
	s.places.parts[part] = i
	return &inFile{entry: i, part: part, high: info.Size(), fresh: info.Size()}
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

// newPart chooses a name for a file's data, from the n-th on, that no other file of the list has; also of the disk it must be new.
func (s *Sink) newPart(i, n int) (part string, number int) {
	name := unreserved(s.m.Path(i))
	local := s.places.local(name)
	dir := path.Dir(name)
	for ; ; n++ {
		part := partName(local, n)
		_, taken := s.places.parts[part]
		if !taken && s.m.Find(path.Join(dir, path.Base(part))) < 0 {
			return part, n
		}
	}
}

// settle makes the links and gives the folders their modes and times, the innermost first.
func (p *places) settle(root *os.Root, m *piece.Manifest, skips func(int) bool) error {
	for i := m.Len() - 1; i >= 0; i-- {
		e := m.Entry(i)
		var err error
		switch {
		case skips(i):
		case e.Kind == piece.Symlink:
			err = p.link(root, m, &e)
		case e.Kind == piece.Folder:
			local := p.folderOf(e.Path)
			if err = root.Chmod(local, mode(&e, 0o755)); err == nil {
				err = setTime(root, local, &e)
			}
		}
		if err != nil {
			return &entryError{i, fmt.Errorf("cannot finish %q: %w", e.Path, err)}
		}
	}
	return nil
}

func (p *places) link(root *os.Root, m *piece.Manifest, e *piece.Entry) error {
	for n := 0; ; n++ {
		local, ok := p.candidate(m, e.Path, n)
		if !ok {
			continue
		}
		if to, err := root.Readlink(local); err == nil && to == e.To {
			return nil
		}
		if err := root.Symlink(e.To, local); !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
}

func setTime(root *os.Root, local string, e *piece.Entry) error {
	if e.Time == 0 {
		return nil
	}
	t := time.UnixMilli(e.Time)
	return root.Chtimes(local, t, t)
}
