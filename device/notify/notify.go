// Package notify shows a message on the desktop (freedesktop.org's Desktop Notifications Specification).
package notify

import (
	"context"
	"fmt"

	"github.com/godbus/dbus/v5"

	"switchyard/device/bus"
)

// expires leaves it to the desktop how long a message is shown.
const expires int32 = -1

// Show shows a title and a sentence. Who calls it must do without: many sessions have nobody who shows messages.
func Show(ctx context.Context, title, text string) error {
	c, err := bus.Session(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	o := c.Object("org.freedesktop.Notifications", "/org/freedesktop/Notifications")
	call := o.CallWithContext(ctx, "org.freedesktop.Notifications.Notify", 0,
		"Switchyard", uint32(0), "", title, text, []string{}, map[string]dbus.Variant{}, expires)
	if call.Err != nil {
		return fmt.Errorf("notify: %w", call.Err)
	}
	return nil
}
