package server

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"strings"
	"testing"

	"github.com/pion/transport/v5"
	"github.com/pion/transport/v5/stdnet"
	"github.com/pion/webrtc/v4"

	"switchyard/client"
)

// onlyTCP is a network whose firewall drops UDP.
type onlyTCP struct{ transport.Net }

var errBlocked = errors.New("no UDP here")

func (onlyTCP) ListenPacket(string, string) (net.PacketConn, error)       { return nil, errBlocked }
func (onlyTCP) ListenUDP(string, *net.UDPAddr) (transport.UDPConn, error) { return nil, errBlocked }
func (onlyTCP) DialUDP(_ string, _, _ *net.UDPAddr) (transport.UDPConn, error) {
	return nil, errBlocked
}

// onRestart is a client's log that says when ICE is restarted: a busy machine makes that happen too.
type onRestart struct {
	slog.Handler // never used
	do           func()
}

func (*onRestart) Enabled(context.Context, slog.Level) bool { return true }
func (h *onRestart) WithAttrs([]slog.Attr) slog.Handler     { return h }
func (h *onRestart) WithGroup(string) slog.Handler          { return h }
func (h *onRestart) Handle(_ context.Context, r slog.Record) error {
	if strings.HasPrefix(r.Message, "restarting ICE") {
		h.do()
	}
	return nil
}

// TestAClientBehindAFirewallComesUpAtTheFirstTry has a client that only TURN over TCP gets through. It learns of
// the relay before it joins, so that it needs no ICE restart to use it: that would come after four seconds.
func TestAClientBehindAFirewallComesUpAtTheFirstTry(t *testing.T) {
	t.Parallel()
	s := run(t, Config{backend: newBackend})
	network, err := stdnet.NewNet()
	if err != nil {
		t.Fatal(err)
	}
	api, err := client.NewAPI(s.base, func(e *webrtc.SettingEngine) {
		e.SetNet(onlyTCP{network})
	})
	if err != nil {
		t.Fatal(err)
	}
	restarts := &onRestart{do: func() {
		if s.metric("turn_allocated_total") == 0 {
			t.Error("the first try was made without a relay")
		}
	}}
	c, err := client.Dial(t.Context(), client.Options{
		URL: s.base, Room: "demo", Token: strings.TrimPrefix(s.bearer("demo", "subscribe,data"), "Authorization: Bearer "),
		API: api, Log: slog.New(restarts),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	eventually(t, "the link", func() bool { return c.LinkState() == webrtc.PeerConnectionStateConnected.String() })
	if text := s.metricsText("switchyard_turn_bytes_total"); text == "" || strings.Contains(text, "} 0\n") {
		t.Errorf("nothing was relayed: %s", text)
	}
}
