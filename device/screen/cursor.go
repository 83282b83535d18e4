package screen

import (
	"errors"
	"image"
	"image/draw"

	"github.com/jezek/xgb/xfixes"

	"switchyard/device/x11"
)

// cursor is the pointer's picture and where it stood.
type cursor struct {
	img *image.RGBA // premultiplied, as XFIXES gives it
	at  image.Point // of its upper left corner on the screen
}

func readCursor(c *x11.Conn) (*cursor, error) {
	if err := x11.Extension(c.X, "XFIXES"); err != nil {
		return nil, errors.New("screen: this display does not show its pointer to others (no XFIXES): leave --cursor out")
	}
	if _, err := x11.Reply(xfixes.QueryVersion(c.X, 4, 0).Reply()); err != nil {
		return nil, err
	}
	r, err := x11.Reply(xfixes.GetCursorImage(c.X).Reply())
	if err != nil {
		return nil, err
	}
	return newCursor(int(r.Width), int(r.Height), image.Pt(int(r.X)-int(r.Xhot), int(r.Y)-int(r.Yhot)), r.CursorImage), nil
}

// newCursor reads pixels of premultiplied ARGB; nil where there are fewer than the size says.
func newCursor(width, height int, at image.Point, argb []uint32) *cursor {
	if width <= 0 || height <= 0 || len(argb) < width*height {
		return nil
	}
	img := image.NewRGBA(image.Rect(0, 0, width, height))
	for i, p := range argb[:width*height] {
		a := p >> 24
		// No colour of a premultiplied pixel is more than its alpha; drawing relies on that.
		img.Pix[4*i] = uint8(min(p>>16&0xff, a))
		img.Pix[4*i+1] = uint8(min(p>>8&0xff, a))
		img.Pix[4*i+2] = uint8(min(p&0xff, a))
		img.Pix[4*i+3] = uint8(a)
	}
	return &cursor{img, at}
}

// drawOn draws the pointer on a picture whose corner is at origin of the screen.
func (c *cursor) drawOn(img image.Image, origin image.Point) image.Image {
	if out, ok := img.(draw.Image); ok {
		r := c.img.Bounds().Add(c.at.Sub(origin))
		draw.Draw(out, r, c.img, image.Point{}, draw.Over)
	}
	return img
}
