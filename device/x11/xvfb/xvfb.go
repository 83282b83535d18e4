// Package xvfb gives tests an X server of their own (Debian's xvfb), with a client that draws and moves the pointer. It
// is for tests only: no other package imports it.
package xvfb

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/jezek/xgb"
	"github.com/jezek/xgb/xproto"
)

// Start runs an X server with a screen such as "640x480x24" until the test ends, and names it in DISPLAY. WAYLAND_DISPLAY is
// taken away.
func Start(t *testing.T, screen string, args ...string) {
	t.Helper()
	said, says, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer said.Close()
	args = append([]string{"-displayfd", "3", "-screen", "0", screen, "-nolisten", "tcp", "-noreset"}, args...)
	cmd := exec.Command("Xvfb", args...)
	cmd.ExtraFiles = []*os.File{says}
	var log strings.Builder
	cmd.Stderr = &log
	if err := cmd.Start(); err != nil {
		t.Fatalf("no Xvfb (Debian's package xvfb): %v", err)
	}
	says.Close()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	number, err := bufio.NewReader(said).ReadString('\n') // ends when the server is up, or has died
	if err != nil {
		_ = cmd.Wait()
		t.Fatalf("Xvfb did not start: %s", log.String())
	}
	t.Setenv("DISPLAY", ":"+strings.TrimSpace(number))
	t.Setenv("WAYLAND_DISPLAY", "")
	t.Setenv("XDG_SESSION_TYPE", "")
}

// Client is a program on the display that puts windows there.
type Client struct {
	T      *testing.T
	X      *xgb.Conn
	Screen *xproto.ScreenInfo
}

// NewClient connects until the test ends.
func NewClient(t *testing.T) *Client {
	t.Helper()
	x, err := xgb.NewConn()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(x.Close)
	return &Client{T: t, X: x, Screen: xproto.Setup(x).DefaultScreen(x)}
}

// Window maps a window of one colour (as the screen's pixels are: 0xrrggbb at 24 bits), without a window manager.
func (c *Client) Window(x, y, width, height int, colour uint32) xproto.Window {
	c.T.Helper()
	w, err := xproto.NewWindowId(c.X)
	if err != nil {
		c.T.Fatal(err)
	}
	err = xproto.CreateWindowChecked(c.X, xproto.WindowClassCopyFromParent, w, c.Screen.Root, int16(x), int16(y),
		uint16(width), uint16(height), 0, xproto.WindowClassInputOutput, c.Screen.RootVisual,
		xproto.CwBackPixel|xproto.CwEventMask, []uint32{colour, xproto.EventMaskExposure | xproto.EventMaskPropertyChange}).Check()
	if err == nil {
		err = xproto.MapWindowChecked(c.X, w).Check()
	}
	if err != nil {
		c.T.Fatal(err)
	}
	return w
}

// Draw makes a picture the background of a window, which then needs no drawing anew. Pixels are as the screen's: 32 bits
// little endian for a depth of 24.
func (c *Client) Draw(w xproto.Window, width, height int, pixels []byte) {
	c.T.Helper()
	pixmap, err := xproto.NewPixmapId(c.X)
	if err != nil {
		c.T.Fatal(err)
	}
	depth := c.Screen.RootDepth
	xproto.CreatePixmap(c.X, depth, pixmap, xproto.Drawable(w), uint16(width), uint16(height))
	gc, err := xproto.NewGcontextId(c.X)
	if err != nil {
		c.T.Fatal(err)
	}
	xproto.CreateGC(c.X, gc, xproto.Drawable(pixmap), 0, nil)
	stride := len(pixels) / height
	for y, lines := 0, max(1, 200_000/stride); y < height; y += lines { // a request has 256 kB at most
		n := min(lines, height-y)
		err := xproto.PutImageChecked(c.X, xproto.ImageFormatZPixmap, xproto.Drawable(pixmap), gc, uint16(width), uint16(n),
			0, int16(y), 0, depth, pixels[y*stride:(y+n)*stride]).Check()
		if err != nil {
			c.T.Fatal(err)
		}
	}
	xproto.ChangeWindowAttributes(c.X, w, xproto.CwBackPixmap, []uint32{uint32(pixmap)})
	if err := xproto.ClearAreaChecked(c.X, false, w, 0, 0, 0, 0).Check(); err != nil {
		c.T.Fatal(err)
	}
}

// Property sets a property of 32-bit numbers.
func (c *Client) Property(w xproto.Window, name, kind string, numbers ...uint32) {
	c.T.Helper()
	data := make([]byte, 4*len(numbers))
	for i, n := range numbers {
		xgb.Put32(data[4*i:], n)
	}
	err := xproto.ChangePropertyChecked(c.X, xproto.PropModeReplace, w, c.Atom(name), c.Atom(kind), 32, uint32(len(numbers)), data).Check()
	if err != nil {
		c.T.Fatal(err)
	}
}

// Atom is the server's number for a name.
func (c *Client) Atom(name string) xproto.Atom {
	c.T.Helper()
	a, err := xproto.InternAtom(c.X, false, uint16(len(name)), name).Reply()
	if err != nil || a == nil {
		c.T.Fatal(fmt.Errorf("no atom %s: %w", name, err))
	}
	return a.Atom
}
