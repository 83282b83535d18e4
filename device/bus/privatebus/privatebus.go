// Package privatebus gives tests a session bus of their own (Debian's dbus-daemon). It is for tests only.
package privatebus

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/godbus/dbus/v5"

	"switchyard/device/bus"
)

// rules let everybody on the bus do everything, and start no service of the machine's.
const rules = `<busconfig><type>session</type><listen>unix:dir=%s</listen><policy context="default">
<allow send_destination="*"/><allow receive_sender="*"/><allow own="*"/></policy></busconfig>`

// Start runs a session bus until the test ends and names it in the environment.
func Start(t *testing.T) {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "bus.conf")
	if err := os.WriteFile(file, fmt.Appendf(nil, rules, dir), 0o600); err != nil {
		t.Fatal(err)
	}
	said, says, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer said.Close()
	cmd := exec.Command("dbus-daemon", "--nofork", "--nopidfile", "--config-file", file, "--print-address=3")
	cmd.ExtraFiles = []*os.File{says}
	if err := cmd.Start(); err != nil {
		t.Fatalf("no dbus-daemon (Debian's package dbus-daemon): %v", err)
	}
	says.Close()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	address, err := bufio.NewReader(said).ReadString('\n')
	if err != nil {
		t.Fatalf("dbus-daemon did not start: %v", err)
	}
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", strings.TrimSpace(address))
}

// Serve puts an object on the bus under a well-known name, until the test ends.
func Serve(t *testing.T, name string, path dbus.ObjectPath, iface string, object any) *dbus.Conn {
	t.Helper()
	c, err := bus.Session(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := c.Export(object, path, iface); err != nil {
		t.Fatal(err)
	}
	if r, err := c.RequestName(name, dbus.NameFlagDoNotQueue); err != nil || r != dbus.RequestNameReplyPrimaryOwner {
		t.Fatal("the name is taken: ", err)
	}
	return c
}
