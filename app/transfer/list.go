package transfer

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"switchyard/engine/piece"
)

// lister walks the paths that a user names.
type lister struct {
	links   bool
	entries []piece.Entry
	stamps  []int64
	origins []origin
	left    []string
	tops    map[string]bool // names of what the user named, folded
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
	l.origins = append(l.origins, origin{len(l.entries), abs, len(base)})
	if !info.IsDir() {
		l.file(base, info)
		return nil
	}
	return filepath.WalkDir(abs, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if len(l.entries) >= piece.MaxEntries {
			return fmt.Errorf("%s has more than %d entries: send an archive of it", name, piece.MaxEntries)
		}
		return l.entry(base+filepath.ToSlash(p[len(abs):]), p, d)
	})
}

// top is the name for what the user named, which is another one than those before.
func (l *lister) top(base string) string {
	if l.tops == nil {
		l.tops = make(map[string]bool)
	}
	name := base
	for n := 1; l.tops[piece.Fold(name)]; n++ {
		name = numbered(base, n)
	}
	l.tops[piece.Fold(name)] = true
	return name
}

func (l *lister) entry(name, p string, d fs.DirEntry) error {
	info, err := d.Info()
	if err != nil {
		return err
	}
	switch {
	case d.Type() == 0:
		l.file(name, info)
	case d.IsDir():
		l.append(piece.Entry{Path: name, Kind: piece.Folder}, info)
	case d.Type() == fs.ModeSymlink && l.links:
		to, err := os.Readlink(p)
		if err != nil {
			return err
		}
		l.append(piece.Entry{Path: name, Kind: piece.Symlink, To: filepath.ToSlash(to)}, info)
	case d.Type() == fs.ModeSymlink:
		l.left = append(l.left, name+": a symbolic link (--links sends them)")
	default:
		l.left = append(l.left, name+": neither a file nor a folder")
	}
	return nil
}

func (l *lister) file(name string, info fs.FileInfo) {
	l.append(piece.Entry{Path: name, Size: info.Size()}, info)
}

func (l *lister) append(e piece.Entry, info fs.FileInfo) {
	e.Mode, e.Time = uint32(info.Mode().Perm()), info.ModTime().UnixMilli()
	l.entries = append(l.entries, e)
	l.stamps = append(l.stamps, info.ModTime().UnixNano())
}

// name is what the list is called where its user does not say.
func (l *lister) name() string {
	first := l.entries[0].Path
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
