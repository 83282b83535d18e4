package piece

import (
	"encoding/binary"
	"iter"
)

// List holds entries in little memory: a file of a usual name takes some 20 bytes. Each is written as what it differs in from the one before
// it, in blocks that can be read alone; a path is the number of its folder and a name. The zero value is empty. It may be read by
// many at once, while nobody adds.
type List struct {
	chunks [][]byte
	blocks []uint32 // where each block begins: the chunk's number and, in 16 bits, the place in it
	count  int
	used   int    // bytes of chunks
	last   cursor // the entry added last
}

const (
	blockEntries = 8
	chunkSize    = 1 << 16
	// lastBlock is where the last block of a chunk may begin: one of usual names fits, for a longer one the chunk grows.
	lastBlock = chunkSize - 1<<10
)

// What the first byte of a record says.
const (
	recordFolder     = 1
	recordLink       = 2
	recordKind       = recordFolder | recordLink
	recordSameFolder = 1 << 2 // as the entry before
	recordSameMode   = 1 << 3
	recordHoles      = 1 << 4
)

// cursor is one entry of a list, and where the next one is.
type cursor struct {
	rest   []byte
	kind   byte
	folder int // the entry that it is in, -1 for none
	name   [maxName]byte
	length int // of name
	size   int64
	holes  int64
	mode   uint32
	time   int64
	to     []byte
}

// bytes is how much memory the list takes, about.
func (l *List) bytes() int { return l.used + 4*len(l.blocks) }

// Len is how many entries there are.
func (l *List) Len() int { return l.count }

// add adds an entry that was checked: it is in the entry folder, -1 for none, which was added before.
func (l *List) add(e *Entry, folder int, name string) {
	first := l.count%blockEntries == 0
	if first {
		l.begin()
		l.last = cursor{folder: -1}
	}
	c := &l.last
	var flags byte
	switch e.Kind {
	case Folder:
		flags = recordFolder
	case Symlink:
		flags = recordLink
	}
	if folder == c.folder {
		flags |= recordSameFolder
	}
	if e.Mode == c.mode {
		flags |= recordSameMode
	}
	if e.Holes > 0 {
		flags |= recordHoles
	}
	b := append(l.chunks[len(l.chunks)-1], flags)
	if folder != c.folder {
		b = binary.AppendUvarint(b, uint64(folder+1))
	}
	if e.Mode != c.mode {
		b = binary.AppendUvarint(b, uint64(e.Mode))
	}
	shared := 0
	for shared < min(len(name), c.length) && name[shared] == c.name[shared] {
		shared++
	}
	b = append(b, byte(shared), byte(len(name)-shared))
	b = append(b, name[shared:]...)
	b = binary.AppendUvarint(b, uint64(e.Size))
	b = binary.AppendVarint(b, e.Time-c.time)
	if e.Holes > 0 {
		b = binary.AppendUvarint(b, uint64(e.Holes))
	}
	if e.Kind == Symlink {
		b = binary.AppendUvarint(b, uint64(len(e.To)))
		b = append(b, e.To...)
	}
	l.used += len(b) - len(l.chunks[len(l.chunks)-1])
	l.chunks[len(l.chunks)-1] = b
	c.folder, c.mode, c.time = folder, e.Mode, e.Time
	c.length = copy(c.name[:], name)
	l.count++
}

// begin begins a block. The first chunks grow, so that a short list is small.
func (l *List) begin() {
	n := len(l.chunks)
	switch {
	case n == 0:
		l.chunks = append(l.chunks, nil)
	case len(l.chunks[n-1]) > lastBlock:
		l.chunks = append(l.chunks, make([]byte, 0, chunkSize))
	}
	n = len(l.chunks) - 1
	l.blocks = append(l.blocks, uint32(n)<<16|uint32(len(l.chunks[n])))
}

