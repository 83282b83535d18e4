package server

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/netip"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pion/webrtc/v4"

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
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
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
	t.Parallel()
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
			t.Parallel() // each waits some seconds at its end
			user, password := s.credentials(strings.ReplaceAll(c.name, " ", "-"))
			out := s.coturn(t, "turnutils_uclient", append([]string{"-y", "-c", "-n", "10", "-m", "2", "-l", "171", "-z", "5", "-u", user, "-w", password}, c.args...)...)
			if !strings.Contains(out, "tot_send_msgs=") || !strings.Contains(out, "Total lost packets 0 ") {
				t.Errorf("%s", out)
			}
		})
	}
}

// TestWHEPThroughTURN has a Pion peer whose only way is a relay, by UDP to the media port and by TCP.
func TestWHEPThroughTURN(t *testing.T) {
	t.Parallel()
	s := run(t, Config{backend: newBackend})
	for _, transport := range []string{"tcp", "udp"} {
		user, password := s.credentials("eve")
		var se webrtc.SettingEngine
		se.SetIncludeLoopbackCandidate(true)
		pc, err := webrtc.NewAPI(webrtc.WithSettingEngine(se)).NewPeerConnection(webrtc.Configuration{
			ICETransportPolicy: webrtc.ICETransportPolicyRelay,
			ICEServers:         []webrtc.ICEServer{{URLs: []string{"turn:" + s.media + "?transport=" + transport}, Username: user, Credential: password}},
		})
		if err != nil {
			t.Fatal(err)
		}
		defer pc.Close()
		if _, err := pc.CreateDataChannel("data", nil); err != nil {
			t.Fatal(err)
		}
		if _, err := pc.AddTransceiverFromKind(webrtc.RTPCodecTypeVideo, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}); err != nil {
			t.Fatal(err)
		}
		up := make(chan struct{})
		connected := sync.OnceFunc(func() { close(up) })
		pc.OnConnectionStateChange(func(state webrtc.PeerConnectionState) {
			if state == webrtc.PeerConnectionStateConnected {
				connected()
			}
		})
		s.exchange(pc, "/whep/demo", s.bearer("demo", "subscribe"))
		select {
		case <-up:
		case <-time.After(patience):
			t.Fatalf("by %s: not connected: %s", transport, s.metricsText("switchyard_turn"))
		}
		if text := s.metricsText("switchyard_turn_bytes_total"); strings.Contains(text, "} 0\n") || text == "" {
			t.Errorf("by %s: nothing was relayed: %s", transport, text)
		}
	}
	_, _, links := s.call("GET", "/v1/admin/links", "", s.bearer("", "admin"))
	if n := strings.Count(links, `"relay"`); n != 2 {
		t.Errorf("%d links say that they are relayed: %s", n, links)
	}
}

// metricsText returns the lines of /metrics that begin with prefix.
func (s *testServer) metricsText(prefix string) string {
	s.t.Helper()
	_, _, body := s.call("GET", "/metrics", "")
	var out strings.Builder
	for line := range strings.Lines(body) {
		if strings.HasPrefix(line, prefix) {
			out.WriteString(line)
		}
	}
	return out.String()
}

// TestWHEPNamesTURN reads the Link headers: nothing that Chromium would take for its own server.
func TestWHEPNamesTURN(t *testing.T) {
	s := run(t, Config{backend: newBackend})
	pc := newPeer(t, false)
	if _, err := pc.AddTransceiverFromKind(webrtc.RTPCodecTypeVideo, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}); err != nil {
		t.Fatal(err)
	}
	offer, err := pc.CreateOffer(nil)
	if err != nil {
		t.Fatal(err)
	}
	status, head, body := s.call("POST", "/whep/r", offer.SDP, "Content-Type: application/sdp", s.bearer("r", "subscribe"))
	if status != 201 {
		t.Fatalf("%d %s", status, body)
	}
	links := head.Values("Link")
	if len(links) != 1 || !strings.HasPrefix(links[0], "<turn:"+s.media+`?transport=tcp>; rel="ice-server"; username="`) {
		t.Errorf("%q", links)
	}
}

