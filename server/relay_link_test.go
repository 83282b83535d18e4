package server

import (
	"errors"
	"net"
	"strings"
	"testing"
	"time"

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

// TestAClientBehindAFirewallComesUpAtTheFirstTry has a client that only TURN over TCP gets through. It learns of
// the relay before it joins, so that no ICE restart is needed: that would come after four seconds.
func TestAClientBehindAFirewallComesUpAtTheFirstTry(t *testing.T) {
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
	begin := time.Now()
	c, err := client.Dial(t.Context(), client.Options{URL: s.base, Room: "demo", Token: strings.TrimPrefix(s.bearer("demo", "subscribe,data"), "Authorization: Bearer "), API: api})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for c.LinkState() != webrtc.PeerConnectionStateConnected.String() {
		if time.Since(begin) > 3*time.Second {
			t.Fatalf("the link is %s after %v: %s", c.LinkState(), time.Since(begin), s.metricsText("switchyard_turn"))
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Logf("connected after %v", time.Since(begin).Round(time.Millisecond))
	if text := s.metricsText("switchyard_turn_bytes_total"); text == "" || strings.Contains(text, "} 0\n") {
		t.Errorf("nothing was relayed: %s", text)
	}
}
