package screen

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"image"

	"github.com/jezek/xgb/xproto"

	"switchyard/device/x11"
)

// frozen is the screen as it was when the shot was taken: a pixmap of the server's, which copies it in one step (no
// tearing, and nothing that we draw is in it). What is wanted of it is read afterwards.
type frozen struct {
	*x11.Conn
	pixmap xproto.Pixmap
	bounds image.Rectangle // the root window: all monitors
	layout layout
}

func captureX11(ctx context.Context, r Request) (image.Image, error) {
	c, err := x11.Dial(ctx)
	if err != nil {
		return nil, noDisplay(err)
	}
	defer c.Close()
	img, err := shoot(ctx, c, r)
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return img, err
}

func shoot(ctx context.Context, c *x11.Conn, r Request) (image.Image, error) {
	f, err := freeze(c)
	if err != nil {
		return nil, err
	}
	var pointer *cursor
	if r.Cursor { // before the choice moves it
		if pointer, err = readCursor(c); err != nil {
			return nil, err
		}
	}
	area, err := f.choose(ctx, r)
	if err != nil {
		return nil, err
	}
	img, err := f.read(area)
	if err != nil {
		return nil, err
	}
	if r.What == Everything {
		img = blackOut(img, f.bounds, monitors(c))
	}
	if pointer != nil {
		img = pointer.drawOn(img, area.Min)
	}
	return img, nil
}

// freeze copies the screen. What the windows of it show is in, as a compositing manager shows them.
func freeze(c *x11.Conn) (*frozen, error) {
	root := xproto.Drawable(c.Screen.Root)
	g, err := x11.Reply(xproto.GetGeometry(c.X, root).Reply())
	if err != nil {
		return nil, err
	}
	f := &frozen{Conn: c, bounds: image.Rect(0, 0, int(g.Width), int(g.Height))}
	if f.layout, err = rootLayout(c, g.Depth); err != nil {
		return nil, err
	}
	if f.pixmap, err = xproto.NewPixmapId(c.X); err != nil {
		return nil, err
	}
	if err := xproto.CreatePixmapChecked(c.X, g.Depth, f.pixmap, root, g.Width, g.Height).Check(); err != nil {
		return nil, fmt.Errorf("screen: the X server has no memory for a copy of the screen: %w", err)
	}
	gc, err := xproto.NewGcontextId(c.X)
	if err != nil {
		return nil, err
	}
	xproto.CreateGC(c.X, gc, root, xproto.GcSubwindowMode|xproto.GcGraphicsExposures,
		[]uint32{xproto.SubwindowModeIncludeInferiors, 0})
	err = xproto.CopyAreaChecked(c.X, root, xproto.Drawable(f.pixmap), gc, 0, 0, 0, 0, g.Width, g.Height).Check()
	xproto.FreeGC(c.X, gc)
	return f, err
}

// rootLayout finds how pictures of the screen are laid out.
func rootLayout(c *x11.Conn, depth byte) (layout, error) {
	l := layout{order: binary.LittleEndian}
	if c.Setup.ImageByteOrder == xproto.ImageOrderMSBFirst {
		l.order = binary.BigEndian
	}
	for _, f := range c.Setup.PixmapFormats {
		if f.Depth == depth {
			l.bitsPerPixel, l.pad = int(f.BitsPerPixel), int(f.ScanlinePad)
		}
	}
	for _, d := range c.Screen.AllowedDepths {
		for _, v := range d.Visuals {
			if v.VisualId == c.Screen.RootVisual && (v.Class == xproto.VisualClassTrueColor || v.Class == xproto.VisualClassDirectColor) {
				l.red, l.green, l.blue = v.RedMask, v.GreenMask, v.BlueMask
			}
		}
	}
	return l, l.check()
}

// read brings a part of the frozen screen here: by shared memory where the server is on this machine.
func (f *frozen) read(area image.Rectangle) (image.Image, error) {
	if area = area.Intersect(f.bounds); area.Empty() {
		return nil, fmt.Errorf("screen: that is outside of the screen, which is %s", size(f.bounds))
	}
	data, err := f.readShared(area)
	if errors.Is(err, errNotShared) {
		data, err = f.readWire(area)
	}
	if err != nil {
		return nil, err
	}
	return f.layout.decode(area.Dx(), area.Dy(), data)
}

func (f *frozen) readWire(area image.Rectangle) ([]byte, error) {
	r, err := x11.Reply(xproto.GetImage(f.X, xproto.ImageFormatZPixmap, xproto.Drawable(f.pixmap),
		int16(area.Min.X), int16(area.Min.Y), uint16(area.Dx()), uint16(area.Dy()), allPlanes).Reply())
	if err != nil {
		return nil, fmt.Errorf("screen: the X server does not give its picture: %w", err)
	}
	return r.Data, nil
}

const allPlanes = 0xffffffff

// errNotShared says that the picture must come over the connection.
var errNotShared = errors.New("screen: no shared memory with the X server")

// choose finds the rectangle of the screen that is meant.
func (f *frozen) choose(ctx context.Context, r Request) (image.Rectangle, error) {
	switch r.What {
	case Monitor:
		return f.monitor(r.Name)
	case Window:
		if r.Name == "" {
			return f.pick(ctx, true)
		}
		return f.named(r.Name)
	case Region:
		if r.Name == "" {
			return f.pick(ctx, false)
		}
		return parseRegion(r.Name)
	}
	return f.bounds, nil
}
