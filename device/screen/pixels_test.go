package screen

import (
	"encoding/binary"
	"fmt"
	"image"
	"image/color"
	"testing"

	"github.com/jezek/xgb/xproto"

	"switchyard/device/x11"
	"switchyard/device/x11/xvfb"
)

func windowName(w xproto.Window) string { return fmt.Sprintf("%#x", uint32(w)) }

func TestLayouts(t *testing.T) {
	for name, one := range map[string]struct {
		layout layout
		data   []byte // two pixels in one line
		want   [2]color.NRGBA64
	}{
		"24 bits in 32, little": {usual(32), []byte{0x33, 0x22, 0x11, 0xaa, 0, 0, 0xff, 0}, [2]color.NRGBA64{{0x1111, 0x2222, 0x3333, 0xffff}, {0xffff, 0, 0, 0xffff}}},
		"24 bits in 32, big": {layout{32, 32, binary.BigEndian, 0xff0000, 0xff00, 0xff}, []byte{0xaa, 0x11, 0x22, 0x33, 0, 0xff, 0, 0},
			[2]color.NRGBA64{{0x1111, 0x2222, 0x3333, 0xffff}, {0xffff, 0, 0, 0xffff}}},
		"blue first": {layout{32, 32, binary.LittleEndian, 0xff, 0xff00, 0xff0000}, []byte{0x33, 0x22, 0x11, 0, 0, 0, 0xff, 0},
			[2]color.NRGBA64{{0x3333, 0x2222, 0x1111, 0xffff}, {0, 0, 0xffff, 0xffff}}},
		"24 bits packed, little": {layout{24, 32, binary.LittleEndian, 0xff0000, 0xff00, 0xff}, []byte{0x33, 0x22, 0x11, 0, 0, 0xff, 9, 9},
			[2]color.NRGBA64{{0x1111, 0x2222, 0x3333, 0xffff}, {0xffff, 0, 0, 0xffff}}},
		"24 bits packed, big": {layout{24, 32, binary.BigEndian, 0xff0000, 0xff00, 0xff}, []byte{0x11, 0x22, 0x33, 0xff, 0, 0, 9, 9},
			[2]color.NRGBA64{{0x1111, 0x2222, 0x3333, 0xffff}, {0xffff, 0, 0, 0xffff}}},
		"16 bits": {layout{16, 32, binary.LittleEndian, 0xf800, 0x07e0, 0x001f}, []byte{0x1f, 0x00, 0xe0, 0xff},
			[2]color.NRGBA64{{0, 0, 0xffff, 0xffff}, {0xffff, 0xffff, 0, 0xffff}}},
		"30 bits": {layout{32, 32, binary.LittleEndian, 0x3ff00000, 0xffc00, 0x3ff}, []byte{0xff, 0x03, 0, 0, 1, 0, 0xf0, 0x3f},
			[2]color.NRGBA64{{0, 0, 0xffff, 0xffff}, {0xffff, 0, 0xffff / 1023, 0xffff}}},
	} {
		img, err := one.layout.decode(2, 1, one.data)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for x, want := range one.want {
			if got := color.NRGBA64Model.Convert(img.At(x, 0)); got != want {
				t.Errorf("%s: pixel %d is %v, want %v", name, x, got, want)
			}
		}
	}
}

