package piece

// Tree is what is known of the pieces of one file: hashes by number. It takes memory only for those that it has been given.
// The zero value is empty.
type Tree struct {
	pages map[int]*page
	count int
}

const pageSize = 256

type page struct {
	known  [pageSize]bool
	hashes [pageSize]Hash
}

// Set stores the hash of piece i.
func (t *Tree) Set(i int, h Hash) {
	p := t.pages[i/pageSize]
	if p == nil {
		if t.pages == nil {
			t.pages = make(map[int]*page)
		}
		p = new(page)
		t.pages[i/pageSize] = p
	}
	if !p.known[i%pageSize] {
		t.count++
	}
	p.known[i%pageSize], p.hashes[i%pageSize] = true, h
}

// Get is the hash of piece i, and whether it is known.
func (t *Tree) Get(i int) (Hash, bool) {
	p := t.pages[i/pageSize]
	if p == nil {
		return Hash{}, false
	}
	return p.hashes[i%pageSize], p.known[i%pageSize]
}

// Forget drops piece i.
func (t *Tree) Forget(i int) {
	if p := t.pages[i/pageSize]; p != nil && p.known[i%pageSize] {
		p.known[i%pageSize] = false
		t.count--
	}
}

// Len is how many pieces are known.
func (t *Tree) Len() int { return t.count }

// Root is the hash of the file, whose pieces, so many, are all known.
func (t *Tree) Root(pieces int) Hash {
	switch pieces {
	case 0:
		return Empty
	case 1:
		h, _ := t.Get(0)
		return h
	}
	return Root(pieces, func(i int) Hash {
		h, _ := t.Get(i)
		return h
	})
}
