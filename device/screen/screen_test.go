package screen

import (
	"errors"
	"image"
	"image/color"
	"math/rand/v2"
	"testing"

	"switchyard/device/x11/xvfb"
)

// noise is a picture as the X server takes it at 24 bits, and as it must come back.
func noise(width, height int) (pixels []byte, want *image.NRGBA) {
	rng := rand.New(rand.NewPCG(uint64(width), uint64(height)))
	pixels = make([]byte, 4*width*height)
	want = image.NewNRGBA(image.Rect(0, 0, width, height))
	for i := 0; i < len(pixels); i += 4 {
		p := rng.Uint32()
		pixels[i], pixels[i+1], pixels[i+2] = byte(p), byte(p>>8), byte(p>>16)
		want.Pix[i], want.Pix[i+1], want.Pix[i+2], want.Pix[i+3] = byte(p>>16), byte(p>>8), byte(p), 0xff
	}
	return pixels, want
}

// same fails unless got is, pixel by pixel, the part of want at its upper left corner min.
func same(t *testing.T, got image.Image, want image.Image, min image.Point) {
	t.Helper()
	b := got.Bounds()
	for y := range b.Dy() {
		for x := range b.Dx() {
			g, w := rgb(got.At(b.Min.X+x, b.Min.Y+y)), rgb(want.At(min.X+x, min.Y+y))
			if g != w {
				t.Fatalf("pixel %d,%d is %v, on the screen it is %v", x, y, g, w)
			}
		}
	}
}

func rgb(c color.Color) color.NRGBA { return color.NRGBAModel.Convert(c).(color.NRGBA) }

func capture(t *testing.T, r Request, size image.Point) image.Image {
	t.Helper()
	img, err := Capture(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	if img.Bounds().Size() != size {
		t.Fatalf("the picture is %v, want %v", img.Bounds().Size(), size)
	}
	return img
}

func TestWhatIsShownIsCapturedToThePixel(t *testing.T) {
	xvfb.Start(t, "640x480x24")
	c := xvfb.NewClient(t)
	pixels, picture := noise(640, 480)
	back := c.Window(0, 0, 640, 480, 0)
	c.Draw(back, 640, 480, pixels)

	same(t, capture(t, Request{}, image.Pt(640, 480)), picture, image.Point{})
	same(t, capture(t, Request{What: Monitor}, image.Pt(640, 480)), picture, image.Point{})
	same(t, capture(t, Request{What: Monitor, Name: "1"}, image.Pt(640, 480)), picture, image.Point{})
	same(t, capture(t, Request{What: Region, Name: "31x17+101+203"}, image.Pt(31, 17)), picture, image.Pt(101, 203))
	// What reaches beyond the edge is cut off there.
	same(t, capture(t, Request{What: Region, Name: "100x100+600+-10"}, image.Pt(40, 90)), picture, image.Pt(600, 0))

	if _, err := Capture(t.Context(), Request{What: Region, Name: "10x10+700+0"}); err == nil {
		t.Fatal("a region outside of the screen was captured")
	}
	if _, err := Capture(t.Context(), Request{What: Monitor, Name: "DP-7"}); err == nil {
		t.Fatal("a monitor that is not there was captured")
	}
}

func TestNoDisplay(t *testing.T) {
	for _, name := range []string{"DISPLAY", "WAYLAND_DISPLAY", "XDG_SESSION_TYPE"} {
		t.Setenv(name, "")
	}
	if _, err := Capture(t.Context(), Request{}); !errors.Is(err, ErrNoDisplay) {
		t.Fatalf("got %v", err)
	}
	t.Setenv("DISPLAY", ":4711")
	if _, err := Capture(t.Context(), Request{}); err == nil || errors.Is(err, ErrNoDisplay) {
		t.Fatalf("got %v", err)
	}
}
