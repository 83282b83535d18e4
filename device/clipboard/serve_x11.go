package clipboard

import (
	"time"

	"github.com/jezek/xgb/xproto"

	"switchyard/device/x11"
)

// request answers somebody who pastes.
func (o *owner) request(e xproto.SelectionRequestEvent) {
	property := e.Property
	if property == xproto.AtomNone { // a client of before ICCCM (§2.2)
		property = e.Target
	}
	ok := false
	if e.Selection == o.atom.clipboard {
		if e.Target == o.atom.multiple {
			ok = o.multiple(place{e.Requestor, property})
		} else {
			ok = o.put(place{e.Requestor, property}, e.Target)
		}
	}
	if !ok {
		property = xproto.AtomNone
	}
	notify := xproto.SelectionNotifyEvent{Time: e.Time, Requestor: e.Requestor, Selection: e.Selection, Target: e.Target, Property: property}
	xproto.SendEvent(o.X, false, e.Requestor, 0, string(notify.Bytes()))
}

// multiple serves pairs of target and property in one request (ICCCM §2.6.2); a pair that cannot be had loses its property.
func (o *owner) multiple(p place) bool {
	r, err := x11.Reply(xproto.GetProperty(o.X, false, p.window, p.property, xproto.GetPropertyTypeAny, 0, 2*mostTargets).Reply())
	if err != nil || r.Format != 32 {
		return false
	}
	pairs := atoms(r.Value)
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i] == o.atom.multiple || pairs[i+1] == xproto.AtomNone || !o.put(place{p.window, pairs[i+1]}, pairs[i]) {
			pairs[i+1] = xproto.AtomNone
		}
	}
	xproto.ChangeProperty(o.X, xproto.PropModeReplace, p.window, p.property, o.atom.pair, 32, uint32(len(pairs)), words(pairs))
	return true
}

// put writes what target names where the requestor wants it.
func (o *owner) put(p place, target xproto.Atom) bool {
	switch target {
	case o.atom.targets:
		all := append([]xproto.Atom{o.atom.targets, o.atom.timestamp, o.atom.multiple, o.atom.save}, o.order...)
		o.write(p, xproto.AtomAtom, 32, words(all))
		return true
	case o.atom.timestamp:
		o.write(p, xproto.AtomInteger, 32, words([]xproto.Timestamp{o.since}))
		return true
	case o.atom.save: // asked of an owner it means nothing but yes
		o.write(p, o.atom.null, 32, nil)
		return true
	}
	form, ok := o.forms[target]
	if !ok {
		return false
	}
	name, data := encode(form, o.names[target])
	kind := o.types[name]
	if len(data) <= o.most {
		o.write(p, kind, 8, data)
		return true
	}
	if len(o.sending) >= mostSending {
		return false
	}
	// In parts: the requestor deletes the property when it has taken what is there (ICCCM §2.7.2).
	xproto.ChangeWindowAttributes(o.X, p.window, xproto.CwEventMask, []uint32{xproto.EventMaskPropertyChange | xproto.EventMaskStructureNotify})
	o.sending[p] = &outgoing{kind: kind, rest: data, at: time.Now()}
	o.write(p, o.atom.incr, 32, words([]uint32{uint32(len(data))}))
	return true
}

// part writes the next part of what is sent to p, if anything is.
func (o *owner) part(p place) {
	s := o.sending[p]
	if s == nil {
		return
	}
	if s.last {
		o.forget(p)
		return
	}
	n := min(len(s.rest), o.most)
	o.write(p, s.kind, 8, s.rest[:n])
	s.rest, s.last, s.at = s.rest[n:], n == 0, time.Now()
}

// forget ends a transfer in parts, done or not.
func (o *owner) forget(p place) {
	delete(o.sending, p)
	for other := range o.sending {
		if other.window == p.window {
			return
		}
	}
	if p.window != o.window {
		xproto.ChangeWindowAttributes(o.X, p.window, xproto.CwEventMask, []uint32{xproto.EventMaskNoEvent})
	}
}

// write sets a property; data is of format bits a unit.
func (o *owner) write(p place, kind xproto.Atom, format byte, data []byte) {
	xproto.ChangeProperty(o.X, xproto.PropModeReplace, p.window, p.property, kind, format, uint32(len(data)/int(format/8)), data)
}
