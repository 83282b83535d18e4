package udp

import (
	"net"
	"net/netip"
	"testing"
	"time"
)

// group opens n sockets on one port.
func group(t *testing.T, addr string, n int, o Options) []*Socket {
	t.Helper()
	all, err := ListenGroup(netip.MustParseAddrPort(addr), n, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, s := range all {
			_ = s.Close()
		}
	})
	return all
}

// arrival is what one socket of a group read first.
type arrival struct {
	socket int
	waited bool
	first  [2]byte
}

// first waits for one datagram at any socket of the group.
func first(t *testing.T, all []*Socket) arrival {
	t.Helper()
	d := datagrams(16)
	for end := time.Now().Add(patience); time.Now().Before(end); {
		for i, s := range all {
			n, err := s.ReadBatch(d, time.Now().Add(time.Millisecond))
			if err != nil {
				t.Fatal(err)
			}
			if n == 1 {
				return arrival{i, s.Waited(), [2]byte(d[0].Buf[:2])}
			}
		}
	}
	t.Fatal("nothing came")
	return arrival{}
}

func TestOnlyReportsWait(t *testing.T) {
	kinds := []struct {
		name  string
		b     [12]byte
		waits bool
	}{
		{"RTP", [12]byte{0x80, 96}, false},
		{"RTP with the payload type of a report", [12]byte{0x80, 0x80 | 96}, false},
		{"STUN", [12]byte{0x00, 0x01}, false},
		{"DTLS", [12]byte{22, 0xfe}, false},
		{"a sender report", [12]byte{0x81, 200}, false},
		{"a receiver report", [12]byte{0x81, 201}, true},
		{"a negative acknowledgement", [12]byte{0x81, 205}, false},
		{"transport-wide feedback", [12]byte{0x8f, 205}, true},
		{"congestion control feedback", [12]byte{0x8b, 205}, true},
		{"a picture loss", [12]byte{0x81, 206}, false},
	}
	for _, addr := range []string{"127.0.0.1:0", "[::1]:0", "[::]:0"} {
		for _, n := range []int{1, 2, 3} {
			all := group(t, addr, n, Options{})
			to := all[0].LocalAddr()
			if to.Addr().IsUnspecified() {
				to = netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), to.Port())
			}
			c, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(to))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = c.Close() })
			home := -1
			for _, k := range kinds {
				if _, err := c.Write(k.b[:]); err != nil {
					t.Fatal(err)
				}
				a := first(t, all)
				if a.first != [2]byte(k.b[:2]) || a.waited != k.waits {
					t.Errorf("%s, %d sockets: %s: %+v", addr, n, k.name, a)
				}
				if home < 0 {
					home = a.socket
				}
				if a.socket != home {
					t.Errorf("%s, %d sockets: %s goes to socket %d, what came before to %d", addr, n, k.name, a.socket, home)
				}
			}
		}
	}
}

func TestSendersAreSpreadOverAGroup(t *testing.T) {
	all := group(t, "127.0.0.1:0", 4, Options{})
	seen := map[int]int{}
	for range 64 {
		c, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(all[0].LocalAddr()))
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.Write([]byte{0x80, 96})
		_ = c.Close()
		if err != nil {
			t.Fatal(err)
		}
		seen[first(t, all).socket]++
	}
	for i := range all {
		if seen[i] < 4 {
			t.Errorf("socket %d has %d of 64 senders", i, seen[i])
		}
	}
}

func TestAGroupWithoutSteeringReadsEverythingAtOnce(t *testing.T) {
	all := group(t, "127.0.0.1:0", 2, Options{NoSlow: true})
	c, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(all[0].LocalAddr()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	for _, b := range [][]byte{{0x81, 201}, {0x80, 96}, {0x8f, 205}} {
		if _, err := c.Write(b); err != nil {
			t.Fatal(err)
		}
		if a := first(t, all); a.waited || a.first != [2]byte(b) {
			t.Errorf("%+v", a)
		}
	}
}

func TestAGroupDoesNotShareAPortInUse(t *testing.T) {
	taken := group(t, "127.0.0.1:0", 1, Options{})
	if all, err := ListenGroup(taken[0].LocalAddr(), 2, Options{}); err == nil {
		for _, s := range all {
			_ = s.Close()
		}
		t.Error("two groups on one port")
	}
}

// TestMuchThatWaitsIsReadTogether floods a group with reports: they come in no more batches than there were
// gaps of slowGap between them, and as many as a batch holds.
func TestMuchThatWaitsIsReadTogether(t *testing.T) {
	s := group(t, "127.0.0.1:0", 1, Options{})[0]
	c, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(s.LocalAddr()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	const reports = 200
	go func() {
		for range reports {
			_, _ = c.Write([]byte{0x81, 201}) // counted below
			time.Sleep(200 * time.Microsecond)
		}
	}()
	d, got, batches := datagrams(MaxBatch), 0, 0
	begin := time.Now()
	for end := begin.Add(patience); got < reports && time.Now().Before(end); {
		n, err := s.ReadBatch(d, end)
		if err != nil {
			t.Fatal(err)
		}
		if n > 0 {
			got, batches = got+n, batches+1
		}
	}
	if took := time.Since(begin); got != reports || batches > int(took/slowGap)+2+reports/MaxBatch {
		t.Errorf("%d reports in %d batches in %v", got, batches, took)
	}
}