// Screens of other depths than 24, and the road without shared memory, against what was drawn.
func TestScreensOfOtherDepths(t *testing.T) {
	for screen, size := range map[string]int{"160x120x16": 2, "160x120x30": 4} {
		xvfb.Start(t, screen)
		c := xvfb.NewClient(t)
		pixels := make([]byte, 160*120*size)
		for i := range pixels {
			pixels[i] = byte(i*7 + i>>8)
		}
		c.Draw(c.Window(0, 0, 160, 120, 0), 160, 120, pixels)
		got := capture(t, Request{}, image.Pt(160, 120))

		d, err := x11.Dial(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close()
		f, err := freeze(d)
		if err != nil {
			t.Fatal(err)
		}
		want, err := f.layout.decode(160, 120, pixels)
		if err != nil {
			t.Fatal(err)
		}
		wire, err := f.readWire(f.bounds)
		if err != nil {
			t.Fatal(err)
		}
		slow, err := f.layout.decode(160, 120, wire)
		if err != nil {
			t.Fatal(err)
		}
		for y := range 120 {
			for x := range 160 {
				if got.At(x, y) != want.At(x, y) || slow.At(x, y) != want.At(x, y) {
					t.Fatalf("%s: %d,%d is %v, without shared memory %v, drawn was %v", screen, x, y, got.At(x, y), slow.At(x, y), want.At(x, y))
				}
			}
		}
	}
}

func TestCornersThatNoMonitorShows(t *testing.T) {
	_, picture := noise(300, 200)
	two := []monitor{{"left", image.Rect(0, 0, 100, 200)}, {"right", image.Rect(100, 50, 300, 150)}}
	var hidden int
	for _, r := range uncovered(picture.Bounds(), two) {
		hidden += r.Dx() * r.Dy()
	}
	if hidden != 200*100 {
		t.Fatalf("%d pixels are shown by no monitor", hidden)
	}
	got := blackOut(picture, picture.Bounds(), two)
	for _, p := range []image.Point{{100, 0}, {299, 49}, {100, 150}, {299, 199}} {
		if rgb(got.At(p.X, p.Y)) != (color.NRGBA{A: 0xff}) {
			t.Errorf("%v is not black", p)
		}
	}
	_, again := noise(300, 200)
	for _, p := range []image.Point{{99, 0}, {100, 50}, {299, 149}} {
		if got.At(p.X, p.Y) != again.At(p.X, p.Y) {
			t.Errorf("%v is not as it was", p)
		}
	}
	if monitorAt(two, image.Pt(150, 100)) != two[1].area || monitorAt(two, image.Pt(150, 0)) != two[0].area {
		t.Error("the wrong monitor")
	}
}

func TestRequests(t *testing.T) {
	good := map[string]image.Rectangle{
		"640x480+100+50": image.Rect(100, 50, 740, 530),
		"1x1+0+0":        image.Rect(0, 0, 1, 1),
		"10x20+-5+-7":    image.Rect(-5, -7, 5, 13),
	}
	for s, want := range good {
		if got, err := parseRegion(s); err != nil || got != want {
			t.Errorf("%s: %v, %v", s, got, err)
		}
	}
	for _, s := range []string{"", "640x480", "640x480+1", "0x480+1+1", "-1x5+0+0", "99999x1+0+0", "1x1+0+0+0", "axb+c+d"} {
		if _, err := parseRegion(s); err == nil {
			t.Errorf("region %q", s)
		}
		if (Request{What: Region, Name: s}).Check() == nil && s != "" {
			t.Errorf("request of region %q", s)
		}
	}
	for _, s := range []string{"0", "-1", "0x1ffffffff", "Terminal"} {
		if (Request{What: Window, Name: s}).Check() == nil {
			t.Errorf("window %q", s)
		}
	}
	if err := (Request{What: Window, Name: "active"}).Check(); err != nil {
		t.Error(err)
	}
}

// Whatever a server answers, a picture comes out of it or an error.
func FuzzDecode(f *testing.F) {
	f.Add(uint8(32), uint8(32), false, uint32(0xff0000), uint32(0xff00), uint32(0xff), 2, 2, make([]byte, 16))
	f.Add(uint8(24), uint8(32), true, uint32(0xff0000), uint32(0xff00), uint32(0xff), 3, 2, make([]byte, 24))
	f.Add(uint8(16), uint8(16), false, uint32(0xf800), uint32(0x07e0), uint32(0x1f), 3, 3, make([]byte, 18))
	f.Add(uint8(32), uint8(32), false, uint32(0x3ff00000), uint32(0xffc00), uint32(0x3ff), 1, 3, make([]byte, 12))
	f.Fuzz(func(t *testing.T, bpp, pad uint8, big bool, r, g, b uint32, width, height int, data []byte) {
		l := layout{bitsPerPixel: int(bpp), pad: int(pad), order: binary.LittleEndian, red: r, green: g, blue: b}
		if big {
			l.order = binary.BigEndian
		}
		img, err := l.decode(width, height, data)
		if err == nil && (img.Bounds() != image.Rect(0, 0, width, height) || img.(interface{ Opaque() bool }).Opaque() == false) {
			t.Fatalf("%v", img.Bounds())
		}
	})
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"640x480+100+50", "0x1c00007", "10x20+-5+-7", "x++"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if r, err := parseRegion(s); err == nil && (r.Empty() || r.Dx() > 1<<15 || r.Dy() > 1<<15) {
			t.Fatalf("%q is %v", s, r)
		}
		if n, err := parseWindow(s); err == nil && n == 0 {
			t.Fatalf("%q is window 0", s)
		}
	})
}

func FuzzCursor(f *testing.F) {
	f.Add(uint16(2), uint16(1), []byte{1, 2, 3, 4, 5, 6, 7, 8})
	f.Fuzz(func(t *testing.T, width, height uint16, data []byte) {
		argb := make([]uint32, len(data)/4)
		for i := range argb {
			argb[i] = binary.BigEndian.Uint32(data[4*i:])
		}
		if c := newCursor(int(width), int(height), image.Pt(-1, 1), argb); c != nil {
			c.drawOn(image.NewNRGBA(image.Rect(0, 0, 8, 8)), image.Point{})
		}
	})
}

// Whatever monitors and shadows a server tells of, what is cut stays within what was there.
func FuzzAreas(f *testing.F) {
	f.Add([]byte{0, 0, 100, 200, 100, 50, 200, 100}, uint32(10), uint32(20), uint32(30), uint32(40))
	f.Add([]byte{10, 10, 0, 0}, uint32(1<<31), uint32(0), uint32(0), uint32(0))
	f.Fuzz(func(t *testing.T, data []byte, left, right, top, bottom uint32) {
		bounds := image.Rect(0, 0, 256, 256)
		var all []monitor
		for ; len(data) >= 4 && len(all) < 6; data = data[4:] {
			at := image.Pt(int(data[0]), int(data[1]))
			all = append(all, monitor{area: image.Rectangle{at, at.Add(image.Pt(int(data[2]), int(data[3])))}})
		}
		var hidden [256][256]bool
		for _, r := range uncovered(bounds, all) {
			for y := r.Min.Y; y < r.Max.Y; y++ {
				for x := r.Min.X; x < r.Max.X; x++ {
					if hidden[y][x] {
						t.Fatalf("%d,%d is cut twice", x, y)
					}
					hidden[y][x] = true
				}
			}
		}
		for y := range 256 {
			for x := range 256 {
				shown := false
				for _, m := range all {
					shown = shown || image.Pt(x, y).In(m.area)
				}
				if shown == hidden[y][x] {
					t.Fatalf("%d,%d: shown %v, cut %v", x, y, shown, hidden[y][x])
				}
			}
		}
		if r := withoutShadow(bounds, []uint32{left, right, top, bottom}); r.Empty() || !r.In(bounds) {
			t.Fatalf("without its shadow a window is %v", r)
		}
	})
}
