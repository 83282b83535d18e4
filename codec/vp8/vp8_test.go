package vp8

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

// libvpx's keyframe headers behind descriptors as Chromium writes them.
func TestParse(t *testing.T) {
	none := Descriptor{PictureID: -1, TL0PicIdx: -1, KeyIdx: -1}
	with := func(f func(*Descriptor)) Descriptor { d := none; f(&d); return d }
	tests := []struct {
		name, in string
		want     Descriptor
		ok       bool
	}{
		{"keyframe 720p, 15-bit picture id", "9080" + "8123" + "1001029d012a0005d002", with(func(d *Descriptor) {
			d.FrameStart, d.Keyframe, d.PictureID, d.HeaderLen, d.Width, d.Height = true, true, 0x123, 4, 1280, 720
		}), true},
		{"keyframe 1080p, all fields", "90f0" + "ffff" + "07" + "e3" + "506b039d012a80073804", with(func(d *Descriptor) {
			d.FrameStart, d.Keyframe, d.PictureID, d.TL0PicIdx, d.HeaderLen = true, true, 0x7fff, 7, 6
			d.TemporalID, d.LayerSync, d.KeyIdx, d.Width, d.Height = 3, true, 3, 1920, 1080
		}), true},
		{"keyframe 180p, no extension", "10" + "1062009d012a4001b400", with(func(d *Descriptor) {
			d.FrameStart, d.Keyframe, d.HeaderLen, d.Width, d.Height = true, true, 1, 320, 180
		}), true},
		{"scaling bits are not size", "10" + "1062009d012a4041b480", with(func(d *Descriptor) {
			d.FrameStart, d.Keyframe, d.HeaderLen, d.Width, d.Height = true, true, 1, 320, 180
		}), true},
		{"interframe", "b0" + "80" + "05" + "3101", with(func(d *Descriptor) {
			d.FrameStart, d.NonReference, d.PictureID, d.HeaderLen = true, true, 5, 3
		}), true},
		{"continuation of a keyframe does not show it", "8080" + "05" + "10ff", with(func(d *Descriptor) {
			d.PictureID, d.HeaderLen = 5, 3
		}), true},
		{"second partition's start is no frame's", "11" + "10ff", with(func(d *Descriptor) { d.HeaderLen = 1 }), true},
		{"keyframe cut before its size", "10" + "1062009d01", with(func(d *Descriptor) {
			d.FrameStart, d.Keyframe, d.HeaderLen = true, true, 1
		}), true},
		{"empty", "", none, false},
		{"descriptor alone", "10", none, false},
		{"cut extension", "90", none, false},
		{"cut picture id", "908081", none, false},
		{"cut indices", "90e00512", none, false},
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
	b := unhex("90f0ffff07e3506b039d012a80073804")
	if n := testing.AllocsPerRun(100, func() { Parse(b) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(unhex("90f0ffff07e3506b039d012a80073804"))
	f.Add(unhex("8080051001"))
	f.Fuzz(func(t *testing.T, b []byte) {
		d, ok := Parse(b)
		if ok && (d.HeaderLen < 1 || d.HeaderLen >= len(b)) {
			t.Errorf("header of %d bytes in %d", d.HeaderLen, len(b))
		}
		if d.Keyframe && !d.FrameStart {
			t.Error("keyframe without a start")
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
