package main

import (
	"bytes"
	"context"
	"debug/elf"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"switchyard/engine/auth"
	"switchyard/store"
)

// patience is how long a test waits for what must come: it says when to give up, not what is fast enough.
const patience = time.Minute

// TestMain lets the test binary run as switchyard itself.
func TestMain(m *testing.M) {
	if os.Getenv("SWITCHYARD_TEST_MAIN") != "" {
		os.Unsetenv("SWITCHYARD_TEST_MAIN")
		main()
	}
	os.Exit(m.Run())
}

func command(t *testing.T, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(t.Context(), os.Args[0], args...)
	cmd.Env = append(os.Environ(), "SWITCHYARD_TEST_MAIN=1")
	return cmd
}

// verb runs switchyard to its end.
func verb(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	cmd := command(t, args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}

// serving is a server process.
type serving struct {
	t      *testing.T
	cmd    *exec.Cmd
	link   string // printed
	base   string
	stderr talk
	out    chan string // all of stdout, once it ended
}

// talk is what a process has said so far: it can be read while the process goes on.
type talk struct {
	mu   sync.Mutex
	said bytes.Buffer // guarded by mu
}

func (t *talk) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.said.Write(b)
}

func (t *talk) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.said.String()
}

// serve starts a server on free ports and waits for its link.
func serve(t *testing.T, dir string, args ...string) *serving {
	t.Helper()
	return start(t, command(t, append(serveArgs(dir), args...)...))
}

func serveArgs(dir string) []string {
	return []string{"serve", "--data", dir, "--http", "127.0.0.1:0", "--media", "127.0.0.1:0"}
}

func start(t *testing.T, cmd *exec.Cmd) *serving {
	t.Helper()
	s := &serving{t: t, cmd: cmd, out: make(chan string, 1)}
	s.cmd.Stderr = &s.stderr
	pipe, err := s.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.cmd.Process.Kill() })
	var line []byte
	for b := make([]byte, 1); ; {
		if _, err := pipe.Read(b); err != nil {
			s.cmd.Wait()
			t.Fatalf("no link: %v, stderr %s", err, s.stderr.String())
		}
		if b[0] == '\n' {
			break
		}
		line = append(line, b[0])
	}
	s.link = string(line)
	s.base, _, _ = strings.Cut(s.link, "/i/")
	go func() {
		rest, _ := io.ReadAll(pipe)
		s.out <- s.link + "\n" + string(rest)
	}()
	return s
}

// end sends a signal and returns the exit code.
func (s *serving) end(sig os.Signal) int {
	s.t.Helper()
	if err := s.cmd.Process.Signal(sig); err != nil {
		s.t.Fatal(err)
	}
	out := <-s.out
	s.cmd.Wait()
	if out != s.link+"\n" {
		s.t.Errorf("stdout held more than the link: %q", out)
	}
	return s.cmd.ProcessState.ExitCode()
}

