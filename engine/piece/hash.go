package piece

import (
	"encoding/binary"
	"encoding/hex"
	"math/bits"

	"lukechampine.com/blake3/guts"
)

// Hash is 32 bytes of BLAKE3: the root of a file, or the chaining value of a piece.
type Hash [32]byte

// String is the hash in hexadecimal.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// block is what the fastest code compresses at once: 16 chunks. It is the unit of a Hasher.
const block = guts.MaxSIMD * guts.ChunkSize

type words = [8]uint32

func fromWords(w words) (h Hash) {
	for i, v := range w {
		binary.LittleEndian.PutUint32(h[4*i:], v)
	}
	return h
}

func (h *Hash) words() (w words) {
	for i := range w {
		w[i] = binary.LittleEndian.Uint32(h[4*i:])
	}
	return w
}

// Hasher hashes a run of bytes as they stand in a file, as they come. The zero value is at the begin of a file.
// It is about 18 kB large and allocates nothing.
type Hasher struct {
	chunk uint64 // number of the first chunk of the run in the file
	done  uint64 // blocks compressed
	n     int    // bytes in buf
	tree  stack
	buf   [block]byte
}

// Reset begins anew with the bytes that stand at offset in their file, a multiple of MinPiece.
func (h *Hasher) Reset(offset int64) {
	h.chunk, h.done, h.n = uint64(offset)/guts.ChunkSize, 0, 0
	h.tree.reset()
}

// Write adds bytes.
func (h *Hasher) Write(p []byte) {
	if h.n > 0 {
		n := copy(h.buf[h.n:], p)
		h.n, p = h.n+n, p[n:]
	}
	if len(p) == 0 {
		return // the last block waits: whether it is the root is known at the end only
	}
	if h.n == block {
		h.compress(&h.buf)
		h.n = 0
	}
	for len(p) > block {
		h.compress((*[block]byte)(p))
		p = p[block:]
	}
	h.n = copy(h.buf[:], p)
}

func (h *Hasher) compress(b *[block]byte) {
	node := guts.CompressBuffer(b, block, &guts.IV, h.chunk+h.done*guts.MaxSIMD, 0)
	h.tree.push(guts.ChainingValue(node))
	h.done++
}

// Chain is the chaining value of the run: the hash of a piece. More may be written after it.
func (h *Hasher) Chain() Hash { return h.sum(0) }

// Root is the hash of the run as a whole file, which is BLAKE3 of it.
func (h *Hasher) Root() Hash { return h.sum(guts.FlagRoot) }

func (h *Hasher) sum(flag uint32) Hash {
	last := guts.CompressBuffer(&h.buf, h.n, &guts.IV, h.chunk+h.done*guts.MaxSIMD, 0)
	return fromWords(h.tree.fold(last, flag))
}

// stack holds the roots of the complete subtrees to the left of where a tree grows, at most one of each height.
type stack struct {
	count uint64 // leaves pushed; its bits say which heights there are
	cvs   [48]words
}

func (s *stack) reset() { s.count = 0 }

// push adds the next leaf. There must come another leaf after it, or a last one by fold.
func (s *stack) push(cv words) {
	height := 0
	for ; s.count>>height&1 == 1; height++ {
		cv = guts.ChainingValue(guts.ParentNode(s.cvs[height], cv, &guts.IV, 0))
	}
	s.cvs[height] = cv
	s.count++
}

// fold joins the last leaf with all that is to the left of it; flag is for the topmost node.
func (s *stack) fold(last guts.Node, flag uint32) words {
	for i := bits.TrailingZeros64(s.count); i < bits.Len64(s.count); i++ {
		if s.count>>i&1 == 1 {
			last = guts.ParentNode(s.cvs[i], guts.ChainingValue(last), &guts.IV, 0)
		}
	}
	last.Flags |= flag
	return guts.ChainingValue(last)
}

// Sum is the hash of a piece that stands at offset in its file; only says that it is the whole file.
func Sum(b []byte, offset int64, only bool) Hash {
	var h Hasher
	h.Reset(offset)
	h.Write(b)
	if only {
		return h.Root()
	}
	return h.Chain()
}

// Empty is the hash of a file without bytes.
var Empty = Sum(nil, 0, true)

// Root combines the hashes of a file's pieces, at least two, of which all but the last are whole, to the hash of the file.
func Root(pieces int, at func(i int) Hash) Hash {
	var s stack
	for i := range pieces - 1 {
		h := at(i)
		s.push(h.words())
	}
	last := at(pieces - 1)
	return s.top(last.words())
}

// top joins the last leaf, of which only the chaining value is known, with all to the left of it as the root.
func (s *stack) top(cv words) Hash {
	var node guts.Node
	for i := bits.TrailingZeros64(s.count); i < bits.Len64(s.count); i++ {
		if s.count>>i&1 == 1 {
			node = guts.ParentNode(s.cvs[i], cv, &guts.IV, 0)
			cv = guts.ChainingValue(node)
		}
	}
	node.Flags |= guts.FlagRoot
	return fromWords(guts.ChainingValue(node))
}
