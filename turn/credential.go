package turn

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/url"
	"strconv"
	"strings"
	"time"
)

var (
	errUsername = errors.New("turn: not a username of this server")
)

// maxUsername is the longest username in bytes (RFC 8489 §14.3).
const maxUsername = 508

// Secret makes credentials and checks them; nothing is stored.
type Secret struct{ key []byte }

// NewSecret derives the secret of TURN credentials from the server's key.
func NewSecret(serverKey []byte) (Secret, error) {
	key, err := hkdf.Key(sha256.New, serverKey, nil, "switchyard turn credentials", sha256.Size)
	return Secret{key}, err
}

// Mint returns credentials of an identity in a room that make allocations until until. The username
// is "UNIX TIME:ROOM:IDENTITY", the identity percent-encoded so that it is ASCII everywhere.
func (s Secret) Mint(room, identity string, until time.Time) (username, password string) {
	username = strconv.FormatInt(until.Unix(), 10) + ":" + room + ":" + strings.ReplaceAll(url.PathEscape(identity), ":", "%3A")
	return username, s.password(username)
}

// MintSession returns credentials of one of several sessions that share an identity, as viewers share a token.
// Each session has quotas of its own.
func (s Secret) MintSession(room, identity, session string, until time.Time) (username, password string) {
	username, _ = s.Mint(room, identity, until)
	username += ":" + url.PathEscape(session)
	return username, s.password(username)
}

func (s Secret) password(username string) string {
	h := hmac.New(sha256.New, s.key)
	h.Write([]byte(username))
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil))
}

// open returns whose username it is ("ROOM:IDENTITY" or "ROOM:IDENTITY:SESSION", for quotas), its password and
// its end. What a name says is true only where the password fits.
func (s Secret) open(username string) (who, password string, end time.Time, err error) {
	until, who, ok := strings.Cut(username, ":")
	sec, bad := strconv.ParseInt(until, 10, 64)
	if !ok || bad != nil || len(username) > maxUsername || !strings.Contains(who, ":") {
		return "", "", end, errUsername
	}
	return who, s.password(username), time.Unix(sec, 0), nil
}