func TestUsage(t *testing.T) {
	t.Parallel()
	config := func(text string) string {
		path := filepath.Join(t.TempDir(), "config.yaml")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for _, c := range []struct {
		args string // by spaces
		want string // in stderr
	}{
		{"sreve", `did you mean "serve"?`},
		{"serve --htpp :80", `did you mean one of "--help", "--http"?`},
		{"serve --config " + config("http: :0\nhtpp: :80\n"), `line 2: unknown key "htpp": did you mean "http"?`},
		{"serve --config " + config("http: :0\nhttp: :80\n"), `configuration file: not YAML: [2:1] mapping key "http" already defined`},
		{"serve --config " + config("public-ip: [300.1.2.3]"), "300.1.2.3"},
		{"serve --config " + config("log-level: loud"), "loud"},
		{"serve --config " + config("http: {a: b}"), `"http" must be`},
		{"serve --config " + config("a: [b"), "not YAML"},
		{"serve --config " + config("- a"), "expected settings"},
		{"serve --config /does/not/exist.yaml", "/does/not/exist.yaml"},
		{"serve --log-level loud", "must be one of"},
		{"serve --public-ip nonsense", "nonsense"},
		{"serve --url meet.example.org", "--url must begin with"},
		{"serve --origin example.org", "--origin"},
		{"serve --cert c.pem", "belong together"},
		{"serve --cert c.pem --key k.pem --domain meet.example.org", "give one of them"},
		{"serve --acme-email a@example.org", "--domain NAME"},
		{"serve --domain meet.example.org --acme-ca ca.example.org", "--acme-ca must begin with https://"},
		{"serve --drain-limit -1s", "--drain-limit"},
		{"serve --stun stun.example.org:3478", "--public-ip auto"},
		{"serve --public-ip auto --stun stun.example.org", "--stun must be a server"},
		{"serve --trusted-proxy 10.0.0.0/99", "--trusted-proxy must be"},
		{"health --server localhost:8080", "--server"},
		{"serve extra", "unexpected argument"},
		{"token", "--room"},
		{"token --room r", "--identity"},
		{"token --room a/b --identity i", "1 to 64"},
		{"token --room r --identity i --grants publsh", "unknown grant"},
		{"token --room r --identity i --grants admin", "--admin"},
		{"token --room r --identity i --ttl 0s", "--ttl"},
		{"token --room r --admin", "leave out"},
		{"invite", "--room"},
		{"invite --room r --role king", "must be one of"},
		{"invite --room r --uses -1", "--uses"},
		{"invite --room r --expires 1ms", "--expires"},
		{"invite --room r --server localhost:8080", "--server"},
		{"help nothing", `no verb "nothing"`},
		{"version --yaml", "unknown flag"},
	} {
		code, out, errs := verb(t, strings.Fields(c.args)...)
		if code != 2 || out != "" || !strings.Contains(errs, c.want) {
			t.Errorf("%s: exit %d, stdout %q, stderr %q, want %q", c.args, code, out, errs, c.want)
		}
	}
}

func TestFailures(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	empty := t.TempDir()
	keyed := t.TempDir()
	if _, err := store.LoadOrCreateKey(keyed); err != nil {
		t.Fatal(err)
	}
	stale := t.TempDir()
	if _, err := store.LoadOrCreateKey(stale); err != nil {
		t.Fatal(err)
	}
	// Port 1 is nobody's: one that was free a moment ago may be somebody's by now.
	if err := os.WriteFile(filepath.Join(stale, "server.json"), []byte(`{"http":"http://127.0.0.1:1"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ args, want string }{
		{"serve --media 127.0.0.1:0 --data " + empty + " --http " + l.Addr().String(), "in use by another program"},
		{"serve --media 127.0.0.1:0 --data " + empty + " --http nonsense", "HOST:PORT"},
		{"serve --media 127.0.0.1:0 --data " + empty + " --http 192.0.2.1:80", "address of this machine"},
		{"serve --media 127.0.0.1:99999 --http 127.0.0.1:0 --data " + empty, "--media"},
		{"serve --media 127.0.0.1:0 --http 127.0.0.1:0 --data " + file + "/x", "cannot write to the data folder"},
		{"serve --media 127.0.0.1:0 --http 127.0.0.1:0 --cert none --key none --data " + empty, "certificate none"},
		{"token --room r --identity i --data " + file + "x", "no key in the folder"},
		{"invite --room r --data " + file + "x", "no key in the folder"},
		{"invite --room r --data " + keyed, "no server is running"},
		{"invite --room r --data " + stale, "no server is running"},
		{"invite --room r --data " + keyed + " --server http://" + l.Addr().String() + "0", "does not answer"},
	} {
		code, out, errs := verb(t, strings.Fields(c.args)...)
		if code != 1 || out != "" || !strings.Contains(errs, c.want) || strings.Count(errs, "\n") != 1 {
			t.Errorf("%s: exit %d, stdout %q, stderr %q, want %q", c.args, code, out, errs, c.want)
		}
	}
}

func TestHelpAndVersion(t *testing.T) {
	t.Parallel()
	code, out, errs := verb(t)
	if code != 0 || errs != "" || !strings.Contains(out, "Commands:") {
		t.Fatalf("%d %q %q", code, out, errs)
	}
	_, flag, _ := verb(t, "token", "--help")
	if code, out, _ := verb(t, "help", "token"); code != 0 || out != flag || !strings.Contains(out, "--grants") {
		t.Fatalf("%d %q", code, out)
	}
	if code, out, _ := verb(t, "version"); code != 0 || !strings.HasPrefix(out, "switchyard ") {
		t.Fatalf("%d %q", code, out)
	}
	var v buildVersion
	if code, out, _ := verb(t, "version", "--json"); code != 0 || json.Unmarshal([]byte(out), &v) != nil || !strings.HasPrefix(v.Go, "go1.") {
		t.Fatalf("%d %q", code, out)
	}
}

func TestServeTokenInvite(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	s := serve(t, dir)
	res, err := http.Get(s.link)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != 200 {
		t.Fatalf("the link: %s", res.Status)
	}

	key, err := store.LoadKey(dir)
	if err != nil {
		t.Fatal(err)
	}
	code, out, errs := verb(t, "token", "--data", dir, "--room", "r1", "--identity", "ann", "--name", "Ann", "--grants", "publish:camera,subscribe", "--ttl", "1m")
	if code != 0 || errs != "" || strings.Count(out, "\n") != 1 {
		t.Fatalf("token: %d %q %q", code, out, errs)
	}
	c, err := auth.Verify(key, strings.TrimSpace(out), time.Now())
	if err != nil || c.Room != "r1" || c.Identity != "ann" || c.Name != "Ann" || auth.FormatGrants(c.Grants) != "publish:camera,subscribe" || time.Until(c.Expires) > time.Minute {
		t.Fatalf("claims %+v %v", c, err)
	}
	_, out, _ = verb(t, "token", "--data", dir, "--admin")
	if c, err := auth.Verify(key, strings.TrimSpace(out), time.Now()); err != nil || !c.Grants.Admin {
		t.Fatalf("admin claims %+v %v", c, err)
	}

	code, out, errs = verb(t, "invite", "--data", dir, "--room", "r1")
	if code != 0 || errs != "" || !strings.HasPrefix(out, s.base+"/i/") {
		t.Fatalf("invite: %d %q %q", code, out, errs)
	}
	var made struct {
		Role string
		Uses int
		URL  string
	}
	code, out, _ = verb(t, "invite", "--data", dir, "--server", s.base, "--room", "r1", "--role", "viewer", "--uses", "3", "--expires", "1h", "--json")
	if err := json.Unmarshal([]byte(out), &made); code != 0 || err != nil || made.Role != "viewer" || made.Uses != 3 {
		t.Fatalf("invite --json: %d %q", code, out)
	}

	if code := s.end(syscall.SIGTERM); code != 0 {
		t.Fatalf("exit %d: %s", code, s.stderr.String())
	}
	if code, _, errs := verb(t, "invite", "--data", dir, "--room", "r1"); code != 1 || !strings.Contains(errs, "no server is running") {
		t.Fatalf("invite without a server: %d %q", code, errs)
	}
	if code, out, _ := verb(t, "token", "--data", dir, "--room", "r", "--identity", "i"); code != 0 || out == "" {
		t.Fatal("token without a server")
	}
}

func TestKilledServerComesBack(t *testing.T) {
	dir := t.TempDir()
	s := serve(t, dir)
	_, first, _ := strings.Cut(s.link, "/i/")
	s.cmd.Process.Kill()
	s.cmd.Wait()
	s = serve(t, dir)
	if _, second, _ := strings.Cut(s.link, "/i/"); second != first {
		t.Fatalf("invitation %s, then %s", first, second)
	}
	if code := s.end(syscall.SIGINT); code != 0 {
		t.Fatalf("exit %d", code)
	}
}

func TestSecondSignalEndsAtOnce(t *testing.T) {
	t.Parallel()
	s := serve(t, t.TempDir())
	// An open request keeps the first signal from ending the server at once.
	addr := strings.TrimPrefix(s.base, "http://")
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "POST /v1/invitations/x/accept HTTP/1.1\r\nHost: %s\r\nExpect: 100-continue\r\nContent-Length: 10\r\n\r\n", addr)
	conn.SetReadDeadline(time.Now().Add(patience))
	if _, err := conn.Read(make([]byte, 12)); err != nil { // 100 Continue: the handler waits for the body
		t.Fatal(err)
	}
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for { // until it has taken the first
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			break
		}
		conn.Close()
		if ctx.Err() != nil {
			t.Fatal("still listening")
		}
		time.Sleep(time.Millisecond)
	}
	if code := s.end(syscall.SIGTERM); code != -1 {
		t.Fatalf("exit %d, want death by signal", code)
	}
}

func TestConfigFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	data := filepath.Join(dir, "from-file")
	path := filepath.Join(dir, "config.yaml")
	text := "# a comment\nurl: https://file.example\nlog-format: json\nlog-level: debug\npublic-ip: [192.0.2.1, 2001:db8::1]\norigin:\n  - https://a.example\n  - https://b.example\ndata: " + data + "\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s := serve(t, filepath.Join(dir, "from-flag"), "--config", path)
	if !strings.HasPrefix(s.link, "https://file.example/i/") {
		t.Fatalf("link %s", s.link)
	}
	if _, err := os.Stat(data); err == nil {
		t.Fatal("the file won over the flag")
	}
	if code := s.end(syscall.SIGTERM); code != 0 || !strings.Contains(s.stderr.String(), `{"time":`) {
		t.Fatalf("exit %d, log %s", code, s.stderr.String())
	}
}

// TestBinary builds the binary as `make build` does: static, and under 60 MB of memory when idle.
func TestBinary(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "switchyard")
	build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", path, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if runtime.GOOS != "linux" {
		return // what follows reads ELF and /proc
	}
	file, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if libs, err := file.ImportedLibraries(); err != nil || len(libs) > 0 || file.Section(".interp") != nil {
		t.Fatalf("not static: %v %v", libs, err)
	}
	s := start(t, exec.CommandContext(t.Context(), path, serveArgs(t.TempDir())...))
	res, err := http.Get(s.base + "/readyz")
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "VmRSS:")
	var kB int
	fmt.Sscan(rest, &kB)
	t.Logf("idle: %d kB", kB)
	if kB == 0 || kB > 60_000 {
		t.Fatalf("idle server has %d kB", kB)
	}
	s.end(syscall.SIGTERM)
}

func FuzzSettings(f *testing.F) {
	f.Add([]byte("http: localhost:8080\npublic-ip: [1.2.3.4]\n"))
	f.Add([]byte("a: {b: c}\n--- \n- x"))
	f.Add([]byte("? [a]\n: &x *x"))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := loadSettings(bytes.NewReader(b))
		if err == nil && r == nil {
			t.Fatal("neither settings nor error")
		}
	})
}
