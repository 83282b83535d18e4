package transfer

import (
	"os"

	"switchyard/engine/piece"
)

// fewHashes is how many are kept in memory.
const fewHashes = 8192

// hashes keeps the hashes of files of one piece, by entry: in memory while they are few, else in a temporary file, since of a
// million files they would take more than all the rest. The zero value is empty; its owner guards it. get may be called by many at
// once while nobody calls set.
type hashes struct {
	few   map[int]piece.Hash
	file  *os.File // holds them all where it is not nil: 32 bytes for each entry
	known []uint64 // bits of those that are in file
}

// set keeps a hash. It is false where there is no room for it: then it is as if it had never been known.
func (h *hashes) set(i int, v piece.Hash) bool {
	if h.file == nil && len(h.few) < fewHashes {
		if h.few == nil {
			h.few = make(map[int]piece.Hash)
		}
		h.few[i] = v
		return true
	}
	if h.file == nil {
		file, err := os.CreateTemp("", "switchyard-hashes-*")
		if err != nil {
			return false
		}
		_ = os.Remove(file.Name()) // some systems do so only when it is closed: see close
		few := h.few
		h.file, h.few = file, nil
		for i, v := range few {
			h.put(i, v)
		}
	}
	return h.put(i, v)
}

// put writes a hash into the file.
func (h *hashes) put(i int, v piece.Hash) bool {
	if i/64 >= len(h.known) {
		h.known = append(h.known, make([]uint64, i/64+1-len(h.known))...)
	}
	bit := uint64(1) << (i % 64)
	if _, err := h.file.WriteAt(v[:], int64(i)*int64(len(v))); err != nil {
		h.known[i/64] &^= bit
		return false
	}
	h.known[i/64] |= bit
	return true
}

// get is a hash; ok is false for one that is not known.
func (h *hashes) get(i int) (v piece.Hash, ok bool) {
	if h.file == nil {
		v, ok = h.few[i]
		return v, ok
	}
	if i/64 >= len(h.known) || h.known[i/64]>>(i%64)&1 == 0 {
		return v, false
	}
	if _, err := h.file.ReadAt(v[:], int64(i)*int64(len(v))); err != nil {
		return piece.Hash{}, false
	}
	return v, true
}

// close forgets them all.
func (h *hashes) close() {
	if h.file != nil {
		_ = h.file.Close()
		_ = os.Remove(h.file.Name())
	}
	*h = hashes{}
}
