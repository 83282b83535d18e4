package turn

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/pion/stun/v4"
)

// TestRealRelay sends to a socket that knows nothing of TURN and gets its answer.
func TestRealRelay(t *testing.T) {
	b := newBench(t, Config{Sockets: &Sockets{Min: 40000, Max: 45000, Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}})
	outside, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:0")))
	if err != nil {
		t.Fatal(err)
	}
	defer outside.Close()
	peer := outside.LocalAddr().(*net.UDPAddr).AddrPort()
	told := make(chan []byte, 10)
	b.Server.media = &toldMedia{b.media, told}

	ann := b.person("192.0.2.1:1000", "ann")
	b.now = time.Now() // the socket's reader has the real clock
	ann.name, ann.password = b.cfg.Secret.Mint("demo", "ann", b.now.Add(time.Hour))
	ask := func(method stun.Method, attrs ...stun.Setter) *stun.Message {
		t.Helper()
		ann.ask(method, attrs...)
		m := &stun.Message{Raw: <-told}
		if err := m.Decode(); err != nil {
			t.Fatal(err)
		}
		return m
	}
	var nonce stun.Nonce
	if err := nonce.GetFrom(ask(stun.MethodAllocate, udpTransport)); err != nil {
		t.Fatal(err)
	}
	ann.nonce = nonce.String()
	if c := code(ask(stun.MethodAllocate, udpTransport)); c != 0 {
		t.Fatalf("allocate: %d", c)
	}
	if c := code(ask(stun.MethodCreatePermission, peerAt(peer))); c != 0 {
		t.Fatalf("permission: %d", c)
	}
	ann.send(peer, []byte("out"))
	buf := make([]byte, 100)
	_ = outside.SetReadDeadline(time.Now().Add(time.Minute))
	n, from, err := outside.ReadFromUDPAddrPort(buf)
	if err != nil || string(buf[:n]) != "out" || from.Port() < 40000 || from.Port() > 45000 {
		t.Fatalf("%q from %v, %v", buf[:n], from, err)
	}
	if _, err := outside.WriteToUDPAddrPort([]byte("back"), from); err != nil {
		t.Fatal(err)
	}
	select {
	case raw := <-told:
		m := &stun.Message{Raw: raw}
		if err := m.Decode(); err != nil {
			t.Fatal(err)
		}
		if data, err := m.Get(stun.AttrData); err != nil || string(data) != "back" {
			t.Fatalf("%v %v", m, err)
		}
	case <-time.After(time.Minute):
		t.Fatal("nothing came back")
	}
	if c := code(ask(stun.MethodRefresh, lifetime(0))); c != 0 {
		t.Errorf("end: %d", c)
	}
	b.wg.Wait() // the socket's reader ends with the allocation
}

// toldMedia passes on what is written to clients, from any goroutine.
type toldMedia struct {
	*fakeMedia
	told chan []byte
}

func (m *toldMedia) WriteTo(b []byte, _ netip.AddrPort, _ netip.Addr) error {
	m.told <- append([]byte(nil), b...)
	return nil
}
