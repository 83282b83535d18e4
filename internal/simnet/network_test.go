package simnet

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

var (
	alice = netip.MustParseAddr("10.0.0.1")
	bob   = netip.MustParseAddr("10.0.0.2")
)

// pair is two endpoints of a fresh network, closed with the test.
func pair(t *testing.T, seed uint64, c Conditions) (n *Network, a, b *Conn) {
	t.Helper()
	n = New(seed)
	t.Cleanup(n.Close)
	n.SetDefault(c)
	a, err := n.Host(alice).ListenPacket(1000)
	if err != nil {
		t.Fatal(err)
	}
	if b, err = n.Host(bob).ListenPacket(2000); err != nil {
		t.Fatal(err)
	}
	return n, a, b
}

func TestDatagramArrivesAfterLatency(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, b := pair(t, 1, Conditions{Latency: 120 * time.Millisecond})
		began := time.Now()
		payload := []byte("hello")
		if n, err := a.WriteTo(payload, b.LocalAddr()); n != 5 || err != nil {
			t.Fatal(n, err)
		}
		payload[0] = 'x' // the writer may use its buffer again
		buf := make([]byte, 100)
		n, from, err := b.ReadFrom(buf)
		if err != nil || string(buf[:n]) != "hello" || from.String() != "10.0.0.1:1000" {
			t.Fatalf("%q from %v, %v", buf[:n], from, err)
		}
		if took := time.Since(began); took != 120*time.Millisecond {
			t.Errorf("took %v of virtual time", took)
		}
	})
}

func TestDirectionsHaveTheirOwnConditions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, a, b := pair(t, 1, Conditions{Latency: 10 * time.Millisecond})
		n.SetPath(bob, alice, Conditions{Latency: 90 * time.Millisecond})
		began := time.Now()
		buf := make([]byte, 10)
		a.WriteTo([]byte("ping"), b.LocalAddr())
		b.ReadFrom(buf)
		b.WriteTo([]byte("pong"), a.LocalAddr())
		a.ReadFrom(buf)
		if took := time.Since(began); took != 100*time.Millisecond {
			t.Errorf("round trip took %v", took)
		}
		n.SetBoth(alice, bob, Conditions{Down: true})
		a.WriteTo([]byte("ping"), b.LocalAddr())
		if s := n.Stats(); s.Dropped[DropDown] != 1 || s.Delivered != 2 {
			t.Errorf("%+v", s)
		}
	})
}

// flood sends count numbered datagrams, 1 ms apart, and returns the numbers that arrive, in order.
func flood(t *testing.T, a, b *Conn, count int) []uint32 {
	t.Helper()
	var got []uint32
	var readers sync.WaitGroup
	readers.Go(func() {
		buf := make([]byte, 2000)
		for {
			if _, _, err := b.ReadFrom(buf); err != nil {
				return
			}
			got = append(got, binary.BigEndian.Uint32(buf))
		}
	})
	out := make([]byte, 500)
	for i := range count {
		binary.BigEndian.PutUint32(out, uint32(i))
		if _, err := a.WriteTo(out, b.LocalAddr()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Millisecond) // virtual time: this is the sender's pace
	}
	b.SetReadDeadline(time.Now().Add(time.Second))
	readers.Wait()
	return got
}

func TestFateIsSeededAndEveryDatagramIsCounted(t *testing.T) {
	c := Conditions{
		Latency: 20 * time.Millisecond, Jitter: 10 * time.Millisecond,
		Loss: 0.1, Burst: 3, Duplicate: 0.05, Reorder: 0.05, Rate: 5_000_000,
	}
	fate := func(seed uint64) (got []uint32) {
		synctest.Test(t, func(t *testing.T) {
			n, a, b := pair(t, seed, c)
			got = flood(t, a, b, 3000)
			s := n.Stats()
			if s.In != 3000 || s.In+s.Duplicated != s.Delivered+s.Lost() || n.Pending() != 0 {
				t.Errorf("not all accounted for: %+v, %d pending", s, n.Pending())
			}
			if int(s.Delivered) != len(got) {
				t.Errorf("%d delivered, %d read", s.Delivered, len(got))
			}
			if s.Dropped[DropLoss] == 0 || s.Duplicated == 0 {
				t.Errorf("nothing happened to them: %+v", s)
			}
		})
		return got
	}
	a, b, other := fate(42), fate(42), fate(43)
	if !equal(a, b) {
		t.Error("one seed, two fates")
	}
	if equal(a, other) {
		t.Error("two seeds, one fate")
	}
	disorder := 0
	for i := 1; i < len(a); i++ {
		if a[i] < a[i-1] {
			disorder++
		}
	}
	if disorder == 0 {
		t.Error("nothing was reordered")
	}
}

func equal(a, b []uint32) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

func TestOtherPathsDoNotChangeAFate(t *testing.T) {
	fate := func(withThird bool) (got []uint32) {
		synctest.Test(t, func(t *testing.T) {
			n, a, b := pair(t, 9, Conditions{Loss: 0.2})
			if withThird {
				c, _ := n.Host(netip.MustParseAddr("10.0.0.3")).ListenPacket(0)
				for range 1000 {
					c.WriteTo([]byte("noise"), a.LocalAddr())
				}
			}
			got = flood(t, a, b, 500)
		})
		return got
	}
	if !equal(fate(false), fate(true)) {
		t.Error("traffic of another path changed the draws")
	}
}

