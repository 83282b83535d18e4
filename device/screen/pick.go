package screen

import (
	"context"
	"errors"
	"fmt"
	"image"
	"time"

	"github.com/jezek/xgb/xproto"

	"switchyard/device/x11"
)

// keyEscape is the keysym of Escape.
const keyEscape = 0xff1b

// picker shows the frozen screen over everything and lets the person choose on it.
type picker struct {
	*frozen
	band   band
	window xproto.Window
	gc     xproto.Gcontext
	escape map[xproto.Keycode]bool
}

// pick asks the person for a window or, by dragging, a region. Escape and the right button end it with ErrCancelled.
func (f *frozen) pick(ctx context.Context, click bool) (image.Rectangle, error) {
	windows, err := f.windows()
	if err != nil {
		return image.Rectangle{}, err
	}
	p := &picker{frozen: f, band: band{screen: f.bounds, windows: windows, click: click}}
	if err := p.open(); err != nil {
		return image.Rectangle{}, err
	}
	defer p.close()
	if err := p.grab(ctx); err != nil {
		return image.Rectangle{}, err
	}
	if at, err := x11.Reply(xproto.QueryPointer(f.X, f.Screen.Root).Reply()); err == nil {
		p.move(int16(at.RootX), int16(at.RootY))
	}
	return p.run()
}

// open makes the window that shows the frozen screen. It is of the root's depth and visual, as its background is.
func (p *picker) open() error {
	var err error
	if p.window, err = xproto.NewWindowId(p.X); err != nil {
		return err
	}
	const events = xproto.EventMaskButtonPress | xproto.EventMaskButtonRelease | xproto.EventMaskPointerMotion | xproto.EventMaskKeyPress
	err = xproto.CreateWindowChecked(p.X, xproto.WindowClassCopyFromParent, p.window, p.Screen.Root, 0, 0,
		uint16(p.bounds.Dx()), uint16(p.bounds.Dy()), 0, xproto.WindowClassInputOutput, p.Screen.RootVisual,
		xproto.CwBackPixmap|xproto.CwOverrideRedirect|xproto.CwEventMask,
		[]uint32{uint32(p.pixmap), 1, events}).Check()
	if err != nil {
		return err
	}
	if p.gc, err = xproto.NewGcontextId(p.X); err != nil {
		return err
	}
	xproto.CreateGC(p.X, p.gc, xproto.Drawable(p.window), xproto.GcForeground|xproto.GcBackground|xproto.GcLineStyle|xproto.GcDashList,
		[]uint32{p.Screen.WhitePixel, p.Screen.BlackPixel, xproto.LineStyleDoubleDash, 4})
	if p.escape, err = p.keys(keyEscape); err != nil {
		return err
	}
	return xproto.MapWindowChecked(p.X, p.window).Check()
}

// close takes the window off the screen before the connection ends, so that whoever looks next does not see it.
func (p *picker) close() {
	xproto.UngrabKeyboard(p.X, xproto.TimeCurrentTime)
	xproto.UngrabPointer(p.X, xproto.TimeCurrentTime)
	xproto.DestroyWindow(p.X, p.window)
	_ = p.Sync() // a connection that is gone has taken the window with it
}

// keys are the keys that give keysym without a modifier.
func (p *picker) keys(keysym xproto.Keysym) (map[xproto.Keycode]bool, error) {
	first, last := p.Setup.MinKeycode, p.Setup.MaxKeycode
	m, err := x11.Reply(xproto.GetKeyboardMapping(p.X, first, byte(last-first)+1).Reply())
	if err != nil {
		return nil, err
	}
	keys := map[xproto.Keycode]bool{}
	per := int(m.KeysymsPerKeycode)
	for i := 0; per > 0 && i < len(m.Keysyms); i += per {
		if m.Keysyms[i] == keysym {
			keys[first+xproto.Keycode(i/per)] = true
		}
	}
	return keys, nil
}

