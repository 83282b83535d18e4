package sfu

import (
	"math/rand/v2"
	"net/netip"
	"testing"

	"switchyard/peer"
)

// Whatever is found by a hint is what the map has: paths change hands, links send on other paths than they are found by,
// and some paths share a hint.
func TestHintsNeverContradictTheMap(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	var paths []peer.Path
	for i := range 3000 { // more than there are hints
		p := peer.Path{Remote: netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, byte(i >> 8), byte(i)}), uint16(1000+i))}
		if i%3 == 0 {
			p.Local = netip.AddrFrom4([4]byte{198, 51, 100, byte(i)})
		}
		if i%7 == 0 {
			p.Remote = netip.AddrPortFrom(netip.AddrFrom16([16]byte{0x20, 1, 14: byte(i >> 8), 15: byte(i)}), 9)
		}
		paths = append(paths, p)
	}
	links := make([]*Link, 40)
	for i := range links {
		links[i] = &Link{}
	}
	o, found := newOwners(), 0
	for range 200_000 {
		p, l := paths[rnd.IntN(len(paths))], links[rnd.IntN(len(links))]
		switch rnd.IntN(8) {
		case 0:
			o.set(p, l)
			l.path = p
		case 1:
			o.remove(p, l)
		case 2:
			l.path = p // it sends there now, whoever is found by it
		default:
			want := o.all[p]
			guess := o.guess(o.fetch(&p))
			if got := o.find(p); got != want {
				t.Fatalf("%v belongs to %p, found %p", p, want, got)
			}
			if guess != nil && guess == want {
				found++
			}
		}
	}
	if found == 0 {
		t.Error("no hint was right")
	}
	for p, l := range o.all {
		o.find(p)
		o.remove(p, l)
	}
	for i := range o.hint {
		for _, h := range o.hint[i] {
			if h.link != nil {
				t.Fatal("a hint keeps a link that has no path left")
			}
		}
	}
}
