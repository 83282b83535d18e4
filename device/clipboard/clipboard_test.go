package clipboard

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jezek/xgb"
	"github.com/jezek/xgb/xproto"

	"switchyard/device/x11/xvfb"
)

const link = "https://example.org/t/abcdefghijklmnopqrstuvwxyz#AAAAAAAAAAAAAAAAAAAAAA"

// xclipOut is what another program pastes.
func xclipOut(t *testing.T, target string) []byte {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, "xclip", "-selection", "clipboard", "-out", "-target", target).Output()
	if err != nil {
		t.Fatalf("xclip -target %s (Debian's package xclip): %v", target, err)
	}
	return out
}

// xclipIn makes another program the owner until the test ends.
func xclipIn(t *testing.T, target string, data []byte) {
	t.Helper()
	cmd := exec.Command("xclip", "-selection", "clipboard", "-in", "-quiet", "-target", target)
	cmd.Stdin = bytes.NewReader(data)
	talk, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("no xclip (Debian's package xclip): %v", err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	if _, err := talk.Read(make([]byte, 1)); err != nil { // it says that it waits for requests when it has the selection
		t.Fatal(err)
	}
	awaitOwner(t)
}

// awaitOwner waits until somebody owns the clipboard.
func awaitOwner(t *testing.T) {
	t.Helper()
	c := xvfb.NewClient(t)
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		r, err := xproto.GetSelectionOwner(c.X, c.Atom("CLIPBOARD")).Reply()
		if err == nil && r != nil && r.Owner != 0 {
			return
		}
	}
	t.Fatal("nobody owns the clipboard")
}

func write(t *testing.T, forms ...Form) Owner {
	t.Helper()
	o, err := Write(t.Context(), forms...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = o.Close() })
	return o
}

