package auth

import (
	"errors"

	"github.com/golang-jwt/jwt/v5"
)

// Reason says why a token was refused.
type Reason uint8

// The reasons.
const (
	Missing Reason = iota + 1
	Malformed
	BadSignature // wrong key, tampered, or an algorithm that its key is not for
	UnknownKey   // no key of that id
	Expired
	NotYetValid
	WrongRoom
	NoExpiry
	BadRoom
	BadIdentity
	NoKeys // the keys cannot be had now
	BadOptions
)

var reasons = map[Reason]struct{ short, sentence string }{
	Missing:      {"no token", "A token is needed to enter. Open the invitation link again."},
	Malformed:    {"token malformed", "This is not a token. Copy the whole link again."},
	BadSignature: {"signature does not match", "This server did not sign the token. Ask for a new invitation."},
	UnknownKey:   {"unknown key", "This server does not know the key of the token. Ask for a new invitation."},
	Expired:      {"token expired", "The token has expired. Ask for a new invitation."},
	NotYetValid:  {"token not yet valid", "The token is not valid yet. Try later, or check the clock of the machine that made it."},
	WrongRoom:    {"token for another room", "The token is for another room. Open the invitation link of this room."},
	NoExpiry:     {"token without expiry", "The token has no expiry. Make one with an expiry."},
	BadRoom:      {"bad room name", "The token names no valid room. A room's name has 1 to 64 letters, digits, '-', '_' or '.'."},
	NoKeys:       {"keys not available", "The server cannot get the keys that the token is checked with. Try again in a moment."},
	BadOptions:   {"bad room options", "The token has options that no room can have. Make one with options as docs/api.md lists them."},
	BadIdentity:  {"bad identity", "The token names no valid identity. An identity has 1 to 128 characters that can be printed."},
}

// Error is why a token was refused.
type Error struct{ Reason Reason }

func (e *Error) Error() string { return "auth: " + reasons[e.Reason].short }

// Sentence says to a person what to do.
func (e *Error) Sentence() string { return reasons[e.Reason].sentence }

// Is makes errors.Is compare by reason.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Reason == e.Reason
}

// The errors that callers branch on, for errors.Is.
var (
	ErrMissing      error = &Error{Missing}
	ErrMalformed    error = &Error{Malformed}
	ErrBadSignature error = &Error{BadSignature}
	ErrExpired      error = &Error{Expired}
	ErrNotYetValid  error = &Error{NotYetValid}
	ErrWrongRoom    error = &Error{WrongRoom}

	// ErrWeakKey is about the server's configuration, not about the token.
	ErrWeakKey = errors.New("auth: key shorter than 32 bytes")
)

// Sentence says to a person what to do about an error of this package.
func Sentence(err error) string {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Sentence()
	}
	return "The token could not be checked. Ask whoever runs this server."
}

// parseError maps the parser's errors to ours; what a key set said stands as it is.
func parseError(err error) error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	if errors.Is(err, jwt.ErrTokenSignatureInvalid) || errors.Is(err, jwt.ErrTokenUnverifiable) {
		return &Error{Reason: BadSignature}
	}
	return &Error{Reason: Malformed}
}
