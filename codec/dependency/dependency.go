// Package dependency reads the dependency descriptor (AV1 RTP specification v1.0, appendix A): a header
// extension that tells of any codec's frame to which layers it belongs and which decode targets need it.
// Rewriting needs nothing but SetFrame: references are differences of frame numbers.
package dependency

import (
	"encoding/binary"

	"switchyard/codec/bits"
)

// Bounds of the syntax (§A.8).
const (
	MaxTargets   = 32
	maxTemplates = 64
	maxSpatial   = 4
	maxTemporal  = 8
)

// Indication says what a frame is to a decode target (§A.4, DTI).
type Indication uint8

// The indications, as they are coded.
const (
	NotPresent  Indication = iota // not part of it
	Discardable                   // nothing refers to it there
	Switch                        // whoever can decode this frame can go on with the target
	Required
)

// Structure is a template dependency structure (§A.8.3.2): what the descriptors until the next one refer to.
type Structure struct {
	Targets int // decode targets
	Chains  int
	// Layers are the highest layers of each decode target.
	Layers [MaxTargets]Layer
	// Protects is the chain that protects each decode target, where there are chains.
	Protects [MaxTargets]uint8
	// Spatials is the number of spatial layers. Sizes are theirs in pixels; 0 where they are not told.
	Spatials int
	Sizes    [maxSpatial]Size

	offset    uint8
	count     int
	templates [maxTemplates]template
}

// Layer is a pair of layer ids.
type Layer struct{ Spatial, Temporal uint8 }

// Size is the width and height of a layer in pixels.
type Size struct{ Width, Height int }

type template struct {
	Layer
	targets    Targets
	references int
}

// Targets are a frame's indications for all decode targets, one bit each.
type Targets struct {
	Present uint32 // all but NotPresent
	Switch  uint32
}

func (t *Targets) set(target int, i Indication) {
	if i != NotPresent {
		t.Present |= 1 << target
	}
	if i == Switch {
		t.Switch |= 1 << target
	}
}

// Descriptor is what a packet's extension says about its frame.
type Descriptor struct {
	Start, End bool   // first and last packet of the frame
	Frame      uint16 // number
	Layer
	Targets
	// Active are the decode targets that the sender produces, from a packet that tells; else 0.
	Active uint32
	// Attached says that the packet brought a structure: it is of a frame that refers to none.
	Attached bool
	// References is how many frames it refers to.
	References int
}

const mandatory = 3 // bytes of the mandatory fields

// Frame returns the frame number in the descriptor b, false when b is none.
func Frame(b []byte) (uint16, bool) {
	if len(b) < mandatory {
		return 0, false
	}
	return binary.BigEndian.Uint16(b[1:]), true
}

// SetFrame changes the frame number in the descriptor b in place.
func SetFrame(b []byte, frame uint16) {
	if len(b) >= mandatory {
		binary.BigEndian.PutUint16(b[1:], frame)
	}
}

// Parse reads the descriptor b. A structure in it is put into s, which otherwise must be the last one of
// the stream; where b does not fit it, or is malformed, the result is false and s stays as it was.
func Parse(b []byte, s *Structure) (Descriptor, bool) {
	var d Descriptor
	if len(b) < mandatory {
		return d, false
	}
	d.Start, d.End = b[0]&0x80 != 0, b[0]&0x40 != 0
	id := b[0] & 0x3f
	d.Frame = binary.BigEndian.Uint16(b[1:])
	if len(b) == mandatory {
		return d, d.fromTemplate(id, s)
	}
	r := bits.NewReader(b[mandatory:])
	attached, active := r.Flag(), r.Flag()
	custom := custom{r.Flag(), r.Flag(), r.Flag()}
	use := s
	var fresh Structure
	if attached {
		if !fresh.parse(&r) {
			return d, false
		}
		use = &fresh
		d.Attached, d.Active = true, uint32(1<<fresh.Targets-1)
	}
	if active {
		d.Active = r.Bits(use.Targets)
	}
	if !d.fromTemplate(id, use) || !d.customize(&r, custom, use) {
		return d, false
	}
	if attached {
		*s = fresh
	}
	return d, true
}

