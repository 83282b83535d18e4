package egress

import (
	"bytes"
	"testing"

	"switchyard/codec/opus"
	"switchyard/media"
)

// speaker is a rig with an audio source whose packets are 20 ms and begin with an Opus table of contents.
func speaker(t *testing.T, c Config) (*rig, *publisher) {
	r, u := newRig(t, c), newPublisher(10, 1, 0x78)
	u.audio = true
	r.slot.Switch(0, audio(), 1, &Rings{u.ring})
	return r, u
}

// blocks returns the redundant and the primary block of what was sent as RED.
func (w written) blocks(t *testing.T) (redundant, primary opus.Block) {
	t.Helper()
	all, ok := opus.ParseRED(w.payload)
	redundant, _ = all.Next()
	primary, _ = all.Next()
	if _, more := all.Next(); !ok || w.PayloadType != 63 || redundant.Primary || !primary.Primary || more {
		t.Fatalf("payload type %d, %x", w.PayloadType, w.payload)
	}
	return redundant, primary
}

// TestEachPacketCarriesTheOneBefore: a receiver that loses any one packet has it from the next.
func TestEachPacketCarriesTheOneBefore(t *testing.T) {
	r, u := speaker(t, audioConfig)
	var sent [][]byte
	for i := range media.Time(10) {
		ps := u.frame(i*20*ms, 1, false)
		sent = append(sent, bytes.Clone(ps[0].Payload))
		r.write(ps...)
	}
	if w := r.got[0]; w.PayloadType != 111 || !bytes.Equal(w.payload, sent[0]) {
		t.Errorf("the first packet, which follows none: %d %x", w.PayloadType, w.payload)
	}
	for i := 1; i < len(r.got); i++ {
		redundant, primary := r.got[i].blocks(t)
		if redundant.PT != 111 || primary.PT != 111 || !bytes.Equal(primary.Data, sent[i]) || !bytes.Equal(redundant.Data, sent[i-1]) {
			t.Errorf("packet %d: %x", i, r.got[i].payload)
		}
		if at := r.got[i].Timestamp - uint32(redundant.Offset); at != r.got[i-1].Timestamp {
			t.Errorf("packet %d: the one before at %d, it was sent at %d", i, at, r.got[i-1].Timestamp)
		}
	}
	if s := r.slot.Stats(); s.Redundant != 9 || s.Packets != 10 || s.Bytes != 4+9*(4+4+opus.REDOverhead) {
		t.Errorf("%d redundant, %d packets, %d bytes", s.Redundant, s.Packets, s.Bytes)
	}
}

// TestNoRedundancyWhereThereIsNone: what was lost on the way to the server is not made up, and what does not
// belong in the next packet is not in it.
func TestNoRedundancyWhereThereIsNone(t *testing.T) {
	type pair struct{ before, p *media.Packet }
	tests := map[string]struct {
		change func(u *publisher, of pair)
		whole  bool // it is sent as RED all the same
	}{
		"as it should be": {func(*publisher, pair) {}, true},
		"lost":            {func(u *publisher, of pair) { u.ring.slots[of.before.Seq%VideoRing] = nil }, false},
		"silence":         {func(_ *publisher, of pair) { of.before.Payload = of.before.Payload[:2] }, false},
		"after a pause":   {func(_ *publisher, of pair) { of.p.Timestamp += opus.MaxOffset - 959 }, false},
		"longest pause":   {func(_ *publisher, of pair) { of.p.Timestamp += opus.MaxOffset - 960 }, true},
		"long block":      {func(_ *publisher, of pair) { of.before.Payload = of.before.Data[:opus.MaxBlock+1] }, false},
		"long together": {func(_ *publisher, of pair) {
			of.before.Payload, of.p.Payload = of.before.Data[:600], of.p.Data[:600]
		}, false},
		"fits together": {func(_ *publisher, of pair) {
			of.before.Payload, of.p.Payload = of.before.Data[:500], of.p.Data[:500]
		}, true},
		"another format": {func(_ *publisher, of pair) { of.before.Format = 1 }, false},
		"another stream": {func(_ *publisher, of pair) { of.before.Epoch++ }, false},
		"no time passed": {func(_ *publisher, of pair) { of.p.Timestamp -= 960 }, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r, u := speaker(t, audioConfig)
			r.write(u.frame(0, 1, false)...)
			before, p := u.frame(20*ms, 1, false)[0], u.frame(40*ms, 1, false)[0]
			tt.change(u, pair{before, p})
			r.write(p)
			want := bytes.Clone(p.Payload)
			switch w := r.last(); {
			case tt.whole:
				if _, primary := w.blocks(t); !bytes.Equal(primary.Data, want) {
					t.Errorf("%x", w.payload)
				}
			case w.PayloadType != 111 || !bytes.Equal(w.payload, want):
				t.Errorf("payload type %d, %x", w.PayloadType, w.payload)
			}
		})
	}
}

