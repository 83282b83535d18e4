package sfu

import (
	"encoding/binary"
	"unsafe"

	"switchyard/media/prefetch"
	"switchyard/peer"
)

// owners are the links of a shard by the paths that belong to them. Most datagrams are of links found lately, so that
// a map, whose keys are long and stand in cold memory, is asked for few of them.
type owners struct {
	hint [1 << hintBits][4]hint // four to a line of memory
	all  map[peer.Path]*Link
}

// hint is the link that a path belongs to, if it is the one that it sends on.
type hint struct {
	key  uint64
	link *Link
}

const hintBits = 9

func newOwners() *owners { return &owners{all: map[peer.Path]*Link{}} }

// pathKey tells paths apart, as well as 64 bits can.
func pathKey(p *peer.Path) uint64 {
	const mix, spread = 0x9e3779b97f4a7c15, 0xd6e8feb86659fd93
	r, l := p.Remote.Addr().As16(), p.Local.As16()
	k := binary.LittleEndian.Uint64(r[:8])*mix ^ binary.LittleEndian.Uint64(r[8:])
	k = (k^k>>32)*spread ^ uint64(p.Remote.Port())<<48
	k = (k^k>>29)*mix ^ binary.LittleEndian.Uint64(l[:8]) ^ binary.LittleEndian.Uint64(l[8:])
	return (k ^ k>>32) * spread
}

func (o *owners) at(key uint64) *[4]hint { return &o.hint[key>>(64-hintBits)] }

// find returns the link that a path belongs to, nil when it belongs to none here.
func (o *owners) find(path peer.Path) *Link {
	key := pathKey(&path)
	if l := o.guess(key); l != nil && l.path == path {
		return l
	}
	l := o.all[path]
	if l != nil {
		o.forget(key)
		near := o.at(key)
		for i := range near {
			if near[i].link == nil {
				near[i] = hint{key, l}
				return l
			}
		}
		near[key%4] = hint{key, l}
	}
	return l
}

// forget takes the hint back that a key has, if it has one.
func (o *owners) forget(key uint64) {
	near := o.at(key)
	for i := range near {
		if near[i].key == key {
			near[i] = hint{}
		}
	}
}

// set makes a path a link's own.
func (o *owners) set(path peer.Path, l *Link) {
	o.forget(pathKey(&path))
	o.all[path] = l
}

// remove takes a path from a link, if it is its own.
func (o *owners) remove(path peer.Path, l *Link) {
	if o.all[path] == l {
		o.forget(pathKey(&path))
		delete(o.all, path)
	}
}

// fetch fetches where find looks first, and returns the key by which guess finds it then.
func (o *owners) fetch(path *peer.Path) uint64 {
	key := pathKey(path)
	prefetch.Lines(unsafe.Pointer(o.at(key)), 1)
	return key
}

// guess returns the link that find will probably return, nil when that is not known.
func (o *owners) guess(key uint64) *Link {
	near := o.at(key)
	for i := range near {
		if near[i].key == key {
			return near[i].link
		}
	}
	return nil
}
