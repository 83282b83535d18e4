package clipboard

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// textTargets are the names that X programs ask for text by, the best first.
var textTargets = []string{"UTF8_STRING", "text/plain;charset=utf-8", "text/plain", "STRING", "TEXT"}

// targetsOf are the names of a form.
func targetsOf(f Form) []string {
	if f.Type == Text {
		return textTargets
	}
	return []string{f.Type}
}

// encode gives a form as a target wants it, and the type that the property has then.
func encode(f Form, target string) (property string, data []byte) {
	switch {
	case f.Type != Text:
		return target, f.Data
	case target == "TEXT": // the owner chooses (ICCCM §2.6.2)
		return "UTF8_STRING", f.Data
	case target == "STRING":
		return target, latin1(f.Data)
	}
	return target, f.Data
}

// pick finds the target to ask for among those that are offered: of the first type that is there.
func pick(offered, types []string) (target, mime string) {
	for _, t := range types {
		if t == Text {
			for _, name := range textTargets {
				if slices.Contains(offered, name) {
					return name, t
				}
			}
		}
		for _, name := range offered {
			if bare(name) == t {
				return name, t
			}
		}
	}
	return "", ""
}

// decode makes UTF-8 out of text that came as a property of type kind; other data stays as it is.
func decode(mime, kind string, data []byte) []byte {
	if mime != Text {
		return data
	}
	if kind == "STRING" || !utf8.Valid(data) {
		return fromLatin1(data)
	}
	return data
}

func fromLatin1(b []byte) []byte {
	out := make([]byte, 0, len(b))
	for _, c := range b {
		out = utf8.AppendRune(out, rune(c))
	}
	return out
}

// latin1 writes a question mark for what STRING cannot say.
func latin1(b []byte) []byte {
	var out strings.Builder
	for _, r := range string(b) {
		if r > 0xff {
			r = '?'
		}
		out.WriteByte(byte(r))
	}
	return []byte(out.String())
}
