// Package bus connects to the desktop's session bus (D-Bus), by which the screenshot portal and notifications are reached.
package bus

import (
	"context"
	"errors"
	"fmt"

	"github.com/godbus/dbus/v5"
)

// ErrNone says that there is no session bus here.
var ErrNone = errors.New("bus: this is no desktop session: there is no D-Bus session bus (DBUS_SESSION_BUS_ADDRESS)")

// Session connects to the session bus; it starts none. When ctx ends the connection is closed.
func Session(ctx context.Context) (*dbus.Conn, error) {
	c, err := dbus.SessionBusPrivateNoAutoStartup(dbus.WithContext(ctx))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNone, err)
	}
	if err = c.Auth(nil); err == nil {
		err = c.Hello()
	}
	if err != nil {
		_ = c.Close()
		return nil, fmt.Errorf("bus: the session bus does not let us in: %w", err)
	}
	return c, nil
}
