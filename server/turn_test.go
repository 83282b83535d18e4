package server

import (
	"context"
	"net/netip"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"switchyard/turn"
)

// credentials are good for this server's TURN.
func (s *testServer) credentials(identity string) (user, password string) {
	s.t.Helper()
	secret, err := turn.NewSecret(s.key)
	if err != nil {
		s.t.Fatal(err)
	}
	return secret.Mint("demo", identity, time.Now().Add(time.Hour))
}

// coturn runs one of coturn's client tools and returns what it said.
func (s *testServer) coturn(t *testing.T, tool string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	media := netip.MustParseAddrPort(s.media)
	args = append(args, "-p", strconv.Itoa(int(media.Port())), "127.0.0.1")
	out, err := exec.CommandContext(ctx, tool, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %v: %v (it is in Debian's package coturn)\n%s", tool, args, err, out)
	}
	return string(out)
}

// TestCoturnClients has coturn's tools bind, allocate, permit, bind channels and send between relays, by
// each transport.
func TestCoturnClients(t *testing.T) {
	s := run(t, Config{backend: newBackend})
	if out := s.coturn(t, "turnutils_stunclient"); !strings.Contains(out, "UDP reflexive addr: 127.0.0.1:") {
		t.Errorf("stunclient: %s", out)
	}
	for _, c := range []struct {
		name string
		args []string
	}{
		{"channels by UDP", nil},
		{"indications by UDP", []string{"-s"}},
		{"channels by TCP", []string{"-t"}},
		{"indications by TCP", []string{"-t", "-s"}},
		{"channels by TLS", []string{"-t", "-S"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			user, password := s.credentials("ann")
			out := s.coturn(t, "turnutils_uclient", append([]string{"-y", "-c", "-n", "10", "-m", "2", "-l", "171", "-z", "5", "-u", user, "-w", password}, c.args...)...)
			if !strings.Contains(out, "tot_send_msgs=") || !strings.Contains(out, "Total lost packets 0 ") {
				t.Errorf("%s", out)
			}
		})
	}
}
