package transfer

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"switchyard/api"
	"switchyard/client"
	"switchyard/protocol"
)

// kept is what a sender remembers of a link, so that the same can be sent again after a crash. It holds secrets.
type kept struct {
	Transfer client.Transfer `json:"transfer"`
	Key      string          `json:"key"`   // the link's fragment
	Begun    bool            `json:"begun"` // somebody had the right secret
	Done     []string        `json:"done"`  // receivers that have everything
	PID      int             `json:"pid"`   // of the process that sends
}

// keep writes the state. A sender that cannot keep it can still send.
func (s *sending) keep() {
	if s.o.State == "" {
		return
	}
	s.kept.PID = os.Getpid()
	if err := writeSecret(s.o.State, s.kept); err != nil && s.o.Log != nil {
		s.o.Log.Warn("the link cannot be kept for a restart", "error", err)
	}
}

func (s *sending) forget() {
	if s.o.State != "" {
		_ = os.Remove(s.o.State) // else the next one finds that it is used up
	}
}

// again finds the link of a process that sent the same and ended; nil when there is none that is good.
func (s *sending) again(ctx context.Context) (*kept, error) {
	var k kept
	if s.o.State == "" || readSecret(s.o.State, &k) != nil || k.Transfer.ID == "" {
		return nil, nil
	}
	if k.PID != os.Getpid() && alive(k.PID) {
		s.o.State = "" // it is being sent already: this is another link
		return nil, nil
	}
	f, err := s.api.Facts(ctx, k.Transfer.ID)
	if err != nil {
		if errors.As(err, new(*api.Problem)) {
			return nil, nil // the server knows it no more
		}
		return nil, err
	}
	switch {
	case f.Reason == "revoked", f.Reason == "expired" && !k.Begun, k.Transfer.Receivers != s.o.Receivers: // used up: somebody is on the way
		return nil, nil
	}
	for _, id := range k.Done {
		p := s.peer(protocol.ParticipantID(id))
		p.known, p.done = true, true
	}
	if !s.o.NoCode && f.Valid {
		if k.Transfer.Nameplate, err = s.api.NewCode(ctx, k.Transfer); err != nil {
			return nil, err
		}
	} else {
		k.Transfer.Nameplate = 0
	}
	return &k, nil
}

// ticket is what a receiver remembers of a link that it accepted, beside the files: it can go on without taking another
// of the link's receivers. It holds secrets.
type ticket struct {
	Link     string    `json:"link"`
	Code     string    `json:"code,omitempty"`  // by which it came
	Once     string    `json:"once"`            // by which it asked for the token
	Token    string    `json:"token,omitempty"` // none yet
	Room     string    `json:"room,omitempty"`
	Agreed   string    `json:"agreed,omitempty"` // to which offer the user agreed
	Only     []string  `json:"only,omitempty"`   // what of it they chose
	Accepted time.Time `json:"accepted"`
}

// of tells whether it is the ticket of a link. A server may have several addresses.
func (t *ticket) of(l Link) bool {
	own, err := ParseLink(t.Link)
	return err == nil && own.ID == l.ID && own.Key == l.Key
}

const (
	ticketPrefix = ".switchyard-"
	ticketLife   = 7 * 24 * time.Hour // about that of the token
)

func ticketFile(folder, id string) string { return filepath.Join(folder, ticketPrefix+id) }

// findTicket finds the ticket of a link or a code in a folder.
func findTicket(folder string, fits func(*ticket) bool) *ticket {
	files, _ := filepath.Glob(filepath.Join(folder, ticketPrefix+"*")) // the pattern is right
	for _, f := range files {
		var t ticket
		switch {
		case readSecret(f, &t) != nil || t.Link == "":
		case time.Since(t.Accepted) > ticketLife:
			_ = os.Remove(f) // nobody can enter with it
		case fits(&t):
			return &t
		}
	}
	return nil
}

// writeSecret replaces a file that only its owner can read.
func writeSecret(path string, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+"-*") // has mode 0600
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}

// maxSecret bounds a file of ours, in bytes.
const maxSecret = 64 << 10

func readSecret(path string, v any) error {
	info, err := os.Lstat(path)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() || info.Size() > maxSecret {
		return fs.ErrInvalid
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return json.Unmarshal(b, v)
}

// Unfinished lists the links of the transfers that were broken off in a folder.
func Unfinished(folder string) (links []string) {
	findTicket(folder, func(t *ticket) bool {
		links = append(links, t.Link)
		return false
	})
	return links
}
