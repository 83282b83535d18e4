package screen

import (
	"context"
	"errors"
	"image"
	"testing"
	"time"

	"github.com/jezek/xgb/xproto"

	"switchyard/device/x11/xvfb"
)

// choice captures in the background, until the person has chosen.
func choice(ctx context.Context, r Request) <-chan shotResult {
	done := make(chan shotResult, 1)
	go func() {
		img, err := Capture(ctx, r)
		done <- shotResult{img, err}
	}()
	return done
}

type shotResult struct {
	img image.Image
	err error
}

// desktop is a screen full of noise with two windows, the second over the first.
func desktop(t *testing.T) (c *xvfb.Client, back, first, second *image.NRGBA, windows [2]xproto.Window) {
	xvfb.Start(t, "640x480x24")
	c = xvfb.NewClient(t)
	show := func(x, y, width, height int) (xproto.Window, *image.NRGBA) {
		pixels, picture := noise(width, height)
		w := c.Window(x, y, width, height, 0)
		c.Draw(w, width, height, pixels)
		return w, picture
	}
	_, back = show(0, 0, 640, 480)
	windows[0], first = show(100, 50, 200, 150)
	windows[1], second = show(250, 150, 180, 120)
	return c, back, first, second, windows
}

func TestRegionIsDragged(t *testing.T) {
	c, back, _, _, _ := desktop(t)
	done := choice(t.Context(), Request{What: Region})
	c.AwaitGrab()
	c.Move(540, 400)
	c.Press(1)
	c.Move(500, 420)
	c.Move(480, 300) // up and to the left: any two corners will do
	c.Release(1)
	r := <-done
	if r.err != nil {
		t.Fatal(r.err)
	}
	if got := r.img.Bounds().Size(); got != image.Pt(61, 101) {
		t.Fatalf("the region is %v", got)
	}
	same(t, r.img, back, image.Pt(480, 300)) // and nothing of the rubber band is in it
}

func TestWhatWasSeenIsCapturedThoughTheScreenGoesOn(t *testing.T) {
	c, back, _, _, _ := desktop(t)
	done := choice(t.Context(), Request{What: Region})
	c.AwaitGrab()
	c.Window(0, 0, 640, 480, 0xff0000)
	c.Move(10, 300)
	c.Press(1)
	c.Move(59, 349)
	c.Release(1)
	r := <-done
	if r.err != nil {
		t.Fatal(r.err)
	}
	same(t, r.img, back, image.Pt(10, 300))
}

func TestWindowIsClicked(t *testing.T) {
	c, back, first, second, _ := desktop(t)
	for _, one := range []struct {
		what  What
		at    image.Point
		size  image.Point
		shows image.Image
	}{
		{Window, image.Pt(260, 160), image.Pt(180, 120), second}, // the upper of two
		{Region, image.Pt(260, 160), image.Pt(180, 120), second}, // a click where one may drag
		{Window, image.Pt(5, 5), image.Pt(640, 480), nil},
	} {
		done := choice(t.Context(), Request{What: one.what})
		c.AwaitGrab()
		c.Move(one.at.X, one.at.Y)
		c.Press(1)
		c.Release(1)
		r := <-done
		if r.err != nil || r.img.Bounds().Size() != one.size {
			t.Fatalf("%+v: %v", one, r)
		}
		if one.shows != nil {
			same(t, r.img, one.shows, image.Point{})
		} else {
			same(t, r.img.(*image.NRGBA).SubImage(image.Rect(0, 0, 640, 50)), back, image.Point{})
			same(t, r.img.(*image.NRGBA).SubImage(image.Rect(100, 50, 250, 200)), first, image.Point{})
		}
	}
}

func TestChoiceIsCancelled(t *testing.T) {
	c, _, _, _, _ := desktop(t)
	for name, cancel := range map[string]func(){
		"escape":       func() { c.Key(keyEscape) },
		"right button": func() { c.Press(3); c.Release(3) },
		"escape while dragging": func() {
			c.Move(10, 10)
			c.Press(1)
			c.Move(100, 100)
			c.Key(keyEscape)
			c.Release(1)
		},
	} {
		done := choice(t.Context(), Request{What: Region})
		c.AwaitGrab()
		cancel()
		if r := <-done; !errors.Is(r.err, ErrCancelled) {
			t.Fatalf("%s: %v", name, r.err)
		}
	}
	ctx, stop := context.WithCancel(t.Context())
	done := choice(ctx, Request{What: Window})
	c.AwaitGrab()
	stop()
	if r := <-done; !errors.Is(r.err, context.Canceled) {
		t.Fatalf("ended by %v", r.err)
	}
}

