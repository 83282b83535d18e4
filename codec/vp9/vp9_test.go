package vp9

import (
	"encoding/hex"
	"testing"
)

func unhex(s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		panic(err)
	}
	return b
}

// libvpx's frame headers behind descriptors as Chromium writes them.
func TestParse(t *testing.T) {
	none := Descriptor{PictureID: -1, TL0PicIdx: -1}
	with := func(f func(*Descriptor)) Descriptor { d := none; f(&d); return d }
	tests := []struct {
		name, in string
		want     Descriptor
		ok       bool
	}{
		{"keyframe 720p, size from the frame header", "88" + "8123" + "82498342004ff02cf60638", with(func(d *Descriptor) {
			d.FrameStart, d.Keyframe, d.PictureID, d.HeaderLen, d.Width, d.Height = true, true, 0x123, 3, 1280, 720
		}), true},
		{"keyframe 1080p", "08" + "824983420077f043760638", with(func(d *Descriptor) {
			d.FrameStart, d.Keyframe, d.HeaderLen, d.Width, d.Height = true, true, 1, 1920, 1080
		}), true},
		{"structure with two layers and a group", "aa" + "05" + "00" + "09" +
			"38" + "0140" + "00b4" + "0280" + "0168" + "02" + "1401" + "180102" + "8249834200", with(func(d *Descriptor) {
			d.FrameStart, d.Keyframe, d.PictureID, d.TL0PicIdx = true, true, 5, 9
			d.HeaderLen, d.Width, d.Height = 4+1+8+1+5, 640, 360
			d.Layers, d.Sizes[0], d.Sizes[1] = 2, Size{320, 180}, Size{640, 360}
		}), true},
		{"upper spatial layer of a key picture", "ac" + "05" + "13" + "09" + "8249", with(func(d *Descriptor) {
			d.Keyframe, d.FrameEnd, d.PictureID, d.TL0PicIdx, d.SpatialID = true, true, 5, 9, 1
			d.SwitchUp, d.InterLayer, d.HeaderLen = true, true, 4
		}), true},
		{"flexible mode with references", "fc" + "05" + "40" + "0302" + "86", with(func(d *Descriptor) {
			d.FrameStart, d.FrameEnd, d.Flexible, d.PictureID, d.TemporalID = true, true, true, 5, 2
			d.HeaderLen = 5
		}), true},
		{"interframe", "c8" + "05" + "86", with(func(d *Descriptor) {
			d.FrameStart, d.PictureID, d.HeaderLen = true, 5, 2
		}), true},
		{"four references", "d8" + "05" + "03030303" + "86", none, false},
		{"empty", "", none, false},
		{"descriptor alone", "08", none, false},
		{"cut structure", "0a" + "30" + "0140", none, false},
		{"cut group", "0a" + "08" + "02" + "0c01", none, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, ok := Parse(unhex(tt.in))
			if ok != tt.ok || ok && got != tt.want {
				t.Errorf("got %+v %v\nwant %+v %v", got, ok, tt.want, tt.ok)
			}
		})
	}
}

func TestParseDoesNotAllocate(t *testing.T) {
	b := unhex("88812382498342004ff02cf60638")
	if n := testing.AllocsPerRun(100, func() { Parse(b) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(unhex("88812382498342004ff02cf60638"))
	f.Add(unhex("aa05000938014000b40280016802140118010282498342"))
	f.Add(unhex("fc0540030286"))
	f.Fuzz(func(t *testing.T, b []byte) {
		d, ok := Parse(b)
		if ok && (d.HeaderLen < 1 || d.HeaderLen >= len(b)) {
			t.Errorf("header of %d bytes in %d", d.HeaderLen, len(b))
		}
	})
}

// FuzzShift checks that Shift changes the ids by what it is told, and nothing else.
func FuzzShift(f *testing.F) {
	f.Add([]byte{0x90, 0xc0, 0xff, 0xff, 0xff, 0x10, 0x02}, uint16(1), uint8(1))
	f.Add([]byte{0xb8, 0x7f, 0x20, 0xff, 0x49}, uint16(2), uint8(3))
	f.Fuzz(func(t *testing.T, b []byte, picture uint16, tl0 uint8) {
		before, ok := Parse(b)
		if !ok {
			return
		}
		Shift(b, picture, tl0)
		after, ok := Parse(b)
		if !ok {
			t.Fatal("cannot be read any more")
		}
		if before.PictureID >= 0 {
			d := after.PictureID - before.PictureID - int32(picture)
			if d&0x7f != 0 || after.PictureID > 0x7fff {
				t.Errorf("picture %d + %d = %d", before.PictureID, picture, after.PictureID)
			}
			after.PictureID = before.PictureID
		}
		if before.TL0PicIdx >= 0 {
			if uint8(after.TL0PicIdx) != uint8(before.TL0PicIdx)+tl0 {
				t.Errorf("TL0PICIDX %d + %d = %d", before.TL0PicIdx, tl0, after.TL0PicIdx)
			}
			after.TL0PicIdx = before.TL0PicIdx
		}
		if after != before {
			t.Errorf("%+v became %+v", before, after)
		}
	})
}
