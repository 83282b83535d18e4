package bench

import (
	"fmt"
	"slices"
	"strings"
)

// Variant is one way to load a server of ours: flags of `switchyard bench run`.
type Variant struct {
	Name  string
	Group string
	What  string
	Args  []string
	Cores int // of the server; 1 when 0
}

func viewers(name, group, what string, args ...string) Variant {
	return Variant{Name: name, Group: group, What: what, Args: append([]string{"--viewers"}, args...)}
}

// crowd is the load of rooms-1 and rooms-50: the same streams and subscribers, in one room or in fifty.
var crowd = []string{"-p", "50", "-s", "200", "--bitrate", "1M"}

// Variants are all there are. Those of one group are compared with each other.
var Variants = []Variant{
	viewers("subs-100", "forward", "100 WHEP viewers of 2 Mbit/s", "-s", "100"),
	viewers("subs-400", "forward", "400 of them", "-s", "400"),
	viewers("subs-800", "forward", "800 of them", "-s", "800"),
	viewers("even", "shapes", "100 viewers, packets of one size", "-s", "100"),
	viewers("browser", "shapes", "100 viewers, frames as a browser makes them", "-s", "100", "--browser"),
	viewers("low-rate", "shapes", "400 viewers of 200 kbit/s, one packet a frame", "-s", "400", "--bitrate", "200k"),
	viewers("audio", "shapes", "400 listeners of 32 kbit/s Opus", "-s", "400", "--codec", "opus", "--bitrate", "32k"),
	{Name: "call-20", Group: "call", What: "20 participants send three layers and see the 19 others small",
		Args: []string{"--participants", "20", "--layers", "3", "--bitrate", "1.5M"}},
	viewers("half-load", "half", "400 viewers of one publisher, whose frames leave as one burst", "-s", "400"),
	viewers("half-spread", "half", "800 viewers of ten publishers, each in a room: about half a core", "-p", "10", "--rooms", "10", "-s", "800"),
	viewers("subs-50", "scale", "50 viewers of 2 Mbit/s", "-s", "50"),
	viewers("subs-500", "scale", "500 of them", "-s", "500"),
	{Name: "rooms-1", Group: "scale", What: "50 publishers of 1 Mbit/s with 4 subscribers each, in one room",
		Args: append([]string{"--rooms", "1"}, crowd...)},
	{Name: "rooms-50", Group: "scale", What: "the same in 50 rooms", Args: append([]string{"--rooms", "50"}, crowd...)},
	viewers("one-core", "cores", "200 viewers, server on one core", "-s", "200"),
	{Name: "two-cores", Group: "cores", What: "the same on two", Args: []string{"--viewers", "-s", "200"}, Cores: 2},
}

// Comparison is a ratio of the medians of two variants' CPU per packet, and how much it may be.
type Comparison struct {
	Over, Under string
	Most        float64
}

// Comparisons are made where both variants ran.
var Comparisons = []Comparison{
	{"browser", "even", 1.30},
	{"subs-500", "subs-50", 1.25},
	{"rooms-50", "rooms-1", 1.25},
	{"two-cores", "one-core", 1.10},
}

// ChooseVariants returns those whose name or group is among names, all of them for "all".
func ChooseVariants(names []string) ([]Variant, error) {
	var chosen []Variant
	for _, name := range names {
		n := len(chosen)
		for _, v := range Variants {
			if (v.Name == name || v.Group == name || name == "all") && !slices.ContainsFunc(chosen, func(c Variant) bool { return c.Name == v.Name }) {
				chosen = append(chosen, v)
			}
		}
		if len(chosen) == n && !slices.ContainsFunc(chosen, func(c Variant) bool { return c.Name == name || c.Group == name }) {
			return nil, fmt.Errorf("bench: no variant %q: there are %s", name, VariantNames())
		}
	}
	return chosen, nil
}

// VariantNames lists groups with what is in them.
func VariantNames() string {
	var out []string
	for i, v := range Variants {
		if i == 0 || Variants[i-1].Group != v.Group {
			out = append(out, v.Group+" ("+v.Name)
		} else {
			out[len(out)-1] += ", " + v.Name
		}
	}
	return strings.Join(out, "), ") + ")"
}
