package protocol

import (
	"slices"
	"unicode"
	"unicode/utf8"
)

// Limits of names.
const (
	MaxRoomBytes     = 64  // length of a room's name in bytes
	MaxIdentityBytes = 128 // length of an identity in bytes
	MaxNameBytes     = 128 // length of a name to show in bytes of UTF-8
)

// ValidRoom says whether a room can have that name: 1 to 64 ASCII letters, digits, '-', '_' or '.',
// beginning with a letter or digit, so that it stands in a URL's path as it is.
func ValidRoom(name string) bool {
	if name == "" || len(name) > MaxRoomBytes {
		return false
	}
	for i, c := range []byte(name) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case i > 0 && (c == '-' || c == '_' || c == '.'):
		default:
			return false
		}
	}
	return true
}

// ValidIdentity says whether a participant can have that identity: 1 to 128 bytes of UTF-8 that can
// be printed, without spaces at the ends.
func ValidIdentity(id string) bool {
	return len(id) <= MaxIdentityBytes && printable(id) && id != "" && id[0] != ' ' && id[len(id)-1] != ' '
}

// ValidName says whether a participant can be shown by that name; empty is fine.
func ValidName(name string) bool { return len(name) <= MaxNameBytes && printable(name) }

// zeroWidthJoiner holds together the parts of one emoji.
const zeroWidthJoiner = '\u200d'

func printable(s string) bool {
	if !utf8.ValidString(s) {
		return false
	}
	for _, r := range s {
		if !unicode.IsPrint(r) && r != zeroWidthJoiner {
			return false
		}
	}
	return true
}

// MayPublish says whether the grants allow to publish that source.
func (g Grants) MayPublish(s TrackSource) bool {
	return slices.Contains(g.Publish, "*") || slices.Contains(g.Publish, string(s))
}
