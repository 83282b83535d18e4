package dependency

import (
	"bytes"
	"testing"
)

// writer writes bits.
type writer struct {
	b    []byte
	bits int
}

func (w *writer) put(n int, v uint32) {
	for i := n - 1; i >= 0; i-- {
		if w.bits%8 == 0 {
			w.b = append(w.b, 0)
		}
		w.b[len(w.b)-1] |= byte(v>>i&1) << (7 - w.bits%8)
		w.bits++
	}
}

// l2t2 writes a structure of two spatial and two temporal layers with template id offset 5:
//
//	template 0: S0T0 key    1: S0T0    2: S0T1    3: S1T0 key    4: S1T0    5: S1T1
func l2t2(w *writer) {
	w.put(6, 5)
	w.put(5, 4-1)                                     // decode targets S0T0 S0T1 S1T0 S1T1
	for _, next := range []uint32{0, 1, 2, 0, 1, 3} { // as before, up in time, up in space, the end
		w.put(2, next)
	}
	for _, dtis := range [][4]uint32{{2, 2, 2, 2}, {2, 2, 3, 3}, {0, 1, 0, 3}, {0, 0, 2, 2}, {0, 0, 2, 2}, {0, 0, 0, 1}} {
		for _, d := range dtis {
			w.put(2, d)
		}
	}
	for _, refs := range [][]uint32{{}, {4}, {2}, {1}, {4, 1}, {2, 1}} {
		for _, r := range refs {
			w.put(1, 1)
			w.put(4, r-1)
		}
		w.put(1, 0)
	}
	w.put(2, 2) // two chains: ns(5) of 2 takes two bits
	for _, chain := range []uint32{0, 0, 1, 1} {
		w.put(1, chain) // ns(2)
	}
	for range 6 * 2 {
		w.put(4, 1)
	}
	w.put(1, 1)
	for _, n := range []uint32{320, 180, 640, 360} {
		w.put(16, n-1)
	}
}

// key is the first packet of a keyframe's lower layer.
func key() []byte {
	var w writer
	w.put(2, 0b10) // first packet, more follow
	w.put(6, 5)
	w.put(16, 0xfffe)
	w.put(5, 0b10000)
	l2t2(&w)
	return w.b
}

func TestStructureAndTemplates(t *testing.T) {
	var s Structure
	if _, ok := Parse([]byte{0x46, 0, 1}, &s); ok {
		t.Error("a template without a structure")
	}
	d, ok := Parse(key(), &s)
	if !ok || !d.Attached || !d.Start || d.End || d.Frame != 0xfffe || d.References != 0 || d.Active != 0xf {
		t.Fatalf("%+v %v", d, ok)
	}
	if s.Targets != 4 || s.Chains != 2 || s.Spatials != 2 || s.Protects[1] != 0 || s.Protects[2] != 1 {
		t.Errorf("structure %+v", s)
	}
	if want := [4]Layer{{0, 0}, {0, 1}, {1, 0}, {1, 1}}; [4]Layer(s.Layers[:4]) != want {
		t.Errorf("targets are of layers %v", s.Layers[:4])
	}
	if s.Sizes[0] != (Size{320, 180}) || s.Sizes[1] != (Size{640, 360}) {
		t.Errorf("sizes %v", s.Sizes)
	}
	for id, want := range []Descriptor{
		{Layer: Layer{0, 0}, Targets: Targets{0xf, 0xf}},
		{Layer: Layer{0, 0}, Targets: Targets{0xf, 0x3}, References: 1},
		{Layer: Layer{0, 1}, Targets: Targets{0xa, 0}, References: 1},
		{Layer: Layer{1, 0}, Targets: Targets{0xc, 0xc}, References: 1},
		{Layer: Layer{1, 0}, Targets: Targets{0xc, 0xc}, References: 2},
		{Layer: Layer{1, 1}, Targets: Targets{0x8, 0}, References: 2},
	} {
		want.End, want.Frame = true, 7
		if d, ok := Parse([]byte{0x40 | byte(5+id), 0, 7}, &s); !ok || d != want {
			t.Errorf("template %d: %+v, want %+v", id, d, want)
		}
	}
	if _, ok := Parse([]byte{0x40 | 11, 0, 7}, &s); ok {
		t.Error("a template that is not there")
	}
}

func TestCustomFields(t *testing.T) {
	var s Structure
	if _, ok := Parse(key(), &s); !ok {
		t.Fatal("structure")
	}
	var w writer
	w.put(8, 0x40|6)
	w.put(16, 9)
	w.put(5, 0b01111) // active targets, own indications, references and chains
	w.put(4, 0b0011)
	for _, d := range []uint32{2, 1, 0, 0} {
		w.put(2, d)
	}
	w.put(2, 2)
	w.put(8, 100)
	w.put(2, 1)
	w.put(4, 3)
	w.put(2, 0)
	w.put(16, 0x0102)
	d, ok := Parse(w.b, &s)
	want := Descriptor{End: true, Frame: 9, Targets: Targets{0b0011, 0b0001}, Active: 0b0011, References: 2}
	if !ok || d != want {
		t.Errorf("%+v %v, want %+v", d, ok, want)
	}
	for n := range w.b {
		if _, ok := Parse(w.b[:n], &s); ok && n != mandatory {
			t.Errorf("%d of %d bytes are enough", n, len(w.b))
		}
	}
}

func TestATornStructureChangesNothing(t *testing.T) {
	var s Structure
	b := key()
	for n := range b {
		if _, ok := Parse(b[:n], &s); ok {
			t.Errorf("%d of %d bytes are enough", n, len(b))
		}
	}
	if s != (Structure{}) {
		t.Error("part of it was taken")
	}
}

func TestFrameNumberIsRewritten(t *testing.T) {
	b := key()
	want := bytes.Clone(b)
	want[1], want[2] = 0x12, 0x34
	if f, ok := Frame(b); !ok || f != 0xfffe {
		t.Errorf("frame %x", f)
	}
	SetFrame(b, 0x1234)
	if !bytes.Equal(b, want) {
		t.Errorf("%x", b)
	}
	SetFrame(nil, 1)
	if _, ok := Frame([]byte{1, 2}); ok {
		t.Error("two bytes have no frame number")
	}
}

func TestNoAllocation(t *testing.T) {
	var s Structure
	b := key()
	if n := testing.AllocsPerRun(100, func() { Parse(b, &s); Parse([]byte{0x46, 0, 1}, &s) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// FuzzParse: nothing that comes from the network breaks the parser or its structure.
func FuzzParse(f *testing.F) {
	f.Add(key(), []byte{0x46, 0, 1})
	f.Add(key(), []byte{0x46, 0, 1, 0x78, 0x12, 0x34, 0x56, 0x78, 0x9a})
	f.Fuzz(func(t *testing.T, first, second []byte) {
		var s Structure
		for _, b := range [][]byte{first, second, first} {
			before := s
			d, ok := Parse(b, &s)
			switch {
			case !ok || !d.Attached:
				if s != before {
					t.Fatal("the structure changed")
				}
			case s.Targets < 1 || s.Targets > MaxTargets || s.Spatials < 1 || s.Spatials > maxSpatial || s.Chains > s.Targets:
				t.Fatalf("structure %+v", s)
			}
			if ok && s.Targets < 32 && (d.Present|d.Active)>>s.Targets != 0 {
				t.Fatalf("%+v of %d targets", d, s.Targets)
			}
			if ok && d.Switch&^d.Present != 0 {
				t.Fatal("switches to what it is not part of")
			}
		}
	})
}
