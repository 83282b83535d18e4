package screen

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"image"
	"image/png"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/godbus/dbus/v5"

	"switchyard/device/bus"
)

// The desktop's portal: org.freedesktop.portal.Screenshot, and Request for its answer.
const (
	portalName    = "org.freedesktop.portal.Desktop"
	portalPath    = "/org/freedesktop/portal/desktop"
	portalShot    = "org.freedesktop.portal.Screenshot.Screenshot"
	portalRequest = "org.freedesktop.portal.Request"
)

var (
	errNoPortal = errors.New("screen: this desktop has no screenshot portal, the way to the screen on Wayland: " +
		"install xdg-desktop-portal and its part for your desktop (xdg-desktop-portal-gnome, -kde, -wlr, …)")
	errPortalFile = errors.New("screen: the desktop's portal gave no picture that can be read")
)

// capturePortal asks the desktop, which may ask the person: always for a window or a region.
func capturePortal(ctx context.Context, r Request) (image.Image, error) {
	crop, err := portalCrop(r)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	c, err := bus.Session(ctx)
	if errors.Is(err, bus.ErrNone) {
		return nil, errors.New("screen: on Wayland the screen is reached over the session bus, and there is none here: run this in the desktop session itself")
	}
	if err != nil {
		return nil, err
	}
	defer c.Close()
	uri, err := askPortal(ctx, c, r.Name == "" && (r.What == Window || r.What == Region))
	if err != nil {
		return nil, err
	}
	img, err := takeFile(uri)
	if err != nil || crop.Empty() {
		return img, err
	}
	return cut(img, crop)
}

// portalCrop is the part of the whole picture that is wanted, empty for all of it; an error for what no portal does.
func portalCrop(r Request) (image.Rectangle, error) {
	switch {
	case r.Cursor:
		return image.Rectangle{}, errors.New("screen: on Wayland the desktop decides whether the pointer is in the picture: leave --cursor out")
	case r.What == Monitor:
		return image.Rectangle{}, errors.New("screen: on Wayland a single monitor cannot be named: use --region, and choose it in the desktop's dialogue")
	case r.What == Window && r.Name != "":
		return image.Rectangle{}, errors.New("screen: on Wayland a window cannot be named: use --window alone, and choose it in the desktop's dialogue")
	case r.What == Region && r.Name != "":
		return parseRegion(r.Name)
	}
	return image.Rectangle{}, nil
}

// askPortal requests a picture and waits for the address of its file.
func askPortal(ctx context.Context, c *dbus.Conn, interactive bool) (string, error) {
	token := "switchyard" + rand.Text()
	// The answer can come before the call returns, so we listen first: the path is known (Request's documentation).
	path := requestPath(c.Names()[0], token)
	signals := make(chan *dbus.Signal, 8)
	c.Signal(signals)
	for _, match := range [][]dbus.MatchOption{
		{dbus.WithMatchInterface(portalRequest), dbus.WithMatchMember("Response"), dbus.WithMatchSender(portalName)},
		{dbus.WithMatchInterface("org.freedesktop.DBus"), dbus.WithMatchMember("NameOwnerChanged"), dbus.WithMatchArg(0, portalName)},
	} {
		if err := c.AddMatchSignalContext(ctx, match...); err != nil {
			return "", err
		}
	}
	options := map[string]dbus.Variant{"handle_token": dbus.MakeVariant(token), "interactive": dbus.MakeVariant(interactive)}
	var handle dbus.ObjectPath
	if err := c.Object(portalName, portalPath).CallWithContext(ctx, portalShot, 0, "", options).Store(&handle); err != nil {
		return "", portalRefused(ctx, err)
	}
	for {
		select {
		case s, ok := <-signals:
			switch {
			case !ok:
				return "", errors.New("screen: the session bus closed the connection")
			case s.Name == portalRequest+".Response" && (s.Path == path || s.Path == handle):
				return portalAnswer(s.Body)
			case s.Name == "org.freedesktop.DBus.NameOwnerChanged" && len(s.Body) == 3 && s.Body[2] == "":
				return "", errors.New("screen: the desktop's screenshot portal stopped before it answered: try again")
			}
		case <-ctx.Done():
			return "", context.Cause(ctx)
		}
	}
}

