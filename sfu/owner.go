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
	all  map[peer.Path]*Link
	hint [hints]hint
}

// hint is the link that a path belongs to, if it is the one that it sends on.
type hint struct {
	key  uint64
	link *Link
}

const (
	hints     = 1 << hintsBits
	hintsBits = 11
)

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

func (o *owners) at(key uint64) *hint { return &o.hint[key>>(64-hintsBits)] }

// find returns the link that a path belongs to, nil when it belongs to none here.
func (o *owners) find(path peer.Path) *Link {
	key := pathKey(&path)
	h := o.at(key)
	if l := h.link; l != nil && h.key == key && l.path == path {
		return l
	}
	l := o.all[path]
	if l != nil {
		*h = hint{key, l}
	}
	return l
}

// set makes a path a link's own.
func (o *owners) set(path peer.Path, l *Link) {
	*o.at(pathKey(&path)) = hint{}
	o.all[path] = l
}

// remove takes a path from a link, if it is its own.
func (o *owners) remove(path peer.Path, l *Link) {
	if o.all[path] == l {
		*o.at(pathKey(&path)) = hint{}
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
	if h := o.at(key); h.key == key {
		return h.link
	}
	return nil
}
