package server

import (
	"context"
	"net"
	"os"
	"strconv"
	"strings"
	"time"
)

// tell sends a word to the service manager that started us (sd_notify(3)); without one it does nothing.
func (s *Server) tell(state string) {
	path := os.Getenv("NOTIFY_SOCKET")
	if path == "" {
		return
	}
	if strings.HasPrefix(path, "@") { // the abstract namespace
		path = "\x00" + path[1:]
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: path, Net: "unixgram"})
	if err == nil {
		_, err = conn.Write([]byte(state))
		conn.Close()
	}
	if err != nil {
		s.log.Warn("cannot tell the service manager", "error", err)
	}
}

// watchdog tells the service manager that the server lives, twice as often as it wants to hear it, until
// ctx ends. It asks the rooms before: a server whose rooms hang is started anew.
func (s *Server) watchdog(ctx context.Context) {
	usec, err := strconv.ParseInt(os.Getenv("WATCHDOG_USEC"), 10, 64)
	if pid := os.Getenv("WATCHDOG_PID"); err != nil || usec <= 0 || pid != "" && pid != strconv.Itoa(os.Getpid()) {
		return
	}
	tick := time.NewTicker(time.Duration(usec) * time.Microsecond / 2)
	defer tick.Stop()
	for {
		if s.backend.Occupancy != nil {
			s.backend.Occupancy()
		}
		s.tell("WATCHDOG=1")
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}
