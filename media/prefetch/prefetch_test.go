package prefetch

import (
	"math/rand/v2"
	"testing"
	"unsafe"
)

// What is asked for need not be there, and what is there stays as it is.
func TestLinesTouchNothing(t *testing.T) {
	b := make([]byte, 4*Line)
	for i := range b {
		b[i] = byte(i)
	}
	Lines(nil, 3)
	Lines(unsafe.Pointer(&b[0]), 0)
	Lines(unsafe.Pointer(&b[0]), -1)
	Lines(unsafe.Pointer(&b[len(b)-1]), 1<<10)
	for i := range b {
		if b[i] != byte(i) {
			t.Fatalf("byte %d became %d", i, b[i])
		}
	}
}

// part is one of those that a link is made of: each leads to the next, which stands elsewhere.
type part struct {
	next *part
	sum  uint64
	_    [112]byte
}

const parts = 5

// BenchmarkCold visits 400 links of five parts each, which no cache holds, with some hundred nanoseconds of work for
// each, as they come and with the parts of the next ones fetched ahead, one deeper with every visit.
func BenchmarkCold(b *testing.B) {
	const links = 400
	for _, ahead := range []bool{false, true} {
		b.Run(map[bool]string{false: "as they come", true: "ahead"}[ahead], func(b *testing.B) {
			all := scattered(links)
			cold := make([]byte, 64<<20)
			for range b.N {
				b.StopTimer()
				for i := 0; i < len(cold); i += Line {
					cold[i]++
				}
				b.StartTimer()
				visit(all, ahead)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*links), "ns/link")
		})
	}
}

func visit(links []*part, ahead bool) {
	for i, first := range links {
		for depth := range parts {
			if at := i + parts - depth; ahead && at < len(links) {
				p := links[at]
				for range depth {
					p = p.next
				}
				Lines(unsafe.Pointer(p), 1)
			}
		}
		for p := first; p != nil; p = p.next {
			for range 50 { // each step needs the one before, as in sealing
				p.sum = p.sum*6364136223846793005 + 1442695040888963407
			}
		}
	}
}

// scattered makes links whose parts stand in random places of 64 MB.
func scattered(n int) []*part {
	all := make([]part, 64<<20/128)
	places := rand.New(rand.NewPCG(1, 2)).Perm(len(all))
	links := make([]*part, n)
	for i := range links {
		for range parts {
			p := &all[places[0]]
			places = places[1:]
			p.next, links[i] = links[i], p
		}
	}
	return links
}
