package piece

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	"lukechampine.com/blake3"
)

// pattern is the input of BLAKE3's official test vectors: bytes 0 to 250, over and over.
func pattern(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i % 251)
	}
	return b
}

// borders are sizes at which the tree changes shape, and one byte to either side.
func borders() []int {
	sizes := []int{0, 1, 2, 63, 64, 65}
	for _, k := range []int{1, 2, 3, 4, 5, 7, 8, 15, 16, 17, 31, 32, 33, 63, 64, 65, 100, 127, 128, 129, 200, 256, 300, 512, 1024, 1025} {
		sizes = append(sizes, k*1024-1, k*1024, k*1024+1)
	}
	return sizes
}

func TestHashOfOfficialVectors(t *testing.T) {
	// The first 32 bytes of "hash" in test_vectors.json of the reference implementation.
	vectors := map[int]string{
		0:      "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262",
		1:      "2d3adedff11b61f14c886e35afa036736dcd87a74d27b5c1510225d0f592e213",
		1023:   "10108970eeda3eb932baac1428c7a2163b0e924c9a9e25b35bba72b28f70bd11",
		1024:   "42214739f095a406f3fc83deb889744ac00df831c10daa55189b5d121c855af7",
		1025:   "d00278ae47eb27b34faecf67b4fe263f82d5412916c1ffd97c8cb7fb814b8444",
		2048:   "e776b6028c7cd22a4d0ba182a8bf62205d2ef576467e838ed6f2529b85fba24a",
		102400: "bc3e3d41a1146b069abffad3c0d44860cf664390afce4d9661f7902e7943e085",
	}
	for n, want := range vectors {
		if got := Sum(pattern(n), 0, true).String(); got != want {
			t.Errorf("%d bytes: %s, want %s", n, got, want)
		}
	}
}

func TestHashIsThatOfTheWholeFile(t *testing.T) {
	for _, n := range borders() {
		b := pattern(n)
		want := Hash(blake3.Sum256(b))
		if got := Sum(b, 0, true); got != want {
			t.Errorf("%d bytes at once: %s, want %s", n, got, want)
		}
		var h Hasher
		for rest, step := b, 1; len(rest) > 0; step = step*7%70001 + 1 {
			k := min(step, len(rest))
			h.Write(rest[:k])
			rest = rest[k:]
		}
		if got := h.Root(); got != want {
			t.Errorf("%d bytes in parts: %s, want %s", n, got, want)
		}
	}
}

func TestPiecesCombineToTheRoot(t *testing.T) {
	sizes := []int{1, MinPiece - 1, MinPiece, MinPiece + 1, 2*MinPiece - 1, 2 * MinPiece, 2*MinPiece + 1}
	for k := 3; k < 20; k++ {
		sizes = append(sizes, k*MinPiece-1024, k*MinPiece, k*MinPiece+1, k*MinPiece+1025)
	}
	for _, s := range []Size{MinPiece, 2 * MinPiece, 8 * MinPiece} {
		for _, n := range sizes {
			b := pattern(n)
			if got, want := rootByPieces(b, s), Hash(blake3.Sum256(b)); got != want {
				t.Errorf("%d bytes in pieces of %d: %s, want %s", n, s, got, want)
			}
		}
	}
}

// rootByPieces hashes each piece on its own, in any order, and combines.
func rootByPieces(b []byte, s Size) Hash {
	var tree Tree
	n := s.Count(int64(len(b)))
	for _, i := range rand.Perm(n) {
		from, to := s.Span(i, int64(len(b)))
		tree.Set(i, Sum(b[from:to], from, n == 1))
	}
	return tree.Root(n)
}

