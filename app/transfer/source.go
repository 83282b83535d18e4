package transfer

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sort"
	"sync"
	"time"

	"switchyard/engine/piece"
)

// SourceOptions say what of the files is sent, and how. The zero value works.
type SourceOptions struct {
	ID     string // of the link: receivers know a transfer by it when it goes on
	Name   string // to show; by default the first file's
	Links  bool   // send symbolic links as such; else they are left out
	Limit  int64  // bytes a second for all receivers together, 0 for none
	Piece  int64  // bytes of a piece, a power of two; by default 1 MiB, or more for a file beyond 1 TiB
	NoPack bool   // never compress
}

// Source is what is sent: a list of files, made once, that any number of receivers may be served, at the same time and anew.
type Source struct {
	manifest *piece.Manifest
	origins  []origin
	stamps   []uint32 // of each entry's last change: the ns beyond the ms of its time
	text     []byte   // where the offer is a text
	temp     string   // a file that Close removes
	left     []string
	limit    *bucket
	noPack   bool

	mu     sync.Mutex
	trees  map[int]*piece.Tree // what is known of the files' pieces, by entry
	single hashes              // of files of one piece
}

// origin is where the entries from one number on come from: a path of the user's.
type origin struct {
	from int
	path string
	cut  int // bytes of the entry's path that stand for path
}

// reader is an open file of a source.
type reader interface {
	io.ReaderAt
	io.Closer
}

// NewText makes a source of a text, which the receiver's user sees and which is not kept.
func NewText(text string, o SourceOptions) (*Source, error) {
	if len(text) > MaxText {
		return nil, fmt.Errorf("the text is longer than %d bytes: send it as a file", MaxText)
	}
	s := &Source{text: []byte(text), limit: newBucket(o.Limit), noPack: o.NoPack}
	list := newLister(piece.KindText)
	if err := list.append(piece.Entry{Path: "text", Size: int64(len(text))}, time.UnixMilli(0)); err != nil {
		return nil, err
	}
	return s, s.finish(list, o)
}

// NewSpool reads all of r, as standard input, into a temporary file and makes a source of it with the name.
func NewSpool(r io.Reader, name string, o SourceOptions) (*Source, error) {
	f, err := os.CreateTemp("", "switchyard-send-*")
	if err != nil {
		return nil, err
	}
	_, err = io.Copy(f, r)
	info, err2 := f.Stat()
	if err = errors.Join(err, err2, f.Close()); err != nil {
		_ = os.Remove(f.Name())
		return nil, err
	}
	s := &Source{temp: f.Name(), limit: newBucket(o.Limit), noPack: o.NoPack}
	s.origins = []origin{{path: f.Name(), cut: len(name)}}
	list := newLister(piece.KindFiles)
	if err = list.append(piece.Entry{Path: name, Size: info.Size(), Mode: 0o644}, info.ModTime()); err == nil {
		err = s.finish(list, o)
	}
	if err != nil {
		_ = os.Remove(f.Name())
		return nil, err
	}
	return s, nil
}

// NewSource lists files and folders. It reads no contents; a name that a receiver would refuse is an error here.
func NewSource(paths []string, o SourceOptions) (*Source, error) {
	s := &Source{limit: newBucket(o.Limit), noPack: o.NoPack}
	list := newLister(piece.KindFiles)
	list.links = o.Links
	for _, path := range paths {
		if err := list.add(path); err != nil {
			return nil, err
		}
	}
	s.origins, s.left = list.origins, list.left
	return s, s.finish(list, o)
}

// finish makes the offer of what was listed.
func (s *Source) finish(list *lister, o SourceOptions) error {
	if list.m.Len() == 0 {
		return errors.New("there is nothing to send")
	}
	offer := piece.Offer{ID: o.ID, Name: o.Name, Piece: piece.Size(o.Piece), Knows: []string{piece.KnowsHoles, piece.KnowsSkip}}
	if offer.Name == "" {
		offer.Name = list.name()
	}
	if !o.NoPack {
		offer.Packs = []string{piece.Deflate}
	}
	s.manifest, s.stamps, s.trees = list.m, list.stamps, make(map[int]*piece.Tree)
	return s.manifest.Seal(offer)
}

