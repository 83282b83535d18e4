package simnet

import (
	"bytes"
	"errors"
	"net"
	"os"
	"testing"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/webrtc/v4"
)

func shaped(t *testing.T, out, in Conditions) *Shaped {
	t.Helper()
	conn, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(loopback))
	if err != nil {
		t.Fatal(err)
	}
	s := Shape(conn, out, in, 1)
	t.Cleanup(func() { s.Close() })
	return s
}

func TestShapedSocketDelaysDropsAndCloses(t *testing.T) {
	s := shaped(t, Conditions{Latency: 20 * time.Millisecond}, Conditions{Latency: 40 * time.Millisecond})
	target := net.UDPAddrFromAddrPort(echo(t))
	began := time.Now()
	s.WriteTo([]byte("ping"), target)
	buf := make([]byte, 10)
	s.SetReadDeadline(began.Add(time.Minute))
	n, from, err := s.ReadFrom(buf)
	if err != nil || string(buf[:n]) != "ping" || from.String() != target.String() {
		t.Fatalf("%q from %v, %v", buf[:n], from, err)
	}
	if took := time.Since(began); took < 60*time.Millisecond {
		t.Errorf("took %v, want at least 60 ms", took)
	}
	s.Set(Conditions{}, Conditions{Loss: 1})
	s.WriteTo([]byte("gone"), target)
	eventually(t, func() bool { _, in := s.Stats(); return in.In == 2 })
	s.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
	if _, _, err := s.ReadFrom(buf); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("error %v", err)
	}
	if out, in := s.Stats(); out.Delivered != 2 || in.In != 2 || in.Dropped[DropLoss] != 1 {
		t.Errorf("out %+v, in %+v", out, in)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.ReadFrom(buf); !errors.Is(err, net.ErrClosed) {
		t.Errorf("read after close: %v", err)
	}
	if _, err := s.WriteTo(buf, target); !errors.Is(err, net.ErrClosed) {
		t.Errorf("write after close: %v", err)
	}
}

// peers makes two connections of pion/webrtc whose only sockets are those given.
func peers(t *testing.T, a, b net.PacketConn) (offerer, answerer *webrtc.PeerConnection) {
	t.Helper()
	var made []*webrtc.PeerConnection
	for _, conn := range []net.PacketConn{a, b} {
		var engine webrtc.SettingEngine
		mux := ice.NewUDPMuxDefault(ice.UDPMuxParams{UDPConn: conn})
		engine.SetICEUDPMux(mux)
		engine.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
		engine.SetIncludeLoopbackCandidate(true)
		pc, err := webrtc.NewAPI(webrtc.WithSettingEngine(engine)).NewPeerConnection(webrtc.Configuration{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { pc.Close(); mux.Close() })
		made = append(made, pc)
	}
	return made[0], made[1]
}

// connect exchanges the descriptions with all candidates.
func connect(t *testing.T, a, b *webrtc.PeerConnection) {
	t.Helper()
	describe := func(pc *webrtc.PeerConnection, make func() (webrtc.SessionDescription, error)) webrtc.SessionDescription {
		d, err := make()
		if err != nil {
			t.Fatal(err)
		}
		gathered := webrtc.GatheringCompletePromise(pc)
		if err := pc.SetLocalDescription(d); err != nil {
			t.Fatal(err)
		}
		<-gathered
		return *pc.LocalDescription()
	}
	offer := describe(a, func() (webrtc.SessionDescription, error) { return a.CreateOffer(nil) })
	if err := b.SetRemoteDescription(offer); err != nil {
		t.Fatal(err)
	}
	answer := describe(b, func() (webrtc.SessionDescription, error) { return b.CreateAnswer(nil) })
	if err := a.SetRemoteDescription(answer); err != nil {
		t.Fatal(err)
	}
}

// transfer sends bytes over a data channel and checks that they arrive whole.
func transfer(t *testing.T, a, b *webrtc.PeerConnection) {
	t.Helper()
	want := bytes.Repeat([]byte("0123456789abcdef"), 4096) // 64 KiB
	got := make(chan []byte, 100)
	b.OnDataChannel(func(d *webrtc.DataChannel) {
		d.OnMessage(func(m webrtc.DataChannelMessage) { got <- m.Data })
	})
	d, err := a.CreateDataChannel("file", nil)
	if err != nil {
		t.Fatal(err)
	}
	d.OnOpen(func() {
		for rest := want; len(rest) > 0; rest = rest[8192:] {
			d.Send(rest[:8192])
		}
	})
	connect(t, a, b)
	var all []byte
	timeout := time.After(2 * time.Minute)
	for len(all) < len(want) {
		select {
		case part := <-got:
			all = append(all, part...)
		case <-timeout:
			t.Fatalf("%d of %d bytes came", len(all), len(want))
		}
	}
	if !bytes.Equal(all, want) {
		t.Error("the bytes differ")
	}
}

var bad = Conditions{
	Latency: 15 * time.Millisecond, Jitter: 10 * time.Millisecond, Loss: 0.05, Duplicate: 0.02, Reorder: 0.05,
}

func TestPionOverShapedSockets(t *testing.T) {
	a, b := shaped(t, bad, bad), shaped(t, Conditions{}, Conditions{})
	offerer, answerer := peers(t, a, b)
	transfer(t, offerer, answerer)
	out, in := a.Stats()
	if out.Dropped[DropLoss] == 0 && in.Dropped[DropLoss] == 0 {
		t.Errorf("nothing was lost: out %+v, in %+v", out, in)
	}
}

func TestPionOverSimulatedNetwork(t *testing.T) {
	n, a, b := pair(t, 5, bad)
	offerer, answerer := peers(t, a, b)
	transfer(t, offerer, answerer)
	if s := n.Stats(); s.Dropped[DropLoss] == 0 {
		t.Errorf("nothing was lost: %+v", s)
	}
}