func read(t *testing.T, types ...string) Form {
	t.Helper()
	f, err := Read(t.Context(), types...)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func randomBytes(n int) []byte {
	rng := rand.NewChaCha8([32]byte{byte(n)})
	b := make([]byte, n)
	_, _ = rng.Read(b)
	return b
}

func TestOthersPasteOurLink(t *testing.T) {
	xvfb.Start(t, "320x200x24")
	o := write(t, Form{Text, []byte(link)}, Form{"text/uri-list", []byte(link + "\r\n")})
	for _, target := range []string{"UTF8_STRING", "STRING", "TEXT", "text/plain", "text/plain;charset=utf-8"} {
		if got := string(xclipOut(t, target)); got != link {
			t.Errorf("%s: %q", target, got)
		}
	}
	if got := string(xclipOut(t, "text/uri-list")); got != link+"\r\n" {
		t.Errorf("uri-list: %q", got)
	}
	targets := string(xclipOut(t, "TARGETS"))
	for _, want := range []string{"TARGETS", "MULTIPLE", "TIMESTAMP", "SAVE_TARGETS", "UTF8_STRING", "text/uri-list"} {
		if !strings.Contains(targets, want+"\n") {
			t.Errorf("TARGETS without %s: %q", want, targets)
		}
	}
	if f := read(t, "image/png", Text); f.Type != Text || string(f.Data) != link {
		t.Errorf("we read %+v", f)
	}
	select {
	case <-o.Lost():
		t.Fatal("lost, though nobody copied")
	default:
	}
	xclipIn(t, "UTF8_STRING", []byte("something else"))
	select {
	case <-o.Lost():
	case <-time.After(10 * time.Second):
		t.Fatal("not told that somebody else copied")
	}
	if f := read(t, Text); string(f.Data) != "something else" {
		t.Errorf("we read %+v", f)
	}
}

func TestLettersBeyondLatin1(t *testing.T) {
	xvfb.Start(t, "320x200x24")
	write(t, Form{Text, []byte("Ärger für 5 €")})
	if got := string(xclipOut(t, "UTF8_STRING")); got != "Ärger für 5 €" {
		t.Errorf("%q", got)
	}
	if got := string(xclipOut(t, "STRING")); got != "\xc4rger f\xfcr 5 ?" {
		t.Errorf("%q", got)
	}
}

func TestImagesBothWays(t *testing.T) {
	xvfb.Start(t, "320x200x24")
	// One that fits into a request, and one that goes in parts. xclip takes ours in the same way.
	for _, size := range []int{1, 100_000, 5_000_000} {
		image := randomBytes(size)
		xclipIn(t, "image/png", image)
		if f := read(t, "image/png", Text); f.Type != "image/png" || !bytes.Equal(f.Data, image) {
			t.Fatalf("%d bytes: we read %s, %d bytes", size, f.Type, len(f.Data))
		}
		o := write(t, Form{"image/png", image})
		if got := xclipOut(t, "image/png"); !bytes.Equal(got, image) {
			t.Fatalf("%d bytes: xclip read %d", size, len(got))
		}
		if f := read(t, "image/png"); !bytes.Equal(f.Data, image) { // and both ends are ours
			t.Fatalf("%d bytes: from ourselves %d", size, len(f.Data))
		}
		if err := o.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestSeveralPasteAtOnce(t *testing.T) {
	xvfb.Start(t, "320x200x24")
	image := randomBytes(3_000_000)
	write(t, Form{"image/png", image})
	var all sync.WaitGroup
	for range 6 {
		all.Go(func() {
			if f, err := Read(t.Context(), "image/png"); err != nil || !bytes.Equal(f.Data, image) {
				t.Errorf("%d bytes, %v", len(f.Data), err)
			}
		})
	}
	all.Wait()
}

func TestEmptyClipboard(t *testing.T) {
	xvfb.Start(t, "320x200x24")
	if _, err := Read(t.Context(), "image/png", Text); !errors.Is(err, ErrEmpty) {
		t.Fatalf("nobody owns it: %v", err)
	}
	xclipIn(t, "text/html", []byte("<b>x</b>"))
	if _, err := Read(t.Context(), "image/png", Text); !errors.Is(err, ErrEmpty) {
		t.Fatalf("other types: %v", err)
	}
	for _, name := range []string{"DISPLAY", "WAYLAND_DISPLAY"} {
		t.Setenv(name, "")
	}
	if _, err := Read(t.Context(), Text); !errors.Is(err, ErrNoDisplay) {
		t.Fatalf("no display: %v", err)
	}
	if _, err := Write(t.Context(), Form{Text, []byte("x")}); !errors.Is(err, ErrNoDisplay) {
		t.Fatalf("no display: %v", err)
	}
}

// A program that asks for several forms in one request: those that are there come, the others are marked.
func TestMultiple(t *testing.T) {
	xvfb.Start(t, "320x200x24")
	write(t, Form{Text, []byte(link)})
	c := xvfb.NewClient(t)
	w := c.Window(0, 0, 10, 10, 0)
	c.Property(w, "PAIRS", "ATOM_PAIR", uint32(c.Atom("UTF8_STRING")), uint32(c.Atom("A")), uint32(c.Atom("image/png")), uint32(c.Atom("B")),
		uint32(c.Atom("TIMESTAMP")), uint32(c.Atom("C")))
	xproto.ConvertSelection(c.X, w, c.Atom("CLIPBOARD"), c.Atom("MULTIPLE"), c.Atom("PAIRS"), xproto.TimeCurrentTime)
	for done := false; !done; {
		event, _ := c.X.WaitForEvent()
		e, ok := event.(xproto.SelectionNotifyEvent)
		if done = ok; ok && e.Property != c.Atom("PAIRS") {
			t.Fatalf("answered %+v", e)
		}
	}
	property := func(name string) *xproto.GetPropertyReply {
		r, err := xproto.GetProperty(c.X, false, w, c.Atom(name), xproto.GetPropertyTypeAny, 0, 1000).Reply()
		if err != nil || r == nil {
			t.Fatal(err)
		}
		return r
	}
	if got := string(property("A").Value); got != link {
		t.Errorf("A: %q", got)
	}
	if r := property("B"); r.Type != xproto.AtomNone {
		t.Errorf("B: %+v", r)
	}
	if r := property("C"); len(r.Value) != 4 || xgb.Get32(r.Value) == 0 {
		t.Errorf("C: %+v", r)
	}
	pairs := atoms(property("PAIRS").Value)
	if len(pairs) != 6 || pairs[1] != c.Atom("A") || pairs[3] != xproto.AtomNone || pairs[5] != c.Atom("C") {
		t.Errorf("pairs: %v", pairs)
	}
}

// An owner that died in the middle, as X tells: it says nothing more.
func TestOwnerThatDoesNotAnswer(t *testing.T) {
	xvfb.Start(t, "320x200x24")
	c := xvfb.NewClient(t)
	w := c.Window(0, 0, 10, 10, 0)
	xproto.SetSelectionOwner(c.X, w, c.Atom("CLIPBOARD"), xproto.TimeCurrentTime)
	awaitOwner(t)
	if _, err := Read(t.Context(), Text); !errors.Is(err, errSilent) {
		t.Fatalf("got %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Read(ctx, Text); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
}

// Programs that paste a large image and stop in the middle: so many are waited for, and forgotten when they die.
func TestWhoPastesDies(t *testing.T) {
	xvfb.Start(t, "320x200x24")
	image := randomBytes(3_000_000)
	write(t, Form{"image/png", image})
	var windows []xproto.Window
	c := xvfb.NewClient(t)
	for n := range mostSending + 1 {
		w := c.Window(0, 0, 1, 1, 0)
		windows = append(windows, w)
		xproto.ConvertSelection(c.X, w, c.Atom("CLIPBOARD"), c.Atom("image/png"), c.Atom("HERE"), xproto.TimeCurrentTime)
		for told := false; !told; {
			event, _ := c.X.WaitForEvent()
			var e xproto.SelectionNotifyEvent
			if e, told = event.(xproto.SelectionNotifyEvent); told && (e.Property == xproto.AtomNone) != (n >= mostSending) {
				t.Fatalf("request %d was answered %+v", n, e)
			}
		}
	}
	if _, err := Read(t.Context(), "image/png"); !errors.Is(err, errRefused) {
		t.Fatalf("one too many: %v", err)
	}
	for _, w := range windows {
		if err := xproto.DestroyWindowChecked(c.X, w).Check(); err != nil {
			t.Fatal(err)
		}
	}
	var f Form
	var err error
	for end := time.Now().Add(patience / 2); time.Now().Before(end); time.Sleep(5 * time.Millisecond) { // before anybody's patience ends
		if f, err = Read(t.Context(), "image/png"); err == nil {
			break
		}
	}
	if err != nil || !bytes.Equal(f.Data, image) {
		t.Fatalf("we read %d bytes, %v", len(f.Data), err)
	}
}

// Owners of a clipboard that promise parts and then send none, or never stop.
func TestOwnersThatMisbehave(t *testing.T) {
	xvfb.Start(t, "320x200x24")
	for name, serve := range map[string]func(c *xvfb.Client, e xproto.SelectionRequestEvent){
		"no parts": func(c *xvfb.Client, e xproto.SelectionRequestEvent) {
			c.Property(e.Requestor, "SWITCHYARD_CLIPBOARD", "INCR", 1<<31)
		},
		"targets that are no atoms": func(c *xvfb.Client, e xproto.SelectionRequestEvent) {
			c.Property(e.Requestor, "SWITCHYARD_CLIPBOARD", "ATOM", 0xffffffff, 0, 77777777)
		},
	} {
		c := xvfb.NewClient(t)
		w := c.Window(0, 0, 10, 10, 0)
		if err := xproto.SetSelectionOwnerChecked(c.X, w, c.Atom("CLIPBOARD"), xproto.TimeCurrentTime).Check(); err != nil {
			t.Fatal(err)
		}
		go func() { // until the connection ends with the test
			for {
				event, xerr := c.X.WaitForEvent()
				if event == nil && xerr == nil {
					return
				}
				if e, ok := event.(xproto.SelectionRequestEvent); ok {
					serve(c, e)
					done := xproto.SelectionNotifyEvent{Time: e.Time, Requestor: e.Requestor, Selection: e.Selection, Target: e.Target, Property: e.Property}
					xproto.SendEvent(c.X, false, e.Requestor, 0, string(done.Bytes()))
				}
			}
		}()
		if f, err := Read(t.Context(), "image/png", Text); err == nil {
			t.Errorf("%s: read %+v", name, f)
		}
	}
}