func TestReadDeadlines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, b := pair(t, 1, Conditions{})
		buf := make([]byte, 10)
		began := time.Now()
		b.SetReadDeadline(began.Add(time.Second))
		_, _, err := b.ReadFrom(buf)
		var timeout net.Error
		if !errors.Is(err, os.ErrDeadlineExceeded) || !errors.As(err, &timeout) || !timeout.Timeout() {
			t.Fatalf("error %v", err)
		}
		if took := time.Since(began); took != time.Second {
			t.Errorf("took %v", took)
		}
		// A deadline in the past fails at once; a new one lets the endpoint live on.
		if _, _, err := b.ReadFrom(buf); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("error %v", err)
		}
		b.SetDeadline(time.Time{})
		a.WriteTo([]byte("x"), b.LocalAddr())
		if n, _, err := b.ReadFrom(buf); n != 1 || err != nil {
			t.Errorf("%d, %v", n, err)
		}
		// Moving the deadline wakes a read that waits already.
		done := make(chan error)
		go func() {
			_, _, err := b.ReadFrom(buf)
			done <- err
		}()
		synctest.Wait()
		b.SetReadDeadline(time.Now().Add(-time.Second))
		if err := <-done; !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("error %v", err)
		}
	})
}

func TestCloseWakesReadersAndFreesThePort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, a, b := pair(t, 1, Conditions{})
		done := make(chan error, 3)
		for range 3 {
			go func() {
				_, _, err := b.ReadFrom(make([]byte, 10))
				done <- err
			}()
		}
		synctest.Wait()
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			if err := <-done; !errors.Is(err, net.ErrClosed) {
				t.Errorf("error %v", err)
			}
		}
		if err := b.Close(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("second close: %v", err)
		}
		if _, err := b.WriteTo([]byte("x"), a.LocalAddr()); !errors.Is(err, net.ErrClosed) {
			t.Errorf("write after close: %v", err)
		}
		a.WriteTo([]byte("nobody"), b.LocalAddr())
		synctest.Wait()
		if s := n.Stats(); s.Dropped[DropNoRoute] != 1 {
			t.Errorf("%+v", s)
		}
		if _, err := n.Host(bob).ListenPacket(2000); err != nil {
			t.Errorf("the port is not free: %v", err)
		}
	})
}

func TestPortsAndBounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, a, b := pair(t, 1, Conditions{})
		if _, err := n.Host(alice).ListenPacket(1000); !errors.Is(err, ErrAddressInUse) {
			t.Errorf("taken port: %v", err)
		}
		x, _ := n.Host(alice).ListenPacket(0)
		y, _ := n.Host(alice).ListenPacket(0)
		if x.LocalAddr().String() == y.LocalAddr().String() {
			t.Error("two endpoints with one free port")
		}
		if _, err := a.WriteTo(make([]byte, maxDatagram+1), b.LocalAddr()); !errors.Is(err, ErrTooLong) {
			t.Errorf("long datagram: %v", err)
		}
		if _, err := a.WriteTo(nil, &net.TCPAddr{}); err == nil {
			t.Error("a TCP address was taken")
		}
		// A slow reader's buffer is bounded; a short read cuts the datagram.
		b.SetReadBuffer(2500)
		for range 3 {
			a.WriteTo(make([]byte, 1000), b.LocalAddr())
		}
		synctest.Wait()
		if s := n.Stats(); s.Dropped[DropReceiver] != 1 || s.Delivered != 2 {
			t.Errorf("%+v", s)
		}
		if got, _, err := b.ReadFrom(make([]byte, 10)); got != 10 || err != nil {
			t.Errorf("short read: %d, %v", got, err)
		}
	})
}

func TestNetworkCloseClosesEndpoints(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, a, b := pair(t, 1, Conditions{Latency: time.Hour})
		a.WriteTo([]byte("late"), b.LocalAddr())
		n.Close()
		if _, _, err := b.ReadFrom(make([]byte, 10)); !errors.Is(err, net.ErrClosed) {
			t.Errorf("error %v", err)
		}
	})
}

// Outside of a bubble the same code runs on real time, with many endpoints at once.
func TestManyEndpointsOnRealTime(t *testing.T) {
	n := New(1)
	defer n.Close()
	n.SetDefault(Conditions{Latency: time.Millisecond, Jitter: time.Millisecond})
	server, err := n.Host(bob).ListenPacket(2000)
	if err != nil {
		t.Fatal(err)
	}
	go func() { // echo, until closed
		buf := make([]byte, 100)
		for {
			k, from, err := server.ReadFrom(buf)
			if err != nil {
				return
			}
			server.WriteTo(buf[:k], from)
		}
	}()
	var clients sync.WaitGroup
	for i := range 20 {
		clients.Go(func() {
			c, err := n.Host(netip.AddrFrom4([4]byte{10, 0, 1, byte(i)})).ListenPacket(0)
			if err != nil {
				t.Error(err)
				return
			}
			buf := make([]byte, 100)
			for j := range 20 {
				c.WriteTo([]byte{byte(i), byte(j)}, server.LocalAddr())
				c.SetReadDeadline(time.Now().Add(time.Minute))
				if k, _, err := c.ReadFrom(buf); err != nil || k != 2 || buf[0] != byte(i) || buf[1] != byte(j) {
					t.Errorf("client %d, echo %d: %v %v", i, j, buf[:k], err)
					return
				}
			}
		})
	}
	clients.Wait()
}
