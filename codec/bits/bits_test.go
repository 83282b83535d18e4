package bits

import "testing"

func TestExpGolomb(t *testing.T) {
	// H.264 table 9-2: 1, 010, 011, 00100, 00111 are 0, 1, 2, 3, 6.
	r := NewReader([]byte{0b1_010_011_0, 0b0100_0011, 0b1_0000000})
	for _, want := range []uint32{0, 1, 2, 3, 6} {
		if got := r.UE(); got != want {
			t.Errorf("got %d, want %d", got, want)
		}
	}
	r = NewReader([]byte{0b1_010_011_0, 0b0100_0010, 0b1_0000000})
	for _, want := range []int32{0, 1, -1, 2, -2} {
		if got := r.SE(); got != want {
			t.Errorf("got %d, want %d", got, want)
		}
	}
}

func TestEmulationPreventionIsLeftOut(t *testing.T) {
	in := []byte{1, 0, 0, 3, 1, 0, 0, 3, 0, 0, 3, 3}
	want := []byte{1, 0, 0, 1, 0, 0, 0, 0, 3}
	r := NewEscapedReader(in)
	for i, w := range want {
		if got := byte(r.Bits(8)); got != w {
			t.Errorf("byte %d: got %d, want %d", i, got, w)
		}
	}
	if r.Overrun() {
		t.Error("overrun")
	}
	plain := NewReader(in)
	for _, w := range in {
		if got := byte(plain.Bits(8)); got != w {
			t.Errorf("plain: got %d, want %d", got, w)
		}
	}
}

func TestReadingPastTheEndGivesZeros(t *testing.T) {
	r := NewReader([]byte{0xff})
	if got := r.Bits(12); got != 0xff0 || !r.Overrun() {
		t.Errorf("got %x, overrun %v", got, r.Overrun())
	}
	r = NewReader(nil)
	if r.UE() != 0 || !r.Overrun() {
		t.Error("an empty code is not an overrun")
	}
}

func FuzzReader(f *testing.F) {
	f.Add([]byte{0, 0, 3, 0, 0, 3, 0, 0, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		r := NewEscapedReader(b)
		for i := 0; i < 1000 && !r.Overrun(); i++ {
			r.UE()
			r.SE()
		}
	})
}
