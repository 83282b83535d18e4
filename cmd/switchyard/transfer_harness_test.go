package main

import (
	"crypto/sha256"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// transferring is a process of send or receive.
type transferring struct {
	t      *testing.T
	cmd    *exec.Cmd
	stdout talk
	stderr talk
	ended  chan struct{}
	peak   atomic.Int64 // of its memory, in bytes, as far as it was looked at
}

// transfers are the processes of one test around one server, with a state folder of their own.
type transfers struct {
	t     *testing.T
	data  string
	state string
	http  *serving
}

func newTransfers(t *testing.T, args ...string) *transfers {
	t.Helper()
	data := t.TempDir()
	return &transfers{t: t, data: data, state: t.TempDir(), http: serve(t, data, args...)}
}

func (x *transfers) run(stdin io.Reader, args ...string) *transferring {
	x.t.Helper()
	p := &transferring{t: x.t, cmd: command(x.t, args...), ended: make(chan struct{})}
	p.cmd.Env = append(p.cmd.Env, "XDG_STATE_HOME="+x.state)
	p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = stdin, &p.stdout, &p.stderr
	if err := p.cmd.Start(); err != nil {
		x.t.Fatal(err)
	}
	x.t.Cleanup(func() { p.cmd.Process.Kill() })
	go func() {
		_ = p.cmd.Wait()
		close(p.ended)
	}()
	go p.watch()
	return p
}

var highWater = regexp.MustCompile(`VmHWM:\s+(\d+) kB`)

// watch looks at the process's memory until it ends. (The kernel's account after the end counts our own memory, too,
// from before the program was loaded.)
func (p *transferring) watch() {
	for {
		status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
		if m := highWater.FindSubmatch(status); m != nil {
			if n, err := strconv.ParseInt(string(m[1]), 10, 64); err == nil {
				p.peak.Store(max(p.peak.Load(), n<<10))
			}
		}
		select {
		case <-p.ended:
			return
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (x *transfers) send(args ...string) *transferring {
	x.t.Helper()
	return x.run(nil, append([]string{"send", "--data", x.data}, args...)...)
}

func (x *transfers) receive(to string, args ...string) *transferring {
	x.t.Helper()
	return x.run(nil, append([]string{"receive", "--data", x.data, "--yes", "--to", to}, args...)...)
}

// until waits for what the process must come to.
func (p *transferring) until(what string, ok func() bool) {
	p.t.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			p.t.Fatalf("%s: never %s; stdout %q, stderr %q", p.cmd.Args[1], what, p.stdout.String(), p.stderr.String())
		}
		select {
		case <-p.ended:
			if !ok() {
				p.t.Fatalf("%s ended and was never %s; stdout %q, stderr %q", p.cmd.Args[1], what, p.stdout.String(), p.stderr.String())
			}
			return
		default:
		}
	}
}

// says waits for words on stderr.
func (p *transferring) says(words string) {
	p.t.Helper()
	p.until("said "+strconv.Quote(words), func() bool { return strings.Contains(p.stderr.String(), words) })
}

// link waits for the link, which stands alone on stdout.
func (p *transferring) link() string {
	p.t.Helper()
	p.until("a link", func() bool { return strings.HasSuffix(p.stdout.String(), "\n") })
	return strings.TrimSpace(p.stdout.String())
}

var codeShape = regexp.MustCompile(`\d+-[a-z]+-[a-z]+`)

// code waits for the code of number n.
func (p *transferring) code(n int) string {
	p.t.Helper()
	var all []string
	p.until("a code", func() bool {
		all = codeShape.FindAllString(p.stderr.String(), -1)
		return len(all) > n
	})
	return all[n]
}

// exits waits for the end and its code.
func (p *transferring) exits(want int) {
	p.t.Helper()
	select {
	case <-p.ended:
	case <-time.After(patience):
		p.t.Fatalf("%s does not end; stderr %q", p.cmd.Args[1], p.stderr.String())
	}
	if got := p.cmd.ProcessState.ExitCode(); got != want {
		p.t.Errorf("%s: exit %d, want %d; stderr %q", p.cmd.Args[1], got, want, p.stderr.String())
	}
}

// tree describes what is in a folder: names, modes, times of files, and contents.
func tree(t *testing.T, folder string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == folder {
			return err
		}
		name, _ := filepath.Rel(folder, path)
		info, err := d.Info()
		if err != nil {
			return err
		}
		if d.IsDir() {
			out[name] = "folder " + info.Mode().Perm().String()
			return nil
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		h := sha256.New()
		n, err := io.Copy(h, f)
		out[name] = fmt.Sprintf("%d %x %v %d", n, h.Sum(nil), info.Mode().Perm(), info.ModTime().UnixMilli())
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// equal fails where two folders differ.
func equal(t *testing.T, got, want string) {
	t.Helper()
	g, w := tree(t, got), tree(t, want)
	wrong := 0
	for name := range w {
		if g[name] != w[name] {
			if wrong++; wrong <= 5 {
				t.Errorf("%s: received %q, sent %q", name, g[name], w[name])
			}
		}
		delete(g, name)
	}
	for name := range g {
		t.Errorf("%s was not sent", name)
	}
}

// fill writes a file of random bytes.
func fill(t *testing.T, path string, size int64) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	random := rand.NewChaCha8([32]byte{byte(size), byte(len(path))})
	if _, err := io.CopyN(f, random, size); err != nil {
		t.Fatal(err)
	}
}

// size is a number that a longer run by hand makes larger.
func size(t *testing.T, env string, otherwise int64) int64 {
	t.Helper()
	text := os.Getenv(env)
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		t.Fatalf("%s: %v", env, err)
	}
	return n
}
