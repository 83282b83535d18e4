package main

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
	"github.com/jezek/xgb/xproto"

	"switchyard/device/bus/privatebus"
	"switchyard/device/clipboard"
	"switchyard/device/x11/xvfb"
)

// screenOf shows a picture that no compressor guesses, over the whole of a screen of its own.
func screenOf(t *testing.T, width, height int) (c *xvfb.Client, shown func(x, y int) color.NRGBA) {
	t.Helper()
	xvfb.Start(t, fmt.Sprintf("%dx%dx24", width, height))
	c = xvfb.NewClient(t)
	pixels := make([]byte, 4*width*height)
	random := rand.NewChaCha8([32]byte{byte(width)})
	_, _ = random.Read(pixels)
	c.Draw(c.Window(0, 0, width, height, 0), width, height, pixels)
	return c, func(x, y int) color.NRGBA {
		i := 4 * (y*width + x)
		return color.NRGBA{pixels[i+2], pixels[i+1], pixels[i], 0xff}
	}
}

// identical fails unless a PNG is, pixel by pixel, what is shown from at on.
func identical(t *testing.T, data []byte, size, at image.Point, shown func(x, y int) color.NRGBA) {
	t.Helper()
	img, err := png.Decode(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	if img.Bounds() != (image.Rectangle{Max: size}) {
		t.Fatalf("the picture is %v, want %v", img.Bounds(), size)
	}
	for y := range size.Y {
		for x := range size.X {
			got := color.NRGBAModel.Convert(img.At(x, y))
			if want := shown(at.X+x, at.Y+y); got != want {
				t.Fatalf("pixel %d,%d is %v, shown was %v", x, y, got, want)
			}
		}
	}
}

// only is the one file in a folder.
func only(t *testing.T, folder string) (name string, data []byte) {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil || len(entries) != 1 {
		t.Fatalf("%d files in the folder, %v", len(entries), err)
	}
	name = entries[0].Name()
	if data, err = os.ReadFile(filepath.Join(folder, name)); err != nil {
		t.Fatal(err)
	}
	return name, data
}

// pasted is what another program finds on the clipboard, "" where nobody owns it.
func pasted(t *testing.T) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	out, _ := exec.CommandContext(ctx, "xclip", "-selection", "clipboard", "-out").Output()
	return string(out)
}

// copied puts something on the clipboard as another program does.
func copied(t *testing.T, target string, data []byte) {
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
	if _, err := talk.Read(make([]byte, 1)); err != nil { // it speaks when it has the selection
		t.Fatal(err)
	}
}

// The whole way: what one screen shows is what the other person has, and the link was on the clipboard meanwhile.
func TestScreenshotArrivesToThePixel(t *testing.T) {
	_, shown := screenOf(t, 640, 480)
	x := newTransfers(t)
	for name, one := range map[string]struct {
		args     []string
		size, at image.Point
	}{
		"screen": {nil, image.Pt(640, 480), image.Point{}},
		"region": {[]string{"--region=201x99+40+301"}, image.Pt(201, 99), image.Pt(40, 301)},
	} {
		t.Run(name, func(t *testing.T) {
			x.t = t
			s := x.run(nil, append([]string{"shot", "--data", x.data}, one.args...)...)
			link := s.link()
			s.says("It is on the clipboard")
			if got := pasted(t); got != link {
				t.Errorf("on the clipboard is %q, the link is %q", got, link)
			}
			to := t.TempDir()
			x.receive(to, link).exits(0)
			s.exits(0)
			file, data := only(t, to)
			if !strings.HasPrefix(file, "Screenshot 20") || !strings.HasSuffix(file, ".png") {
				t.Errorf("its name is %q", file)
			}
			identical(t, data, one.size, one.at, shown)
			if got := pasted(t); got != "" {
				t.Errorf("on the clipboard is still %q", got)
			}
		})
	}
}

