package xvfb

import (
	"time"

	"github.com/jezek/xgb/xproto"
	"github.com/jezek/xgb/xtest"

	"switchyard/device/x11"
)

// Move puts the pointer at x, y.
func (c *Client) Move(x, y int) { c.fake(xproto.MotionNotify, 0, x, y) }

// Press holds a button of the pointer down.
func (c *Client) Press(button byte) { c.fake(xproto.ButtonPress, button, 0, 0) }

// Release lets it go.
func (c *Client) Release(button byte) { c.fake(xproto.ButtonRelease, button, 0, 0) }

// Key strokes the key that gives keysym.
func (c *Client) Key(keysym xproto.Keysym) {
	c.T.Helper()
	setup := xproto.Setup(c.X)
	m, err := xproto.GetKeyboardMapping(c.X, setup.MinKeycode, byte(setup.MaxKeycode-setup.MinKeycode)+1).Reply()
	if err != nil || m == nil {
		c.T.Fatal("no keyboard mapping: ", err)
	}
	for i := 0; i < len(m.Keysyms); i += int(m.KeysymsPerKeycode) {
		if m.Keysyms[i] == keysym {
			code := byte(setup.MinKeycode) + byte(i/int(m.KeysymsPerKeycode))
			c.fake(xproto.KeyPress, code, 0, 0)
			c.fake(xproto.KeyRelease, code, 0, 0)
			return
		}
	}
	c.T.Fatalf("no key gives %#x", keysym)
}

func (c *Client) fake(kind, detail byte, x, y int) {
	c.T.Helper()
	if err := x11.Extension(c.X, "XTEST"); err != nil {
		c.T.Fatal(err)
	}
	if err := xtest.FakeInputChecked(c.X, kind, detail, 0, c.Screen.Root, int16(x), int16(y), 0).Check(); err != nil {
		c.T.Fatal(err)
	}
}

// AwaitGrab waits until another program holds pointer and keyboard.
func (c *Client) AwaitGrab() {
	c.T.Helper()
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		k, err := xproto.GrabKeyboard(c.X, false, c.Screen.Root, xproto.TimeCurrentTime, xproto.GrabModeAsync, xproto.GrabModeAsync).Reply()
		if err != nil || k == nil {
			c.T.Fatal("no grab: ", err)
		}
		if k.Status == xproto.GrabStatusAlreadyGrabbed {
			return
		}
		xproto.UngrabKeyboard(c.X, xproto.TimeCurrentTime)
	}
	c.T.Fatal("nobody took the keyboard")
}
