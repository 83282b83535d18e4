package pake

import (
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// ErrCode is a text that is no code at all.
var ErrCode = errors.New("pake: a code is a number and two words, such as 7-walnut-umbrella")

// WordError is a word that stands in no list.
type WordError struct {
	Word string
	Like string // the word that may be meant, or ""
}

func (e *WordError) Error() string {
	if e.Like == "" {
		return fmt.Sprintf("pake: %q is no word of a code: look at it again", e.Word)
	}
	return fmt.Sprintf("pake: %q is no word of a code; %q is", e.Word, e.Like)
}

// Code is what people tell each other: 7-walnut-umbrella. The server knows the nameplate only.
type Code struct {
	Nameplate string // digits
	First     string
	Second    string
}

// NewCode makes a code for a nameplate, with one of 65,536 pairs of words.
func NewCode(nameplate string) Code {
	var b [2]byte
	_, _ = rand.Read(b[:]) // never fails
	return Code{nameplate, firstWords[b[0]], secondWords[b[1]]}
}

// String is the code as it is shown, and as it enters the exchange.
func (c Code) String() string { return c.Nameplate + "-" + c.First + "-" + c.Second }

// maxCode bounds what ParseCode looks at.
const maxCode = 64

// ParseCode reads what a person typed. Upper case, other separators and missing ones are forgiven, and so is one wrong,
// missing or swapped letter in a word: a code can be tried once only, and a word that is in no list is wrong for sure.
func ParseCode(text string) (Code, error) {
	if len(text) > maxCode {
		return Code{}, ErrCode
	}
	parts := strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	all := strings.Join(parts, "")
	letters := strings.TrimLeft(all, "0123456789")
	number, err := strconv.ParseUint(all[:len(all)-len(letters)], 10, 32)
	if err != nil || number == 0 || letters == "" {
		return Code{}, ErrCode
	}
	c := Code{Nameplate: strconv.FormatUint(number, 10)}
	// The words as they were parted, where they were.
	words := strings.FieldsFunc(strings.Join(parts, " "), func(r rune) bool { return r == ' ' || '0' <= r && r <= '9' })
	switch len(words) {
	case 2:
		if c.First, err = match(words[0], firstWords); err == nil {
			c.Second, err = match(words[1], secondWords)
		}
		return c, err
	case 1:
		for i := range words[0] {
			if slices.Contains(firstWords, words[0][:i]) && slices.Contains(secondWords, words[0][i:]) {
				c.First, c.Second = words[0][:i], words[0][i:]
				return c, nil
			}
		}
	}
	return Code{}, ErrCode
}

// match finds the word of the list that is meant.
func match(word string, list []string) (string, error) {
	if _, ok := slices.BinarySearch(list, word); ok {
		return word, nil
	}
	near, also := "", false
	for _, w := range list {
		if slip(word, w) {
			near, also = w, near != ""
		}
	}
	if near == "" || also {
		return "", &WordError{Word: word, Like: near}
	}
	return near, nil
}

// slip tells whether a and b differ by one letter (changed, left out or added) or by two neighbours that are swapped.
func slip(a, b string) bool {
	if len(a) > len(b) {
		a, b = b, a
	}
	i := 0
	for i < len(a) && a[i] == b[i] {
		i++
	}
	if len(a) == len(b)-1 {
		return a[i:] == b[i+1:]
	}
	if len(a) != len(b) || i == len(a) {
		return false
	}
	if a[i+1:] == b[i+1:] {
		return true
	}
	return i+1 < len(a) && a[i] == b[i+1] && a[i+1] == b[i] && a[i+2:] == b[i+2:]
}
