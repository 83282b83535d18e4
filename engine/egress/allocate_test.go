package egress

import (
	"slices"
	"testing"

	"switchyard/media"
)

// camera has three sizes, of 100, 400 and 1600 kbit/s, as far as it is shown.
func camera(pixels int, rank uint8) Claim {
	c := Claim{Pixels: pixels, Rank: rank, Chosen: None, Options: []Option{
		{Rate: 100_000, Pixels: 320 * 180},
		{Rate: 400_000, Pixels: 640 * 360},
		{Rate: 1_600_000, Pixels: 1280 * 720},
	}}
	for len(c.Options) > 1 && pixels > 0 && c.Options[len(c.Options)-2].Pixels >= pixels {
		c.Options = c.Options[:len(c.Options)-1]
	}
	return c
}

// crowd is n cameras of the last rank.
func crowd(n int) []Claim {
	var all []Claim
	for range n {
		all = append(all, camera(320*180, 2))
	}
	return all
}

// screen has one size at three frame rates.
func screen() Claim {
	return Claim{Screen: true, Rank: 2, Chosen: None, Options: []Option{
		{Rate: 500_000, Pixels: 1920 * 1080},
		{Rate: 900_000, Pixels: 1920 * 1080},
		{Rate: 1_500_000, Pixels: 1920 * 1080},
	}}
}

func choices(claims []Claim) []int {
	var list []int
	for _, c := range claims {
		list = append(list, c.Chosen)
	}
	return list
}

func TestAllocation(t *testing.T) {
	const full, small = 1280 * 720, 200 * 112
	for _, c := range []struct {
		name   string
		budget media.Bitrate
		claims []Claim
		want   []int
	}{
		{"all that is shown", 10_000_000, []Claim{camera(full, 1), camera(small, 2)}, []int{2, 0}},
		{"without a size the best", 10_000_000, []Claim{camera(0, 2)}, []int{2}},
		{"everybody's least before anybody's more", 450_000, []Claim{camera(full, 0), camera(full, 2), camera(full, 2)}, []int{0, 0, 0}},
		{"the pinned one is raised first", 2_200_000, []Claim{camera(full, 2), camera(full, 0), camera(full, 2)}, []int{0, 2, 0}},
		{"those of one rank rise together", 1_000_000, []Claim{camera(full, 2), camera(full, 2)}, []int{1, 1}},
		{"the larger one where only one can rise", 600_000, []Claim{camera(full/4, 2), camera(full, 2)}, []int{0, 1}},
		{"the last in line is paused", 250_000, []Claim{camera(small, 2), camera(full, 2), camera(full, 0)}, []int{None, 0, 0}},
		{"in want, who is pinned is seen well", 750_000, append([]Claim{camera(full, 0)}, crowd(8)...), []int{1, 0, 0, None, None, None, None, None, None}},
		{"but not at any price", 3_000_000, append([]Claim{camera(full, 0)}, crowd(30)...), slices.Concat([]int{1}, make([]int, 23), slices.Repeat([]int{None}, 7))},
		{"in want of one rank all are alike", 750_000, crowd(8), []int{0, 0, 0, 0, 0, 0, None, None}},
		{"nothing fits", 50_000, []Claim{camera(full, 0)}, []int{None}},
		{"a screen gives up frames", 700_000, []Claim{screen()}, []int{0}},
		{"a silent publisher takes nothing", 500_000, []Claim{{Rank: 0, Chosen: None}, camera(full, 2)}, []int{None, 1}},
	} {
		var a Allocator
		a.Allocate(c.budget, c.claims)
		if got := choices(c.claims); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func TestFirstClaimClingsToItsLeast(t *testing.T) {
	claims := []Claim{camera(1280*720, 0), camera(1280*720, 2)}
	var a Allocator
	for _, c := range []struct {
		budget media.Bitrate
		want   []int
	}{{80_000, []int{None, None}}, {120_000, []int{0, None}}, {80_000, []int{0, None}}, {70_000, []int{None, None}}} {
		if a.Allocate(c.budget, claims); !slices.Equal(choices(claims), c.want) {
			t.Errorf("%d: %v, want %v", c.budget, choices(claims), c.want)
		}
	}
}

func TestScreenIsSmallRatherThanGone(t *testing.T) {
	c := camera(0, 2)
	c.Screen = true
	claims := []Claim{c}
	var a Allocator
	if a.Allocate(300_000, claims); claims[0].Chosen != 0 {
		t.Errorf("chose %d", claims[0].Chosen)
	}
}

func TestChoiceDoesNotSwingOnTheEdge(t *testing.T) {
	claims := []Claim{camera(1280*720, 2)}
	var a Allocator
	a.Allocate(410_000, claims)
	if claims[0].Chosen != 0 {
		t.Error("raised without headroom")
	}
	a.Allocate(450_000, claims)
	if claims[0].Chosen != 1 {
		t.Error("not raised with headroom")
	}
	a.Allocate(410_000, claims)
	if claims[0].Chosen != 1 {
		t.Error("lowered although it fits")
	}
	a.Allocate(390_000, claims)
	if claims[0].Chosen != 0 {
		t.Error("kept although it does not fit")
	}
}

func TestWantedIsWhatTheBestWouldCost(t *testing.T) {
	var a Allocator
	claims := []Claim{camera(1280*720, 2), camera(320*180, 2), screen()}
	if got := a.Allocate(0, claims); got != 1_600_000+100_000+1_500_000 {
		t.Errorf("got %d", got)
	}
}

// FuzzAllocate: the choices always fit the budget, and nothing that was ranked lower gets its least where
// something cheaper and higher got nothing.
func FuzzAllocate(f *testing.F) {
	f.Add(uint32(1_000_000), []byte{0, 10, 20, 1, 200, 7, 2, 3, 255})
	f.Fuzz(func(t *testing.T, budget uint32, script []byte) {
		var claims []Claim
		for i := 0; i+2 < len(script) && len(claims) < 60; i += 3 {
			c := camera(int(script[i+1])*5000, script[i]%3)
			c.Screen = script[i]&4 != 0
			c.Options = c.Options[:int(script[i+2])%(len(c.Options)+1)]
			c.Chosen = min(int(script[i+2]>>4)%4, len(c.Options)) - 1
			claims = append(claims, c)
		}
		before := slices.Clone(claims)
		var a Allocator
		a.Allocate(media.Bitrate(budget), claims)
		sum := media.Bitrate(0)
		for i, c := range claims {
			switch {
			case c.Chosen == None:
			case c.Chosen < 0 || c.Chosen > c.best():
				t.Fatalf("claim %d: %d of %d options, best %d", i, c.Chosen, len(c.Options), c.best())
			default:
				sum += c.Options[c.Chosen].Rate
			}
		}
		if sum > media.Bitrate(budget)*clingDen/clingNum {
			t.Fatalf("%d over a budget of %d from %v", sum, budget, before)
		}
	})
}

func TestAllocateDoesNotAllocate(t *testing.T) {
	var a Allocator
	claims := []Claim{camera(1280*720, 2), camera(320*180, 1), screen()}
	if n := testing.AllocsPerRun(100, func() { a.Allocate(1_200_000, claims) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
