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