// TestTURNHost chooses the name by which clients reach the media port.
func TestTURNHost(t *testing.T) {
	public := []netip.Addr{netip.MustParseAddr("203.0.113.5")}
	for _, c := range []struct {
		name      string
		cfg       Config
		listens   string
		requested string
		want      string
	}{
		{"a domain", Config{}, "[::]:8443", "meet.example.org", "meet.example.org"},
		{"with its port", Config{}, "[::]:8443", "meet.example.org:8080", "meet.example.org"},
		{"an address of the LAN", Config{}, "0.0.0.0:8443", "192.168.1.7:8080", "192.168.1.7"},
		{"IPv6", Config{}, "[::]:8443", "[2001:db8::1]:8080", "2001:db8::1"},
		{"this machine", Config{}, "[::]:8443", "localhost:8080", "localhost"},
		{"this machine, media on one address", Config{}, "127.0.0.1:8443", "localhost:8080", "127.0.0.1"},
		{"media on one address of the LAN", Config{}, "192.168.1.7:8443", "localhost:8080", "192.168.1.7"},
		{"a proxy that hides the name", Config{URL: "https://meet.example.org"}, "[::]:8443", "127.0.0.1:8080", "meet.example.org"},
		{"a proxy, and only an address is known", Config{PublicIPs: public}, "[::]:8443", "127.0.0.1:8080", "203.0.113.5"},
		{"configured", Config{TURN: TURN{Host: "turn.example.org"}}, "[::]:8443", "meet.example.org", "turn.example.org"},
		{"no name at all", Config{PublicIPs: public}, "[::]:8443", "", "203.0.113.5"},
		{"not a name", Config{PublicIPs: public}, "[::]:8443", "a\"b>;c", "203.0.113.5"},
		{"not a name, nothing known", Config{}, "[::]:8443", "x y", "localhost"},
	} {
		r := &relay{server: &Server{cfg: c.cfg, media: fixedListener(c.listens)}}
		if got := r.host(c.requested); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

// fixedListener is a listener of which only the address is asked.
type fixedListener string

func (fixedListener) Accept() (net.Conn, error) { return nil, net.ErrClosed }
func (fixedListener) Close() error              { return nil }
func (l fixedListener) Addr() net.Addr {
	return net.TCPAddrFromAddrPort(netip.MustParseAddrPort(string(l)))
}

// TestTURNOff has neither STUN nor TURN answer.
func TestTURNOff(t *testing.T) {
	s := run(t, Config{backend: newBackend, TURN: TURN{Off: true}})
	nc := s.dialMedia(t)
	if _, err := nc.Write(stunRequest); err != nil {
		t.Fatal(err)
	}
	wantClosed(t, nc)
	if text := s.metricsText("switchyard_turn"); text != "" {
		t.Error(text)
	}
}

func (s *testServer) dialMedia(t *testing.T) net.Conn {
	t.Helper()
	nc, err := net.Dial("tcp", s.media)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	_ = nc.SetDeadline(time.Now().Add(patience))
	return nc
}

// TestTURNInTLS offers what coturn's clients offer by ALPN, and nothing.
func TestTURNInTLS(t *testing.T) {
	s := run(t, Config{backend: newBackend})
	for _, protocols := range [][]string{nil, {"stun.turn"}, {"http/1.1", "stun.turn", "stun.nat-discovery"}} {
		nc := tls.Client(s.dialMedia(t), &tls.Config{InsecureSkipVerify: true, NextProtos: protocols})
		if _, err := nc.Write(stunRequest); err != nil {
			t.Fatal(err)
		}
		head := make([]byte, 20)
		if _, err := io.ReadFull(nc, head); err != nil || head[0] != 1 || !bytes.Equal(head[8:], stunRequest[8:20]) {
			t.Errorf("with %q: %x %v", protocols, head, err)
		}
	}
}
