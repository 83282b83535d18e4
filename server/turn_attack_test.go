package server

import (
	"bytes"
	"context"
	"io"
	"net/netip"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"
)

// metric is the value of one line of /metrics.
func (s *testServer) metric(line string) int {
	s.t.Helper()
	for text := range strings.Lines(s.metricsText("switchyard_" + line)) {
		n, err := strconv.Atoi(strings.TrimSpace(strings.TrimPrefix(text, "switchyard_"+line)))
		if err != nil {
			s.t.Fatal(err)
		}
		return n
	}
	s.t.Fatalf("no metric %s", line)
	return 0
}

// attack runs coturn's client until it gives up, or has tried for a while and was noticed, and returns what it
// said.
func (s *testServer) attack(noticed func() bool, args ...string) string {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	media := netip.MustParseAddrPort(s.media)
	args = append(args, "-p", strconv.Itoa(int(media.Port())), media.Addr().String())
	var out bytes.Buffer
	cmd := exec.CommandContext(ctx, "turnutils_uclient", args...)
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		s.t.Fatalf("%v (it is in Debian's package coturn)", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for tick := time.Tick(4 * time.Second); ; {
		select {
		case <-ended:
			return out.String()
		case <-tick:
			if noticed() {
				cancel()
			}
		}
	}
}

// TestAttacksByCoturn has coturn's client try what must not be let in, by UDP and by TCP. Each is refused and
// counted, and nothing is relayed.
func TestAttacksByCoturn(t *testing.T) {
	t.Parallel()
	s := run(t, Config{backend: newBackend, TURN: TURN{PerIdentity: 3}})
	const user, password = "USER", "PASSWORD"
	refused := func(reason string) string { return `turn_refused_total{reason="` + reason + `"}` }
	for _, c := range []struct {
		name, counted string
		args          []string
	}{
		{"a wrong password", refused("credentials"), []string{"-y", "-u", user, "-w", "guess"}},
		{"credentials of nobody", refused("credentials"), []string{"-y", "-u", "1999999999:demo:eve", "-w", password}},
		{"a port of this server", refused("peer"), []string{"-e", "127.0.0.1", "-r", "22", "-u", user, "-w", password}},
		{"loopback", refused("peer"), []string{"-e", "127.0.0.2", "-r", "80", "-u", user, "-w", password}},
		{"loopback, by indications", refused("peer"), []string{"-s", "-e", "127.0.0.2", "-r", "80", "-u", user, "-w", password}},
		{"a private network", refused("peer"), []string{"-e", "10.0.0.1", "-r", "80", "-u", user, "-w", password}},
		{"a cloud's metadata", refused("peer"), []string{"-e", "169.254.169.254", "-r", "80", "-u", user, "-w", password}},
		{"the public internet, over a virtual relay", refused("peer"), []string{"-e", "192.0.43.10", "-r", "53", "-u", user, "-w", password}},
		{"a flood of allocations", refused("quota"), []string{"-y", "-m", "20", "-u", user, "-w", password}},
		{"a relay of TCP", refused("transport"), []string{"-T", "-u", user, "-w", password}},
	} {
		for _, transport := range [][]string{nil, {"-t"}} {
			if c.args[0] == "-T" && transport == nil {
				continue // that is by TCP anyway
			}
			// What is given up by UDP stays for its lifetime, so each has an identity of its own.
			name, secret := s.credentials(c.name + strings.Join(transport, ""))
			args := append([]string{"-c", "-n", "2"}, transport...)
			for _, a := range c.args {
				args = append(args, strings.NewReplacer(user, name, password, secret).Replace(a))
			}
			before, made := s.metric(c.counted), s.metric("turn_allocated_total")
			out := s.attack(func() bool { return s.metric(c.counted) > before }, args...)
			if s.metric(c.counted) == before {
				t.Errorf("%s %v: not counted as %s\n%s", c.name, transport, c.counted, out)
			}
			if n := s.metric("turn_allocated_total") - made; n > 3 && transport == nil { // a connection that it hangs up frees its own
				t.Errorf("%s %v: %d allocations of one identity", c.name, transport, n)
			}
		}
	}
	if n := s.metric(`turn_datagrams_total{direction="to-peer"}`); n != 0 {
		t.Errorf("%d datagrams were relayed", n)
	}
}

// TestHugeChannelData says that 64 KiB follow. The connection ends before anything waits for them.
func TestHugeChannelData(t *testing.T) {
	s := run(t, Config{backend: newBackend})
	nc := s.dialMedia(t)
	if _, err := nc.Write(stunRequest); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(nc, make([]byte, 20)); err != nil {
		t.Fatalf("no answer: %v", err)
	}
	if _, err := nc.Write([]byte{0x40, 0, 0xff, 0xff, 1, 2, 3, 4}); err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, nc); err != nil && !strings.Contains(err.Error(), "reset") {
		t.Errorf("the connection lives: %v", err)
	}
	if n := s.metric(`turn_drops_total{reason="too-long"}`); n != 1 {
		t.Errorf("counted %d times", n)
	}
}
