package screen

import (
	"errors"
	"fmt"
	"image"

	"github.com/jezek/xgb/xproto"

	"switchyard/device/x11"
)

// errHidden is what a window is told by that cannot be seen.
var errHidden = errors.New("screen: that window is not on the screen; is it minimised, or on another workspace?")

// named finds the window that is active or has a number. The active one is taken with its frame.
func (f *frozen) named(name string) (image.Rectangle, error) {
	if name == "active" {
		w, err := f.active()
		if err != nil {
			return image.Rectangle{}, err
		}
		top, err := f.topLevel(w)
		if err != nil {
			return image.Rectangle{}, err
		}
		return f.area(top, w)
	}
	n, err := parseWindow(name)
	if err != nil {
		return image.Rectangle{}, err
	}
	return f.area(xproto.Window(n), xproto.Window(n))
}

// active is the window that the window manager calls active; else the one with the keyboard.
func (f *frozen) active() (xproto.Window, error) {
	v, err := f.Uint32s(f.Screen.Root, "_NET_ACTIVE_WINDOW", 1)
	if err != nil {
		return 0, err
	}
	if len(v) == 1 && v[0] != 0 {
		return xproto.Window(v[0]), nil
	}
	r, err := x11.Reply(xproto.GetInputFocus(f.X).Reply())
	if err != nil {
		return 0, err
	}
	if r.Focus <= xproto.InputFocusPointerRoot || r.Focus == f.Screen.Root {
		return 0, errors.New("screen: no window is active: click one with --window alone")
	}
	return r.Focus, nil
}

// topLevel climbs from a window to the child of the root that holds it: the frame that the window manager drew.
func (f *frozen) topLevel(w xproto.Window) (xproto.Window, error) {
	for range 64 { // a tree that changes meanwhile must not hold us
		t, err := x11.Reply(xproto.QueryTree(f.X, w).Reply())
		if err != nil {
			return 0, errHidden
		}
		if t.Parent == f.Screen.Root || t.Parent == 0 {
			return w, nil
		}
		w = t.Parent
	}
	return 0, errHidden
}

// area is where a window is on the screen, without the shadow that its client (itself, or one within) draws around it.
func (f *frozen) area(w, client xproto.Window) (image.Rectangle, error) {
	a, err := x11.Reply(xproto.GetWindowAttributes(f.X, w).Reply())
	if err != nil {
		return image.Rectangle{}, fmt.Errorf("screen: there is no window %#x", uint32(w))
	}
	if a.MapState != xproto.MapStateViewable || a.Class != xproto.WindowClassInputOutput {
		return image.Rectangle{}, errHidden
	}
	g, err := x11.Reply(xproto.GetGeometry(f.X, xproto.Drawable(w)).Reply())
	if err != nil {
		return image.Rectangle{}, errHidden
	}
	border := int(g.BorderWidth)
	at, err := x11.Reply(xproto.TranslateCoordinates(f.X, w, f.Screen.Root, 0, 0).Reply())
	if err != nil {
		return image.Rectangle{}, errHidden
	}
	r := image.Rect(0, 0, int(g.Width)+2*border, int(g.Height)+2*border).Add(image.Pt(int(at.DstX)-border, int(at.DstY)-border))
	shadow, err := f.Uint32s(client, "_GTK_FRAME_EXTENTS", 4)
	if err != nil {
		return image.Rectangle{}, errHidden
	}
	if r = withoutShadow(r, shadow).Intersect(f.bounds); r.Empty() {
		return image.Rectangle{}, errHidden
	}
	return r, nil
}

// withoutShadow takes off what _GTK_FRAME_EXTENTS says: left, right, top, bottom.
func withoutShadow(r image.Rectangle, extents []uint32) image.Rectangle {
	if len(extents) != 4 {
		return r
	}
	for _, e := range extents {
		if e > 1<<12 { // no shadow
			return r
		}
	}
	inner := image.Rectangle{
		r.Min.Add(image.Pt(int(extents[0]), int(extents[2]))),
		r.Max.Sub(image.Pt(int(extents[1]), int(extents[3]))),
	}
	if inner.Min.X >= inner.Max.X || inner.Min.Y >= inner.Max.Y {
		return r
	}
	return inner
}

// windows are the areas of the windows that are seen, the topmost first.
func (f *frozen) windows() ([]image.Rectangle, error) {
	t, err := x11.Reply(xproto.QueryTree(f.X, f.Screen.Root).Reply())
	if err != nil {
		return nil, err
	}
	var seen []image.Rectangle
	for i := len(t.Children) - 1; i >= 0; i-- {
		top := t.Children[i]
		a, err := x11.Reply(xproto.GetWindowAttributes(f.X, top).Reply())
		if err != nil || a.MapState != xproto.MapStateViewable || a.Class != xproto.WindowClassInputOutput {
			continue // gone meanwhile, or not to be seen
		}
		client, ok := f.client(top, 3)
		if !ok {
			client = top
		}
		if r, err := f.area(top, client); err == nil {
			seen = append(seen, r)
		}
	}
	return seen, nil
}

// client looks for the window of a program in w: ICCCM §4.1.3.1 gives it WM_STATE.
func (f *frozen) client(w xproto.Window, depth int) (xproto.Window, bool) {
	if v, err := f.Uint32s(w, "WM_STATE", 2); err != nil || len(v) > 0 {
		return w, err == nil
	}
	if depth == 0 {
		return w, false
	}
	t, err := x11.Reply(xproto.QueryTree(f.X, w).Reply())
	if err != nil {
		return w, false
	}
	for _, child := range t.Children {
		if c, ok := f.client(child, depth-1); ok {
			return c, true
		}
	}
	return w, false
}