// requestPath is where the answer comes, for the unique name of our connection.
func requestPath(sender, token string) dbus.ObjectPath {
	sender = strings.ReplaceAll(strings.TrimPrefix(sender, ":"), ".", "_")
	return dbus.ObjectPath(portalPath + "/request/" + sender + "/" + token)
}

// portalRefused puts into words why the portal did not take the request.
func portalRefused(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if e, ok := errors.AsType[dbus.Error](err); ok {
		switch e.Name {
		case "org.freedesktop.DBus.Error.ServiceUnknown", "org.freedesktop.DBus.Error.NameHasNoOwner",
			"org.freedesktop.DBus.Error.UnknownInterface", "org.freedesktop.DBus.Error.UnknownMethod", "org.freedesktop.DBus.Error.UnknownObject":
			return errNoPortal
		}
	}
	return fmt.Errorf("screen: the desktop's screenshot portal refused: %w", err)
}

// portalAnswer reads Response: 0 done, 1 cancelled by the person, 2 ended otherwise; and the results by name.
func portalAnswer(body []any) (string, error) {
	if len(body) != 2 {
		return "", errPortalFile
	}
	code, ok1 := body[0].(uint32)
	results, ok2 := body[1].(map[string]dbus.Variant)
	switch {
	case !ok1 || !ok2:
		return "", errPortalFile
	case code == 1:
		return "", ErrCancelled
	case code != 0:
		return "", errors.New("screen: the desktop took no picture; it may not allow it: look for screenshots in its privacy settings")
	}
	uri, ok := results["uri"].Value().(string)
	if !ok {
		return "", errPortalFile
	}
	return uri, nil
}

// filePath is the path that a file's address names on this machine.
func filePath(uri string) (string, error) {
	u, err := url.Parse(uri)
	if err != nil || u.Scheme != "file" || u.Host != "" && u.Host != "localhost" || !filepath.IsAbs(u.Path) || strings.ContainsRune(u.Path, 0) {
		return "", errPortalFile
	}
	return filepath.Clean(u.Path), nil
}

const (
	mostFile   = 1 << 29 // bytes of the portal's PNG
	mostPixels = 1 << 28
)

// takeFile reads the picture and removes the file, which the portal made for us.
func takeFile(uri string) (image.Image, error) {
	path, err := filePath(uri)
	if err != nil {
		return nil, err
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errPortalFile, err)
	}
	defer file.Close()
	if info, err := file.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, errPortalFile
	}
	data, err := io.ReadAll(io.LimitReader(file, mostFile))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errPortalFile, err)
	}
	img, err := decodePNG(data)
	if err != nil {
		return nil, err // and the file stays: it is something else
	}
	_ = os.Remove(path) // a folder that we may not write to keeps it
	return img, nil
}

// decodePNG looks at the size first, which a few bytes can make huge.
func decodePNG(data []byte) (image.Image, error) {
	head, err := png.DecodeConfig(bytes.NewReader(data))
	if err != nil || head.Width <= 0 || head.Height <= 0 || int64(head.Width)*int64(head.Height) > mostPixels {
		return nil, errPortalFile
	}
	img, err := png.Decode(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errPortalFile, err)
	}
	return img, nil
}

// cut takes a part of a picture.
func cut(img image.Image, area image.Rectangle) (image.Image, error) {
	part, ok := img.(interface {
		SubImage(image.Rectangle) image.Image
	})
	if area = area.Add(img.Bounds().Min).Intersect(img.Bounds()); area.Empty() || !ok {
		return nil, fmt.Errorf("screen: that is outside of the screen, which is %s", size(img.Bounds()))
	}
	return part.SubImage(area), nil
}
