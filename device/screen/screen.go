// Package screen takes pictures of the screen, a monitor, a window or a region: from the X server, or on Wayland by the
// desktop's own screenshot portal. Where the person chooses, the picture is the one of the moment when the choice began:
// what is chosen is what was seen.
package screen

import (
	"context"
	"errors"
	"fmt"
	"image"
	"os"
	"runtime"
	"strconv"
	"strings"

	"switchyard/device/x11"
)

// What says which part of the screen is meant.
type What int

// The parts. On Wayland only Everything and, by a dialogue of the desktop, Window and Region can be had.
const (
	Everything What = iota // all monitors
	Monitor                // the one that Name names, or where the pointer is
	Window                 // the one that Name names, or that is clicked
	Region                 // the rectangle that Name gives, or that is dragged; a click takes a window
)

// Request says what to take a picture of.
type Request struct {
	What What
	// Name of a monitor (DP-1, or 1 for the first); "active" or the number of a window (0x1c00007); or a region as X
	// writes it (640x480+100+50). Empty: the pointer chooses.
	Name   string
	Cursor bool // the pointer is part of the picture
}

var (
	// ErrCancelled says that the person chose nothing.
	ErrCancelled = errors.New("screen: nothing was chosen")
	// ErrNoDisplay says that there is no screen to see from here.
	ErrNoDisplay = errors.New("screen: no display: neither DISPLAY nor WAYLAND_DISPLAY is set. " +
		"Run this in a desktop session, or name its display first: DISPLAY=:0 switchyard shot")
)

// Capture takes the picture. It is opaque, and its pixels are exactly those of the screen.
func Capture(ctx context.Context, r Request) (image.Image, error) {
	if err := r.Check(); err != nil {
		return nil, err
	}
	switch {
	case os.Getenv("WAYLAND_DISPLAY") != "" || os.Getenv("XDG_SESSION_TYPE") == "wayland":
		// An X server that is there too shows only X programs' windows, the rest of its screen is black.
		return capturePortal(ctx, r)
	case os.Getenv("DISPLAY") != "":
		return captureX11(ctx, r)
	case runtime.GOOS == "windows" || runtime.GOOS == "darwin":
		return nil, errors.New("screen: only X11 and Wayland screens are seen from here: take the picture with the system's own tool, " +
			"and paste it into the page /send of your server")
	}
	return nil, ErrNoDisplay
}

// Check finds what is wrong with a request on any system: the names that nothing could have.
func (r Request) Check() error {
	switch {
	case r.Name == "":
	case r.What == Everything:
		return errors.New("screen: the whole screen has no name")
	case r.What == Window && r.Name != "active":
		if _, err := parseWindow(r.Name); err != nil {
			return err
		}
	case r.What == Region:
		if _, err := parseRegion(r.Name); err != nil {
			return err
		}
	}
	return nil
}

// parseWindow reads the number of a window as xwininfo and wmctrl write it.
func parseWindow(s string) (uint32, error) {
	n, err := strconv.ParseUint(s, 0, 32)
	if err != nil || n == 0 {
		return 0, fmt.Errorf("screen: a window is \"active\" or a number such as 0x1c00007 (xwininfo tells it): %q is neither", s)
	}
	return uint32(n), nil
}

// parseRegion reads WIDTHxHEIGHT+X+Y. Offsets may be negative (+-10): monitors may be left of the first one.
func parseRegion(s string) (image.Rectangle, error) {
	bad := fmt.Errorf("screen: a region is WIDTHxHEIGHT+X+Y, such as 640x480+100+50: %q is none", s)
	width, rest, ok1 := strings.Cut(s, "x")
	height, rest, ok2 := strings.Cut(rest, "+")
	x, y, ok3 := strings.Cut(rest, "+")
	if !ok1 || !ok2 || !ok3 {
		return image.Rectangle{}, bad
	}
	var v [4]int
	for i, part := range []string{width, height, x, y} {
		n, err := strconv.ParseInt(part, 10, 16) // coordinates of X have 16 bits
		if err != nil || i < 2 && n <= 0 {
			return image.Rectangle{}, bad
		}
		v[i] = int(n)
	}
	return image.Rect(v[2], v[3], v[2]+v[0], v[3]+v[1]), nil
}

// noDisplay puts an error of the connection into words.
func noDisplay(err error) error {
	if errors.Is(err, x11.ErrNoDisplay) {
		return ErrNoDisplay
	}
	return fmt.Errorf("screen: cannot reach the display; is it yours, and is DISPLAY right? %w", err)
}
