package main

import (
	"context"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"switchyard/client"
)

// inRoom lets somebody into a room of a server on dir.
func (s *serving) inRoom(dir, room string) *client.Client {
	s.t.Helper()
	_, token, _ := verb(s.t, "token", "--data", dir, "--room", room, "--identity", "ann")
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	c, err := client.Dial(ctx, client.Options{URL: s.base, Room: room, Token: strings.TrimSpace(token)})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { c.Close() })
	return c
}

func (s *serving) until(what string, ok func() bool) {
	s.t.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			s.t.Fatalf("not in time: %s", what)
		}
	}
}

func (s *serving) status(path string) int {
	res, err := http.Get(s.base + path)
	if err != nil {
		return 0
	}
	res.Body.Close()
	return res.StatusCode
}

func TestFirstSignalLetsCallsGoOn(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := serve(t, dir, "--drain-limit", "1h")
	s.inRoom(dir, "r")
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	s.until("not ready", func() bool { return s.status("/readyz") == http.StatusServiceUnavailable })
	if s.status("/healthz") != http.StatusOK {
		t.Fatal("the call was ended by the first signal")
	}
	if code := s.end(syscall.SIGTERM); code != 0 {
		t.Fatalf("exit %d", code)
	}
	if log := s.stderr.String(); !strings.Contains(log, "waiting for calls to end") || !strings.Contains(log, "not waiting any longer") {
		t.Errorf("the log: %s", log)
	}
}

func TestServerEndsWithTheLastCall(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := serve(t, dir, "--drain-limit", "1h")
	c := s.inRoom(dir, "r")
	if err := s.cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	s.until("not ready", func() bool { return s.status("/readyz") == http.StatusServiceUnavailable })
	c.Close()
	<-s.out
	s.cmd.Wait()
	if code := s.cmd.ProcessState.ExitCode(); code != 0 {
		t.Fatalf("exit %d: %s", code, s.stderr.String())
	}
}