// TestNobodyHearsWhatWasSaidBeforeTheSwitch: the first packet of a source carries nothing.
func TestNobodyHearsWhatWasSaidBeforeTheSwitch(t *testing.T) {
	r, a := speaker(t, audioConfig)
	b := newPublisher(500, 9, 0x78)
	b.audio = true
	r.write(a.frame(0, 1, false)...)
	b.frame(0, 1, false)
	r.slot.Switch(10*ms, audio(), 2, &Rings{b.ring})
	r.write(b.frame(20*ms, 1, false)...)
	if w := r.last(); w.PayloadType != 111 {
		t.Errorf("payload type %d, %x", w.PayloadType, w.payload)
	}
	r.write(b.frame(40*ms, 1, false)...)
	r.last().blocks(t)
}

// TestREDIsMadeAnewForOtherPayloadTypes: the publisher's blocks say 111, the receiver's Opus is 120.
func TestREDIsMadeAnewForOtherPayloadTypes(t *testing.T) {
	c := audioConfig
	c.Formats = []Format{{PT: 120, RED: 63, Format: opusFormat}}
	r, u := speaker(t, c)
	for i := range media.Time(2) {
		p := u.frame(i*20*ms, 1, false)[0]
		p.RED, p.Payload = true, []byte{0xef, 0x0f, 0, 2, 111, 1, 2, 0x78, 9, byte(i)}
		r.write(p)
	}
	redundant, primary := r.last().blocks(t)
	if redundant.PT != 120 || primary.PT != 120 || !bytes.Equal(redundant.Data, []byte{0x78, 9, 0}) || !bytes.Equal(primary.Data, []byte{0x78, 9, 1}) {
		t.Errorf("%x", r.last().payload)
	}
}

func TestREDEndsWhereBandwidthIsShort(t *testing.T) {
	r, u := speaker(t, audioConfig)
	for i, on := range []bool{true, true, false, false, true, true} {
		r.slot.Redundancy(on)
		p := u.frame(media.Time(i)*20*ms, 1, false)[0]
		p.RED, p.Payload = i%2 == 1, []byte{0x78, 9, 8}
		if p.RED {
			p.Payload = []byte{0xef, 0x0f, 0, 2, 111, 1, 2, 0x78, 9, 8}
		}
		r.write(p)
		switch w := r.last(); {
		case on && i > 0:
			if _, primary := w.blocks(t); !bytes.Equal(primary.Data, []byte{0x78, 9, 8}) {
				t.Errorf("packet %d: %x", i, w.payload)
			}
		case w.PayloadType != 111 || !bytes.Equal(w.payload, []byte{0x78, 9, 8}):
			t.Errorf("packet %d: %d %x", i, w.PayloadType, w.payload)
		}
	}
}

// TestRTXOfAudioIsPlain: RTX repairs the codec's payload type (RFC 4588 §8.6), so what went out as RED is
// resent without, whoever made it.
func TestRTXOfAudioIsPlain(t *testing.T) {
	c := audioConfig
	c.RTXSSRC = 0x4444
	c.Formats = []Format{{PT: 111, RED: 63, RTX: 112, NACK: true, Format: opusFormat}}
	r, u := speaker(t, c)
	for i := range media.Time(3) {
		p := u.frame(i*20*ms, 1, false)[0]
		if p.RED = i == 2; p.RED {
			p.Payload = []byte{0xef, 0x0f, 0, 2, 111, 1, 2, 0x78, 9}
		}
		r.write(p)
	}
	for i, want := range [][]byte{{0x78, 10, 0, 7}, {0x78, 11, 0, 7}, {0x78, 9}} {
		buf := make([]byte, media.MaxDatagram+MaxHeader)
		seq := r.got[i].SequenceNumber
		res, ok := r.slot.OnNACK(r.now, seq, buf, 0)
		got := buf[res.HeaderLen:][:res.PayloadLen]
		if !ok || buf[1]&0x7f != 112 || !bytes.Equal(got, append([]byte{byte(seq >> 8), byte(seq)}, want...)) {
			t.Errorf("packet %d: payload type %d, %x, %v", i, buf[1]&0x7f, got, ok)
		}
	}
}

func TestREDDoesNotAllocateOnTheRoad(t *testing.T) {
	s, u := New(audioConfig), newPublisher(1, 1, 0x78)
	u.audio = true
	s.Switch(0, audio(), 1, &Rings{u.ring})
	var ps []*media.Packet
	for i := range media.Time(300) {
		ps = append(ps, u.frame(i*20*ms, 1, false)...)
	}
	buf := make([]byte, media.MaxDatagram+MaxHeader)
	i := 0
	n := testing.AllocsPerRun(200, func() {
		head, _, ok := s.Write(ps[i].Arrived, ps[i], buf, 0)
		if i++; !ok || len(s.Payload(ps[i-1], buf[head:])) == 0 {
			t.Fatal("nothing was sent")
		}
	})
	if n != 0 || s.Stats().Redundant < 200 {
		t.Errorf("%v allocations, %d redundant", n, s.Stats().Redundant)
	}
}
