package clipboard

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/jezek/xgb"
	"github.com/jezek/xgb/xproto"

	"switchyard/device/x11"
)

// owner holds the CLIPBOARD selection. Its loop owns the connection's events and everything below; others ask by ask.
type owner struct {
	*x11.Conn
	window xproto.Window
	forms  map[xproto.Atom]Form // by target
	names  map[xproto.Atom]string
	order  []xproto.Atom // of the targets, as told
	since  xproto.Timestamp
	atom   struct{ clipboard, manager, targets, timestamp, multiple, save, incr, null, pair, property xproto.Atom }
	types  map[string]xproto.Atom // of properties, by name
	most   int                    // bytes in one request

	sending map[place]*outgoing
	saved   chan error // of the Save under way
	ask     chan func()
	lost    chan struct{}
	isLost  bool
	done    chan struct{} // the loop has ended
}

// place is where a requestor wants data.
type place struct {
	window   xproto.Window
	property xproto.Atom
}

// outgoing is data that leaves in parts, each when the one before was taken.
type outgoing struct {
	kind xproto.Atom
	rest []byte
	at   time.Time // of the last part
	last bool      // the empty part at the end is there
}

// mostSending bounds how many are served in parts at once; one more is refused.
const mostSending = 32

func ownX11(ctx context.Context, forms []Form) (Owner, error) {
	c, err := x11.Dial(ctx)
	if err != nil {
		return nil, unreachable(err)
	}
	o := &owner{
		Conn: c, forms: map[xproto.Atom]Form{}, names: map[xproto.Atom]string{}, types: map[string]xproto.Atom{},
		sending: map[place]*outgoing{}, ask: make(chan func()), lost: make(chan struct{}), done: make(chan struct{}),
	}
	// A request's header and its big-request form leave room for less than the most.
	o.most = min(int(c.Setup.MaximumRequestLength)*4, 1<<20) - 64
	if err := o.open(forms); err != nil {
		c.Close()
		return nil, err
	}
	events := make(chan xgb.Event)
	go o.pump(events) // until the connection is closed
	go o.loop(events) // until pump ends
	return o, nil
}

func (o *owner) open(forms []Form) (err error) {
	a := &o.atom
	for name, atom := range map[string]*xproto.Atom{
		"CLIPBOARD": &a.clipboard, "CLIPBOARD_MANAGER": &a.manager, "TARGETS": &a.targets, "TIMESTAMP": &a.timestamp,
		"MULTIPLE": &a.multiple, "SAVE_TARGETS": &a.save, "INCR": &a.incr, "NULL": &a.null, "ATOM_PAIR": &a.pair, "SWITCHYARD_CLIPBOARD": &a.property,
	} {
		if *atom, err = o.Atom(name); err != nil {
			return err
		}
	}
	for _, f := range forms {
		for _, name := range targetsOf(f) {
			t, err := o.Atom(name)
			if err != nil {
				return err
			}
			if _, twice := o.forms[t]; !twice {
				o.forms[t], o.names[t], o.order = f, name, append(o.order, t)
				o.types[name] = t
			}
		}
	}
	if o.window, err = newWindow(o.Conn); err != nil {
		return err
	}
	if o.since, err = o.now(); err != nil {
		return err
	}
	xproto.SetSelectionOwner(o.X, o.window, o.atom.clipboard, o.since)
	got, err := x11.Reply(xproto.GetSelectionOwner(o.X, o.atom.clipboard).Reply())
	if err == nil && got.Owner != o.window {
		err = errors.New("clipboard: another program copied something at the same moment: try again")
	}
	return err
}

// now is the server's time, which ICCCM §2.1 wants a selection to be taken at: that of a change that changes nothing.
func (o *owner) now() (xproto.Timestamp, error) {
	xproto.ChangeProperty(o.X, xproto.PropModeAppend, o.window, o.atom.property, xproto.AtomString, 8, 0, nil)
	for {
		event, xerr := o.X.WaitForEvent()
		if e, ok := event.(xproto.PropertyNotifyEvent); ok {
			return e.Time, nil
		}
		if event == nil {
			if xerr == nil {
				return 0, errors.New("clipboard: the X server closed the connection")
			}
			return 0, xerr
		}
	}
}

// pump turns xgb's waiting into a channel. Errors are of requests about windows that are gone: their transfers time out.
func (o *owner) pump(events chan<- xgb.Event) {
	defer close(events)
	for {
		event, xerr := o.X.WaitForEvent()
		if event == nil && xerr == nil {
			return
		}
		if event != nil {
			events <- event
		}
	}
}

func (o *owner) loop(events <-chan xgb.Event) {
	defer close(o.done)
	tick := time.NewTicker(patience)
	defer tick.Stop()
	for {
		select {
		case event, ok := <-events:
			if !ok {
				o.lose()
				return
			}
			o.on(event)
		case f := <-o.ask:
			f()
		case now := <-tick.C:
			for p, s := range o.sending {
				if now.Sub(s.at) > 2*patience {
					o.forget(p)
				}
			}
		}
	}
}

func (o *owner) on(event xgb.Event) {
	switch e := event.(type) {
	case xproto.SelectionRequestEvent:
		o.request(e)
	case xproto.PropertyNotifyEvent:
		if e.State == xproto.PropertyDelete {
			o.part(place{e.Window, e.Atom})
		}
	case xproto.DestroyNotifyEvent:
		for p := range o.sending {
			if p.window == e.Window {
				delete(o.sending, p)
			}
		}
	case xproto.SelectionClearEvent:
		if e.Selection == o.atom.clipboard {
			o.lose()
		}
	case xproto.SelectionNotifyEvent:
		if e.Selection == o.atom.manager && o.saved != nil {
			var err error
			if e.Property == xproto.AtomNone {
				err = errors.New("clipboard: the clipboard manager does not take it")
			}
			o.saved <- err
			o.saved = nil
		}
	}
}

func (o *owner) lose() {
	if !o.isLost {
		o.isLost = true
		close(o.lost)
	}
}

// Lost is closed when somebody else copied something.
func (o *owner) Lost() <-chan struct{} { return o.lost }

// Save hands over to the clipboard manager (freedesktop.org's clipboard manager specification): it asks for the targets
// named, as everybody does, and then says that it has them.
func (o *owner) Save(ctx context.Context) error {
	m, err := x11.Reply(xproto.GetSelectionOwner(o.X, o.atom.manager).Reply())
	if err != nil {
		return err
	}
	if m.Owner == xproto.WindowNone {
		return ErrNoManager
	}
	answer := make(chan error, 1)
	begin := func() {
		o.saved = answer
		xproto.ChangeProperty(o.X, xproto.PropModeReplace, o.window, o.atom.property, xproto.AtomAtom, 32, uint32(len(o.order)), words(o.order))
		xproto.ConvertSelection(o.X, o.window, o.atom.manager, o.atom.save, o.atom.property, o.since)
	}
	select {
	case o.ask <- begin:
	case <-o.done:
		return errors.New("clipboard: the X server closed the connection")
	}
	select {
	case err := <-answer:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-o.done:
		return errors.New("clipboard: the X server closed the connection")
	}
}

// Close gives the clipboard up; it is empty then, unless somebody else has it.
func (o *owner) Close() error {
	o.Conn.Close()
	<-o.done
	return nil
}

// words are atoms as the data of a property.
func words[T ~uint32](v []T) []byte {
	b := make([]byte, 0, 4*len(v))
	for _, a := range v {
		b = append(b, byte(a), byte(a>>8), byte(a>>16), byte(a>>24))
	}
	return slices.Clip(b)
}
