//go:build unix

package clipboard

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// compositor runs sway without a screen until the test ends. It refuses to run as root, so it gets another user then.
func compositor(t *testing.T) {
	t.Helper()
	dir, err := os.MkdirTemp("", "switchyard-wayland-*") // short: a socket's path has 108 bytes at most
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	config := filepath.Join(dir, "config")
	if err := os.WriteFile(config, []byte("xwayland disable\noutput HEADLESS-1 mode 640x480\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("sway", "-c", config)
	cmd.Env = append(os.Environ(), "HOME="+dir, "XDG_RUNTIME_DIR="+dir, "WAYLAND_DISPLAY=", "DISPLAY=",
		"WLR_BACKENDS=headless", "WLR_RENDERER=pixman", "WLR_LIBINPUT_NO_DEVICES=1", "WLR_HEADLESS_OUTPUTS=1")
	if os.Geteuid() == 0 {
		const nobody = 65534
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
		if err := os.Chown(dir, nobody, nobody); err != nil {
			t.Fatal(err)
		}
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("no sway (Debian's package sway): %v", err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	t.Setenv("XDG_RUNTIME_DIR", dir)
	t.Setenv("DISPLAY", "")
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		sockets, _ := filepath.Glob(filepath.Join(dir, "wayland-?"))
		if len(sockets) > 0 {
			t.Setenv("WAYLAND_DISPLAY", filepath.Base(sockets[0]))
			break
		}
		if time.Now().After(end) {
			t.Fatal("sway does not come up")
		}
	}
}

// readsSoon waits until the compositor has told everybody.
func readsSoon(t *testing.T, kind string, want []byte) {
	t.Helper()
	var f Form
	var err error
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if f, err = Read(t.Context(), "image/png", Text); f.Type == kind && bytes.Equal(f.Data, want) {
			return
		}
	}
	t.Fatalf("on the clipboard is %s of %d bytes (%v), want %s of %d", f.Type, len(f.Data), err, kind, len(want))
}

func TestWayland(t *testing.T) {
	compositor(t)
	if _, err := Read(t.Context(), "image/png", Text); !errors.Is(err, ErrEmpty) {
		t.Fatalf("nothing was copied: %v", err)
	}
	o := write(t, Form{Text, []byte(link)}, Form{"text/uri-list", []byte(link + "\r\n")})
	readsSoon(t, Text, []byte(link))
	if out, err := exec.Command("wl-paste", "--list-types").Output(); err != nil || !strings.Contains(string(out), "UTF8_STRING") {
		t.Errorf("offered are %q, %v", out, err)
	}
	image := randomBytes(3_000_000)
	other := write(t, Form{"image/png", image})
	select {
	case <-o.Lost():
	case <-time.After(20 * time.Second):
		t.Fatal("not told that somebody else copied")
	}
	readsSoon(t, "image/png", image)
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if _, err := Read(t.Context(), "image/png", Text); errors.Is(err, ErrEmpty) {
			break
		} else if time.Now().After(end) {
			t.Fatalf("still there: %v", err)
		}
	}
}

// What was handed over is there when we are gone.
func TestWaylandKeepsIt(t *testing.T) {
	compositor(t)
	image := randomBytes(100_000)
	o := write(t, Form{"image/png", image})
	readsSoon(t, "image/png", image)
	if err := o.Save(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
	select {
	case <-o.Lost():
	case <-time.After(20 * time.Second):
		t.Fatal("still held by us")
	}
	readsSoon(t, "image/png", image)
	if err := exec.Command("wl-copy", "--clear").Run(); err != nil { // ends who keeps it
		t.Fatal(err)
	}
}

// A session without wl-clipboard is told what to install.
func TestWaylandWithoutItsTools(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	t.Setenv("WAYLAND_DISPLAY", "wayland-0")
	t.Setenv("DISPLAY", "")
	if _, err := Read(t.Context(), Text); err == nil || !strings.Contains(err.Error(), "install wl-clipboard") {
		t.Fatalf("got %v", err)
	}
}
