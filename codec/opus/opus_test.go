package opus

import (
	"bytes"
	"encoding/hex"
	"testing"
	"time"

	"switchyard/media"
)

func unhex(s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		panic(err)
	}
	return b
}

// As Chromium sends it: one redundant block of 3 bytes, 960 ticks back, then the primary one.
const chromeRED = "ef" + "0f0003" + "6f" + "78aabb" + "78ccddee"

func TestREDBlocksInOrder(t *testing.T) {
	blocks, ok := ParseRED(unhex(chromeRED))
	if !ok {
		t.Fatal("refused")
	}
	first, _ := blocks.Next()
	if first.PT != 111 || first.Offset != 960 || first.Primary || !bytes.Equal(first.Data, unhex("78aabb")) {
		t.Errorf("redundant block %+v", first)
	}
	second, _ := blocks.Next()
	if second.PT != 111 || second.Offset != 0 || !second.Primary || !bytes.Equal(second.Data, unhex("78ccddee")) {
		t.Errorf("primary block %+v", second)
	}
	if extra, more := blocks.Next(); more {
		t.Errorf("one too many: %+v", extra)
	}
}

func TestPrimary(t *testing.T) {
	tests := []struct {
		name, in, want string
		ok             bool
	}{
		{"after a redundant block", chromeRED, "78ccddee", true},
		{"alone", "6f" + "78cc", "78cc", true},
		{"two redundant blocks", "ef1e0002" + "ef0f0001" + "6f" + "aabb" + "cc" + "dd", "dd", true},
		{"empty redundant block", "ef0f0000" + "6f" + "78", "78", true},
		{"empty primary", "ef0f0001" + "6f" + "78", "", true},
		{"cut header", "ef0f00", "", false},
		{"cut block", "ef0f0003" + "6f" + "7800", "", false},
		{"no primary header", "ef0f0000", "", false},
		{"empty", "", "", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, ok := Primary(unhex(tt.in))
			if ok != tt.ok || !bytes.Equal(got.Data, unhex(tt.want)) {
				t.Errorf("got %x %v, want %s %v", got.Data, ok, tt.want, tt.ok)
			}
		})
	}
}

func TestTOC(t *testing.T) {
	tests := []struct {
		in       string
		want     TOC
		duration time.Duration
		ok       bool
	}{
		{"78", TOC{Config: 15, Frames: 1, Frame: 20 * time.Millisecond}, 20 * time.Millisecond, true},
		{"fc00", TOC{Config: 31, Stereo: true, Frames: 1, Frame: 20 * time.Millisecond}, 20 * time.Millisecond, true},
		{"0900", TOC{Config: 1, Frames: 2, Frame: 20 * time.Millisecond}, 40 * time.Millisecond, true},
		{"1b02", TOC{Config: 3, Frames: 2, Frame: 60 * time.Millisecond}, 120 * time.Millisecond, true},
		{"8330", TOC{Config: 16, Frames: 48, Frame: 2500 * time.Microsecond}, 120 * time.Millisecond, true},
		{"1b03", TOC{}, 0, false}, // 180 ms
		{"7b00", TOC{}, 0, false}, // no frame
		{"7b", TOC{}, 0, false},
		{"", TOC{}, 0, false},
	}
	for _, tt := range tests {
		got, ok := ParseTOC(unhex(tt.in))
		if ok != tt.ok || got != tt.want || got.Duration() != tt.duration {
			t.Errorf("%s: got %+v (%v) %v", tt.in, got, got.Duration(), ok)
		}
	}
}

func TestSilenceIsTold(t *testing.T) {
	for in, want := range map[string]bool{"78": true, "7800": true, "78aabb": false} {
		if IsDTX(unhex(in)) != want {
			t.Errorf("%s: %v", in, !want)
		}
	}
}

func TestREDDoesNotAllocate(t *testing.T) {
	b := unhex(chromeRED)
	if n := testing.AllocsPerRun(100, func() { Primary(b) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestAppendREDWritesWhatChromiumWrites(t *testing.T) {
	got, ok := AppendRED([]byte{1}, 111, 960, unhex("78aabb"), unhex("78ccddee"))
	if !ok || !bytes.Equal(got, unhex("01"+chromeRED)) {
		t.Errorf("got %x %v", got, ok)
	}
	for name, refused := range map[string]func() ([]byte, bool){
		"offset of 15 bits": func() ([]byte, bool) { return AppendRED(nil, 111, MaxOffset+1, nil, nil) },
		"length of 11 bits": func() ([]byte, bool) { return AppendRED(nil, 111, 960, make([]byte, MaxBlock+1), nil) },
	} {
		if got, ok := refused(); ok || len(got) != 0 {
			t.Errorf("%s: got %x", name, got)
		}
	}
	buf, block := make([]byte, 0, 100), unhex("78aabb")
	if n := testing.AllocsPerRun(100, func() { AppendRED(buf, 111, 960, block, block) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// FuzzAppendRED: what is written is read back, or was refused for its bounds.
func FuzzAppendRED(f *testing.F) {
	f.Add(uint8(111), uint32(960), unhex("78aabb"), unhex("78ccddee"))
	f.Add(uint8(0), uint32(MaxOffset), make([]byte, MaxBlock), []byte{})
	f.Add(uint8(127), uint32(MaxOffset+1), []byte{}, []byte{1})
	f.Fuzz(func(t *testing.T, pt uint8, offset uint32, redundant, primary []byte) {
		pt &= 0x7f
		b, ok := AppendRED(nil, media.PayloadType(pt), offset, redundant, primary)
		if fits := offset <= MaxOffset && len(redundant) <= MaxBlock; ok != fits {
			t.Fatalf("accepted %v, fits %v", ok, fits)
		}
		if !ok {
			return
		}
		if len(b) != len(redundant)+len(primary)+REDOverhead {
			t.Errorf("%d bytes of %d and %d", len(b), len(redundant), len(primary))
		}
		blocks, ok := ParseRED(b)
		first, _ := blocks.Next()
		second, _ := blocks.Next()
		_, more := blocks.Next()
		switch {
		case !ok || more || first.Primary || !second.Primary || uint8(first.PT) != pt || uint8(second.PT) != pt:
			t.Errorf("read back as %+v, %+v, more %v", first, second, more)
		case uint32(first.Offset) != offset || !bytes.Equal(first.Data, redundant) || !bytes.Equal(second.Data, primary):
			t.Errorf("read back as %+v, %+v", first, second)
		}
	})
}

func FuzzRED(f *testing.F) {
	f.Add(unhex(chromeRED))
	f.Add(unhex("6f78cc"))
	f.Fuzz(func(t *testing.T, b []byte) {
		ParseTOC(b)
		blocks, ok := ParseRED(b)
		total, primaries := 0, 0
		for block, more := blocks.Next(); more; block, more = blocks.Next() {
			total += len(block.Data)
			if block.Primary {
				primaries++
			}
		}
		if ok && (primaries != 1 || total >= len(b)) {
			t.Errorf("%d primary blocks, %d bytes of %d", primaries, total, len(b))
		}
	})
}
