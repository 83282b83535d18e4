package transfer

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"net/url"
	"strings"

	"switchyard/engine/pake"
)

// ErrLink is a text that is no link to files.
var ErrLink = errors.New("transfer: this is no link to files: it looks like https://example.org/t/…#…, and all of it is needed")

// Link is what one person gives to another: where the transfer is, and the key that no server sees
// (docs/transfer.md, The link).
type Link struct {
	Server     string // "https://example.org"
	ID         string
	Key        [pake.KeySize]byte
	Passphrase bool // one is asked for
}

// newKey makes the key of a link.
func newKey() (key [pake.KeySize]byte) {
	_, _ = rand.Read(key[:]) // never fails
	return key
}

// IsLink tells a link from a code.
func IsLink(text string) bool { return strings.Contains(text, "/") }

// ParseLink reads a link; what stands around it, such as quotes or spaces, is forgiven.
func ParseLink(text string) (Link, error) {
	u, err := url.Parse(strings.Trim(strings.TrimSpace(text), `"'<>`))
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return Link{}, ErrLink
	}
	path, id, ok := strings.Cut(u.Path, "/t/")
	if !ok || !validID(id) {
		return Link{}, ErrLink
	}
	text, passphrase := strings.CutSuffix(u.Fragment, ".p")
	key, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(key) != pake.KeySize {
		return Link{}, ErrLink
	}
	site := url.URL{Scheme: u.Scheme, Host: u.Host, Path: path}
	return Link{Server: site.String(), ID: id, Key: [pake.KeySize]byte(key), Passphrase: passphrase}, nil
}

// String is the link as it is shown.
func (l Link) String() string { return l.Server + "/t/" + l.ID + "#" + keyText(l.Key, l.Passphrase) }

// keyText is the fragment.
func keyText(key [pake.KeySize]byte, passphrase bool) string {
	text := base64.RawURLEncoding.EncodeToString(key[:])
	if passphrase {
		text += ".p"
	}
	return text
}

// validID tells whether id can be that of a transfer: it becomes part of addresses and of a file's name.
func validID(id string) bool {
	if len(id) < 16 || len(id) > 64 {
		return false
	}
	for _, r := range id {
		if (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') {
			return false
		}
	}
	return true
}

// ParseCode reads a code that a person typed, forgivingly; its error is a sentence's part for them.
func ParseCode(text string) (pake.Code, error) { return pake.ParseCode(text) }
