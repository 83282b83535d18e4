// Package auth mints and verifies the tokens that let someone into a room: JSON Web Tokens (RFC
// 7519) signed with the server's key (HS256), or by somebody else's RS256 or ES256 keys. It is
// pure: keys and time are arguments.
package auth

import (
	"crypto/rand"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"switchyard/protocol"
)

// DefaultLifetime is how long a token is valid when Mint is given no expiry.
const DefaultLifetime = 24 * time.Hour

// leeway forgives clocks that differ, for iat and nbf; never for exp.
const leeway = time.Minute

// MaxTokenBytes bounds what Verify looks at.
const MaxTokenBytes = 8 << 10

// Claims is what a token says.
type Claims struct {
	// Room is the room it opens; empty only with Grants.Admin.
	Room string
	// Identity names the participant within the room (RFC 7519 "sub"); one identity is in a room
	// once. Empty only with Grants.Admin.
	Identity string
	// Name and Role are shown to the others.
	Name, Role string
	Grants     protocol.Grants
	// Options are those of the room where this token opens it; nil: none.
	Options *protocol.RoomOptions
	// Expires is when the token ends; Mint sets now + DefaultLifetime when it is zero.
	Expires time.Time
	// Issued is when it was made; Mint sets now when it is zero.
	Issued time.Time
	// NotBefore is when it begins; zero means at once.
	NotBefore time.Time
	// ID tells tokens apart (RFC 7519 "jti"), for revocation; Mint makes one when it is empty.
	ID string
}

// wire is Claims as they stand in the token.
type wire struct {
	Room    string                `json:"room,omitempty"`
	Name    string                `json:"name,omitempty"`
	Role    string                `json:"role,omitempty"`
	Grants  protocol.Grants       `json:"grants"`
	Options *protocol.RoomOptions `json:"options,omitempty"`
	jwt.RegisteredClaims
}

// Mint returns a token with the claims of c, signed with the server's key by HS256.
func Mint(key []byte, c Claims, now time.Time) (string, error) {
	if len(key) < MinKeyBytes {
		return "", ErrWeakKey
	}
	if c.Issued.IsZero() {
		c.Issued = now
	}
	if c.Expires.IsZero() {
		c.Expires = now.Add(DefaultLifetime)
	}
	if c.ID == "" {
		c.ID = rand.Text()
	}
	if err := c.validate(); err != nil {
		return "", err
	}
	w := wire{Room: c.Room, Name: c.Name, Role: c.Role, Grants: c.Grants, Options: c.Options}
	w.Subject, w.ID = c.Identity, c.ID
	w.ExpiresAt, w.IssuedAt = jwt.NewNumericDate(c.Expires), jwt.NewNumericDate(c.Issued)
	if !c.NotBefore.IsZero() {
		w.NotBefore = jwt.NewNumericDate(c.NotBefore)
	}
	return jwt.NewWithClaims(jwt.SigningMethodHS256, w).SignedString(key)
}

// Verify returns the claims of a token that the server's key has signed. The error is an *Error.
func Verify(key []byte, token string, now time.Time) (Claims, error) {
	if len(key) < MinKeyBytes {
		return Claims{}, ErrWeakKey
	}
	return VerifyWith(ServerKey(key), token, now)
}

// VerifyWith is Verify with any set of keys.
func VerifyWith(keys Keys, token string, now time.Time) (Claims, error) {
	if token == "" {
		return Claims{}, &Error{Reason: Missing}
	}
	if len(token) > MaxTokenBytes {
		return Claims{}, &Error{Reason: Malformed}
	}
	var w wire
	p := jwt.NewParser(
		jwt.WithValidMethods([]string{"HS256", "RS256", "ES256"}),
		jwt.WithoutClaimsValidation(), // checked below, with errors of ours
		jwt.WithStrictDecoding(),
	)
	if _, err := p.ParseWithClaims(token, &w, keyFunc(keys)); err != nil {
		return Claims{}, parseError(err)
	}
	c := w.claims()
	if err := c.validate(); err != nil {
		return Claims{}, err
	}
	return c, c.validAt(now)
}

func (w *wire) claims() Claims {
	return Claims{
		Room: w.Room, Identity: w.Subject, Name: w.Name, Role: w.Role, Grants: w.Grants, Options: w.Options,
		Expires: dateOf(w.ExpiresAt), Issued: dateOf(w.IssuedAt), NotBefore: dateOf(w.NotBefore), ID: w.ID,
	}
}

func dateOf(d *jwt.NumericDate) time.Time {
	if d == nil {
		return time.Time{}
	}
	return d.Time
}

// validate says whether the claims name a place and a person that can exist.
func (c *Claims) validate() error {
	switch {
	case c.Expires.IsZero():
		return &Error{Reason: NoExpiry}
	case c.Grants.Admin && c.Room == "":
		return nil
	case !protocol.ValidRoom(c.Room):
		return &Error{Reason: BadRoom}
	case !protocol.ValidIdentity(c.Identity):
		return &Error{Reason: BadIdentity}
	case c.Options != nil && c.Options.Check() != "":
		return &Error{Reason: BadOptions}
	}
	return nil
}

func (c *Claims) validAt(now time.Time) error {
	switch {
	case !now.Before(c.Expires):
		return &Error{Reason: Expired}
	case !c.NotBefore.IsZero() && now.Add(leeway).Before(c.NotBefore),
		!c.Issued.IsZero() && now.Add(leeway).Before(c.Issued):
		return &Error{Reason: NotYetValid}
	}
	return nil
}

// Opens says whether the token is for that room: nil, or an *Error with reason WrongRoom.
func (c *Claims) Opens(room string) error {
	if c.Room == "" || c.Room != room {
		return &Error{Reason: WrongRoom}
	}
	return nil
}
