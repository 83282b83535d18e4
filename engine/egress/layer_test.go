package egress

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"switchyard/codec/vp8"
	"switchyard/media"
)

// caster publishes simulcast layers of VP8, each with three temporal layers, as ingest would pass it on.
type caster struct {
	pool   *media.Pool
	rings  Rings
	layers [3]castLayer
	mark   byte
}

type castLayer struct {
	seq     media.ExtSeq
	ts      media.Ticks
	epoch   uint32
	picture uint16
	tl0     uint8
	since   int
}

func newCaster(mark byte) *caster {
	c := &caster{pool: media.NewPool(1000), mark: mark}
	for i := range c.layers {
		c.rings[i] = NewRing(VideoRing)
		c.layers[i] = castLayer{seq: 65400 + media.ExtSeq(i)*999, ts: media.Ticks(i) << 30, picture: 0x7ff0 + uint16(i)*700}
	}
	return c
}

// frame makes one frame of a layer captured at time at.
func (c *caster) frame(at media.Time, layer uint8, packets int, key bool) []*media.Packet {
	l := &c.layers[layer]
	if key {
		l.since = 0
	}
	t := [4]uint8{0, 2, 1, 2}[l.since%4]
	l.picture = (l.picture + 1) & 0x7fff
	if t == 0 {
		l.tl0++
	}
	var all []*media.Packet
	for i := range packets {
		p := c.pool.Get()
		p.Arrived, p.Captured, p.Epoch, p.Layer = at+10*ms, at, l.epoch, layer
		p.Seq, p.Timestamp, p.Format, p.RED = l.seq, l.ts+media.Ticks(at*90/ms), 0, false
		p.Marker, p.FrameStart, p.Keyframe = i == packets-1, i == 0, key
		p.AudioLevel, p.Voice, p.Orientation, p.AbsCapture = -1, false, -1, 0
		p.Dependency = nil
		p.Spatial, p.Temporal, p.Needed, p.Switch, p.LayerEnd = 0, t, media.Above(0, t), 0, p.Marker
		p.Sync = t == 1 || t == 2 && l.since%4 == 1
		flags := byte(0x80)
		if i == 0 {
			flags |= 0x10
		}
		sync := byte(0)
		if p.Sync {
			sync = 0x20
		}
		p.Payload = append(p.Data[:0], flags, 0xe0, 0x80|byte(l.picture>>8), byte(l.picture), l.tl0, t<<6|sync,
			0x01, c.mark, layer, byte(i), byte(l.seq), byte(l.seq>>8))
		l.seq++
		c.rings[layer].Put(p)
		all = append(all, p)
	}
	l.since++
	return all
}

// stage lets casters play to one slot and checks what a receiver must always be able to rely on.
type stage struct {
	testing.TB
	slot    *Slot
	casters [2]*caster
	feeding int
	now     media.Time
	late    []*media.Packet
	sealed  map[uint64][]byte
	packets map[uint64]sentPacket // by index
	highest uint64
	order   []uint64
	frames  map[uint16]string // by picture id, the newest
	ids     []uint16
	gen     uint32
	exact   bool // nothing was lost or late so far
}

type sentPacket struct {
	payload []byte
	picture uint16
	frame   string
	filler  bool
}

func newStage(t testing.TB) *stage {
	s := &stage{TB: t, slot: New(videoConfig), casters: [2]*caster{newCaster('a'), newCaster('b')}, feeding: -1,
		sealed: map[uint64][]byte{}, packets: map[uint64]sentPacket{}, frames: map[uint16]string{}, exact: true}
	s.feed(0)
	return s
}

func (s *stage) feed(i int) {
	s.feeding = i
	s.gen++
	s.late = nil
	c := s.casters[i]
	span := s.slot.Switch(s.now, video(), s.gen, &c.rings)
	for seq := span.First; span.Any && seq <= span.Last; seq++ {
		if p := c.rings[span.Layer].Get(seq); p != nil {
			s.write(p)
		}
	}
}