func TestWhatWasCopiedIsSent(t *testing.T) {
	screenOf(t, 64, 48)
	x := newTransfers(t)
	picture := bytes.Repeat([]byte("\x89PNG and so on: it is sent as it is"), 40_000)
	copied(t, "image/png", picture)
	s := x.run(nil, "shot", "--clipboard", "--data", x.data)
	to := t.TempDir()
	x.receive(to, s.link()).exits(0)
	s.exits(0)
	if name, data := only(t, to); !bytes.Equal(data, picture) || !strings.HasPrefix(name, "Clipboard 20") {
		t.Errorf("%s, %d bytes", name, len(data))
	}

	copied(t, "UTF8_STRING", []byte("a text, für dich"))
	s = x.run(nil, "shot", "--clipboard", "--no-clipboard", "--data", x.data)
	link := s.link()
	if got := pasted(t); got != "a text, für dich" {
		t.Errorf("the clipboard was touched: %q", got)
	}
	r := x.receive(t.TempDir(), link)
	r.exits(0)
	s.exits(0)
	if !strings.Contains(r.stdout.String(), "a text, für dich") {
		t.Errorf("the receiver sees %q, %q", r.stdout.String(), r.stderr.String())
	}
}

// What was copied is there again when the link is worth nothing any more: a clipboard manager keeps it.
func TestWhatWasCopiedComesBack(t *testing.T) {
	c, _ := screenOf(t, 64, 48)
	copied(t, "UTF8_STRING", []byte("a text, für dich"))
	kept := keeper(t, c)
	x := newTransfers(t)
	s := x.run(nil, "shot", "--clipboard", "--data", x.data)
	link := s.link()
	s.says("It is on the clipboard")
	if got := pasted(t); got != link {
		t.Errorf("on the clipboard is %q, the link is %q", got, link)
	}
	x.receive(t.TempDir(), link).exits(0)
	s.exits(0)
	if got := <-kept; got != "a text, für dich" {
		t.Errorf("the manager was given %q", got)
	}
}

// keeper is a clipboard manager: asked to save what is there, it reads it and says so.
func keeper(t *testing.T, c *xvfb.Client) <-chan string {
	t.Helper()
	w := c.Window(0, 0, 1, 1, 0)
	manager, save := c.Atom("CLIPBOARD_MANAGER"), c.Atom("SAVE_TARGETS")
	xproto.SetSelectionOwner(c.X, w, manager, xproto.TimeCurrentTime)
	if r, err := xproto.GetSelectionOwner(c.X, manager).Reply(); err != nil || r.Owner != w {
		t.Fatal("no clipboard manager: ", err)
	}
	kept := make(chan string, 1)
	go func() { // until the connection ends with the test
		for {
			event, xerr := c.X.WaitForEvent()
			if event == nil && xerr == nil {
				close(kept)
				return
			}
			if e, ok := event.(xproto.SelectionRequestEvent); ok && e.Target == save {
				f, _ := clipboard.Read(t.Context(), clipboard.Text)
				kept <- string(f.Data)
				done := xproto.SelectionNotifyEvent{Time: e.Time, Requestor: e.Requestor, Selection: e.Selection, Target: e.Target, Property: e.Property}
				xproto.SendEvent(c.X, false, e.Requestor, 0, string(done.Bytes()))
			}
		}
	}()
	return kept
}

// A desktop that shows messages hears of the receiver, and of what goes wrong under a hotkey.
type messages struct{ shown chan string }

func (m messages) Notify(app string, replaces uint32, icon, title, text string, actions []string, hints map[string]dbus.Variant, expires int32) (uint32, *dbus.Error) {
	m.shown <- title + ": " + text
	return 1, nil
}

func (m messages) await(t *testing.T, words string) {
	t.Helper()
	for end := time.After(patience); ; {
		select {
		case got := <-m.shown:
			if strings.Contains(got, words) {
				return
			}
		case <-end:
			t.Fatalf("the desktop never showed %q", words)
		}
	}
}