// fromTemplate takes what the template says; false when there is none of that id.
func (d *Descriptor) fromTemplate(id uint8, s *Structure) bool {
	index := int(id-s.offset) & (maxTemplates - 1)
	if index >= s.count {
		return false
	}
	t := &s.templates[index]
	d.Layer, d.Targets, d.References = t.Layer, t.targets, t.references
	return true
}

// custom says what a descriptor tells by itself instead of by its template.
type custom struct{ targets, references, chains bool }

func (d *Descriptor) customize(r *bits.Reader, c custom, s *Structure) bool {
	if c.targets {
		d.Targets = Targets{}
		for i := range s.Targets {
			d.Targets.set(i, Indication(r.Bits(2)))
		}
	}
	if c.references {
		d.References = references(r)
	}
	if c.chains {
		r.Skip(8 * s.Chains)
	}
	return !r.Overrun()
}

// references passes over the frame's own differences and counts them (§A.8.2, frame_fdiffs).
func references(r *bits.Reader) (n int) {
	for {
		size := r.Bits(2)
		if size == 0 || r.Overrun() {
			return n
		}
		r.Skip(4 * int(size))
		n++
	}
}

// parse reads a template_dependency_structure (§A.8.2).
func (s *Structure) parse(r *bits.Reader) bool {
	*s = Structure{offset: uint8(r.Bits(6)), Targets: int(r.Bits(5)) + 1}
	if !s.layers(r) {
		return false
	}
	for i := range s.count {
		for target := range s.Targets {
			s.templates[i].targets.set(target, Indication(r.Bits(2)))
		}
	}
	for i := range s.count {
		for r.Flag() && !r.Overrun() {
			r.Skip(4)
			s.templates[i].references++
		}
	}
	if !s.chains(r) {
		return false
	}
	s.targetLayers()
	if r.Flag() {
		for i := range s.Spatials {
			s.Sizes[i] = Size{int(r.Bits(16)) + 1, int(r.Bits(16)) + 1}
		}
	}
	return !r.Overrun()
}

// layers reads the layer ids of the templates.
func (s *Structure) layers(r *bits.Reader) bool {
	var at Layer
	for {
		if s.count == maxTemplates {
			return false
		}
		s.templates[s.count] = template{Layer: at}
		s.count++
		switch r.Bits(2) {
		case 1:
			at.Temporal++
		case 2:
			at.Temporal = 0
			at.Spatial++
		case 3:
			s.Spatials = int(at.Spatial) + 1
			return !r.Overrun()
		}
		if at.Temporal >= maxTemporal || at.Spatial >= maxSpatial || r.Overrun() {
			return false
		}
	}
}

// chains reads which chain protects which target, and passes over the templates' differences.
func (s *Structure) chains(r *bits.Reader) bool {
	s.Chains = int(nonSymmetric(r, uint32(s.Targets)+1))
	if s.Chains == 0 {
		return true
	}
	for i := range s.Targets {
		s.Protects[i] = uint8(nonSymmetric(r, uint32(s.Chains)))
	}
	r.Skip(4 * s.count * s.Chains)
	return !r.Overrun()
}

// targetLayers finds the highest layers of each decode target (§A.8.2, decode_target_layers).
func (s *Structure) targetLayers() {
	for target := range s.Targets {
		for i := range s.count {
			t := &s.templates[i]
			if t.targets.Present&(1<<target) != 0 {
				l := &s.Layers[target]
				l.Spatial, l.Temporal = max(l.Spatial, t.Spatial), max(l.Temporal, t.Temporal)
			}
		}
	}
}

// nonSymmetric reads ns(n): a number below n (§A.8.1).
func nonSymmetric(r *bits.Reader, n uint32) uint32 {
	w := 0
	for x := n; x != 0; x >>= 1 {
		w++
	}
	m := uint32(1)<<w - n
	v := r.Bits(w - 1)
	if v < m {
		return v
	}
	return v<<1 - m + r.Bit()
}
