package piece

import (
	"errors"
	"fmt"
	"hash/maphash"
	"strings"
)

// ErrOffer is an offer that contradicts itself or is beyond the limits.
var ErrOffer = errors.New("piece: offer is wrong")

// latest is the time, in ms since 1970, that every system and language here can hold (ECMA-262 §21.4.1.1).
const latest = 8_640_000_000_000_000

// Manifest is the list of what is sent, checked as it is built.
type Manifest struct {
	Offer   Offer
	Entries []Entry

	seed  maphash.Seed
	names []int32 // open hashing of the folded paths: entries plus one, 0 for none; at most half full
	files int
	bytes int64
	links bool
}

// NewManifest begins a list. Of a receiver the offer is the sender's; links says whether symbolic links may be in it.
func NewManifest(offer Offer, links bool) (*Manifest, error) {
	switch {
	case !offer.Piece.Valid():
		return nil, fmt.Errorf("%w: pieces of %d bytes", ErrOffer, offer.Piece)
	case offer.Entries < 0 || offer.Entries > MaxEntries:
		return nil, fmt.Errorf("%w: %d entries, at most %d can be sent at once", ErrOffer, offer.Entries, MaxEntries)
	case offer.Kind != KindFiles && offer.Kind != KindText:
		return nil, fmt.Errorf("%w: kind %q is unknown", ErrOffer, clip(offer.Kind))
	case offer.Kind == KindText && offer.Entries != 1:
		return nil, fmt.Errorf("%w: a text is one entry", ErrOffer)
	case len(offer.ID) > 128 || len(offer.Name) > maxPath:
		return nil, fmt.Errorf("%w: its name is too long", ErrOffer)
	}
	return &Manifest{Offer: offer, links: links, seed: maphash.MakeSeed(), names: make([]int32, 16)}, nil
}

// Add adds the next entry. A folder comes before what is in it.
func (m *Manifest) Add(e Entry) error {
	if len(m.Entries) >= m.Offer.Entries {
		return fmt.Errorf("%w: more entries than it says", ErrOffer)
	}
	if err := CheckPath(e.Path); err != nil {
		return err
	}
	if err := m.checkKind(&e); err != nil {
		return err
	}
	if parent, _, ok := cutLast(e.Path); ok {
		i := m.Find(parent)
		if i < 0 || m.Entries[i].Path != parent {
			return &NameError{e.Path, "stands in a folder that was not offered before it"}
		}
		if m.Entries[i].Kind != Folder {
			return &NameError{e.Path, "stands in what is no folder"}
		}
	}
	slot, other := m.slot(e.Path)
	if other >= 0 {
		return &NameError{e.Path, fmt.Sprintf("and %q are one name on some systems", clip(m.Entries[other].Path))}
	}
	m.Entries = append(m.Entries, e)
	m.names[slot] = int32(len(m.Entries))
	if 2*len(m.Entries) > len(m.names) {
		m.grow()
	}
	if e.IsFile() {
		m.files++
		m.bytes += e.Size
	}
	return nil
}

func (m *Manifest) checkKind(e *Entry) error {
	switch {
	case e.Kind != "" && e.Kind != Folder && e.Kind != Symlink:
		return &NameError{e.Path, "is neither a file nor a folder nor a link"}
	case m.Offer.Kind == KindText && e.Kind != "":
		return &NameError{e.Path, "is no text"}
	case e.Size < 0 || e.Kind != "" && e.Size != 0:
		return &NameError{e.Path, "has a size that cannot be"}
	case e.Size > int64(m.Offer.Piece)*MaxPieces:
		return &NameError{e.Path, fmt.Sprintf("has more than %d pieces", MaxPieces)}
	case e.Time < -latest || e.Time > latest:
		return &NameError{e.Path, "has a time that cannot be"}
	case e.Kind == Symlink && !m.links:
		return &NameError{e.Path, "is a symbolic link, which only a receiver that allows links takes"}
	case e.Kind == Symlink:
		return checkTarget(e.Path, e.To)
	}
	return nil
}

// Finish checks that the list is what the offer says.
func (m *Manifest) Finish() error {
	if len(m.Entries) != m.Offer.Entries || m.files != m.Offer.Files || m.bytes != m.Offer.Bytes {
		return fmt.Errorf("%w: it says %d entries, %d files, %d bytes and lists %d, %d, %d", ErrOffer,
			m.Offer.Entries, m.Offer.Files, m.Offer.Bytes, len(m.Entries), m.files, m.bytes)
	}
	return nil
}

// Find is the number of the entry with this path, whatever the case, -1 when there is none.
func (m *Manifest) Find(path string) int {
	_, i := m.slot(path)
	return i
}

// Parent is the entry of the folder that entry i is in, -1 where it is in none.
func (m *Manifest) Parent(i int) int {
	parent, _, ok := cutLast(m.Entries[i].Path)
	if !ok {
		return -1
	}
	return m.Find(parent)
}

// slot is where in names a path stands or would stand, and the entry that is there, -1 for none.
func (m *Manifest) slot(path string) (at, entry int) {
	key := Fold(path)
	for at = m.begin(key); m.names[at] != 0; at = (at + 1) & (len(m.names) - 1) {
		if i := int(m.names[at]) - 1; Fold(m.Entries[i].Path) == key {
			return at, i
		}
	}
	return at, -1
}

// begin is where the search for a key begins.
func (m *Manifest) begin(key string) int {
	return int(maphash.String(m.seed, key) & uint64(len(m.names)-1))
}

// grow makes room for twice as many names.
func (m *Manifest) grow() {
	m.names = make([]int32, 2*len(m.names))
	for i := range m.Entries {
		at := m.begin(Fold(m.Entries[i].Path))
		for m.names[at] != 0 {
			at = (at + 1) & (len(m.names) - 1)
		}
		m.names[at] = int32(i + 1)
	}
}

// Pieces is how many pieces entry i has.
func (m *Manifest) Pieces(i int) int { return m.Offer.Piece.Count(m.Entries[i].Size) }

// Span is where piece p of entry i begins and ends.
func (m *Manifest) Span(i, p int) (from, to int64) { return m.Offer.Piece.Span(p, m.Entries[i].Size) }

// Messages gives the messages of the whole list, from offer to offered, one after the other, until yield says false.
func (m *Manifest) Messages(yield func(message []byte) bool) {
	if !yield(AppendControl(nil, m.Offer)) {
		return
	}
	// A path grows at most sixfold in JSON; the rest of an entry takes less than 128 bytes.
	for from, i := 0, 0; from < len(m.Entries); from = i {
		for size := 64; i < len(m.Entries) && size < MaxMessage; i++ {
			if size += 128 + 6*(len(m.Entries[i].Path)+len(m.Entries[i].To)); size >= MaxMessage && i > from {
				break
			}
		}
		if !yield(AppendControl(nil, Entries{from, m.Entries[from:i]})) {
			return
		}
	}
	yield(AppendControl(nil, Offered{}))
}

// cutLast cuts a path at its last '/'; ok is false where there is none.
func cutLast(path string) (before, after string, ok bool) {
	i := strings.LastIndexByte(path, '/')
	if i < 0 {
		return "", path, false
	}
	return path[:i], path[i+1:], true
}
