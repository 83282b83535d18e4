package simnet

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"os"
	"testing"
	"time"
)

var loopback = netip.MustParseAddrPort("127.0.0.1:0")

// echo answers every datagram until the test ends.
func echo(t *testing.T) netip.AddrPort {
	t.Helper()
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(loopback))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	go func() {
		buf := make([]byte, 2000)
		for {
			n, from, err := conn.ReadFromUDPAddrPort(buf)
			if errors.Is(err, net.ErrClosed) {
				return
			}
			conn.WriteToUDPAddrPort(buf[:n], from)
		}
	}()
	return conn.LocalAddr().(*net.UDPAddr).AddrPort()
}

func relay(t *testing.T, up, down Conditions) *Relay {
	t.Helper()
	r, err := NewRelay(loopback, echo(t), up, down, 1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

func dial(t *testing.T, r *Relay) *net.UDPConn {
	t.Helper()
	c, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(r.Addr()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func TestRelayDelaysBothWays(t *testing.T) {
	r := relay(t, Conditions{Latency: 30 * time.Millisecond}, Conditions{Latency: 50 * time.Millisecond})
	c := dial(t, r)
	began := time.Now()
	if _, err := c.Write([]byte("ping")); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 10)
	c.SetReadDeadline(began.Add(time.Minute))
	n, err := c.Read(buf)
	if err != nil || string(buf[:n]) != "ping" {
		t.Fatalf("%q, %v", buf[:n], err)
	}
	if took := time.Since(began); took < 80*time.Millisecond {
		t.Errorf("took %v, want at least 80 ms", took)
	}
}

func TestRelayLosesReordersAndDuplicates(t *testing.T) {
	const count = 400
	r := relay(t, Conditions{Loss: 0.2}, Conditions{
		Latency: 5 * time.Millisecond, Duplicate: 0.2, Reorder: 0.2, ReorderBy: 20 * time.Millisecond,
	})
	c := dial(t, r)
	pace := time.NewTicker(time.Millisecond)
	defer pace.Stop()
	go func() {
		out := make([]byte, 100)
		for i := range count {
			binary.BigEndian.PutUint32(out, uint32(i))
			c.Write(out)
			<-pace.C
		}
	}()
	seen, disorder, last := map[uint32]int{}, 0, uint32(0)
	buf, read := make([]byte, 200), uint64(0)
	for end := time.Now().Add(time.Minute); ; {
		c.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
		if _, err := c.Read(buf); errors.Is(err, os.ErrDeadlineExceeded) {
			up, down := r.Stats()
			if up.In == count && down.In == up.Delivered && down.Delivered == down.In+down.Duplicated-down.Lost() && read == down.Delivered {
				break // nothing is on its way any more
			}
			if time.Now().After(end) {
				t.Fatalf("%d came; up %+v, down %+v", read, up, down)
			}
			continue
		} else if err != nil {
			t.Fatal(err)
		}
		read++
		i := binary.BigEndian.Uint32(buf)
		if i < last {
			disorder++
		}
		last = i
		seen[i]++
	}
	up, down := r.Stats()
	if lost := up.Dropped[DropLoss]; lost < count/8 || lost > count/3 {
		t.Errorf("%d of %d lost on the way up, want a fifth", lost, count)
	}
	if up.In != up.Delivered+up.Lost() || down.In+down.Duplicated != down.Delivered+down.Lost() {
		t.Errorf("not all accounted for: up %+v, down %+v", up, down)
	}
	twice := 0
	for _, n := range seen {
		if n == 2 {
			twice++
		}
	}
	if twice == 0 || uint64(twice) != down.Duplicated || disorder == 0 {
		t.Errorf("%d twice (%d made), %d in disorder", twice, down.Duplicated, disorder)
	}
}

func TestRelayKeepsClientsApartAndConditionsCanChange(t *testing.T) {
	r := relay(t, Conditions{}, Conditions{})
	a, b := dial(t, r), dial(t, r)
	buf := make([]byte, 10)
	for i, c := range []*net.UDPConn{a, b, a, b} {
		c.Write([]byte{byte(i)})
		c.SetReadDeadline(time.Now().Add(time.Minute))
		if n, err := c.Read(buf); err != nil || n != 1 || buf[0] != byte(i) {
			t.Fatalf("client %d: %v, %v", i, buf[:n], err)
		}
	}
	r.Set(Conditions{Down: true}, Conditions{})
	a.Write([]byte("cut"))
	a.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
	if _, err := a.Read(buf); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a cut relay answered: %v", err)
	}
	eventually(t, func() bool { up, _ := r.Stats(); return up.Dropped[DropDown] == 1 })
	r.Set(Conditions{}, Conditions{})
	a.Write([]byte("back"))
	a.SetReadDeadline(time.Now().Add(time.Minute))
	if n, err := a.Read(buf); err != nil || string(buf[:n]) != "back" {
		t.Errorf("%q, %v", buf[:n], err)
	}
}

func eventually(t *testing.T, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it does not happen")
		}
	}
}

func TestRelayCloseEndsItsGoroutines(t *testing.T) {
	r := relay(t, Conditions{}, Conditions{Latency: time.Hour})
	c := dial(t, r)
	c.Write([]byte("x"))
	eventually(t, func() bool { _, down := r.Stats(); return down.In == 1 }) // the echo came back
	if err := r.Close(); err != nil {                                        // waits for the readers
		t.Error(err)
	}
	if err := r.Close(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("second close: %v", err)
	}
}
