package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"switchyard/client"
	"switchyard/protocol"
)

// onSmallDisk makes a command whose data folder is a file system of 4 MB, in a mount namespace of its own.
func onSmallDisk(t *testing.T, dir string, args ...string) *exec.Cmd {
	cmd := command(t, args...)
	script := `mount -t tmpfs -o size=4m tmpfs "$1" && shift && exec "$@"`
	cmd.Args = append([]string{"unshare", "--mount", "--map-root-user", "sh", "-c", script, "sh", dir, cmd.Path}, args...)
	path, err := exec.LookPath("unshare")
	if err != nil {
		t.Fatalf("unshare, of util-linux, is needed: %v", err)
	}
	cmd.Path = path
	return cmd
}

// request makes an API request and returns the status and the sentence of an error.
func (s *serving) request(method, path, token, body string) (int, string) {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), method, s.base+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	var answer struct{ Detail string }
	_ = json.Unmarshal(data, &answer)
	return res.StatusCode, answer.Detail
}

// TestDiskFullWhileServing fills the disk under a server in which people talk: nothing new can be kept, and
// who asks for it is told so; the call does not notice.
func TestDiskFullWhileServing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := start(t, onSmallDisk(t, dir, append(serveArgs(dir), "--drain-limit", "1h")...))
	data := fmt.Sprintf("/proc/%d/root%s", s.cmd.Process.Pid, dir) // the folder as the server sees it
	enter := func(name string, events client.Events) *client.Client {
		_, token, _ := verb(t, "token", "--data", data, "--room", "r", "--identity", name)
		c, err := client.Dial(t.Context(), client.Options{URL: s.base, Room: "r", Token: strings.TrimSpace(token), Events: events})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		return c
	}
	heard := make(chan protocol.Data, 1)
	ann := enter("Ann", client.Events{})
	enter("Ben", client.Events{Data: func(m protocol.Data) { heard <- m }})
	_, admin, _ := verb(t, "token", "--data", data, "--admin")
	admin = strings.TrimSpace(admin)

	ballast(t, data, 64<<10)
	status, detail := 0, ""
	for i := 0; i < 20000 && status != http.StatusServiceUnavailable; i++ {
		status, detail = s.request("POST", "/v1/invitations", admin, `{"room":"`+strings.Repeat("x", 60)+`"}`)
	}
	if status != http.StatusServiceUnavailable || !strings.Contains(detail, "no disk space left") {
		t.Fatalf("the last request: %d %s", status, detail)
	}
	if err := ann.SendData(t.Context(), "chat", "still here"); err != nil {
		t.Fatal(err)
	}
	select {
	case m := <-heard:
		if !bytes.Contains(m.Payload, []byte("still here")) {
			t.Errorf("heard %s", m.Payload)
		}
	case <-time.After(patience):
		t.Fatal("the call broke")
	}
	if got := s.status("/healthz"); got != http.StatusOK {
		t.Errorf("healthz %d", got)
	}
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	s.until("draining", func() bool { return strings.Contains(s.stderr.String(), "waiting for calls to end") })
	if code := s.end(syscall.SIGTERM); code != 0 {
		t.Errorf("exit %d: %s", code, s.stderr.String())
	}
}

// ballast fills the disk of a folder until so many bytes are left.
func ballast(t *testing.T, folder string, left int64) {
	t.Helper()
	var disk syscall.Statfs_t
	if err := syscall.Statfs(folder, &disk); err != nil {
		t.Fatal(err)
	}
	fill(t, filepath.Join(folder, "ballast"), int64(disk.Bavail)*int64(disk.Bsize)-left)
}

func TestReadOnlyDataFolder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := serve(t, dir)
	if code := s.end(syscall.SIGTERM); code != 0 {
		t.Fatalf("exit %d", code)
	}
	cmd := onSmallDisk(t, dir, serveArgs(dir)...)
	for i, arg := range cmd.Args {
		if strings.HasPrefix(arg, "mount ") {
			cmd.Args[i] = `mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" && shift && exec "$@"`
		}
	}
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "cannot write to the data folder "+dir) || !strings.Contains(string(out), "--data") {
		t.Errorf("%v: %s", err, out)
	}
	if _, err := os.Stat(dir); err != nil {
		t.Error(err)
	}
}
