package clipboard

import (
	"bytes"
	"errors"
	"testing"

	"github.com/jezek/xgb/xproto"

	"switchyard/device/x11/xvfb"
)

// manager is a clipboard manager as freedesktop.org specifies it: asked to save, it reads the targets named, says so, and
// owns the clipboard from then on.
func manager(t *testing.T, refuse bool, taken chan<- Form) {
	c := xvfb.NewClient(t)
	w := c.Window(0, 0, 10, 10, 0)
	name := c.Atom("CLIPBOARD_MANAGER")
	xproto.SetSelectionOwner(c.X, w, name, xproto.TimeCurrentTime)
	save, png := c.Atom("SAVE_TARGETS"), c.Atom("image/png")
	if r, err := xproto.GetSelectionOwner(c.X, name).Reply(); err != nil || r.Owner != w {
		t.Fatal("no manager: ", err)
	}
	go func() { // until the connection ends with the test
		for {
			event, xerr := c.X.WaitForEvent()
			if event == nil && xerr == nil {
				return
			}
			e, ok := event.(xproto.SelectionRequestEvent)
			if !ok || e.Target != save {
				continue
			}
			answer := xproto.SelectionNotifyEvent{Time: e.Time, Requestor: e.Requestor, Selection: e.Selection, Target: e.Target, Property: e.Property}
			wanted, err := xproto.GetProperty(c.X, false, e.Requestor, e.Property, xproto.AtomAtom, 0, 100).Reply()
			if refuse || err != nil || wanted == nil || len(atoms(wanted.Value)) != 1 || atoms(wanted.Value)[0] != png {
				answer.Property = xproto.AtomNone
			} else if f, err := Read(t.Context(), "image/png"); err == nil {
				taken <- f
			}
			xproto.SendEvent(c.X, false, e.Requestor, 0, string(answer.Bytes()))
		}
	}()
}

func TestManagerKeepsIt(t *testing.T) {
	xvfb.Start(t, "320x200x24")
	image := randomBytes(1_500_000)
	o := write(t, Form{"image/png", image})
	if err := o.Save(t.Context()); !errors.Is(err, ErrNoManager) {
		t.Fatalf("nobody is there: %v", err)
	}
	taken := make(chan Form, 1)
	manager(t, false, taken)
	if err := o.Save(t.Context()); err != nil {
		t.Fatal(err)
	}
	if f := <-taken; !bytes.Equal(f.Data, image) {
		t.Fatalf("the manager has %d bytes", len(f.Data))
	}
}

func TestManagerRefuses(t *testing.T) {
	xvfb.Start(t, "320x200x24")
	o := write(t, Form{"image/png", []byte("x")})
	manager(t, true, nil)
	if err := o.Save(t.Context()); err == nil || errors.Is(err, ErrNoManager) {
		t.Fatalf("got %v", err)
	}
}
