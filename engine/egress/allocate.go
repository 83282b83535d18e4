package egress

import (
	"cmp"
	"slices"

	"switchyard/media"
)

// Option is one way to send a track: what it costs and shows now.
type Option struct {
	Rate   media.Bitrate
	Pixels int // width times height, 0 when not known
}

// None, as a choice, sends nothing.
const None = -1

// Claim is a slot that wants its share.
type Claim struct {
	Options []Option // by ascending Rate, up to what is shown; none when nothing arrives from the publisher
	Pixels  int      // of the element that shows it: the larger comes first
	Rank    uint8    // lower ones are served first: pinned, speaking, the others
	Screen  bool     // keeps its resolution and gives up frames
	Chosen  int      // index in Options, or None: the last choice before, the new one after Allocate
}

// raising must leave a share of headroom free, so that a choice on the edge does not swing.
const (
	raiseNum = 11
	raiseDen = 10
)

// best is the most costly option: the owner offers nothing beyond what is shown.
func (c *Claim) best() int { return len(c.Options) - 1 }

// least is the cheapest option worth sending: of a screen, one that can be read.
func (c *Claim) least(best int) int {
	if !c.Screen {
		return 0
	}
	for i := range best {
		if c.Options[i].Pixels == c.Options[best].Pixels {
			return i
		}
	}
	return best
}

// decent is the option above the least at which the picture is larger for the first time: who is looked at should
// be seen as well as that.
func (c *Claim) decent(best int) int {
	least := c.least(best)
	for i := least; i <= best; i++ {
		if c.Options[i].Pixels > c.Options[least].Pixels {
			return i
		}
	}
	return best
}

// A first claim keeps its least while the budget reaches for this share of it: a picture that stutters
// sometimes is better than none, and estimates are not that exact.
const (
	clingNum = 3
	clingDen = 4
)

// cost is what choosing option i takes from the budget.
func (c *Claim) cost(i int) media.Bitrate {
	r := c.Options[i].Rate
	if i > c.Chosen {
		return r * raiseNum / raiseDen
	}
	return r
}

// Allocator shares a budget over claims. Its zero value is ready; it keeps only scratch.
type Allocator struct {
	order   []int
	choices []int
}

// Allocate writes a choice to each claim so that all of them fit the budget (the least of the first one may
// exceed it by a third while it is being sent), and returns what the best of
// each would cost: with less than that the link is worth probing. Everything gets its least, by rank and
// then by size, before anything gets more; then each rank is raised as far as it goes before the next,
// those of one rank step by step together. Where there is not even everybody's least, and somebody has to be paused
// anyway, those above the last rank get a decent size first.
func (a *Allocator) Allocate(budget media.Bitrate, claims []Claim) (wanted media.Bitrate) {
	a.order, a.choices = a.order[:0], a.choices[:0]
	for i := range claims {
		a.choices = append(a.choices, None)
		if len(claims[i].Options) > 0 {
			a.order = append(a.order, i)
			wanted += claims[i].Options[claims[i].best()].Rate
		}
	}
	slices.SortStableFunc(a.order, func(i, j int) int {
		return cmp.Or(cmp.Compare(claims[i].Rank, claims[j].Rank), cmp.Compare(claims[j].Pixels, claims[i].Pixels))
	})
	budget = a.begin(claims, budget)
	for first := 0; first < len(a.order); {
		last := first + 1
		for last < len(a.order) && claims[a.order[last]].Rank == claims[a.order[first]].Rank {
			last++
		}
		budget = a.raise(claims, a.order[first:last], budget)
		first = last
	}
	for i := range claims {
		claims[i].Chosen = a.choices[i]
	}
	return wanted
}

// begin gives all claims their least, in order, and in want the first ranks a decent size at once.
func (a *Allocator) begin(claims []Claim, budget media.Bitrate) media.Bitrate {
	least := media.Bitrate(0)
	for _, i := range a.order {
		c := &claims[i]
		least += c.cost(c.least(c.best()))
	}
	scarce := least > budget
	for n, i := range a.order {
		c := &claims[i]
		if n == 0 && c.Chosen != None {
			budget = max(budget, min(c.Options[0].Rate, budget*clingDen/clingNum))
		}
		budget = a.choose(c, i, c.least(c.best()), budget)
		if a.choices[i] == None && c.Screen { // small and whole rather than nothing
			budget = a.choose(c, i, 0, budget)
		}
		if last := claims[a.order[len(a.order)-1]].Rank; scarce && c.Rank < last && a.choices[i] != None {
			for o := a.choices[i] + 1; o <= c.decent(c.best()); o++ {
				budget = a.choose(c, i, o, budget)
			}
		}
	}
	return budget
}

// raise lifts claims of one rank, a step at a time, until each has its best or nothing fits.
func (a *Allocator) raise(claims []Claim, rank []int, budget media.Bitrate) media.Bitrate {
	for again := true; again; {
		again = false
		for _, i := range rank {
			c := &claims[i]
			if a.choices[i] == None || a.choices[i] >= c.best() {
				continue
			}
			before := a.choices[i]
			budget = a.choose(c, i, before+1, budget)
			again = again || a.choices[i] != before
		}
	}
	return budget
}

// choose takes option o for claim i if it fits, and returns what is left.
func (a *Allocator) choose(c *Claim, i, o int, budget media.Bitrate) media.Bitrate {
	if had := a.choices[i]; had != None {
		budget += c.cost(had)
	}
	if cost := c.cost(o); cost <= budget {
		a.choices[i] = o
	}
	if has := a.choices[i]; has != None {
		budget -= c.cost(has)
	}
	return budget
}
