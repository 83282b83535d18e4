package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// Series runs variants again and again, interleaved, because on a shared machine the times of different
// minutes cannot be compared. Each run has a server of its own on one core, the load on another, and the
// floor after it on the server's core.
type Series struct {
	Launcher
	Variants   []Variant
	Repeats    int
	For, Floor time.Duration
	Wake       bool
	Progress   func(string)
}

// Launcher starts servers of ours to be measured.
type Launcher struct {
	Binary      string // our own
	HTTP, Media string // addresses for the server
}

// Measured is one variant's runs.
type Measured struct {
	Name  string `json:"name"`
	What  string `json:"what"`
	Cores int    `json:"serverCores"`
	Runs  []Pass `json:"runs"`
}

// Pass is one run, and what the machine was like in it.
type Pass struct {
	Result
	Floor  float64 `json:"floor"`        // microseconds of CPU per packet, straight after
	Ratio  float64 `json:"ratioToFloor"` // of CPUPerPacket
	Stolen float64 `json:"stolen"`       // share of the machine's time that its host took, 0 to 1
	Idle   int64   `json:"idleMemory"`   // of the server before anybody came
}

// Run measures. It says what it did until it failed, too.
func (s Series) Run(ctx context.Context) ([]Measured, error) {
	all := make([]Measured, len(s.Variants))
	for i, v := range s.Variants {
		all[i] = Measured{Name: v.Name, What: v.What, Cores: max(v.Cores, 1)}
	}
	for n := range s.Repeats {
		for i, v := range s.Variants {
			s.Progress(fmt.Sprintf("run %d of %d: %s", n+1, s.Repeats, v.Name))
			p, err := s.pass(ctx, v)
			if err != nil {
				return all, fmt.Errorf("%s: %w", v.Name, err)
			}
			all[i].Runs = append(all[i].Runs, p)
		}
	}
	return all, nil
}

// pass is one run; its time is bounded.
func (s Series) pass(ctx context.Context, v Variant) (p Pass, err error) {
	ctx, cancel := context.WithTimeout(ctx, s.For+s.Floor+3*time.Minute)
	defer cancel()
	cores := "0"
	if v.Cores > 1 {
		cores = fmt.Sprintf("0-%d", v.Cores-1)
	}
	data, err := os.MkdirTemp("", "switchyard-bench-")
	if err != nil {
		return p, err
	}
	defer os.RemoveAll(data)
	stop, pid, err := s.serve(ctx, cores, data)
	if err != nil {
		return p, err
	}
	defer stop()
	if p.Idle, err = process(pid).rss(); err != nil {
		return p, err
	}
	args := append([]string{"bench", "run", "--data", data, "--room", "bench", "--for", s.For.String(), "--json"}, v.Args...)
	if s.Wake {
		args = append(args, "--wake")
	}
	before := stolen()
	if err := s.output(ctx, lastCore(), &p.Result, args...); err != nil {
		return p, err
	}
	p.Stolen = stolen().since(before)
	var floor FloorResult
	if err := s.output(ctx, "0", &floor, "bench", "floor", "--json", "--for", s.Floor.String()); err != nil {
		return p, err
	}
	p.Floor, p.Ratio = floor.PerPacket, p.CPUPerPacket/floor.PerPacket
	return p, nil
}

func lastCore() string { return fmt.Sprint(runtime.NumCPU() - 1) }

// command is our binary on some cores; where taskset is not there, or one core only, on all.
func (l Launcher) command(ctx context.Context, cores string, args ...string) *exec.Cmd {
	if _, err := exec.LookPath("taskset"); err == nil && runtime.NumCPU() > 1 {
		args = append([]string{"-c", cores, l.Binary}, args...)
		return exec.CommandContext(ctx, "taskset", args...)
	}
	return exec.CommandContext(ctx, l.Binary, args...)
}

// output runs a command and reads the JSON that it prints.
func (l Launcher) output(ctx context.Context, cores string, into any, args ...string) error {
	cmd := l.command(ctx, cores, args...)
	var out, problem bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problem
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("bench: %s: %w: %s", strings.Join(args, " "), err, lastLine(problem.String()))
	}
	return json.Unmarshal(out.Bytes(), into)
}

func lastLine(s string) string {
	s = strings.TrimSpace(s)
	return s[strings.LastIndexAny(s, "\r\n")+1:]
}

// serve starts a server; stop ends it and waits.
func (l Launcher) serve(ctx context.Context, cores, data string) (stop func(), pid int, err error) {
	log, err := os.Create(filepath.Join(data, "bench.log"))
	if err != nil {
		return nil, 0, err
	}
	cmd := l.command(ctx, cores, "serve", "--http", l.HTTP, "--media", l.Media, "--data", data, "--no-invite", "--log-level", "warn")
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		log.Close()
		return nil, 0, err
	}
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait() // how it ended does not matter: readiness told whether it ran
		close(ended)
	}()
	stop = func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-ended:
		case <-time.After(10 * time.Second):
			_ = cmd.Process.Kill()
			<-ended
		}
		log.Close()
	}
	if err := l.ready(ctx, ended); err != nil {
		stop()
		text, _ := os.ReadFile(log.Name())
		return nil, 0, fmt.Errorf("%w: %s", err, lastLine(string(text)))
	}
	return stop, cmd.Process.Pid, nil // taskset becomes the server
}

// Serve starts a server on all cores; stop ends it and waits.
func (l Launcher) Serve(ctx context.Context, data string) (stop func(), pid int, err error) {
	return l.serve(ctx, "0-"+lastCore(), data)
}

func (l Launcher) ready(ctx context.Context, ended <-chan struct{}) error {
	deadline := time.Now().Add(15 * time.Second)
	for time.Now().Before(deadline) {
		select {
		case <-ended:
			return errors.New("bench: the server did not start")
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
		resp, err := http.Get("http://" + l.HTTP + "/readyz")
		if err != nil {
			continue
		}
		resp.Body.Close()
		if resp.StatusCode == http.StatusOK {
			return nil
		}
	}
	return errors.New("bench: the server did not become ready")
}
