package server

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"switchyard/protocol"
)

// tell sends a message on a joined socket.
func tell(t *testing.T, conn *websocket.Conn, message string) {
	t.Helper()
	if err := conn.Write(t.Context(), websocket.MessageText, []byte(message)); err != nil {
		t.Fatal(err)
	}
}

func TestCallsGoOnWhileTheServerDrains(t *testing.T) {
	t.Parallel()
	s := run(t, Config{backend: newBackend, DrainLimit: time.Minute})
	ann, ben := s.joinRoom("r", "Ann"), s.joinRoom("r", "Ben")
	s.joinRoom("gone", "Eve").CloseNow() // may come back for 30 s
	go s.stop()

	if body := string(s.await(ann, protocol.TypeError)); !strings.Contains(body, "in 60 seconds at most") ||
		!strings.Contains(body, `"retryable":true`) || strings.Contains(body, "fatal") {
		t.Fatalf("people are told %s", body)
	}
	if status, _, _ := s.call("GET", "/readyz", ""); status != http.StatusServiceUnavailable {
		t.Fatalf("readyz says %d", status)
	}
	if status, _, _ := s.call("GET", "/healthz", ""); status != http.StatusOK {
		t.Fatalf("healthz says %d", status)
	}
	// The call goes on, and others may come to it; a new one does not begin.
	tell(t, ann, `{"type":"data","id":2,"seq":2,"body":{"topic":"chat","payload":"still here"}}`)
	if body := string(s.await(ben, protocol.TypeData)); !strings.Contains(body, "still here") {
		t.Fatalf("Ben got %s", body)
	}
	cleo := s.joinRoom("r", "Cleo")
	if body := s.refused("other", "Dan"); !strings.Contains(body, protocol.CodeShuttingDown) {
		t.Fatalf("a new call: %s", body)
	}
	if !strings.Contains(s.log.String(), "waiting for calls to end") {
		t.Error("the log does not say what it waits for")
	}
	for _, conn := range []*websocket.Conn{ann, ben} {
		tell(t, conn, `{"type":"leave","id":3,"seq":3}`)
	}
	tell(t, cleo, `{"type":"leave","id":2,"seq":2}`)
	eventually(t, "only Eve is waited for", func() bool {
		rooms, people := s.backend.Occupancy()
		return rooms == 1 && people == 1
	})
	s.End()
	s.stop() // returns when Serve has
}

// refused opens a WebSocket, tries to join and returns the error.
func (s *testServer) refused(room, name string) string {
	s.t.Helper()
	conn := s.dialRoom(room, name)
	tell(s.t, conn, `{"type":"join","id":1,"seq":1,"body":{"capabilities":{}}}`)
	return string(s.await(conn, protocol.TypeError))
}

func TestServerEndsWithItsLastCall(t *testing.T) {
	t.Parallel()
	s := run(t, Config{backend: newBackend, DrainLimit: time.Hour})
	ann := s.joinRoom("r", "Ann")
	go s.stop()
	s.await(ann, protocol.TypeError)
	tell(t, ann, `{"type":"leave","id":3,"seq":2}`)
	s.stop()
}

func TestDrainLimitEndsCalls(t *testing.T) {
	t.Parallel()
	s := run(t, Config{backend: newBackend, DrainLimit: 300 * time.Millisecond})
	ann := s.joinRoom("r", "Ann")
	go s.stop()
	s.await(ann, protocol.TypeError) // the notice
	if body := string(s.await(ann, protocol.TypeError)); !strings.Contains(body, `"fatal":true`) {
		t.Fatalf("goodbye: %s", body)
	}
	s.stop()
}

func TestWordsOfDuration(t *testing.T) {
	for d, want := range map[time.Duration]string{
		time.Second: "1 second", 90 * time.Second: "90 seconds", 30 * time.Minute: "30 minutes", 3 * time.Hour: "3 hours",
	} {
		if got := inWords(d); got != want {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
	}
}

// serviceManager hears what the server tells systemd.
func serviceManager(t *testing.T) *net.UnixConn {
	path := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	t.Setenv("NOTIFY_SOCKET", path)
	return conn
}

func TestServiceManagerIsTold(t *testing.T) {
	manager := serviceManager(t)
	t.Setenv("WATCHDOG_USEC", "20000")
	s := run(t, Config{backend: newBackend})
	heard := map[string]bool{}
	hear := func(want string) {
		t.Helper()
		b := make([]byte, 4096)
		for manager.SetReadDeadline(time.Now().Add(patience)); !heard[want]; {
			n, err := manager.Read(b)
			if err != nil {
				t.Fatalf("never heard %s: %v", want, err)
			}
			for line := range bytes.Lines(b[:n]) {
				heard[strings.TrimSpace(string(line))] = true
			}
		}
	}
	hear("READY=1")
	hear("WATCHDOG=1")
	clear(heard)
	hear("WATCHDOG=1") // and goes on
	go s.stop()
	hear("STOPPING=1")
	s.stop()
}

func TestWatchdogOfAnotherProcessIsNotOurs(t *testing.T) {
	t.Setenv("WATCHDOG_USEC", "20000")
	t.Setenv("WATCHDOG_PID", "1")
	s := &Server{backend: &Backend{}}
	s.watchdog(context.Background()) // returns at once
}

// Who only waits, for a device nearby or for somebody to open a link, does not hold up the end of the server; two who hand
// over files do.
func TestWaitingDevicesDoNotHoldUpTheEnd(t *testing.T) {
	t.Parallel()
	s := run(t, Config{backend: newBackend, DrainLimit: time.Hour, Nearby: yes()})
	near := s.near(`{"network":true}`).Rooms[0]
	waiting, busy := s.handOver(`{}`), s.handOver(`{}`)
	receiver, _ := s.take("/v1/transfers/" + busy.ID + "/accept")
	one, two := s.enterWith(near.Room, near.Token), s.enterWith(waiting.Room, waiting.Token)
	sender, taker := s.enterWith(busy.Room, busy.Token), s.enterWith(busy.Room, receiver.Token)
	for _, p := range []*person{one, two, sender, taker} {
		s.await(p.conn, protocol.TypeWelcome)
	}
	go s.stop()
	for _, p := range []*person{one, two} {
		if e := s.errorOf(p); e.Code != protocol.CodeShuttingDown || !e.Retryable || !e.Fatal {
			t.Fatalf("%+v", e)
		}
	}
	if e := s.errorOf(sender); e.Code != protocol.CodeShuttingDown || e.Fatal {
		t.Fatalf("who hands over files: %+v", e)
	}
	tell(t, sender.conn, `{"type":"data","id":2,"seq":2,"body":{"topic":"transfer","payload":"still here"}}`)
	if body := string(s.await(taker.conn, protocol.TypeData)); !strings.Contains(body, "still here") {
		t.Fatal(body)
	}
	tell(t, sender.conn, `{"type":"leave","id":3,"seq":3}`)
	tell(t, taker.conn, `{"type":"leave","id":2,"seq":2}`)
	s.stop() // returns when Serve has: long before the limit
}
