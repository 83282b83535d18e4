// Package x11 is what the screen and the clipboard share of the X Window System: a connection that fails in words, and
// replies that are never nil. One goroutine owns a connection; whoever dials closes it.
package x11

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"

	"github.com/jezek/xgb"
	"github.com/jezek/xgb/xproto"
)

// ErrNoDisplay says that no X server is named.
var ErrNoDisplay = errors.New("x11: DISPLAY is not set")

// errClosed stands for a reply that will not come.
var errClosed = errors.New("x11: the X server closed the connection")

// Conn is a connection to the X server that DISPLAY names, with the screen it speaks of.
type Conn struct {
	X      *xgb.Conn
	Setup  *xproto.SetupInfo
	Screen *xproto.ScreenInfo
	stop   func() bool
}

func init() {
	// xgb tells standard error of each closed connection and missing authority file; we say what matters ourselves.
	xgb.Logger = log.New(io.Discard, "", 0)
}

// Dial connects to the X server. When ctx ends the connection is closed, which ends every wait on it.
func Dial(ctx context.Context) (*Conn, error) {
	name := os.Getenv("DISPLAY")
	if name == "" {
		return nil, ErrNoDisplay
	}
	x, err := xgb.NewConn()
	if err != nil {
		return nil, fmt.Errorf("x11: display %s: %w", name, err)
	}
	c := &Conn{X: x, Setup: xproto.Setup(x)}
	if x.DefaultScreen >= len(c.Setup.Roots) {
		x.Close()
		return nil, fmt.Errorf("x11: display %s has no screen %d", name, x.DefaultScreen)
	}
	c.Screen = &c.Setup.Roots[x.DefaultScreen]
	c.stop = context.AfterFunc(ctx, x.Close)
	return c, nil
}

// Close ends the connection; the server frees what was made on it.
func (c *Conn) Close() {
	c.stop()
	c.X.Close()
}

// Sync waits until the server has done everything asked so far.
func (c *Conn) Sync() error {
	_, err := Reply(xproto.GetInputFocus(c.X).Reply())
	return err
}

// ErrNoExtension says that the server does not have an extension.
var ErrNoExtension = errors.New("x11: the X server does not have this extension")

// Extension prepares an extension of xgb, such as "MIT-SHM", for use. The Init of xgb's own packages writes to maps that the
// readers of all other connections use; we need no events of extensions, which is what those maps are for.
func Extension(x *xgb.Conn, name string) error {
	r, err := Reply(xproto.QueryExtension(x, uint16(len(name)), name).Reply())
	if err != nil {
		return err
	}
	if !r.Present {
		return ErrNoExtension
	}
	x.ExtLock.Lock()
	defer x.ExtLock.Unlock()
	x.Extensions[name] = r.MajorOpcode
	return nil
}

// Atom is the server's number for name.
func (c *Conn) Atom(name string) (xproto.Atom, error) {
	a, err := Reply(xproto.InternAtom(c.X, false, uint16(len(name)), name).Reply())
	if err != nil {
		return 0, err
	}
	return a.Atom, nil
}

// AtomName is the name of an atom.
func (c *Conn) AtomName(a xproto.Atom) (string, error) {
	n, err := Reply(xproto.GetAtomName(c.X, a).Reply())
	if err != nil {
		return "", err
	}
	return n.Name, nil
}

// Uint32s reads a property of 32-bit numbers; of one that is missing or another type there are none.
func (c *Conn) Uint32s(w xproto.Window, property string, most int) ([]uint32, error) {
	a, err := c.Atom(property)
	if err != nil {
		return nil, err
	}
	p, err := Reply(xproto.GetProperty(c.X, false, w, a, xproto.GetPropertyTypeAny, 0, uint32(most)).Reply())
	if err != nil || p.Format != 32 {
		return nil, err
	}
	v := make([]uint32, len(p.Value)/4)
	for i := range v {
		v[i] = xgb.Get32(p.Value[4*i:])
	}
	return v, nil
}

// Reply is a reply that is there: xgb answers nil without an error where the connection was closed.
func Reply[T any](r *T, err error) (*T, error) {
	if err == nil && r == nil {
		return nil, errClosed
	}
	return r, err
}
