package screen

import (
	"bytes"
	"context"
	"errors"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/godbus/dbus/v5"

	"switchyard/device/bus/privatebus"
)

// portal answers as xdg-desktop-portal does, with a picture of its own.
type portal struct {
	conn *dbus.Conn
	file string

	mu    sync.Mutex
	how   manner         // guarded by mu
	asked map[string]any // guarded by mu
}

// manner is how a portal answers.
type manner struct {
	code   uint32
	early  bool            // the answer is sent before the call returns
	handle dbus.ObjectPath // of an old portal, which knows no tokens
	die    bool            // it ends instead of answering
	silent chan struct{}   // it never answers, and says so here
}

func (p *portal) be(how manner) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.how = how
}

func (p *portal) option(name string) any {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.asked[name]
}

func (p *portal) Screenshot(sender dbus.Sender, parent string, options map[string]dbus.Variant) (dbus.ObjectPath, *dbus.Error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked = map[string]any{}
	for k, v := range options {
		p.asked[k] = v.Value()
	}
	path := p.how.handle
	if path == "" {
		path = requestPath(string(sender), p.asked["handle_token"].(string))
	}
	if p.how.early {
		p.answer(path, p.how)
	} else {
		go p.answer(path, p.how)
	}
	return path, nil
}

func (p *portal) answer(path dbus.ObjectPath, how manner) {
	switch {
	case how.silent != nil:
		close(how.silent)
	case how.die:
		_, _ = p.conn.ReleaseName(portalName)
	default:
		results := map[string]dbus.Variant{}
		if how.code == 0 {
			results["uri"] = dbus.MakeVariant("file://" + p.file)
		}
		_ = p.conn.Emit(path, portalRequest+".Response", how.code, results)
	}
}

// wayland is a desktop whose portal has a picture.
func wayland(t *testing.T) (*portal, *image.NRGBA) {
	privatebus.Start(t)
	t.Setenv("WAYLAND_DISPLAY", "wayland-0")
	t.Setenv("DISPLAY", "")
	_, picture := noise(64, 48)
	p := &portal{file: filepath.Join(t.TempDir(), "Screenshot from now.png")}
	p.conn = privatebus.Serve(t, portalName, portalPath, "org.freedesktop.portal.Screenshot", p)
	p.save(t, picture)
	return p, picture
}

func (p *portal) save(t *testing.T, picture image.Image) {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, picture); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(p.file, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestPortalGivesItsPicture(t *testing.T) {
	p, picture := wayland(t)
	for name, one := range map[string]struct {
		request     Request
		interactive bool
		how         manner
	}{
		"whole screen":         {Request{}, false, manner{}},
		"answer before return": {Request{}, false, manner{early: true}},
		"portal without token": {Request{}, false, manner{handle: "/org/freedesktop/portal/desktop/request/old"}},
		"window":               {Request{What: Window}, true, manner{}},
		"region":               {Request{What: Region}, true, manner{}},
	} {
		p.be(one.how)
		p.save(t, picture)
		same(t, capture(t, one.request, image.Pt(64, 48)), picture, image.Point{})
		if p.option("interactive") != one.interactive {
			t.Errorf("%s: interactive is %v", name, p.option("interactive"))
		}
		if _, err := os.Stat(p.file); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: the portal's file is still there: %v", name, err)
		}
	}
	p.save(t, picture)
	same(t, capture(t, Request{What: Region, Name: "10x20+5+6"}, image.Pt(10, 20)), picture, image.Pt(5, 6))
}

func TestPortalThatGivesNothing(t *testing.T) {
	p, _ := wayland(t)
	p.be(manner{code: 1})
	if _, err := Capture(t.Context(), Request{What: Window}); !errors.Is(err, ErrCancelled) {
		t.Errorf("cancelled: %v", err)
	}
	p.be(manner{code: 2})
	if _, err := Capture(t.Context(), Request{}); err == nil || errors.Is(err, ErrCancelled) {
		t.Errorf("refused: %v", err)
	}
	p.be(manner{})
	if err := os.WriteFile(p.file, []byte("no picture"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Capture(t.Context(), Request{}); !errors.Is(err, errPortalFile) {
		t.Errorf("no picture: %v", err)
	}
	if _, err := os.Stat(p.file); err != nil {
		t.Errorf("a file that is no picture was removed: %v", err)
	}
	for _, r := range []Request{{Cursor: true}, {What: Monitor, Name: "1"}, {What: Window, Name: "active"}} {
		if _, err := Capture(t.Context(), r); err == nil {
			t.Errorf("%+v was captured", r)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	silent := make(chan struct{})
	p.be(manner{silent: silent})
	done := choice(ctx, Request{})
	<-silent
	cancel()
	if r := <-done; !errors.Is(r.err, context.Canceled) {
		t.Errorf("ended by %v", r.err)
	}
	p.be(manner{die: true})
	if _, err := Capture(t.Context(), Request{}); err == nil {
		t.Error("a picture from a portal that died")
	}
	if _, err := Capture(t.Context(), Request{}); !errors.Is(err, errNoPortal) {
		t.Errorf("no portal: %v", err)
	}
}

func FuzzPortalAnswer(f *testing.F) {
	f.Add(uint32(0), "file:///tmp/a%20b.png", []byte("\x89PNG\r\n\x1a\n"))
	f.Add(uint32(1), "", []byte{})
	f.Add(uint32(0), "file://elsewhere/tmp/x.png", []byte{})
	var b bytes.Buffer
	_, picture := noise(3, 2)
	if err := png.Encode(&b, picture); err != nil {
		f.Fatal(err)
	}
	f.Add(uint32(0), "file:///x", b.Bytes())
	f.Fuzz(func(t *testing.T, code uint32, uri string, data []byte) {
		for _, body := range [][]any{{code, map[string]dbus.Variant{"uri": dbus.MakeVariant(uri)}}, {code, uri}, {uri, code}, {code, map[string]dbus.Variant{}}, {}} {
			got, err := portalAnswer(body)
			if err == nil && (code != 0 || got != uri) {
				t.Fatalf("%v gave %q", body, got)
			}
		}
		if path, err := filePath(uri); err == nil && (!filepath.IsAbs(path) || path != filepath.Clean(path)) {
			t.Fatalf("%q is %q", uri, path)
		}
		if img, err := decodePNG(data); err == nil {
			if part, err := cut(img, image.Rect(1, 1, 5, 5)); err == nil && !part.Bounds().In(img.Bounds()) {
				t.Fatal("a part outside")
			}
		}
	})
}
