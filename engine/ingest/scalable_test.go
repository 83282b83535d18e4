package ingest

import (
	"testing"

	"switchyard/media"
)

var (
	vp9Config = func() Config {
		c := videoConfig
		c.Formats = []Format{{PT: 98, Format: media.Format{Codec: media.VP9, ClockRate: 90000, Profile: "0"}, NACK: true, PLI: true}}
		return c
	}()
	av1Config = func() Config {
		c := videoConfig
		c.Formats = []Format{{PT: 45, Format: media.Format{Codec: media.AV1, ClockRate: 90000, Profile: "0"}, NACK: true, PLI: true}}
		c.Ext.DependencyDescriptor = 7
		return c
	}()
)

// vp9Frame is a payload of one layer frame: descriptor of RFC 9628 §4.2 in flexible mode, then the frame.
func vp9Frame(spatial, temporal byte, o vp9Options) []byte {
	h := byte(0x80 | 0x20 | 0x10 | 0x08 | 0x04) // I L F B E
	if !o.key {
		h |= 0x40
	}
	if o.topOnly {
		h |= 1
	}
	var structure []byte
	if o.key && spatial == 0 {
		h |= 2
		structure = []byte{2<<5 | 0x10, 0, 160, 0, 90, 1, 64, 0, 180, 2, 128, 1, 104}
	}
	indices := temporal<<5 | spatial<<1
	if o.switchUp {
		indices |= 0x10
	}
	b := []byte{h, 0x80, 1, indices}
	if !o.key {
		b = append(b, 1<<1)
	}
	return append(append(b, structure...), 0x82, 0x49, 0x83)
}

type vp9Options struct{ key, topOnly, switchUp bool }

func TestVP9LayersBecomePoints(t *testing.T) {
	r := newRig(t, vp9Config)
	seq := uint16(0)
	send := func(ts uint32, spatial, temporal byte, o vp9Options) *media.Packet {
		t.Helper()
		seq++
		r.accept(rtp(1000, 98, seq, ts, spatial == 2, vp9Frame(spatial, temporal, o)))
		if len(r.track.layers[0].pending) > 0 {
			return r.track.layers[0].pending[len(r.track.layers[0].pending)-1]
		}
		return r.last()
	}
	check := func(what string, p *media.Packet, spatial, temporal uint8, needed, upswitch media.Points) {
		t.Helper()
		if p.Spatial != spatial || p.Temporal != temporal || p.Needed != needed || p.Switch != upswitch || !p.LayerEnd {
			t.Errorf("%s: S%d T%d needed %016b switch %016b, want %016b %016b", what, p.Spatial, p.Temporal, p.Needed, p.Switch, needed, upswitch)
		}
	}
	key := vp9Options{key: true}
	check("key S0", send(100, 0, 0, key), 0, 0, media.AllPoints, media.AllPoints)
	check("key S1", send(100, 1, 0, key), 1, 0, media.Above(1, 0), media.Above(1, 0))
	p := send(100, 2, 0, key)
	check("key S2", p, 2, 0, media.Above(2, 0), media.Above(2, 0))
	if !p.Keyframe || p.FrameStart {
		t.Error("the upper layer belongs to the keyframe, but does not start it")
	}
	// Later pictures refer to their own spatial layer only (L3T3_KEY); nothing is above the highest.
	top := vp9Options{topOnly: true}
	check("S0", send(200, 0, 2, top), 0, 2, media.Within(0, 2), 0)
	check("S1", send(200, 1, 2, top), 1, 2, media.Within(1, 2), 0)
	check("S2", send(200, 2, 2, top), 2, 2, media.Above(2, 2), 0)
	up := vp9Options{topOnly: true, switchUp: true}
	check("switching S1", send(300, 1, 0, up), 1, 0, media.Within(1, 0), media.Within(1, 0))
	check("switching S2", send(300, 2, 0, up), 2, 0, media.Above(2, 0), media.Above(2, 0))
	check("S0 that all need", send(400, 0, 1, vp9Options{}), 0, 1, media.Above(0, 1), 0)

	ls := r.track.Layers(r.now, nil)
	if len(ls) != 3 || ls[0].Width != 160 || ls[1].Width != 320 || ls[2].Width != 640 || ls[2].Spatial != 2 || ls[2].Stream != 0 {
		t.Errorf("layers %+v", ls)
	}
}

