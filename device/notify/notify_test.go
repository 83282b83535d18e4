package notify

import (
	"context"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"

	"switchyard/device/bus/privatebus"
)

// desktop takes messages as a desktop does.
type desktop struct{ shown chan string }

func (d desktop) Notify(app string, replaces uint32, icon, title, text string, actions []string, hints map[string]dbus.Variant, expires int32) (uint32, *dbus.Error) {
	d.shown <- app + ": " + title + ": " + text
	return 1, nil
}

func TestShow(t *testing.T) {
	privatebus.Start(t)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := Show(ctx, "Screenshot", "It was received."); err == nil {
		t.Fatal("shown, though nobody shows messages")
	}
	d := desktop{make(chan string, 1)}
	privatebus.Serve(t, "org.freedesktop.Notifications", "/org/freedesktop/Notifications", "org.freedesktop.Notifications", d)
	if err := Show(ctx, "Screenshot", "It was received."); err != nil {
		t.Fatal(err)
	}
	if got := <-d.shown; got != "Switchyard: Screenshot: It was received." {
		t.Fatalf("%q", got)
	}
}
