package transfer

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"golang.org/x/text/unicode/norm"

	"switchyard/engine/piece"
)

// pattern chooses entries of an offer by their paths.
type pattern struct {
	text  string
	parts []string
}

// parsePattern reads a pattern: * and ? stand for what is in one name, [a-z] for one of some characters, ** for any number of folders.
// Without a / it is compared with names, wherever they stand; with one, with whole paths. What matches a folder takes all that is in it.
func parsePattern(text string) (pattern, error) {
	clean := strings.Trim(strings.TrimPrefix(norm.NFC.String(text), "./"), "/")
	if clean == "" {
		return pattern{}, fmt.Errorf("%q chooses nothing: name a file or a folder of the offer, such as *.jpg", text)
	}
	p := pattern{text, strings.Split(clean, "/")}
	if len(p.parts) == 1 && !strings.HasPrefix(strings.TrimPrefix(text, "./"), "/") {
		p.parts = []string{"**", clean}
	}
	for _, part := range p.parts {
		if _, err := path.Match(part, ""); err != nil {
			return pattern{}, fmt.Errorf("%q is no pattern: its [ is not closed, or ends in \\", text)
		}
	}
	return p, nil
}

// CheckPattern says what is wrong with a pattern of SinkOptions.Only, nil for nothing.
func CheckPattern(text string) error {
	_, err := parsePattern(text)
	return err
}

func (p *pattern) matches(name string) bool {
	return match(p.parts, strings.Split(norm.NFC.String(name), "/"))
}

func match(pattern, names []string) bool {
	for len(pattern) > 0 {
		if pattern[0] == "**" {
			for i := range len(names) + 1 {
				if match(pattern[1:], names[i:]) {
					return true
				}
			}
			return false
		}
		if len(names) == 0 {
			return false
		}
		if ok, _ := path.Match(pattern[0], names[0]); !ok {
			return false
		}
		pattern, names = pattern[1:], names[1:]
	}
	return len(names) == 0
}

// choose finds which entries the patterns choose: those that match, what is in them, and the folders that they are in.
func choose(m *piece.Manifest, only []string) (skip []bool, wanted piece.Wanted, err error) {
	patterns := make([]pattern, len(only))
	for k, text := range only {
		if patterns[k], err = parsePattern(text); err != nil {
			return nil, wanted, err
		}
	}
	used := make([]bool, len(patterns))
	chosen := make([]bool, m.Len()) // by a pattern, itself or through a folder that it is in
	skip = make([]bool, m.Len())
	for i := range m.Len() {
		e := m.Entry(i)
		parent := m.Parent(i)
		chosen[i] = parent >= 0 && chosen[parent]
		for k := range patterns {
			if patterns[k].matches(e.Path) {
				chosen[i], used[k] = true, true
			}
		}
		skip[i] = !chosen[i]
		if chosen[i] && e.IsFile() {
			wanted.Files++
			wanted.Bytes += e.Size
		}
		for ; chosen[i] && parent >= 0 && skip[parent]; parent = m.Parent(parent) {
			skip[parent] = false
		}
	}
	for k, ok := range used {
		if !ok {
			return nil, wanted, &Declined{fmt.Sprintf("nothing that is offered matches %q: look at the list first (--list)", patterns[k].text), true}
		}
	}
	return skip, wanted, nil
}

// choose decides what of a new list is taken.
func (s *Sink) choose() (err error) {
	s.wanted = piece.Wanted{Files: s.m.Offer.Files, Bytes: s.m.Offer.Bytes}
	if len(s.o.Only) > 0 && s.m.Offer.Kind == piece.KindFiles {
		s.skip, s.wanted, err = choose(s.m, s.o.Only)
	}
	return err
}

// skips says whether an entry is not wanted.
func (s *Sink) skips(i int) bool { return s.skip != nil && s.skip[i] }

// isDone says whether an entry, which may be none, is a file that has its name.
func (s *Sink) isDone(i int) bool { return i < len(s.done) && s.done[i] }

// passedOver are the entries that need not be sent, as ranges: those that are not wanted, and those that have come over an earlier
// way.
func (s *Sink) passedOver() (ranges [][2]int) {
	for i, done := range s.done {
		n := len(ranges)
		switch {
		case !done && !s.skips(i):
		case n > 0 && ranges[n-1][0]+ranges[n-1][1] == i:
			ranges[n-1][1]++
		default:
			ranges = append(ranges, [2]int{i, 1})
		}
	}
	return ranges
}

// sayChoice tells the sender what it need not send, as far as accept cannot hold it, and returns the rest.
func (r *run) sayChoice() (rest [][2]int, err error) {
	rest = r.sink.passedOver()
	if len(rest) > piece.MaxSkips && !knows(r.sink.m.Offer, piece.KnowsSkip) {
		return nil, fmt.Errorf("the choice is too scattered for the sender's program, which is an older one: choose whole folders, or take everything")
	}
	for len(rest) > piece.MaxSkips {
		if err := r.say(piece.Skip{Skip: rest[:piece.MaxSkips]}); err != nil {
			return nil, err
		}
		rest = rest[piece.MaxSkips:]
	}
	return rest, nil
}

func knows(o piece.Offer, what string) bool {
	return slices.Contains(o.Knows, what)
}