func (s *stage) write(p *media.Packet) bool {
	var buf [media.MaxDatagram + MaxHeader]byte
	n, roc, ok := s.slot.Write(s.now, p, buf[:], 0)
	if !ok {
		return false
	}
	payload := bytes.Clone(s.slot.Payload(p, buf[n:]))
	datagram := append(bytes.Clone(buf[:n]), payload...)
	index := uint64(roc)<<16 | uint64(binary.BigEndian.Uint16(datagram[2:]))
	if _, twice := s.packets[index]; twice {
		s.Fatalf("index %x was sent twice", index)
	}
	sent := sentPacket{payload: payload, filler: datagram[0]&0x20 != 0}
	if sent.filler {
		if s.exact {
			s.Fatal("padding although nothing was lost")
		}
	} else {
		d, ok := vp8.Parse(payload)
		if !ok || !bytes.Equal(payload[6:], p.Payload[6:]) {
			s.Fatalf("payload %x of %x", payload, p.Payload)
		}
		sent.picture = uint16(d.PictureID)
		sent.frame = string([]byte{p.Payload[7], p.Layer}) + string(binary.BigEndian.AppendUint32(nil, uint32(p.Timestamp)+p.Epoch<<30))
		s.picture(sent, index)
	}
	if s.exact && s.highest > 0 && index != s.highest+1 {
		s.Fatalf("index %x after %x without a loss", index, s.highest)
	}
	s.highest = max(s.highest, index)
	s.packets[index] = sent
	s.order = append(s.order, index)
	return true
}

// picture checks that one picture id stands for one frame, and that without losses they are in sequence.
func (s *stage) picture(p sentPacket, index uint64) {
	if owner, known := s.frames[p.picture]; known && owner != p.frame {
		s.Fatalf("picture id %d of two frames, at index %x", p.picture, index)
	}
	if _, known := s.frames[p.picture]; !known {
		if n := len(s.ids); s.exact && n > 0 && p.picture != (s.ids[n-1]+1)&0x7fff {
			s.Fatalf("picture id %d after %d without a loss", p.picture, s.ids[n-1])
		}
		s.ids = append(s.ids, p.picture)
		s.frames[p.picture] = p.frame
		if len(s.ids) > 5000 {
			delete(s.frames, s.ids[0])
			s.ids = s.ids[1:]
		}
	}
}

// nack asks for one of the newest packets: what is resent must be what was sent.
func (s *stage) nack(back int) {
	if len(s.order) == 0 {
		return
	}
	index := s.order[max(0, len(s.order)-1-back)]
	var buf [media.MaxDatagram + MaxHeader]byte
	res, ok := s.slot.OnNACK(s.now, uint16(index), buf[:], 0)
	if !ok {
		return
	}
	body := buf[res.HeaderLen : res.HeaderLen+res.PayloadLen]
	if want := s.packets[index]; binary.BigEndian.Uint16(body) != uint16(index) || !bytes.Equal(body[2:], want.payload) {
		s.Fatalf("resent %x for index %x, sent was %x", body, index, want.payload)
	}
}

func (s *stage) publish(arg byte, key bool, fate byte) {
	s.now += 33 * ms
	for i, c := range s.casters {
		for layer := range uint8(len(c.layers)) {
			ps := c.frame(s.now, layer, 1+int(arg+layer)%3, key && (arg>>2)%3 == layer || c.layers[layer].since == 0)
			if i != s.feeding {
				continue
			}
			for j, p := range ps {
				switch fate >> (2 * j % 8) & 3 {
				case 1:
					s.exact = false
					s.late = append(s.late, p)
				case 2:
					s.exact = false
				default:
					s.write(p)
				}
			}
		}
	}
}

func (s *stage) step(op, arg byte) {
	switch op % 10 {
	case 0:
		s.feed(int(arg) % len(s.casters))
	case 1:
		s.slot.SetTarget(Target{Layer: arg % 3, Temporals: arg >> 2 & 3, Spatials: arg >> 4 & 3, Instead: uint32(arg >> 5)})
	case 2:
		s.publish(arg, true, 0)
	case 3:
		if n := len(s.late); n > 0 {
			i := int(arg) % n
			s.write(s.late[i])
			s.late = append(s.late[:i], s.late[i+1:]...)
		}
	case 4, 5:
		s.nack(int(arg) % 200)
	case 6:
		s.publish(arg, false, arg)
	case 7:
		if arg%8 == 0 {
			s.slot.SetTarget(Target{Off: arg%16 == 0})
		}
	default:
		s.publish(arg, false, 0)
	}
}

