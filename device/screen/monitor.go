package screen

import (
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"strconv"
	"strings"

	"github.com/jezek/xgb/randr"
	"github.com/jezek/xgb/xproto"

	"switchyard/device/x11"
)

// monitor is one of the monitors that make up the screen.
type monitor struct {
	name string
	area image.Rectangle
}

// monitors asks RandR 1.5; of a server without it there are none, and the screen is taken as one.
func monitors(c *x11.Conn) []monitor {
	if x11.Extension(c.X, "RANDR") != nil {
		return nil
	}
	v, err := x11.Reply(randr.QueryVersion(c.X, 1, 5).Reply())
	if err != nil || v.MajorVersion == 1 && v.MinorVersion < 5 {
		return nil
	}
	r, err := x11.Reply(randr.GetMonitors(c.X, c.Screen.Root, true).Reply())
	if err != nil {
		return nil
	}
	var all []monitor
	for _, m := range r.Monitors {
		name, err := c.AtomName(m.Name)
		if err != nil || m.Width == 0 || m.Height == 0 {
			continue
		}
		at := image.Pt(int(m.X), int(m.Y))
		all = append(all, monitor{name, image.Rectangle{at, at.Add(image.Pt(int(m.Width), int(m.Height)))}})
	}
	return all
}

// monitor finds one by its name or its number from 1, or where the pointer is.
func (f *frozen) monitor(name string) (image.Rectangle, error) {
	all := monitors(f.Conn)
	if len(all) == 0 {
		all = []monitor{{"the only one", f.bounds}}
	}
	if name == "" {
		p, err := x11.Reply(xproto.QueryPointer(f.X, f.Screen.Root).Reply())
		if err != nil {
			return image.Rectangle{}, err
		}
		return monitorAt(all, image.Pt(int(p.RootX), int(p.RootY))), nil
	}
	if n, err := strconv.Atoi(name); err == nil && n >= 1 && n <= len(all) {
		return all[n-1].area, nil
	}
	var names []string
	for i, m := range all {
		if strings.EqualFold(m.name, name) {
			return m.area, nil
		}
		names = append(names, fmt.Sprintf("%d (%s, %s)", i+1, m.name, size(m.area)))
	}
	return image.Rectangle{}, fmt.Errorf("screen: there is no monitor %q; there are %s", name, strings.Join(names, ", "))
}

// monitorAt is the monitor that shows p; the first where none does.
func monitorAt(all []monitor, p image.Point) image.Rectangle {
	for _, m := range all {
		if p.In(m.area) {
			return m.area
		}
	}
	return all[0].area
}

// blackOut clears what no monitor shows: monitors of different sizes leave corners in which old pixels stand.
func blackOut(img image.Image, bounds image.Rectangle, all []monitor) image.Image {
	out, ok := img.(draw.Image)
	if !ok || len(all) == 0 {
		return img
	}
	for _, hidden := range uncovered(bounds, all) {
		draw.Draw(out, hidden.Sub(bounds.Min), image.NewUniform(color.Black), image.Point{}, draw.Src)
	}
	return out
}

// uncovered cuts the monitors out of bounds.
func uncovered(bounds image.Rectangle, all []monitor) []image.Rectangle {
	left := []image.Rectangle{bounds}
	for _, m := range all {
		var next []image.Rectangle
		for _, r := range left {
			next = append(next, without(r, m.area)...)
		}
		left = next
	}
	return left
}

// without is what remains of r when cut is taken out: up to four rectangles.
func without(r, cut image.Rectangle) []image.Rectangle {
	cut = cut.Intersect(r)
	if cut.Empty() {
		return []image.Rectangle{r}
	}
	var rest []image.Rectangle
	for _, part := range []image.Rectangle{
		{r.Min, image.Pt(r.Max.X, cut.Min.Y)},
		{image.Pt(r.Min.X, cut.Max.Y), r.Max},
		{image.Pt(r.Min.X, cut.Min.Y), image.Pt(cut.Min.X, cut.Max.Y)},
		{image.Pt(cut.Max.X, cut.Min.Y), image.Pt(r.Max.X, cut.Max.Y)},
	} {
		if !part.Empty() {
			rest = append(rest, part)
		}
	}
	return rest
}

func size(r image.Rectangle) string { return fmt.Sprintf("%d x %d", r.Dx(), r.Dy()) }
