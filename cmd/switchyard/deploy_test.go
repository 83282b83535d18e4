package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/alecthomas/kong"
)

// parse reads a command line without running its verb.
func parse(t *testing.T, args ...string) *CLI {
	t.Helper()
	var cli CLI
	parser, err := kong.New(&cli, kong.Configuration(loadSettings), kong.ExplicitGroups(flagGroups),
		kong.Exit(func(int) { t.Fatal("the parser ended the program") }))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := parser.Parse(args); err != nil {
		t.Fatalf("%q: %v", args, err)
	}
	return &cli
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestReferenceIsCurrent(t *testing.T) {
	t.Parallel()
	made := filepath.Join(t.TempDir(), "config.md")
	if code, _, errs := verb(t, "help", "--reference", made); code != 0 {
		t.Fatal(errs)
	}
	if readFile(t, made) != readFile(t, "../../docs/config.md") {
		t.Error("docs/config.md is not what the flags say: run go generate ./cmd/switchyard")
	}
	if strings.Contains(readFile(t, made), "## Other") {
		t.Error(`a flag of serve stands in no chapter: give it a group (reference.go lists them)`)
	}
}

func TestExampleConfig(t *testing.T) {
	cli := parse(t, "serve", "--config", "../../deploy/switchyard.yaml")
	if err := cli.Serve.check(); err != nil {
		t.Error(err)
	}
	if cli.Serve.Media != ":443" || cli.Serve.DrainLimit != 30*time.Minute || len(cli.Serve.Domain) != 1 {
		t.Errorf("%+v", cli.Serve)
	}
	// What is commented out must be right, too.
	text := regexp.MustCompile(`(?m)^# ([a-z-]+: )`).ReplaceAllString(readFile(t, "../../deploy/switchyard.yaml"), "$1")
	path := filepath.Join(t.TempDir(), "all.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if cli := parse(t, "serve", "--config", path); len(cli.Serve.PublicIP) != 1 {
		t.Errorf("%+v", cli.Serve)
	}
}

func TestSystemdUnit(t *testing.T) {
	unit := readFile(t, "../../deploy/switchyard.service")
	value := func(key string) string {
		m := regexp.MustCompile(`(?m)^` + key + `=(.*)$`).FindStringSubmatch(unit)
		if m == nil {
			t.Fatalf("the unit has no %s", key)
		}
		return m[1]
	}
	command := strings.Fields(value("ExecStart"))
	for i, word := range command {
		if word == "/etc/switchyard/switchyard.yaml" {
			command[i] = "../../deploy/switchyard.yaml"
		}
	}
	cli := parse(t, command[1:]...)
	stop, err := time.ParseDuration(strings.Replace(value("TimeoutStopSec"), "min", "m", 1))
	if err != nil || stop < cli.Serve.DrainLimit+10*time.Second {
		t.Errorf("systemd waits %v for calls that may go on for %v (%v)", stop, cli.Serve.DrainLimit, err)
	}
	for key, want := range map[string]string{
		"Type": "notify", "DynamicUser": "yes", "ProtectSystem": "strict", "AmbientCapabilities": "CAP_NET_BIND_SERVICE", "StateDirectory": "switchyard",
	} {
		if value(key) != want {
			t.Errorf("%s=%s, want %s", key, value(key), want)
		}
	}
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		return // no systemd on this machine: the rest is its own word
	}
	path := filepath.Join(t.TempDir(), "switchyard.service")
	binary, err := filepath.Abs(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(strings.Replace(unit, command[0], binary, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), analyze, "verify", "--man=no", path).CombinedOutput(); err != nil || bytes.Contains(out, []byte("switchyard.service")) {
		t.Errorf("systemd-analyze verify: %v\n%s", err, out)
	}
}

func TestContainerfile(t *testing.T) {
	text := readFile(t, "../../deploy/Containerfile")
	words := func(pattern string) (list []string) {
		m := regexp.MustCompile(`(?m)^` + pattern).FindStringSubmatch(text)
		if m == nil || json.Unmarshal([]byte(m[1]), &list) != nil {
			t.Fatalf("no %s in %s", pattern, text)
		}
		return list
	}
	if entry := words(`ENTRYPOINT (\[.*\])`); len(entry) != 1 {
		t.Errorf("ENTRYPOINT %q", entry)
	}
	serving := parse(t, words(`CMD (\[.*\])`)...)
	health := parse(t, words(`HEALTHCHECK .* CMD (\[.*\])`)[1:]...)
	if serving.Serve.Data != "/data" || health.Health.Data != serving.Serve.Data {
		t.Errorf("serve uses %s, health %s", serving.Serve.Data, health.Health.Data)
	}
	_, version, _ := strings.Cut(readFile(t, "../../go.mod"), "\ngo ")
	version, _, _ = strings.Cut(version, "\n")
	if !strings.Contains(text, "FROM golang:"+version+" AS build") {
		t.Errorf("it is not built by Go %s, as go.mod says", version)
	}
	if !regexp.MustCompile(`(?m)^USER [1-9]`).MatchString(text) {
		t.Error("it runs as root")
	}
}

func TestHealth(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if code, _, errs := verb(t, "health", "--data", dir); code != 1 || !strings.Contains(errs, "no server is running") {
		t.Errorf("%d %s", code, errs)
	}
	s := serve(t, dir, "--drain-limit", "1h")
	for want, args := range map[string][]string{
		"ok\n": {"health", "--data", dir}, "ready\n": {"health", "--ready", "--server", s.base},
	} {
		if code, out, errs := verb(t, args...); code != 0 || out != want {
			t.Errorf("%q: %d %q %q", args, code, out, errs)
		}
	}
	s.inRoom(dir, "r")
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	s.until("not ready", func() bool {
		code, _, errs := verb(t, "health", "--ready", "--data", dir)
		return code == 1 && strings.Contains(errs, "The server is ending")
	})
	s.end(syscall.SIGTERM)

	other := httptest.NewServer(http.NotFoundHandler())
	defer other.Close()
	if code, _, errs := verb(t, "health", "--server", other.URL); code != 1 || !strings.Contains(errs, "not a Switchyard server") {
		t.Errorf("%d %s", code, errs)
	}
	other.Close()
	if code, _, errs := verb(t, "health", "--server", other.URL); code != 1 || !strings.Contains(errs, "does not answer") {
		t.Errorf("%d %s", code, errs)
	}
}