// FuzzLayers: whatever is switched, lost and asked for, no number is sent twice, each picture id is one
// frame's, resends are what was sent, and without losses the receiver sees no gap.
func FuzzLayers(f *testing.F) {
	f.Add([]byte{2, 0, 8, 0, 8, 1, 1, 4, 8, 0, 8, 0, 8, 0, 4, 3, 1, 0, 8, 0, 8, 0})
	f.Add([]byte{2, 0, 1, 1, 8, 0, 2, 1, 8, 0, 6, 5, 8, 0, 3, 0, 4, 0, 0, 1, 2, 9, 8, 0})
	f.Add([]byte{2, 0, 1, 0x14, 6, 9, 6, 1, 8, 3, 3, 0, 3, 0, 8, 2, 4, 1, 4, 2, 5, 3})
	f.Fuzz(func(t *testing.T, script []byte) {
		s := newStage(t)
		for i := 0; i+1 < len(script) && i < 3000; i += 2 {
			s.step(script[i], script[i+1])
		}
	})
}

// TestLayersRandomLife is FuzzLayers' run that every test run makes, with and without losses.
func TestLayersRandomLife(t *testing.T) {
	for seed := range uint64(20) {
		rng := rand.New(rand.NewPCG(seed, 7))
		s := newStage(t)
		for range 3000 {
			op := byte(8)
			if rng.IntN(3) == 0 {
				op = byte(rng.IntN(10))
			}
			if op == 6 && seed%2 == 0 {
				continue
			}
			s.step(op, byte(rng.Uint32()))
		}
		if s.exact != (seed%2 == 0) || len(s.order) < 500 {
			t.Errorf("seed %d: %d packets, exact %v", seed, len(s.order), s.exact)
		}
		if st := s.slot.Stats(); seed%2 == 1 && st.Retransmitted == 0 || st.LayerSwitches == 0 || st.Drops[DropLayer] == 0 {
			t.Errorf("seed %d: stats %+v", seed, st)
		}
	}
}

func TestTemporalLayersLeaveNoTrace(t *testing.T) {
	s := newStage(t)
	s.publish(0, true, 0)
	s.slot.SetTarget(Target{Temporals: 1})
	before := s.slot.Stats().Packets
	for range 16 {
		s.publish(0, false, 0)
	}
	if n := s.slot.Stats().Packets - before; n != 4 {
		t.Errorf("%d packets of 4 base frames", n)
	}
	s.slot.SetTarget(Target{Temporals: 2})
	before = s.slot.Stats().Packets
	for range 16 {
		s.publish(0, false, 0)
	}
	if n := s.slot.Stats().Packets - before; n != 8 {
		t.Errorf("%d packets of 8 frames", n)
	}
	if !s.exact {
		t.Error("not exact")
	}
}

func TestWhatComesLateOfALayerThatIsNotSentIsPadding(t *testing.T) {
	s := newStage(t)
	c := s.casters[0]
	send := func(ps []*media.Packet) (sent int) {
		for _, p := range ps {
			if s.write(p) {
				sent++
			}
		}
		return sent
	}
	send(c.frame(0, 0, 1, true))
	s.slot.SetTarget(Target{Temporals: 1})
	send(c.frame(33*ms, 0, 1, false)) // T2: from here on only T0 goes out
	s.exact = false
	lost := c.frame(66*ms, 0, 1, false) // T1, lost on the way here
	send(c.frame(99*ms, 0, 1, false))
	base := c.frame(132*ms, 0, 1, false)
	if send(base) != 1 || send(lost) != 1 {
		t.Fatal("not sent")
	}
	if st := s.slot.Stats(); st.Filled != 1 || st.Packets != 3 {
		t.Errorf("stats %+v", st)
	}
	n := len(s.order)
	if a, b := s.order[n-2], s.order[n-1]; b != a-1 || !s.packets[b].filler {
		t.Errorf("the base frame is %x, the padding %x", a, b)
	}
	if step := s.packets[s.order[n-2]].picture - s.packets[s.order[0]].picture; step != 2 { // the lost one's id stays free
		t.Errorf("picture ids move by %d", step)
	}
	var buf [media.MaxDatagram + MaxHeader]byte
	if _, ok := s.slot.OnNACK(s.now+1000*ms, uint16(s.order[n-1]), buf[:], 0); ok {
		t.Error("the padding is resent as what it stands for")
	}
}

