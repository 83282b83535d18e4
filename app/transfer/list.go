package transfer

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"switchyard/engine/piece"
)

// lister walks the paths that a user names.
type lister struct {
	m       *piece.Manifest
	links   bool
	stamps  []uint32
	origins []origin
	left    []string
	tops    map[string]bool // names of what the user named, folded
}

func newLister(kind string) *lister {
	return &lister{m: piece.Draft(kind), tops: make(map[string]bool)}
}

// add lists one path: a file, or a folder with all that is in it. A link that the user names is followed.
func (l *lister) add(name string) error {
	abs, err := filepath.Abs(name)
	if err != nil {
		return err
	}
	info, err := os.Stat(abs)
	if err != nil {
		return err
	}
	base := filepath.Base(abs)
	if strings.ContainsRune(base, filepath.Separator) {
		return fmt.Errorf("%s is no folder that has a name: name the folders in it", name)
	}
	if !info.IsDir() && !info.Mode().IsRegular() {
		return fmt.Errorf("%s is neither a file nor a folder", name)
	}
	if abs, err = filepath.EvalSymlinks(abs); err != nil {
		return err
	}
	base = l.top(base)
	l.origins = append(l.origins, origin{l.m.Len(), abs, len(base)})
	if !info.IsDir() {
		return l.file(base, abs, info)
	}
	return l.folder(base, abs, info)
}

// folder lists a folder and, in the order of their names, what is in it.
func (l *lister) folder(name, p string, info fs.FileInfo) error {
	if err := l.append(piece.Entry{Path: name, Kind: piece.Folder, Mode: uint32(info.Mode().Perm())}, info.ModTime()); err != nil {
		return err
	}
	names, err := namesIn(p)
	if err != nil {
		return err
	}
	for _, at := range names.order {
		base := string(names.bytes(at))
		if err := l.entry(name+"/"+base, p+string(filepath.Separator)+base); err != nil {
			return err
		}
	}
	return nil
}

// top is the name for what the user named, which is another one than those before.
func (l *lister) top(base string) string {
	name := base
	for n := 1; l.tops[piece.Fold(name)]; n++ {
		name = numbered(base, n)
	}
	l.tops[piece.Fold(name)] = true
	return name
}

func (l *lister) entry(name, p string) error {
	info, err := os.Lstat(p)
	if err != nil {
		return err
	}
	switch kind := info.Mode().Type(); {
	case kind == 0:
		return l.file(name, p, info)
	case kind == fs.ModeDir:
		return l.folder(name, p, info)
	case kind == fs.ModeSymlink && l.links:
		to, err := os.Readlink(p)
		if err != nil {
			return err
		}
		return l.append(piece.Entry{Path: name, Kind: piece.Symlink, Mode: uint32(info.Mode().Perm()), To: filepath.ToSlash(to)}, info.ModTime())
	case kind == fs.ModeSymlink:
		l.left = append(l.left, name+": a symbolic link (--links sends them)")
	default:
		l.left = append(l.left, name+": neither a file nor a folder")
	}
	return nil
}

func (l *lister) file(name, p string, info fs.FileInfo) error {
	return l.append(piece.Entry{Path: name, Size: info.Size(), Holes: holesOf(p, info), Mode: uint32(info.Mode().Perm())}, info.ModTime())
}

func (l *lister) append(e piece.Entry, changed time.Time) error {
	if l.m.Len() >= piece.MaxEntries {
		return fmt.Errorf("these are more than %d entries, which is what can be sent at once: send an archive of them", piece.MaxEntries)
	}
	e.Time = changed.UnixMilli()
	if err := l.m.Add(e); err != nil {
		if errors.Is(err, piece.ErrName) {
			return fmt.Errorf("%w; rename it and try again", err)
		}
		return err
	}
	l.stamps = append(l.stamps, beyondMilli(changed))
	return nil
}

// name is what the list is called where its user does not say.
func (l *lister) name() string {
	first := l.m.Path(0)
	if len(l.origins) < 2 {
		return first
	}
	return fmt.Sprintf("%s and %d more", first, len(l.origins)-1)
}

// numbered is a name with a number, before its extension: "photo (1).jpg".
func numbered(name string, n int) string {
	dir, base := path.Split(name)
	ext := path.Ext(base)
	if stem := strings.TrimSuffix(base, ext); strings.HasSuffix(stem, ".tar") {
		ext = ".tar" + ext
	}
	if ext == base { // a dot file has no extension
		ext = ""
	}
	return fmt.Sprintf("%s%s (%d)%s", dir, strings.TrimSuffix(base, ext), n, ext)
}