// next reads the next record.
func (c *cursor) next() {
	flags := c.rest[0]
	c.rest = c.rest[1:]
	c.kind = flags & recordKind
	if flags&recordSameFolder == 0 {
		c.folder = int(c.number()) - 1
	}
	if flags&recordSameMode == 0 {
		c.mode = uint32(c.number())
	}
	shared, own := int(c.rest[0]), int(c.rest[1])
	c.length = shared + copy(c.name[shared:], c.rest[2:2+own])
	c.rest = c.rest[2+own:]
	c.size = int64(c.number())
	delta, n := binary.Varint(c.rest)
	c.time += delta
	c.rest = c.rest[n:]
	c.holes, c.to = 0, nil
	if flags&recordHoles != 0 {
		c.holes = int64(c.number())
	}
	if c.kind == recordLink {
		n := c.number()
		c.to, c.rest = c.rest[:n], c.rest[n:]
	}
}

func (c *cursor) number() uint64 {
	v, n := binary.Uvarint(c.rest)
	c.rest = c.rest[n:]
	return v
}

// seek goes to the block of entry i, and on to i.
func (l *List) seek(c *cursor, i int) {
	l.open(c, i/blockEntries)
	for range i%blockEntries + 1 {
		c.next()
	}
}

func (l *List) open(c *cursor, block int) {
	at := l.blocks[block]
	c.rest = l.chunks[at>>16][at&0xffff:]
	c.folder, c.length, c.mode, c.time = -1, 0, 0, 0
}

// Entry is entry i.
func (l *List) Entry(i int) Entry {
	var c cursor
	l.seek(&c, i)
	return c.entry(l.join(&c))
}

func (c *cursor) entry(path string) Entry {
	e := Entry{Path: path, Size: c.size, Holes: c.holes, Mode: c.mode, Time: c.time, To: string(c.to)}
	switch c.kind {
	case recordFolder:
		e.Kind = Folder
	case recordLink:
		e.Kind = Symlink
	}
	return e
}

// join is the path of the entry that c is at.
func (l *List) join(c *cursor) string {
	if c.folder < 0 {
		return string(c.name[:c.length])
	}
	var path [maxPath]byte
	at := len(path) - copy(path[len(path)-c.length:], c.name[:c.length])
	var up cursor
	for folder := c.folder; folder >= 0; folder = up.folder {
		l.seek(&up, folder)
		at--
		path[at] = '/'
		at -= copy(path[at-up.length:], up.name[:up.length])
	}
	return string(path[at:])
}

// Path is the path of entry i.
func (l *List) Path(i int) string {
	var c cursor
	l.seek(&c, i)
	return l.join(&c)
}

// Size is how many bytes entry i has.
func (l *List) Size(i int) int64 {
	var c cursor
	l.seek(&c, i)
	return c.size
}

// IsFile says whether entry i has data.
func (l *List) IsFile(i int) bool {
	var c cursor
	l.seek(&c, i)
	return c.kind == 0
}

// Parent is the entry of the folder that entry i is in, -1 where it is in none.
func (l *List) Parent(i int) int {
	var c cursor
	l.seek(&c, i)
	return c.folder
}

// All are the entries, in order.
func (l *List) All() iter.Seq2[int, Entry] { return l.From(0) }

// From are the entries from one number on, in order.
func (l *List) From(first int) iter.Seq2[int, Entry] {
	return func(yield func(int, Entry) bool) {
		var c cursor
		folder, prefix := -1, "" // of the entry before
		for i := first; i < l.count; i++ {
			if c.rest == nil {
				l.seek(&c, i)
			} else {
				if i%blockEntries == 0 {
					l.open(&c, i/blockEntries)
				}
				c.next()
			}
			if c.folder != folder {
				if folder, prefix = c.folder, ""; folder >= 0 {
					prefix = l.Path(folder) + "/"
				}
			}
			if !yield(i, c.entry(prefix+string(c.name[:c.length]))) {
				return
			}
		}
	}
}
