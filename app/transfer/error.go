package transfer

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"unicode"
)

// ErrWayLost is a connection that ended before the transfer was complete: go on over the next one.
var ErrWayLost = errors.New("transfer: the connection broke")

// RemoteError is what the other device says why it cannot go on.
type RemoteError struct {
	Text string
}

// Error is a sentence for a user.
func (e *RemoteError) Error() string { return "the other device says: " + e.Text }

// Cancelled is the will of the other device's user.
type Cancelled struct {
	Reason string
	Later  bool // a receiver has not taken the offer yet, and may come again
}

// Error is a sentence for a user.
func (e *Cancelled) Error() string { return "the other device cancelled: " + e.Reason }

// Declined is the will of this device's user, who did not take an offer.
type Declined struct {
	Reason string
	Later  bool // it may be taken another time: the sender waits for that
}

// Error is a sentence for a user.
func (e *Declined) Error() string {
	if e.Later {
		return e.Reason
	}
	return "declined: " + e.Reason
}

// ErrLooked is for SinkOptions.Ask, where the user wanted to see the offer only.
var ErrLooked error = &Declined{"only looked at what is offered", true}

// errProtocol is what the other end must not send. It is told to both users: one of the two programs is wrong.
type errProtocol string

func (e errProtocol) Error() string { return "the other device broke the protocol: " + string(e) }

// entryError is a failure with one entry.
type entryError struct {
	entry int
	err   error
}

func (e *entryError) Error() string { return e.err.Error() }
func (e *entryError) Unwrap() error { return e.err }

// lost wraps what a lane said when it failed.
func lost(err error) error { return fmt.Errorf("%w: %w", ErrWayLost, err) }

// told is the text of an error for the other device, without the folders of this one.
func told(err error) string {
	if path := (*fs.PathError)(nil); errors.As(err, &path) {
		return strings.Replace(err.Error(), path.Error(), path.Err.Error(), 1)
	}
	return err.Error()
}

// words is a text of the other end, fit to show: one line, no control characters, not endless.
func words(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, s)
	if r := []rune(s); len(r) > 300 {
		s = string(r[:300]) + "…"
	}
	if strings.TrimSpace(s) == "" {
		return "no reason given"
	}
	return s
}

// why is the reason that a context ended, in words.
func why(ctx context.Context) string {
	if err := context.Cause(ctx); err != nil && !errors.Is(err, context.Canceled) {
		return err.Error()
	}
	return "the user stopped it"
}
