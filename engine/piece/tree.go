package piece

// Tree is what is known of the pieces of one file: hashes by number. It takes memory only for those that it has been given: the
// first stands in it, since most files have no other. The zero value is empty.
type Tree struct {
	count int
	has   bool // first
	first Hash
	pages map[int]*page // from piece 0 on, which is not in them
}

const pageSize = 32

type page struct {
	known  uint32 // a bit for each
	hashes [pageSize]Hash
}

// Set stores the hash of piece i.
func (t *Tree) Set(i int, h Hash) {
	if i == 0 {
		if !t.has {
			t.count++
		}
		t.has, t.first = true, h
		return
	}
	p := t.pages[i/pageSize]
	if p == nil {
		if t.pages == nil {
			t.pages = make(map[int]*page)
		}
		p = new(page)
		t.pages[i/pageSize] = p
	}
	bit := uint32(1) << (i % pageSize)
	if p.known&bit == 0 {
		t.count++
	}
	p.known |= bit
	p.hashes[i%pageSize] = h
}

// Get is the hash of piece i, and whether it is known.
func (t *Tree) Get(i int) (Hash, bool) {
	if i == 0 {
		return t.first, t.has
	}
	p := t.pages[i/pageSize]
	if p == nil {
		return Hash{}, false
	}
	return p.hashes[i%pageSize], p.known>>(i%pageSize)&1 == 1
}

// Forget drops piece i.
func (t *Tree) Forget(i int) {
	if i == 0 {
		if t.has {
			t.count--
		}
		t.has, t.first = false, Hash{}
		return
	}
	bit := uint32(1) << (i % pageSize)
	if p := t.pages[i/pageSize]; p != nil && p.known&bit != 0 {
		p.known &^= bit
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