// l2t1 is a dependency descriptor with the structure of two spatial layers that never refer to each other,
// as S2T1 has it: templates S0 key, S0, S1 key, S1.
var l2t1 = func() []byte {
	w := bitWriter{}
	w.put(2, 0b11)
	w.put(6, 0)
	w.put(16, 100)
	w.put(5, 0b10000)
	w.put(6, 0)
	w.put(5, 2-1)
	for _, next := range []uint32{0, 2, 0, 3} {
		w.put(2, next)
	}
	for _, d := range []uint32{2, 0, 2, 0, 0, 2, 0, 2} {
		w.put(2, d)
	}
	w.put(1, 0)
	w.put(6, 0b1_0001_0) // refers two frames back
	w.put(1, 0)
	w.put(6, 0b1_0001_0)
	w.put(1, 0) // no chains: ns(3)
	w.put(1, 1)
	for _, n := range []uint32{320, 180, 640, 360} {
		w.put(16, n-1)
	}
	return w.b
}()

type bitWriter struct {
	b []byte
	n int
}

func (w *bitWriter) put(n int, v uint32) {
	for i := n - 1; i >= 0; i-- {
		if w.n%8 == 0 {
			w.b = append(w.b, 0)
		}
		w.b[len(w.b)-1] |= byte(v>>i&1) << (7 - w.n%8)
		w.n++
	}
}

// described is a packet with a dependency descriptor in a two-byte element (RFC 8285 §4.3).
func described(seq uint16, ts uint32, marker bool, payload, descriptor []byte) []byte {
	b := rtp(1000, 45, seq, ts, marker, payload)
	block := append([]byte{7, byte(len(descriptor))}, descriptor...)
	for len(block)%4 != 0 {
		block = append(block, 0)
	}
	b[0] |= 0x10
	head := append(b[:12:12], 0x10, 0, 0, byte(len(block)/4))
	return append(append(head, block...), b[12:]...)
}

func TestDependencyDescriptorsBecomePoints(t *testing.T) {
	r := newRig(t, av1Config)
	keyframe, later := []byte{0x18, 0x30, 1, 2, 3}, []byte{0x10, 0x30, 1, 2, 3}
	r.accept(described(1, 100, false, later, []byte{0xc1, 0, 99})) // of a structure that was not seen
	r.accept(described(2, 200, false, keyframe, l2t1))
	r.accept(described(3, 200, true, later, []byte{0xc2, 0, 101}))
	r.accept(described(4, 300, false, later, []byte{0xc1, 0, 102}))
	r.accept(described(5, 300, true, later, []byte{0x43, 0, 103}))
	r.accept(described(6, 400, true, later, []byte{0xc9, 0, 104})) // a template that is not there
	low, high := media.Points(0), media.Points(0)
	for s := range uint8(media.PointsPerAxis) {
		if s == 0 {
			low |= media.Within(s, 0)
		} else {
			high |= media.Within(s, 0)
		}
	}
	want := []struct {
		spatial          uint8
		needed, upswitch media.Points
		end              bool
	}{
		{0, media.AllPoints, 0, false}, {0, low, low, true}, {1, high, high, true},
		{0, low, low, true}, {1, high, high, true}, {0, media.AllPoints, 0, true},
	}
	if len(r.out) != len(want) {
		t.Fatalf("%d packets", len(r.out))
	}
	for i, p := range r.out {
		w := want[i]
		if p.Spatial != w.spatial || p.Needed != w.needed || p.Switch != w.upswitch || p.LayerEnd != w.end || len(p.Dependency) < 3 {
			t.Errorf("packet %d: S%d needed %016b switch %016b end %v descriptor %x", i, p.Spatial, p.Needed, p.Switch, p.LayerEnd, p.Dependency)
		}
	}
	if !r.out[1].Keyframe || !r.out[1].FrameStart || r.out[2].FrameStart {
		t.Error("keyframe")
	}
	if ls := r.track.Layers(r.now, nil); len(ls) != 2 || ls[0].Width != 320 || ls[1].Width != 640 {
		t.Errorf("layers %+v", ls)
	}
}
