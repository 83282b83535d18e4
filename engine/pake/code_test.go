package pake

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestWords(t *testing.T) {
	for _, list := range [][]string{firstWords, secondWords} {
		if len(list) != 256 || !slices.IsSorted(list) {
			t.Errorf("%d words, sorted %v", len(list), slices.IsSorted(list))
		}
		sounds := map[string]string{}
		for i, w := range list {
			if strings.Trim(w, "abcdefghijklmnopqrstuvwxyz") != "" || len(w) < 4 || len(w) > 12 {
				t.Errorf("%q is no easy word", w)
			}
			if other := sounds[soundex(w)]; other != "" {
				t.Errorf("%s sounds like %s", w, other)
			}
			sounds[soundex(w)] = w
			for _, v := range list[:i] {
				if slip(v, w) || v == w {
					t.Errorf("%s is a slip from %s", w, v)
				}
			}
		}
	}
	// Without the dash, a pair of words is still one pair only.
	joined := map[string]bool{}
	for _, a := range firstWords {
		for _, b := range secondWords {
			if joined[a+b] {
				t.Errorf("%s%s are two pairs", a, b)
			}
			joined[a+b] = true
		}
	}
}

// soundex is the classic code of a word's consonants, not cut to four letters.
func soundex(w string) string {
	class := func(c byte) int {
		return slices.IndexFunc([]string{"bfpv", "cgjkqsxz", "dt", "l", "mn", "r"}, func(s string) bool { return strings.IndexByte(s, c) >= 0 })
	}
	out := w[:1]
	last := class(w[0])
	for i := 1; i < len(w); i++ {
		k := class(w[i])
		if k >= 0 && k != last {
			out += string(rune('1' + k))
		}
		if w[i] != 'h' && w[i] != 'w' {
			last = k
		}
	}
	return out
}

func TestParseCode(t *testing.T) {
	for text, want := range map[string]string{
		"7-walnut-umbrella":         "7-walnut-umbrella",
		" 7 Walnut  UMBRELLA\n":     "7-walnut-umbrella",
		"7walnutumbrella":           "7-walnut-umbrella",
		"7walnut-umbrella":          "7-walnut-umbrella",
		"7-walnutumbrella":          "7-walnut-umbrella",
		"7, walnut, umbrella.":      "7-walnut-umbrella",
		"7–walnut–umbrella":         "7-walnut-umbrella",
		"0012_walnut_umbrella":      "12-walnut-umbrella",
		"7-wallnut-umbrela":         "7-walnut-umbrella",
		"7-walnt-umbrelal":          "7-walnut-umbrella",
		"7-walmut-imbrella":         "7-walnut-umbrella",
		"4294967295-acorn-zucchini": "4294967295-acorn-zucchini",
	} {
		if c, err := ParseCode(text); err != nil || c.String() != want {
			t.Errorf("%q: %v, %v", text, c, err)
		}
	}
	for _, text := range []string{
		"", "7", "walnut-umbrella", "7-walnut", "7-walnut-umbrella-acorn", "0-walnut-umbrella", "99999999999-walnut-umbrella",
		"-7-", "7-wal2nut-umbrella", "https://example.org/t/abc#def", strings.Repeat("7", 100), "७-walnut-umbrella",
	} {
		if c, err := ParseCode(text); !errors.Is(err, ErrCode) {
			t.Errorf("%q: %v, %v", text, c, err)
		}
	}
	for text, word := range map[string]string{"7-umbrella-walnut": "umbrella", "7-walnut-walnut": "walnut", "7-waaaalnut-umbrella": "waaaalnut"} {
		_, err := ParseCode(text)
		if wrong, ok := errors.AsType[*WordError](err); !ok || wrong.Word != word {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// Whatever pair of words comes up, it is understood as it is shown and as it may be typed.
func TestEveryCodeIsUnderstood(t *testing.T) {
	for i := range 256 {
		c := Code{"42", firstWords[i], secondWords[255-i]}
		for _, text := range []string{c.String(), strings.ToUpper(c.String()), strings.ReplaceAll(c.String(), "-", " "), strings.ReplaceAll(c.String(), "-", "")} {
			if got, err := ParseCode(text); err != nil || got != c {
				t.Errorf("%q: %v, %v", text, got, err)
			}
		}
	}
	for range 100 {
		c := NewCode("3")
		if got, err := ParseCode(c.String()); err != nil || got != c {
			t.Errorf("%v: %v, %v", c, got, err)
		}
	}
}

func FuzzParseCode(f *testing.F) {
	for _, s := range []string{"7-walnut-umbrella", "7walnutumbrella", "7 walnut", "é7-\xff-x", "7--"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := ParseCode(text)
		if err != nil {
			return
		}
		if again, err := ParseCode(c.String()); err != nil || again != c {
			t.Errorf("%q is read as %v, which is read as %v, %v", text, c, again, err)
		}
	})
}
