package clipboard

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jezek/xgb"
	"github.com/jezek/xgb/xproto"

	"switchyard/device/x11"
)

// patience is how long the program that owns the clipboard may say nothing.
const patience = 5 * time.Second

var errSilent = errors.New("clipboard: the program that holds the clipboard does not answer: copy it again")

// reader asks the owner of the clipboard, on a connection of its own.
type reader struct {
	*x11.Conn
	window    xproto.Window
	clipboard xproto.Atom
	property  xproto.Atom
	incr      xproto.Atom
	idle      *time.Timer // closes the connection when nothing has come for long
}

func readX11(ctx context.Context, types []string) (Form, error) {
	c, err := x11.Dial(ctx)
	if err != nil {
		return Form{}, unreachable(err)
	}
	defer c.Close()
	r := &reader{Conn: c}
	r.idle = time.AfterFunc(patience, c.X.Close)
	defer r.idle.Stop()
	f, err := r.read(types)
	if ctx.Err() != nil {
		return Form{}, context.Cause(ctx)
	}
	return f, err
}

func (r *reader) read(types []string) (Form, error) {
	if err := r.open(); err != nil {
		return Form{}, err
	}
	owner, err := x11.Reply(xproto.GetSelectionOwner(r.X, r.clipboard).Reply())
	if err != nil {
		return Form{}, err
	}
	if owner.Owner == xproto.WindowNone {
		return Form{}, ErrEmpty
	}
	offered, err := r.targets()
	if err != nil {
		return Form{}, err
	}
	target, mime := pick(offered, types)
	if target == "" {
		return Form{}, ErrEmpty
	}
	kind, data, err := r.convert(target)
	if err != nil {
		return Form{}, err
	}
	if len(data) == 0 {
		return Form{}, ErrEmpty
	}
	return Form{mime, decode(mime, kind, data)}, nil
}

// open makes the window whose property the owner writes.
func (r *reader) open() (err error) {
	for name, atom := range map[string]*xproto.Atom{"CLIPBOARD": &r.clipboard, "SWITCHYARD_CLIPBOARD": &r.property, "INCR": &r.incr} {
		if *atom, err = r.Atom(name); err != nil {
			return err
		}
	}
	r.window, err = newWindow(r.Conn)
	return err
}

// newWindow is a window that is never shown and hears of changes of its properties.
func newWindow(c *x11.Conn) (xproto.Window, error) {
	w, err := xproto.NewWindowId(c.X)
	if err != nil {
		return 0, err
	}
	return w, xproto.CreateWindowChecked(c.X, 0, w, c.Screen.Root, -1, -1, 1, 1, 0, xproto.WindowClassInputOnly,
		xproto.WindowClassCopyFromParent, xproto.CwEventMask, []uint32{xproto.EventMaskPropertyChange}).Check()
}

// targets are the names of the forms that are offered. An owner that does not tell may still give text.
func (r *reader) targets() ([]string, error) {
	_, data, err := r.convert("TARGETS")
	if errors.Is(err, errRefused) {
		return []string{"UTF8_STRING"}, nil
	}
	if err != nil {
		return nil, err
	}
	var cookies []xproto.GetAtomNameCookie
	for _, a := range atoms(data) {
		cookies = append(cookies, xproto.GetAtomName(r.X, a))
	}
	var names []string
	for _, c := range cookies {
		if n, err := x11.Reply(c.Reply()); err == nil { // an atom that is none is none of our types
			names = append(names, n.Name)
		}
	}
	return names, nil
}

// mostTargets bounds what is looked at of an owner's list.
const mostTargets = 256

// atoms reads a list of atoms.
func atoms(data []byte) []xproto.Atom {
	var all []xproto.Atom
	for ; len(data) >= 4 && len(all) < mostTargets; data = data[4:] {
		all = append(all, xproto.Atom(xgb.Get32(data)))
	}
	return all
}

var errRefused = errors.New("clipboard: the program that holds the clipboard does not give it away: copy it again")

// convert asks for one target and gives its data and the type that it came as.
func (r *reader) convert(target string) (kind string, data []byte, err error) {
	t, err := r.Atom(target)
	if err != nil {
		return "", nil, err
	}
	xproto.ConvertSelection(r.X, r.window, r.clipboard, t, r.property, xproto.TimeCurrentTime)
	for {
		event, err := r.next()
		if err != nil {
			return "", nil, err
		}
		e, ok := event.(xproto.SelectionNotifyEvent)
		if !ok || e.Target != t || e.Selection != r.clipboard {
			continue
		}
		if e.Property == xproto.AtomNone {
			return "", nil, errRefused
		}
		return r.take()
	}
}

// take reads what the owner has written: at once, or in parts that are told by INCR (ICCCM §2.7.2).
func (r *reader) take() (string, []byte, error) {
	kind, data, err := r.whole()
	if err != nil || kind != r.incr {
		return r.named(kind, data, err)
	}
	data = nil
	for { // deleting the property, as reading did, asks for the next part
		event, err := r.next()
		if err != nil {
			return "", nil, err
		}
		e, ok := event.(xproto.PropertyNotifyEvent)
		if !ok || e.Atom != r.property || e.State != xproto.PropertyNewValue {
			continue
		}
		partKind, part, err := r.whole()
		if err != nil || len(part) == 0 {
			return r.named(kind, data, err)
		}
		if kind = partKind; len(data)+len(part) > mostData {
			return "", nil, errTooLarge
		}
		data = append(data, part...)
	}
}

func (r *reader) named(kind xproto.Atom, data []byte, err error) (string, []byte, error) {
	if err != nil {
		return "", nil, err
	}
	name, err := r.AtomName(kind)
	return name, data, err
}

// whole reads the property whole and deletes it.
func (r *reader) whole() (kind xproto.Atom, data []byte, err error) {
	const step = 1 << 18 // in units of 4 bytes
	for {
		p, err := x11.Reply(xproto.GetProperty(r.X, true, r.window, r.property, xproto.GetPropertyTypeAny, uint32(len(data)/4), step).Reply())
		if err != nil {
			return 0, nil, fmt.Errorf("%w (%w)", errSilent, err)
		}
		r.idle.Reset(patience)
		data = append(data, p.Value...)
		if p.BytesAfter == 0 {
			return p.Type, data, nil
		}
		if len(data) > mostData {
			return 0, nil, errTooLarge
		}
	}
}

// next is the next event; none comes any more when the owner was silent for too long.
func (r *reader) next() (xgb.Event, error) {
	for {
		event, xerr := r.X.WaitForEvent()
		if event != nil {
			return event, nil
		}
		if xerr == nil {
			return nil, errSilent
		}
	}
}
