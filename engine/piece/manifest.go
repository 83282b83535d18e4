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
	Offer Offer
	List

	seed    maphash.Seed
	names   []uint32 // open hashing of the folded paths: entries plus one and some of the hash, 0 for none; at most half full
	files   int
	bytes   int64
	largest int64 // file
	links   bool
	dir     string // the folder of the entry before, and which that is
	dirAt   int
}

// numberBits of a name are the entry's number plus one, the others are of its hash: paths are put together and compared seldom.
const numberBits = 20

var _ [1<<numberBits - 1 - MaxEntries]byte

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
	return &Manifest{Offer: offer, links: links, seed: maphash.MakeSeed(), names: make([]uint32, 16), dirAt: -1}, nil
}

// Draft begins a list of a sender's, whose offer is known when it is whole.
func Draft(kind string) *Manifest {
	m, err := NewManifest(Offer{Kind: kind, Entries: map[string]int{KindFiles: MaxEntries, KindText: 1}[kind], Piece: MaxPiece}, true)
	if err != nil {
		panic(err) // a kind that is none
	}
	return m
}

// Seal ends a draft. The offer says what the list itself does not; where it names no size of a piece it gets one.
func (m *Manifest) Seal(offer Offer) error {
	offer.Kind, offer.Entries, offer.Files, offer.Bytes = m.Offer.Kind, m.Len(), m.files, m.bytes
	if offer.Piece == 0 {
		offer.Piece = SizeFor(m.largest)
	}
	if _, err := NewManifest(offer, true); err != nil {
		return err
	}
	if m.largest > int64(offer.Piece)*MaxPieces {
		return fmt.Errorf("%w: a file of %d bytes has more than %d pieces of %d bytes", ErrOffer, m.largest, MaxPieces, offer.Piece)
	}
	m.Offer = offer
	return nil
}

// Add adds the next entry. A folder comes before what is in it.
func (m *Manifest) Add(e Entry) error {
	if m.Len() >= m.Offer.Entries {
		return fmt.Errorf("%w: more entries than it says", ErrOffer)
	}
	if m.List.bytes() > MaxList {
		return fmt.Errorf("%w: the names of %d entries take more than %d MB: send an archive of them", ErrOffer, m.Len(), MaxList>>20)
	}
	if err := CheckPath(e.Path); err != nil {
		return err
	}
	if err := m.checkKind(&e); err != nil {
		return err
	}
	parent, name, within := cutLast(e.Path)
	if !within {
		m.dir, m.dirAt = "", -1
	} else if m.dirAt < 0 || m.dir != parent {
		i := m.Find(parent)
		if i < 0 || m.Path(i) != parent {
			return &NameError{e.Path, "stands in a folder that was not offered before it"}
		}
		if m.Entry(i).Kind != Folder {
			return &NameError{e.Path, "stands in what is no folder"}
		}
		m.dir, m.dirAt = strings.Clone(parent), i
	}
	slot, print, other := m.slot(e.Path)
	if other >= 0 {
		return &NameError{e.Path, fmt.Sprintf("and %q are one name on some systems", clip(m.Path(other)))}
	}
	m.add(&e, m.dirAt, name)
	m.names[slot] = print | uint32(m.Len())
	if 2*m.Len() > len(m.names) {
		m.grow()
	}
	if e.IsFile() {
		m.files++
		m.bytes += e.Size
		m.largest = max(m.largest, e.Size)
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
	case e.Holes < 0 || e.Holes > e.Size:
		return &NameError{e.Path, "has more holes than bytes"}
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
	if m.Len() != m.Offer.Entries || m.files != m.Offer.Files || m.bytes != m.Offer.Bytes {
		return fmt.Errorf("%w: it says %d entries, %d files, %d bytes and lists %d, %d, %d", ErrOffer,
			m.Offer.Entries, m.Offer.Files, m.Offer.Bytes, m.Len(), m.files, m.bytes)
	}
	return nil
}

// Find is the number of the entry with this path, whatever the case, -1 when there is none.
func (m *Manifest) Find(path string) int {
	_, _, i := m.slot(path)
	return i
}

// slot is where in names a path stands or would stand, its print, and the entry that is there, -1 for none.
func (m *Manifest) slot(path string) (at int, print uint32, entry int) {
	key := Fold(path)
	at, print = m.begin(key)
	for ; m.names[at] != 0; at = (at + 1) & (len(m.names) - 1) {
		if n := m.names[at]; n>>numberBits == print>>numberBits {
			if i := int(n&(1<<numberBits-1)) - 1; Fold(m.Path(i)) == key {
				return at, print, i
			}
		}
	}
	return at, print, -1
}

// begin is where the search for a key begins, and its print: what of its hash stands with its number.
func (m *Manifest) begin(key string) (at int, print uint32) {
	h := maphash.String(m.seed, key)
	return int(h & uint64(len(m.names)-1)), uint32(h >> (32 + numberBits) << numberBits)
}

// grow makes room for twice as many names.
func (m *Manifest) grow() {
	m.names = make([]uint32, 2*len(m.names))
	for i, e := range m.All() {
		at, print := m.begin(Fold(e.Path))
		for m.names[at] != 0 {
			at = (at + 1) & (len(m.names) - 1)
		}
		m.names[at] = print | uint32(i+1)
	}
}

// Pieces is how many pieces entry i has.
func (m *Manifest) Pieces(i int) int { return m.Offer.Piece.Count(m.Size(i)) }

// Span is where piece p of entry i begins and ends.
func (m *Manifest) Span(i, p int) (from, to int64) { return m.Offer.Piece.Span(p, m.Size(i)) }

// Messages gives the messages of the whole list, from offer to offered, one after the other, until yield says false.
func (m *Manifest) Messages(yield func(message []byte) bool) {
	if !yield(AppendControl(nil, m.Offer)) {
		return
	}
	// A path grows at most sixfold in JSON; the rest of an entry takes less than 128 bytes.
	const room = MaxMessage - 64
	var part Entries
	left := room
	for i, e := range m.All() {
		if left -= 128 + 6*(len(e.Path)+len(e.To)); left < 0 && len(part.Entries) > 0 {
			if !yield(AppendControl(nil, part)) {
				return
			}
			part.From, part.Entries = i, part.Entries[:0]
			left = room - 128 - 6*(len(e.Path)+len(e.To))
		}
		part.Entries = append(part.Entries, e)
	}
	if len(part.Entries) > 0 && !yield(AppendControl(nil, part)) {
		return
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
