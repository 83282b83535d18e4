package main

import "testing"

func TestCoresFollowWhatIsUsed(t *testing.T) {
	for _, c := range []struct {
		name string
		n    int
		used float64
		most int
		want int
	}{
		{"one is enough", 1, 0.5, 4, 1},
		{"one is full", 1, 0.95, 4, 2},
		{"there are no more", 2, 1.9, 2, 2},
		{"two are used", 2, 1.2, 4, 2},
		{"as much as filled one keeps two", 2, 0.95, 4, 2},
		{"one would do again", 2, 0.5, 4, 1},
		{"one at a time", 4, 0.1, 4, 3},
		{"never none", 1, 0, 4, 1},
	} {
		if got := coresFor(c.n, c.used, c.most); got != c.want {
			t.Errorf("%s: %d cores of which %.2f are used became %d, not %d", c.name, c.n, c.used, got, c.want)
		}
	}
}
