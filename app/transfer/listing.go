package transfer

import (
	"fmt"
	"reflect"

	"switchyard/engine/piece"
)

// listing is a sender's list as it comes. Every way begins with the whole list: while it is the one that is known from the way before, it is
// compared with that and not built a second time.
type listing struct {
	m     *piece.Manifest
	known bool // m is from the way before
	n     int  // entries that have come
	links bool
	ended bool
}

func newListing(before *piece.Manifest, o piece.Offer, links bool) (l listing, err error) {
	if before != nil && reflect.DeepEqual(before.Offer, o) {
		return listing{m: before, known: true, links: links}, nil
	}
	l = listing{links: links}
	l.m, err = piece.NewManifest(o, links)
	return l, err
}

func (l *listing) add(e piece.Entry) error {
	if l.known && (l.n == l.m.Len() || l.m.Entry(l.n) != e) {
		if err := l.part(); err != nil {
			return err
		}
	}
	if !l.known {
		if err := l.m.Add(e); err != nil {
			return err
		}
	}
	l.n++
	return nil
}

// part begins a list of its own with what was the same so far.
func (l *listing) part() error {
	own, err := piece.NewManifest(l.m.Offer, l.links)
	if err != nil {
		return err
	}
	for i, e := range l.m.All() {
		if i == l.n {
			break
		}
		if err := own.Add(e); err != nil {
			return err
		}
	}
	l.m, l.known = own, false
	return nil
}

func (l *listing) end() error {
	l.ended = true
	if l.known && l.n != l.m.Len() {
		return fmt.Errorf("%w: it says %d entries and lists %d", piece.ErrOffer, l.m.Len(), l.n)
	}
	return l.m.Finish()
}