func TestDescriptorsGoOnThroughSwitches(t *testing.T) {
	c := videoConfig
	c.Formats = []Format{{PT: 45, RTX: 46, Format: av1Format, NACK: true}}
	c.Ext.Dependency, c.Ext.Mixed = 7, true
	r := newRig(t, c)
	a, b := newPublisher(100, 5, 'a'), newPublisher(900, 77, 'b')
	long := func(frame uint16) []byte {
		return append([]byte{0xc0, byte(frame >> 8), byte(frame), 0x80}, make([]byte, 36)...)
	}
	send := func(u *publisher, at media.Time, key bool, descriptor []byte) {
		t.Helper()
		ps := u.frame(at, 1, key)
		ps[0].Dependency = descriptor
		if r.write(ps...) != 1 {
			t.Fatal("not sent")
		}
		if binary.BigEndian.Uint16(descriptor[1:]) != binary.BigEndian.Uint16(ps[0].Dependency[1:]) {
			t.Fatal("the shared descriptor was written to")
		}
	}
	source := Source{Formats: []media.Format{av1Format}}
	r.slot.Switch(0, source, 1, nil)
	send(a, 0, true, long(0xfffe))
	send(a, 40*ms, false, []byte{0xc1, 0xff, 0xff})
	send(a, 80*ms, false, []byte{0xc1, 0x00, 0x01}) // one was not sent on purpose: its number stays free
	r.slot.Switch(r.now, source, 2, nil)
	send(b, 120*ms, true, long(500))
	send(b, 160*ms, false, []byte{0xc2, 0x01, 0xf5})
	for i, want := range []uint16{0xfffe, 0xffff, 1, 2, 3} {
		h := r.got[i]
		d := h.GetExtension(7)
		if len(d) < 3 || binary.BigEndian.Uint16(d[1:]) != want {
			t.Errorf("packet %d: descriptor %x, want frame %d", i, d, want)
		}
		wide := i == 0 || i == 3
		if profile := h.ExtensionProfile; (profile == 0x1000) != wide || h.GetExtension(2) == nil {
			t.Errorf("packet %d: profile %x, TWCC %x", i, profile, h.GetExtension(2))
		}
		if wide && len(d) != 40 {
			t.Errorf("packet %d: %d bytes", i, len(d))
		}
	}
	c.Ext.Mixed = false // then a structure cannot be sent; what is short can
	r.slot.Update(c)
	send(b, 200*ms, true, long(502))
	h := r.last()
	if d := h.GetExtension(7); d != nil {
		t.Errorf("%d bytes in a one-byte element", len(d))
	}
}

func TestTakingFramesOutDoesNotAllocate(t *testing.T) {
	slot := New(videoConfig)
	slot.SetTarget(Target{Temporals: 1})
	c := newCaster('a')
	p := c.frame(0, 0, 1, true)[0]
	slot.Switch(0, video(), 1, nil)
	var buf [media.MaxDatagram + MaxHeader]byte
	step := func() {
		for i, temporal := range [4]uint8{0, 2, 1, 2} {
			p.Seq++
			p.Timestamp += 3000
			p.Captured, p.Arrived = p.Captured+33*ms, p.Arrived+33*ms
			p.Temporal, p.Needed, p.Sync = temporal, media.Above(0, temporal), i == 1
			if _, _, ok := slot.Write(p.Arrived, p, buf[:], 0); ok != (temporal == 0) {
				t.Fatalf("a frame of temporal layer %d is sent: %v", temporal, ok)
			}
			slot.OnNACK(p.Arrived, uint16(slot.sent.highest-3), buf[:], 0)
		}
		p.Keyframe = false
	}
	step()
	if n := testing.AllocsPerRun(100, step); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
