package h264

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

// Parameter sets of x264: baseline, high, 4:4:4, interlaced with scaling matrices.
const (
	base720  = "6742c01fd9005005bb0110000003001000000303c0f1832480"
	base1080 = "6742c028d900780227e5c044000003000400000300f03c60c920"
	high444  = "67f4001e919b281405ff138088000003000800000301e078b16cb0"
	laced    = "6764001eacd940a063f3e022000003000200000300783e28532c"
	ppsUnit  = "68cb83cb20"
)

func TestParseSPS(t *testing.T) {
	tests := []struct {
		name, in      string
		width, height int
		ok            bool
	}{
		{"baseline 720p", base720, 1280, 720, true},
		{"baseline 1080p, cropped", base1080, 1920, 1080, true},
		{"high 180p", "6764000dacd941419f9f0110000003001000000303c0f1429960", 320, 180, true},
		{"4:4:4 360p", high444, 640, 360, true},
		{"interlaced 360p", laced, 640, 360, true},
		{"cut", base720[:14], 0, 0, false},
		{"a PPS", ppsUnit, 0, 0, false},
		{"empty", "", 0, 0, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w, h, ok := ParseSPS(unhex(tt.in))
			if w != tt.width || h != tt.height || ok != tt.ok {
				t.Errorf("got %dx%d %v, want %dx%d %v", w, h, ok, tt.width, tt.height, tt.ok)
			}
		})
	}
}

func TestParse(t *testing.T) {
	const size = "0019" // of base720
	tests := []struct {
		name, in string
		want     Unit
		ok       bool
	}{
		{"STAP-A of SPS and PPS", "78" + size + base720 + "0005" + ppsUnit,
			Unit{SPS: true, PPS: true, Keyframe: true, Width: 1280, Height: 720}, true},
		{"single SPS", base1080, Unit{SPS: true, Keyframe: true, Width: 1920, Height: 1080}, true},
		{"single PPS", ppsUnit, Unit{PPS: true}, true},
		{"single IDR", "658884", Unit{IDR: true, Keyframe: true}, true},
		{"single slice", "419a24", Unit{}, true},
		{"FU-A start of IDR", "7c85" + "8884", Unit{IDR: true, Keyframe: true}, true},
		{"FU-A middle of IDR", "7c05" + "8884", Unit{IDR: true, Keyframe: true, Continues: true}, true},
		{"FU-A end of slice", "5c41" + "8884", Unit{Continues: true}, true},
		{"delimiter", "09f0", Unit{Preamble: true}, true},
		{"SEI", "0605ff", Unit{Preamble: true}, true},
		{"STAP-A with delimiter and slice", "78" + "0002" + "09f0" + "0003" + "419a24", Unit{}, true},
		{"STAP-A cut", "78" + size + base720[:20], Unit{}, false},
		{"STAP-A with an empty unit", "78" + "0000", Unit{}, false},
		{"STAP-A without units", "78", Unit{}, false},
		{"FU-A cut", "7c85", Unit{}, false},
		{"FU-B", "7d85000000", Unit{}, false},
		{"type 0", "00", Unit{}, false},
		{"empty", "", Unit{}, false},
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
	b := unhex(base720)
	if n := testing.AllocsPerRun(100, func() { Parse(b) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(unhex("780019" + base720 + "0005" + ppsUnit))
	f.Add(unhex("7c858884"))
	f.Add(unhex(laced))
	f.Fuzz(func(t *testing.T, b []byte) {
		u, ok := Parse(b)
		if ok && (u.Width < 0 || u.Height < 0 || u.Width > 1<<16 || u.Height > 1<<17) {
			t.Errorf("size %dx%d", u.Width, u.Height)
		}
		if u.Preamble && u.Keyframe {
			t.Error("a preamble that is a keyframe")
		}
	})
}