// Offer is the source as a whole.
func (s *Source) Offer() piece.Offer { return s.manifest.Offer }

// SetID gives the source the id of its link. It must not be called while a receiver is served.
func (s *Source) SetID(id string) { s.manifest.Offer.ID = id }

// LeftOut are the paths that are not sent, each with the reason.
func (s *Source) LeftOut() []string { return s.left }

// Close removes what the source spooled. Nobody may be served any more.
func (s *Source) Close() error {
	s.single.close()
	if s.temp == "" {
		return nil
	}
	return os.Remove(s.temp)
}

// path is where entry i lies here.
func (s *Source) path(i int) string {
	o := s.origins[sort.Search(len(s.origins), func(k int) bool { return s.origins[k].from > i })-1]
	return o.path + filepath.FromSlash(s.manifest.Path(i)[o.cut:])
}

// open opens the file of entry i, which must be as it was when it was listed.
func (s *Source) open(i int) (reader, error) {
	if s.text != nil || s.manifest.Offer.Kind == piece.KindText {
		return memory{bytes.NewReader(s.text)}, nil
	}
	f, err := os.Open(s.path(i))
	if err != nil {
		return nil, &entryError{i, err}
	}
	if err := s.unchanged(i, f); err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

// unchanged says whether an open file is still what was listed.
func (s *Source) unchanged(i int, r reader) error {
	f, ok := r.(*os.File)
	if !ok {
		return nil
	}
	info, err := f.Stat()
	if err != nil {
		return &entryError{i, err}
	}
	if !info.Mode().IsRegular() || !s.unmoved(i, info) {
		return s.changed(i)
	}
	return nil
}

// unmoved says whether a file has the size and the time that were listed.
func (s *Source) unmoved(i int, info os.FileInfo) bool {
	e := s.manifest.Entry(i)
	return info.Size() == e.Size && info.ModTime().UnixMilli() == e.Time && beyondMilli(info.ModTime()) == s.stamps[i]
}

// beyondMilli is the ns of a time beyond its ms.
func beyondMilli(t time.Time) uint32 { return uint32(t.Nanosecond() % 1e6) }

func (s *Source) changed(i int) error {
	return &entryError{i, fmt.Errorf("%q changed while it was sent: send it again", s.manifest.Path(i))}
}

// known is the hash of a piece, where a receiver was served it before.
func (s *Source) known(entry, i int) (piece.Hash, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.manifest.Pieces(entry) == 1 {
		return s.single.get(entry)
	}
	if t := s.trees[entry]; t != nil {
		return t.Get(i)
	}
	return piece.Hash{}, false
}

// learn stores the hash of a piece; false where it was another one before, so that the file has changed.
func (s *Source) learn(entry, i int, h piece.Hash) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.manifest.Pieces(entry) == 1 {
		before, ok := s.single.get(entry)
		if !ok {
			s.single.set(entry, h) // where it cannot be kept it is hashed anew for the next receiver
		}
		return !ok || before == h
	}
	t := s.trees[entry]
	if t == nil {
		t = new(piece.Tree)
		s.trees[entry] = t
	}
	if before, ok := t.Get(i); ok {
		return before == h
	}
	t.Set(i, h)
	return true
}

// root is the hash of entry i, which has several pieces, all of them known.
func (s *Source) root(i int) piece.Hash {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.trees[i].Root(s.manifest.Pieces(i))
}

// MaxText is how long a text may be, in bytes.
const MaxText = 1 << 20

// memory is a text as a file.
type memory struct{ *bytes.Reader }

func (memory) Close() error { return nil }