func TestDesktopIsTold(t *testing.T) {
	screenOf(t, 64, 48)
	privatebus.Start(t)
	m := messages{make(chan string, 16)}
	privatebus.Serve(t, "org.freedesktop.Notifications", "/org/freedesktop/Notifications", "org.freedesktop.Notifications", m)
	x := newTransfers(t)
	s := x.run(nil, "shot", "--data", x.data)
	link := s.link()
	m.await(t, "on the clipboard")
	x.receive(t.TempDir(), link).exits(0)
	s.exits(0)
	m.await(t, "received it")

	code, _, _ := verb(t, "shot", "--server", "http://127.0.0.1:1")
	if code != 1 {
		t.Errorf("exit %d", code)
	}
	m.await(t, "was not sent")
}

// Ctrl-C takes back what is on the clipboard, and the link is worth nothing.
func TestShotIsStopped(t *testing.T) {
	screenOf(t, 64, 48)
	x := newTransfers(t)
	s := x.run(nil, "shot", "--data", x.data)
	link := s.link()
	s.says("It is on the clipboard")
	if err := s.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	s.exits(130)
	if got := pasted(t); got != "" {
		t.Errorf("on the clipboard is still %q", got)
	}
	x.receive(t.TempDir(), link).exits(1)
}

func TestShotIsSaved(t *testing.T) {
	_, shown := screenOf(t, 320, 200)
	dir := t.TempDir()
	file := filepath.Join(dir, "mine.png")
	code, out, talk := verb(t, "shot", "--to", file)
	if code != 0 || out != file+"\n" || !strings.Contains(talk, "320 x 200") {
		t.Fatalf("exit %d, %q, %q", code, out, talk)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	identical(t, data, image.Pt(320, 200), image.Point{}, shown)
	if code, _, talk = verb(t, "shot", "--to", file); code != 1 || !strings.Contains(talk, "already") {
		t.Errorf("overwritten: exit %d, %q", code, talk)
	}
	folder := t.TempDir()
	if code, out, _ = verb(t, "shot", "--screen", "--to", folder); code != 0 || !strings.HasPrefix(out, folder) {
		t.Errorf("exit %d, %q", code, out)
	}
	only(t, folder)
	if code, out, _ = verb(t, "shot", "--region=10x10+5+6", "--to", "-"); code != 0 {
		t.Errorf("exit %d", code)
	}
	identical(t, []byte(out), image.Pt(10, 10), image.Pt(5, 6), shown)
	if code, _, talk = verb(t, "shot", "--to", filepath.Join(dir, "none", "x.png")); code != 1 || !strings.Contains(talk, "no folder") {
		t.Errorf("exit %d, %q", code, talk)
	}
	if code, _, talk = verb(t, "shot", "--clipboard", "--to", "-"); code != 1 || !strings.Contains(talk, "copy something") {
		t.Errorf("an empty clipboard: exit %d, %q", code, talk)
	}
}

func TestShotFlags(t *testing.T) {
	for _, name := range []string{"DISPLAY", "WAYLAND_DISPLAY", "XDG_SESSION_TYPE", "DBUS_SESSION_BUS_ADDRESS"} {
		t.Setenv(name, "")
	}
	for _, one := range []struct {
		args, says string
		code       int
	}{
		{"--window --region --to -", "exclude each other", 2},
		{"--clipboard --screen --to -", "exclude each other", 2},
		{"--clipboard --cursor --to -", "--cursor", 2},
		{"--window=Terminal --to -", "xwininfo", 2},
		{"--region=5 --to -", "WIDTHxHEIGHT", 2},
		{"--delay=2h --to -", "--delay", 2},
		{"--receivers 0 --server http://127.0.0.1:1", "--receivers", 2},
		{"--expires 1s --server http://127.0.0.1:1", "--expires", 2},
		{"--to -", "no display", 1},
		{"--clipboard --to -", "no clipboard here", 1},
		{"--data /nowhere", "no server is running", 1},
	} {
		code, out, talk := verb(t, append([]string{"shot"}, strings.Fields(one.args)...)...)
		if code != one.code || out != "" || !strings.Contains(talk, one.says) || strings.Contains(talk, "screen: ") {
			t.Errorf("%s: exit %d, %q, %q", one.args, code, out, talk)
		}
	}
}
