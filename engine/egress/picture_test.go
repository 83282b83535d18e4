package egress

import (
	"testing"

	"switchyard/codec/vp8"
	"switchyard/media"
)

// numbered gives a frame's packets VP8 descriptors with a 15-bit picture id and TL0PICIDX.
func numbered(ps []*media.Packet, picture uint16, tl0 uint8) []*media.Packet {
	for i, p := range ps {
		first := byte(0x80)
		if i == 0 {
			first |= 0x10
		}
		p.Payload = append(p.Data[:0], first, 0xc0, 0x80|byte(picture>>8), byte(picture), tl0, 0xaa, byte(i))
	}
	return ps
}

func TestPictureIDsGoOnThroughSwitches(t *testing.T) {
	r := newRig(t, videoConfig)
	a, b := newPublisher(100, 5, 'a'), newPublisher(900, 77, 'b')
	send := func(u *publisher, at media.Time, key bool, picture uint16, tl0 uint8) {
		t.Helper()
		if r.write(numbered(u.frame(at, 2, key), picture, tl0)...) != 2 {
			t.Fatal("not sent")
		}
	}
	r.slot.Switch(0, video(), 1, &Rings{a.ring})
	send(a, 0, true, 0x7ffe, 250)
	send(a, 40*ms, false, 0x7fff, 251)
	send(a, 80*ms, false, 0, 252) // wraps at 15 bits
	r.slot.Switch(r.now, video(), 2, &Rings{b.ring})
	send(b, 120*ms, true, 20, 9)
	send(b, 160*ms, false, 21, 9)
	a.ring.empty() // else the switch would begin with a's first keyframe
	r.slot.Switch(r.now, video(), 3, &Rings{a.ring})
	send(a, 200*ms, true, 3, 255)

	want := []struct {
		picture int32
		tl0     int16
	}{{0x7ffe, 250}, {0x7fff, 251}, {0, 252}, {1, 253}, {2, 253}, {3, 254}}
	for i, w := range r.got {
		d, ok := vp8.Parse(w.payload)
		if !ok || d.PictureID != want[i/2].picture || d.TL0PicIdx != want[i/2].tl0 {
			t.Errorf("packet %d: picture %d, TL0PICIDX %d, want %v", i, d.PictureID, d.TL0PicIdx, want[i/2])
		}
		if w.payload[5] != 0xaa || w.payload[6] != byte(i%2) {
			t.Errorf("packet %d: payload %x", i, w.payload)
		}
	}

	// What is resent says the same: the picture with id 2 is the second source's second frame.
	seq := r.got[8].SequenceNumber
	buf := make([]byte, media.MaxDatagram+MaxHeader)
	res, ok := r.slot.OnNACK(r.now, seq, buf, 0)
	if !ok {
		t.Fatal("not resent")
	}
	if d, ok := vp8.Parse(buf[res.HeaderLen+2 : res.HeaderLen+res.PayloadLen]); !ok || d.PictureID != 2 || d.TL0PicIdx != 253 {
		t.Errorf("resent with picture %d, TL0PICIDX %d", d.PictureID, d.TL0PicIdx)
	}
}

func TestTheSharedPayloadIsNotWrittenTo(t *testing.T) {
	r := newRig(t, videoConfig)
	a, b := newPublisher(100, 5, 'a'), newPublisher(900, 77, 'b')
	r.slot.Switch(0, video(), 1, &Rings{a.ring})
	r.write(numbered(a.frame(0, 1, true), 7, 7)...)
	r.slot.Switch(r.now, video(), 2, &Rings{b.ring})
	ps := numbered(b.frame(40*ms, 1, true), 500, 50)
	r.write(ps...)
	if d, _ := vp8.Parse(ps[0].Payload); d.PictureID != 500 || d.TL0PicIdx != 50 {
		t.Errorf("another subscriber would read picture %d, TL0PICIDX %d", d.PictureID, d.TL0PicIdx)
	}
}
