package screen

import "image"

// band is the choice of a rectangle by the pointer, without a display: input goes in, what to draw comes out.
type band struct {
	screen  image.Rectangle
	windows []image.Rectangle // topmost first
	click   bool              // only windows: nothing is dragged

	down  bool
	start image.Point
	shown image.Rectangle // what is outlined now
}

// slip is how far the pointer moves, in pixels, before a click is a drag.
const slip = 4

// move follows the pointer and says whether the outline changed.
func (b *band) move(p image.Point) bool {
	was := b.shown
	b.shown = b.at(p)
	return b.shown != was
}

// at is what would be taken if the button were let go at p.
func (b *band) at(p image.Point) image.Rectangle {
	if b.down && !b.click && b.dragged(p) {
		r := image.Rectangle{b.start, p}.Canon()
		r.Max = r.Max.Add(image.Pt(1, 1)) // both pixels that were pointed at are in it
		return r.Intersect(b.screen)
	}
	if b.down {
		p = b.start
	}
	for _, w := range b.windows {
		if p.In(w) {
			return w
		}
	}
	return b.screen // the desktop itself
}

func (b *band) dragged(p image.Point) bool {
	d := p.Sub(b.start)
	return d.X > slip || d.X < -slip || d.Y > slip || d.Y < -slip
}

// press begins.
func (b *band) press(p image.Point) {
	b.down, b.start = true, p
	b.move(p)
}

// release ends; without a press before there is nothing yet.
func (b *band) release(p image.Point) (image.Rectangle, bool) {
	if !b.down {
		return image.Rectangle{}, false
	}
	return b.at(p), true
}