// grab takes pointer and keyboard. The hotkey that started us is held by the window manager until it is let go, and a
// menu holds both as long as it is open: that is waited for.
func (p *picker) grab(ctx context.Context) error {
	shape, err := p.crosshair()
	if err != nil {
		return err
	}
	const events = xproto.EventMaskButtonPress | xproto.EventMaskButtonRelease | xproto.EventMaskPointerMotion
	err = p.insist(ctx, func() (byte, error) {
		r, err := x11.Reply(xproto.GrabPointer(p.X, false, p.window, events, xproto.GrabModeAsync, xproto.GrabModeAsync,
			xproto.WindowNone, shape, xproto.TimeCurrentTime).Reply())
		if err != nil {
			return 0, err
		}
		return r.Status, nil
	})
	if err != nil {
		return err
	}
	return p.insist(ctx, func() (byte, error) {
		r, err := x11.Reply(xproto.GrabKeyboard(p.X, false, p.window, xproto.TimeCurrentTime, xproto.GrabModeAsync, xproto.GrabModeAsync).Reply())
		if err != nil {
			return 0, err
		}
		return r.Status, nil
	})
}

var errHeld = errors.New("screen: another program holds the pointer or the keyboard, perhaps an open menu: close it, or use --delay 3s and open it then")

// insist tries a grab for three seconds.
func (p *picker) insist(ctx context.Context, grab func() (byte, error)) error {
	for end := time.Now().Add(3 * time.Second); ; {
		status, err := grab()
		if err != nil || status == xproto.GrabStatusSuccess {
			return err
		}
		if time.Now().After(end) {
			return fmt.Errorf("screen: %w", errHeld)
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// crosshair is the cursor of X's own cursor font.
func (p *picker) crosshair() (xproto.Cursor, error) {
	const name, crosshair = "cursor", 34
	font, err := xproto.NewFontId(p.X)
	if err != nil {
		return 0, err
	}
	if xproto.OpenFontChecked(p.X, font, uint16(len(name)), name).Check() != nil {
		return xproto.CursorNone, nil // without fonts: the usual pointer
	}
	shape, err := xproto.NewCursorId(p.X)
	if err != nil {
		return 0, err
	}
	xproto.CreateGlyphCursor(p.X, shape, font, font, crosshair, crosshair+1, 0, 0, 0, 0xffff, 0xffff, 0xffff)
	return shape, nil
}

// run waits for the choice.
func (p *picker) run() (image.Rectangle, error) {
	for {
		event, xerr := p.X.WaitForEvent()
		switch e := event.(type) {
		case nil:
			if xerr == nil {
				return image.Rectangle{}, errors.New("screen: the X server closed the connection")
			}
		case xproto.MotionNotifyEvent:
			p.move(e.RootX, e.RootY)
		case xproto.ButtonPressEvent:
			switch e.Detail {
			case xproto.ButtonIndex1:
				p.outline(false)
				p.band.press(point(e.RootX, e.RootY))
				p.outline(true)
			case xproto.ButtonIndex3:
				return image.Rectangle{}, ErrCancelled
			}
		case xproto.ButtonReleaseEvent:
			if e.Detail == xproto.ButtonIndex1 {
				if r, ok := p.band.release(point(e.RootX, e.RootY)); ok {
					return r, nil
				}
			}
		case xproto.KeyPressEvent:
			if p.escape[e.Detail] {
				return image.Rectangle{}, ErrCancelled
			}
		}
	}
}

func point(x, y int16) image.Point { return image.Pt(int(x), int(y)) }

func (p *picker) move(x, y int16) {
	was := p.band.shown
	if p.band.move(point(x, y)) {
		now := p.band.shown
		p.band.shown = was
		p.outline(false)
		p.band.shown = now
		p.outline(true)
	}
}

// outline draws the outline, or takes it away: the background is the frozen screen.
func (p *picker) outline(draw bool) {
	r := p.band.shown
	if r.Empty() {
		return
	}
	w, h := r.Dx()-1, r.Dy()-1
	if draw {
		xproto.PolyRectangle(p.X, xproto.Drawable(p.window), p.gc,
			[]xproto.Rectangle{{X: int16(r.Min.X), Y: int16(r.Min.Y), Width: uint16(w), Height: uint16(h)}})
		return
	}
	for _, line := range []image.Rectangle{
		image.Rect(0, 0, w+1, 1), image.Rect(0, h, w+1, h+1), image.Rect(0, 0, 1, h+1), image.Rect(w, 0, w+1, h+1),
	} {
		line = line.Add(r.Min)
		xproto.ClearArea(p.X, false, p.window, int16(line.Min.X), int16(line.Min.Y), uint16(line.Dx()), uint16(line.Dy()))
	}
}