func TestWindowByName(t *testing.T) {
	c, _, first, second, windows := desktop(t)
	_ = first
	id := func(w xproto.Window) string { return windowName(w) }

	same(t, capture(t, Request{What: Window, Name: id(windows[1])}, image.Pt(180, 120)), second, image.Point{})

	c.Property(c.Screen.Root, "_NET_ACTIVE_WINDOW", "WINDOW", uint32(windows[1]))
	same(t, capture(t, Request{What: Window, Name: "active"}, image.Pt(180, 120)), second, image.Point{})

	// A shadow that the program draws around its window is no part of it.
	c.Property(windows[1], "_GTK_FRAME_EXTENTS", "CARDINAL", 10, 20, 30, 40)
	same(t, capture(t, Request{What: Window, Name: "active"}, image.Pt(150, 50)), second, image.Pt(10, 30))

	// The window manager's frame is.
	pixels, picture := noise(80, 60)
	frame := c.Window(400, 300, 100, 90, 0x00ff00)
	inner := c.Window(0, 0, 80, 60, 0)
	c.Draw(inner, 80, 60, pixels)
	xproto.ReparentWindow(c.X, inner, frame, 10, 25)
	c.Property(inner, "WM_STATE", "WM_STATE", 1, 0)
	c.Property(c.Screen.Root, "_NET_ACTIVE_WINDOW", "WINDOW", uint32(inner))
	img := capture(t, Request{What: Window, Name: "active"}, image.Pt(100, 90))
	same(t, img.(*image.NRGBA).SubImage(image.Rect(10, 25, 90, 85)), picture, image.Point{})
	if got := rgb(img.At(0, 0)); got.G != 0xff || got.R != 0 {
		t.Fatalf("the frame is %v", got)
	}

	if err := xproto.UnmapWindowChecked(c.X, frame).Check(); err != nil {
		t.Fatal(err)
	}
	if _, err := Capture(t.Context(), Request{What: Window, Name: "active"}); !errors.Is(err, errHidden) {
		t.Fatalf("a window that is not shown: %v", err)
	}
	if _, err := Capture(t.Context(), Request{What: Window, Name: "0x7777777"}); err == nil {
		t.Fatal("a window that is not there was captured")
	}
}

func TestPointerIsLeftOutUnlessWanted(t *testing.T) {
	xvfb.Start(t, "320x200x24")
	c := xvfb.NewClient(t)
	c.Window(0, 0, 320, 200, 0x336699)
	c.Move(100, 100)
	odd := func(img image.Image) (n int) {
		for y := range 200 {
			for x := range 320 {
				if p := rgb(img.At(x, y)); p.R != 0x33 || p.G != 0x66 || p.B != 0x99 {
					if x < 80 || x > 140 || y < 80 || y > 140 {
						t.Fatalf("%d,%d is %v, far from the pointer", x, y, p)
					}
					n++
				}
			}
		}
		return n
	}
	if n := odd(capture(t, Request{}, image.Pt(320, 200))); n != 0 {
		t.Fatalf("%d pixels of a pointer that nobody wanted", n)
	}
	if n := odd(capture(t, Request{Cursor: true}, image.Pt(320, 200))); n < 10 {
		t.Fatalf("%d pixels of a pointer that was wanted", n)
	}
}

// The hotkey that started us is held by the window manager until it is let go.
func TestChoiceWaitsForWhoHoldsTheKeyboard(t *testing.T) {
	c, back, _, _, _ := desktop(t)
	hold := func() {
		t.Helper()
		r, err := xproto.GrabKeyboard(c.X, false, c.Screen.Root, xproto.TimeCurrentTime, xproto.GrabModeAsync, xproto.GrabModeAsync).Reply()
		if err != nil || r.Status != xproto.GrabStatusSuccess {
			t.Fatal("no grab: ", err)
		}
	}
	hold()
	if _, err := Capture(t.Context(), Request{What: Region}); !errors.Is(err, errHeld) {
		t.Fatalf("the keyboard is never let go: %v", err)
	}
	done := choice(t.Context(), Request{What: Region})
	awaitPointer(t, c)
	if err := xproto.UngrabKeyboardChecked(c.X, xproto.TimeCurrentTime).Check(); err != nil {
		t.Fatal(err)
	}
	c.AwaitGrab()
	c.Move(20, 300)
	c.Press(1)
	c.Move(29, 309)
	c.Release(1)
	r := <-done
	if r.err != nil {
		t.Fatal(r.err)
	}
	same(t, r.img, back, image.Pt(20, 300))
}

// awaitPointer waits until another program holds the pointer.
func awaitPointer(t *testing.T, c *xvfb.Client) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		r, err := xproto.GrabPointer(c.X, false, c.Screen.Root, 0, xproto.GrabModeAsync, xproto.GrabModeAsync,
			xproto.WindowNone, xproto.CursorNone, xproto.TimeCurrentTime).Reply()
		if err != nil {
			t.Fatal(err)
		}
		if r.Status == xproto.GrabStatusAlreadyGrabbed {
			return
		}
		xproto.UngrabPointer(c.X, xproto.TimeCurrentTime)
	}
	t.Fatal("nobody took the pointer")
}
