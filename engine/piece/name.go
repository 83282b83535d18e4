package piece

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// ErrName is a path that some system could not keep, or could misread. The error that wraps it names the path and the fault.
var ErrName = errors.New("piece: name cannot be kept")

// NameError says what is wrong with a path.
type NameError struct {
	Path, Fault string
}

// Error is a sentence for a user.
func (e *NameError) Error() string { return fmt.Sprintf("%q %s", e.Path, e.Fault) }

// Is makes it ErrName.
func (e *NameError) Is(target error) bool { return target == ErrName }

const (
	maxPath = 4096
	maxName = 255
)

// CheckPath says why a path of an offer must not be kept, nil when it may: below the receiver's folder on any system
// (docs/transfer.md, Names).
func CheckPath(path string) error {
	fault := func(text string) error { return &NameError{path, text} }
	switch {
	case path == "":
		return fault("has no name")
	case len(path) > maxPath:
		return &NameError{clip(path), "is longer than 4096 bytes"}
	case !utf8.ValidString(path):
		return fault("is not UTF-8")
	case path[0] == '/':
		return fault("is an absolute path")
	case strings.Count(path, "/") >= MaxDepth:
		return fault("is deeper than 64 folders")
	}
	for part := range strings.SplitSeq(path, "/") {
		if text := nameFault(part); text != "" {
			return fault(text)
		}
	}
	return nil
}

func nameFault(name string) string {
	switch {
	case name == "":
		return "has a part without a name"
	case name == "." || name == "..":
		return "leads out of its folder"
	case len(name) > maxName:
		return "has a part of more than 255 bytes"
	case strings.HasSuffix(name, ".") || strings.HasSuffix(name, " "):
		return "ends in a dot or a space, which Windows drops"
	}
	for _, r := range name {
		switch {
		case r == '\\' || r == ':':
			return "has a character that separates folders elsewhere: " + string(r)
		case unicode.IsControl(r) || r == '\u2028' || r == '\u2029':
			return "has a control character"
		case r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069:
			return "has a character that turns the direction of writing"
		}
	}
	if isDevice(name) {
		return "is the name of a device on Windows"
	}
	return ""
}

// isDevice says whether Windows opens a device by this name: with any extension, in any case, with spaces before the dot.
func isDevice(name string) bool {
	stem, _, _ := strings.Cut(name, ".")
	stem = strings.ToUpper(strings.TrimRight(stem, " "))
	switch stem {
	case "CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$", "CLOCK$":
		return true
	}
	head, digit := stem, ""
	if len(stem) > 3 {
		head, digit = stem[:3], stem[3:]
	}
	return (head == "COM" || head == "LPT") && strings.Contains("|0|1|2|3|4|5|6|7|8|9|¹|²|³|", "|"+digit+"|") && digit != ""
}

// Fold is what two paths have in common that are one on a system that ignores case or normalises (NFC).
func Fold(path string) string {
	ascii := true
	for i := range len(path) {
		ascii = ascii && path[i] < utf8.RuneSelf
	}
	if ascii {
		return strings.ToLower(path)
	}
	return norm.NFC.String(strings.Map(foldRune, norm.NFC.String(path)))
}

// foldRune is the least rune that differs from r in case only.
func foldRune(r rune) rune {
	least := r
	for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
		least = min(least, f)
	}
	return unicode.ToLower(least)
}

// checkTarget says why a symbolic link's target must not be kept: it must stay among what is sent.
func checkTarget(path, to string) error {
	fault := func(text string) error { return &NameError{path, "is a symbolic link " + text} }
	if to == "" || len(to) > maxPath || !utf8.ValidString(to) || strings.ContainsAny(to, "\\:\x00") || to[0] == '/' {
		return fault("to a place that cannot be kept")
	}
	// Folders above the link are folders, so that ".." at the begin is what it seems. Behind a name it is not: that may be
	// a link itself.
	depth, named := strings.Count(path, "/"), false
	for part := range strings.SplitSeq(to, "/") {
		switch {
		case part == ".." && !named:
			depth--
		case part == "..":
			return fault("that goes up behind a name")
		case part == "." || part == "":
		case nameFault(part) != "":
			return fault("to a place that cannot be kept")
		default:
			depth, named = depth+1, true
		}
		if depth < 1 {
			return fault("that leads out of what is sent")
		}
	}
	return nil
}

// clip shortens a name for a message.
func clip(s string) string {
	r := []rune(strings.ToValidUTF8(s, "\ufffd"))
	if len(r) <= 100 {
		return string(r)
	}
	return string(r[:60]) + "…" + string(r[len(r)-30:])
}
