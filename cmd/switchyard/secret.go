package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"

	"github.com/alecthomas/kong"
	"golang.org/x/term"
)

// secret is a flag whose value may be typed without being seen: --passphrase asks, --passphrase=WORDS does not.
type secret struct {
	wanted bool
	words  string
}

// IsBool lets the flag stand without a value.
func (*secret) IsBool() bool { return true }

// Decode implements kong.MapperValue.
func (s *secret) Decode(ctx *kong.DecodeContext) error {
	s.wanted = true
	if ctx.Scan.Peek().Type == kong.FlagValueToken {
		s.words = fmt.Sprint(ctx.Scan.Pop().Value)
	}
	return nil
}

// ask lets the user type the secret, twice where it is a new one.
func (s *secret) ask(std *Streams, prompt string, twice bool) error {
	if !s.wanted || s.words != "" {
		return nil
	}
	f, ok := std.In.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return Usagef("nobody can be asked for the passphrase here: give it by the environment variable SWITCHYARD_PASSPHRASE")
	}
	first, err := readSecret(std, f, prompt)
	if err != nil {
		return err
	}
	if len(first) == 0 {
		return Usagef("an empty passphrase protects nothing")
	}
	if twice {
		second, err := readSecret(std, f, "Once more: ")
		if err != nil {
			return err
		}
		if !bytes.Equal(first, second) {
			return errors.New("the two passphrases differ: begin again")
		}
	}
	s.words = string(first)
	return nil
}

func readSecret(std *Streams, f *os.File, prompt string) ([]byte, error) {
	fmt.Fprint(std.Err, prompt)
	b, err := term.ReadPassword(int(f.Fd()))
	fmt.Fprintln(std.Err)
	return b, err
}

// terminal tells whether a stream is one.
func terminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// rate is a flag in bytes a second: 500k, 20M, 1.5MB/s.
type rate int64

var rateShape = regexp.MustCompile(`^(\d+(?:\.\d+)?)\s*([kmg]?)(i?)(?:b(?:/s)?)?$`)

// UnmarshalText reads it.
func (r *rate) UnmarshalText(text []byte) error {
	m := rateShape.FindStringSubmatch(strings.ToLower(strings.TrimSpace(string(text))))
	if m == nil {
		return fmt.Errorf("a rate is a number of bytes a second such as 500k or 20M: %q is none", text)
	}
	n, err := strconv.ParseFloat(m[1], 64)
	base := 1000.0
	if m[3] != "" {
		base = 1024
	}
	for range strings.Index(" kmg", m[2]+"") {
		if m[2] != "" {
			n *= base
		}
	}
	if err != nil || n < 1024 || n > 1e12 {
		return fmt.Errorf("a rate must be 1024 bytes a second or more: %q is not", text)
	}
	*r = rate(n)
	return nil
}
