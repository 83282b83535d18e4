package piece

import (
	"encoding/json"
	"fmt"
	"unicode/utf8"
)

// Control is a control message: one of the types below.
type Control interface{ kind() string }

// Offer is the sender's first word: what there is, as a whole.
type Offer struct {
	ID      string   `json:"id"`   // of the link
	Name    string   `json:"name"` // to show
	Kind    string   `json:"kind"` // "files" or "text"
	Entries int      `json:"entries"`
	Files   int      `json:"files"`
	Bytes   int64    `json:"bytes"`
	Piece   Size     `json:"piece"`
	Packs   []string `json:"packs,omitempty"` // the compressions that the sender knows
	Knows   []string `json:"knows,omitempty"` // what else it can do: KnowsHoles, KnowsSkip
}

// What a sender can do that not all can.
const (
	KnowsHoles = "holes" // it sends Hole messages to whom accepts them
	KnowsSkip  = "skip"  // it takes Skip messages
)

// The kinds of an offer, and the one compression (RFC 1951).
const (
	KindFiles = "files"
	KindText  = "text"
	Deflate   = "deflate-raw"
)

// Entry is a file, a folder or a symbolic link of an offer.
type Entry struct {
	Path string `json:"p"`           // with '/', relative
	Kind string `json:"k,omitempty"` // "" is a file
	Size int64  `json:"s,omitempty"`
	// Holes is how many bytes of a sparse file are stored nowhere, and need no room at the receiver's either.
	Holes int64  `json:"h,omitempty"`
	Mode  uint32 `json:"m,omitempty"` // permission bits, 0 for none known
	Time  int64  `json:"t,omitempty"` // ms since 1970, 0 for none known
	To    string `json:"to,omitempty"`
}

// The kinds of entries but files.
const (
	Folder  = "d"
	Symlink = "l"
)

// IsFile says whether the entry has data.
func (e *Entry) IsFile() bool { return e.Kind == "" }

// Entries are a part of the list, from the entry of number From on.
type Entries struct {
	From    int     `json:"from"`
	Entries []Entry `json:"entries"`
}

// Offered ends the list.
type Offered struct{}

// MaxSkips is how many ranges fit in one Skip or Accept.
const MaxSkips = 2500

// Skip names entries that the receiver does not want or has already, where there are more than fit in Accept, which follows.
type Skip struct {
	Skip [][2]int `json:"skip"` // (first, count), ascending over all messages
}

// Accept is the receiver's answer, and what the sender waits for.
type Accept struct {
	Window int64    `json:"window"` // bytes
	Pack   string   `json:"pack,omitempty"`
	Skip   [][2]int `json:"skip,omitempty"` // (first, count), ascending
	// Ordered is true where the disk takes bytes in order only: files and pieces come one after the other, on one lane.
	Ordered bool    `json:"ordered,omitempty"`
	Holes   bool    `json:"holes,omitempty"`  // Hole messages are welcome
	Wanted  *Wanted `json:"wanted,omitempty"` // nil for everything
}

// Wanted is how much of an offer a receiver takes that chose, with what it has already.
type Wanted struct {
	Files int   `json:"files"`
	Bytes int64 `json:"bytes"`
}

// Done says that the receiver has everything.
type Done struct{}

// Bye answers it.
type Bye struct{}

// Cancel ends the transfer by the will of a user.
type Cancel struct {
	Reason string `json:"reason"`
	// Later is a receiver's that only looked, or has no room yet: it is no answer to the offer.
	Later bool `json:"later,omitempty"`
}

// Error ends it since it cannot go on.
type Error struct {
	Text  string `json:"text"`
	Entry *int   `json:"entry,omitempty"`
}

func (Offer) kind() string   { return "offer" }
func (Entries) kind() string { return "entries" }
func (Offered) kind() string { return "offered" }
func (Skip) kind() string    { return "skip" }
func (Accept) kind() string  { return "accept" }
func (Done) kind() string    { return "done" }
func (Bye) kind() string     { return "bye" }
func (Cancel) kind() string  { return "cancel" }
func (Error) kind() string   { return "error" }

// AppendControl adds a control message to b.
func AppendControl(b []byte, c Control) []byte {
	fields, err := json.Marshal(c)
	if err != nil {
		panic(err) // the types above can all be written
	}
	b = append(b, KindControl)
	b = append(b, `{"type":"`...)
	b = append(b, c.kind()...)
	b = append(b, '"')
	if len(fields) > 2 {
		b = append(b, ',')
	}
	return append(b, fields[1:]...)
}

// ParseControl reads a control message. What it does not know is an error: there is one version of the protocol.
func ParseControl(m []byte) (Control, error) {
	if len(m) < 2 || len(m) > MaxMessage || m[0] != KindControl || !utf8.Valid(m) {
		return nil, ErrMessage
	}
	var head struct {
		Type string `json:"type"`
	}
	if err := json.Unmarshal(m[1:], &head); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMessage, err)
	}
	switch head.Type {
	case "offer":
		return parse[Offer](m[1:])
	case "entries":
		return parse[Entries](m[1:])
	case "offered":
		return Offered{}, nil
	case "skip":
		return parse[Skip](m[1:])
	case "accept":
		return parse[Accept](m[1:])
	case "done":
		return Done{}, nil
	case "bye":
		return Bye{}, nil
	case "cancel":
		return parse[Cancel](m[1:])
	case "error":
		return parse[Error](m[1:])
	}
	return nil, ErrMessage
}

func parse[T Control](b []byte) (Control, error) {
	var c T
	if err := json.Unmarshal(b, &c); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMessage, err)
	}
	return c, nil
}
