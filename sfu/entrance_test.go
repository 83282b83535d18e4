package sfu

import (
	"encoding/binary"
	"net"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"switchyard/peer"
)

// stunMessage is a STUN header with attributes.
func stunMessage(typ uint16, attrs ...byte) []byte {
	b := binary.BigEndian.AppendUint16(nil, typ)
	b = binary.BigEndian.AppendUint16(b, uint16(len(attrs)))
	b = binary.BigEndian.AppendUint32(b, stunMagic)
	return append(append(b, "transactions"...), attrs...)
}

func TestForServer(t *testing.T) {
	username := append([]byte{0, 6, 0, 4}, "0a:b"...)
	for name, c := range map[string]struct {
		b    []byte
		want bool
	}{
		"a binding request without a name": {stunMessage(0x0001), true},
		"a check":                          {stunMessage(0x0001, username...), false},
		"the answer to a check":            {stunMessage(0x0101), false},
		"a keep-alive":                     {stunMessage(0x0011), false},
		"Allocate":                         {stunMessage(0x0003, username...), true},
		"Send":                             {stunMessage(0x0016), true},
		"an answer of a TURN server":       {stunMessage(0x0103), false},
		"ChannelData":                      {[]byte{0x40, 0, 0, 0}, true},
		"ChannelData as of RFC 5766":       {[]byte{0x7f, 0xff, 0, 0}, true},
		"DTLS":                             {[]byte{22, 254, 253, 0}, false},
		"RTP":                              {[]byte{0x80, 96, 0, 0}, false},
		"half a header":                    {stunMessage(0x0003)[:19], false},
	} {
		if got := forServer(c.b); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// TestUnclaimed has a datagram of no link reach the hook, and counts those that it has no room for.
func TestUnclaimed(t *testing.T) {
	got := make(chan string, 1)
	var full atomic.Bool
	s, err := New(Config{Listen: netip.MustParseAddrPort("127.0.0.1:0"), Shards: 2,
		Unclaimed: func(_ netip.AddrPort, local netip.Addr, b []byte) bool {
			if full.Load() {
				return false
			}
			got <- local.String() + " " + string(b[8:20])
			return true
		}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	nc, err := net.Dial("udp", s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	if _, err := nc.Write(stunMessage(0x0003)); err != nil {
		t.Fatal(err)
	}
	select {
	case text := <-got:
		if text != "127.0.0.1 transactions" {
			t.Errorf("%q", text)
		}
	case <-time.After(patience):
		t.Fatal("nothing came")
	}
	full.Store(true)
	if _, err := nc.Write(stunMessage(0x0003)); err != nil {
		t.Fatal(err)
	}
	for until := time.Now().Add(patience); s.Stats().Drops["unclaimed"] != 1; time.Sleep(time.Millisecond) {
		if time.Now().After(until) {
			t.Fatalf("not counted: %v", s.Stats().Drops)
		}
	}
	if err := s.WriteTo([]byte("answer"), nc.LocalAddr().(*net.UDPAddr).AddrPort(), netip.MustParseAddr("127.0.0.1")); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 10)
	_ = nc.SetReadDeadline(time.Now().Add(patience))
	if n, err := nc.Read(b); err != nil || string(b[:n]) != "answer" {
		t.Errorf("%q %v", b[:n], err)
	}
}

// TestEntrance refuses what begins with nothing that names a link.
func TestEntrance(t *testing.T) {
	s := newSFU(t, 2)
	e := s.Enter(peer.Path{Remote: netip.MustParseAddrPort("192.0.2.1:1000")})
	for _, b := range [][]byte{nil, {0x80, 96}, stunMessage(0x0001), stunMessage(0x0001, append([]byte{0, 6, 0, 4}, "~a:b"...)...)} {
		if e.Receive(b) {
			t.Errorf("took %x", b)
		}
	}
	if !e.Receive(stunMessage(0x0001, append([]byte{0, 6, 0, 4}, "1a:b"...)...)) {
		t.Error("refused a check for a shard that there is")
	}
}

// TestNoServerBehindARelay has a relay's client try to reach the TURN server through its relay.
func TestNoServerBehindARelay(t *testing.T) {
	s, err := New(Config{Listen: netip.MustParseAddrPort("127.0.0.1:0"), Shards: 1,
		Unclaimed: func(netip.AddrPort, netip.Addr, []byte) bool {
			t.Error("it does")
			return true
		}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	e := s.Enter(peer.Path{Remote: netip.MustParseAddrPort("127.0.0.1:50000"), Via: noWay{}})
	e.Receive(stunMessage(0x0001, append([]byte{0, 6, 0, 4}, "0a:b"...)...)) // opens the entrance
	e.Receive(stunMessage(0x0003))
	e.Receive([]byte{0x40, 0, 0, 0})
	for until := time.Now().Add(patience); s.Stats().Drops["unknown-path"] != 2; time.Sleep(time.Millisecond) {
		if time.Now().After(until) {
			t.Fatalf("not counted: %v", s.Stats().Drops)
		}
	}
}

// noWay is a Via that takes nothing.
type noWay struct{}

func (noWay) Send([]byte) bool { return false }
func (noWay) Closed() bool     { return false }

func FuzzForServer(f *testing.F) {
	f.Add(stunMessage(0x0003))
	f.Add(stunMessage(0x0001, append([]byte{0, 6, 0, 4}, "0a:b"...)...))
	f.Add([]byte{0x40, 0, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) < 2 { // never asked about those
			return
		}
		if forServer(b) && b[0]&0xc0 != 0x40 && (len(b) < 20 || b[0] > 3) {
			t.Fatalf("%x", b)
		}
	})
}