func TestHasherMayBeReadAndWrittenOn(t *testing.T) {
	b := pattern(300_000)
	var h Hasher
	h.Write(b[:123_456])
	if got, want := h.Root(), Hash(blake3.Sum256(b[:123_456])); got != want {
		t.Fatalf("half way: %s, want %s", got, want)
	}
	h.Write(b[123_456:])
	if got, want := h.Root(), Hash(blake3.Sum256(b)); got != want {
		t.Fatalf("at the end: %s, want %s", got, want)
	}
	h.Reset(0)
	h.Write(b[:5])
	if got, want := h.Root(), Hash(blake3.Sum256(b[:5])); got != want {
		t.Fatalf("after reset: %s, want %s", got, want)
	}
}

func TestPieceDependsOnItsPlaceAndEveryByte(t *testing.T) {
	b := pattern(MinPiece)
	at0, at1 := Sum(b, 0, false), Sum(b, MinPiece, false)
	if at0 == at1 || at0 == Sum(b, 0, true) {
		t.Fatal("a piece's hash says nothing of its place")
	}
	for range 200 {
		c := bytes.Clone(b)
		c[rand.IntN(len(c))] ^= 1 << rand.IntN(8)
		if Sum(c, 0, false) == at0 {
			t.Fatal("a changed bit was not noticed")
		}
	}
}

func TestHashingAllocatesNothing(t *testing.T) {
	b := pattern(1 << 20)
	h := new(Hasher)
	if n := testing.AllocsPerRun(5, func() {
		h.Reset(1 << 20)
		h.Write(b[:62<<10])
		h.Write(b[62<<10:])
		_ = h.Chain()
	}); n != 0 {
		t.Errorf("%v allocations a piece", n)
	}
}

func TestTreeTakesWhatItIsGiven(t *testing.T) {
	var tree Tree
	tree.Set(5000, Hash{1})
	tree.Set(5000, Hash{2})
	tree.Set(1, Hash{3})
	if h, ok := tree.Get(5000); !ok || h != (Hash{2}) || tree.Len() != 2 {
		t.Fatalf("%v %v, %d known", h, ok, tree.Len())
	}
	tree.Forget(5000)
	tree.Forget(7)
	if _, ok := tree.Get(5000); ok || tree.Len() != 1 {
		t.Fatal("a forgotten piece is known")
	}
}

func TestSizeOfPiecesGrowsWithTheFile(t *testing.T) {
	for _, c := range []struct {
		bytes int64
		want  Size
	}{{0, 1 << 20}, {1 << 40, 1 << 20}, {1<<40 + 1, 2 << 20}, {1 << 60, MaxPiece}} {
		if got := SizeFor(c.bytes); got != c.want {
			t.Errorf("%d bytes: pieces of %d, want %d", c.bytes, got, c.want)
		}
	}
}

func FuzzPieces(f *testing.F) {
	f.Add([]byte("abc"), uint16(3), uint8(0))
	f.Add(pattern(1025), uint16(200), uint8(1))
	f.Fuzz(func(t *testing.T, seed []byte, times uint16, step uint8) {
		b := bytes.Repeat(seed, int(times))
		b = b[:min(len(b), 1<<19)]
		if got, want := rootByPieces(b, MinPiece), Hash(blake3.Sum256(b)); got != want {
			t.Fatalf("%d bytes: %s, want %s", len(b), got, want)
		}
		var h Hasher
		for rest := b; len(rest) > 0; {
			k := min(len(rest), int(step)*257+1)
			h.Write(rest[:k])
			rest = rest[k:]
		}
		if got, want := h.Root(), Hash(blake3.Sum256(b)); got != want {
			t.Fatalf("%d bytes by %d: %s, want %s", len(b), step, got, want)
		}
	})
}

func BenchmarkHasher(b *testing.B) {
	data := pattern(1 << 20)
	for _, part := range []int{MaxData, 1 << 20} {
		b.Run(fmt.Sprint(part), func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			h := new(Hasher)
			for b.Loop() {
				h.Reset(1 << 20)
				for rest := data; len(rest) > 0; {
					k := min(part, len(rest))
					h.Write(rest[:k])
					rest = rest[k:]
				}
				_ = h.Chain()
			}
		})
	}
}
