package av1

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

// Sequence headers of libaom, size field removed as the RTP specification recommends (§5).
const (
	seq720  = "08" + "0000002d4cffb3ccaf9004"
	seq1080 = "08" + "00000042abbfc3732be401"
	seq180  = "08" + "000000043cfeccdaf90040"
)

func TestParse(t *testing.T) {
	tests := []struct {
		name, in string
		want     Payload
		ok       bool
	}{
		{"W=2, sequence and frame", "28" + "0c" + seq720 + "30cccc", Payload{Keyframe: true, Width: 1280, Height: 720}, true},
		{"W=0, all with sizes", "48" + "0c" + seq1080 + "0330cccc",
			Payload{Keyframe: true, Unfinished: true, Width: 1920, Height: 1080}, true},
		{"W=1", "18" + seq180, Payload{Keyframe: true, Width: 320, Height: 180}, true},
		{"with its size field", "18" + "0a0b" + seq180[2:], Payload{Keyframe: true, Width: 320, Height: 180}, true},
		{"continuation", "90" + "0c0c0c0c", Payload{Continues: true}, true},
		{"interframe", "10" + "30cccc", Payload{}, true},
		{"layer ids", "10" + "34" + "48" + "cccc", Payload{TemporalID: 2, SpatialID: 1}, true},
		{"N with Z", "88" + "30cc", Payload{}, false},
		{"size beyond the end", "28" + "7f" + "30cc", Payload{}, false},
		{"endless size", "00" + "8080808080808080", Payload{}, false},
		{"header alone", "10", Payload{}, false},
		{"empty", "", Payload{}, false},
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
	b := unhex("280c" + seq720 + "30cccc")
	if n := testing.AllocsPerRun(100, func() { Parse(b) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(unhex("280c" + seq720 + "30cccc"))
	f.Add(unhex("480c" + seq1080 + "0330cccc"))
	f.Add(unhex("103448cccc"))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, ok := Parse(b)
		if ok && (p.Width < 0 || p.Width > 1<<16 || p.Height > 1<<16) {
			t.Errorf("size %dx%d", p.Width, p.Height)
		}
	})
}
