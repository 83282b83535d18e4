// Package clipboard reads what was copied and puts something else there: by X selections (ICCCM §2), and on Wayland by the
// programs of wl-clipboard, since its compositors give the clipboard only to windows or to privileged clients.
package clipboard

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"

	"switchyard/device/x11"
)

// Text is the type of plain text; its data is UTF-8.
const Text = "text/plain"

// Form is one of the forms in which a clipboard offers its content.
type Form struct {
	Type string // MIME type without parameters: Text, image/png
	Data []byte
}

var (
	// ErrEmpty says that nothing of the types asked for is on the clipboard.
	ErrEmpty = errors.New("clipboard: there is neither an image nor text on the clipboard: copy something first")
	// ErrNoDisplay says that there is no desktop to have a clipboard.
	ErrNoDisplay = errors.New("clipboard: there is no clipboard here: neither DISPLAY nor WAYLAND_DISPLAY is set. " +
		"Run this in a desktop session, or name its display first: DISPLAY=:0 switchyard shot")
	// ErrNoManager says that nobody keeps what is on the clipboard when its owner ends.
	ErrNoManager = errors.New("clipboard: no clipboard manager runs")
	errTooLarge  = errors.New("clipboard: what is on the clipboard is larger than 256 MB: save it as a file, and send that")
)

// mostData bounds what is read.
const mostData = 256 << 20

// Read gives the content in the first of the types that it is offered in.
func Read(ctx context.Context, types ...string) (Form, error) {
	switch way() {
	case waylandTools:
		return readWayland(ctx, types)
	case xSelections:
		return readX11(ctx, types)
	}
	return Form{}, noClipboard()
}

// Owner is what Write put on the clipboard. It is there as long as the Owner lives.
type Owner interface {
	// Lost is closed when somebody else copied something.
	Lost() <-chan struct{}
	// Save hands the content to somebody who keeps it after Close: on X the clipboard manager, ErrNoManager where there is none.
	Save(ctx context.Context) error
	Close() error
}

// Write puts one content, in several forms, on the clipboard.
func Write(ctx context.Context, forms ...Form) (Owner, error) {
	if len(forms) == 0 {
		return nil, errors.New("clipboard: nothing to put there")
	}
	switch way() {
	case waylandTools:
		return ownWayland(ctx, forms)
	case xSelections:
		return ownX11(ctx, forms)
	}
	return nil, noClipboard()
}

type road int

const (
	none road = iota
	waylandTools
	xSelections
)

// way prefers wl-clipboard on Wayland. Without it, compositors carry the clipboard of their X server over, mostly.
func way() road {
	if os.Getenv("WAYLAND_DISPLAY") != "" {
		if _, err := exec.LookPath("wl-copy"); err == nil {
			return waylandTools
		}
	}
	if os.Getenv("DISPLAY") != "" {
		return xSelections
	}
	return none
}

func noClipboard() error {
	if os.Getenv("WAYLAND_DISPLAY") != "" {
		return errors.New("clipboard: on Wayland the clipboard is reached by wl-copy and wl-paste, which are not here: " +
			"install wl-clipboard (sudo apt install wl-clipboard)")
	}
	if runtime.GOOS == "windows" || runtime.GOOS == "darwin" {
		return errors.New("clipboard: only X11 and Wayland clipboards are reached from here: paste into the page /send of your server instead")
	}
	return ErrNoDisplay
}

// unreachable puts an error of the connection into words.
func unreachable(err error) error {
	if errors.Is(err, x11.ErrNoDisplay) {
		return ErrNoDisplay
	}
	return fmt.Errorf("clipboard: cannot reach the display; is it yours, and is DISPLAY right? %w", err)
}

// bare is a MIME type without its parameters, in lower case.
func bare(t string) string {
	t, _, _ = strings.Cut(t, ";")
	return strings.ToLower(strings.TrimSpace(t))
}
