package path

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"testing"
	"time"

	"golang.org/x/net/ipv4"
)

// open opens a socket of n on loopback.
func open(t testing.TB, n *Net) *socket {
	t.Helper()
	c, err := n.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c.(*socket)
}

func network(t testing.TB) *Net {
	t.Helper()
	n, err := New()
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// pair is two sockets, the path of one leading to the other, and both Conns.
func pair(t testing.TB) (a, b *socket, here, there *Conn) {
	t.Helper()
	one, two := network(t), network(t)
	a, b = open(t, one), open(t, two)
	for _, end := range []struct {
		n        *Net
		own, its *socket
	}{{one, a, b}, {two, b, a}} {
		if err := end.n.Select(end.own.e.addr.AddrPort(), end.its.e.addr.AddrPort()); err != nil {
			t.Fatal(err)
		}
	}
	here, err := one.Conn()
	if err != nil {
		t.Fatal(err)
	}
	there, err = two.Conn()
	if err != nil {
		t.Fatal(err)
	}
	return a, b, here, there
}

// datagram has a first byte and a number.
func datagram(first byte, n int) []byte {
	return append([]byte{first, byte(n)}, bytes.Repeat([]byte{byte(n)}, 1000)...)
}

func TestFirstByteTellsWhomADatagramIsFor(t *testing.T) {
	a, b, here, there := pair(t)
	const each = 50
	for i := range each { // STUN, DTLS; QUIC's long and short headers
		for _, first := range []byte{0, 22, 0xc3, 0x43} {
			var err error
			if isQUIC(first) {
				_, err = here.WriteTo(datagram(first, i), Peer)
			} else {
				_, err = a.WriteToAddrPort(datagram(first, i), b.e.addr.AddrPort())
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	done := make(chan error, 1)
	go func() { // neither waits for the other, as in life
		buf := make([]byte, 2000)
		for i := range each {
			for _, first := range []byte{0xc3, 0x43} {
				n, from, err := there.ReadFrom(buf)
				if err != nil || !bytes.Equal(buf[:n], datagram(first, i)) || from != Peer {
					done <- fmt.Errorf("QUIC's %d: %d bytes from %v, %w", i, n, from, err)
					return
				}
			}
		}
		done <- nil
	}()
	buf := make([]byte, 2000)
	next := map[byte]int{}
	for range 2 * each { // STUN may overtake DTLS, whose records leave in bursts
		if err := b.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
			t.Fatal(err)
		}
		n, from, err := b.ReadFromAddrPort(buf)
		if err != nil || !bytes.Equal(buf[:n], datagram(buf[0], next[buf[0]])) || from != a.e.addr.AddrPort() {
			t.Fatalf("ICE's, after %v: %d bytes from %v, %v", next, n, from, err)
		}
		next[buf[0]]++
	}
	if next[0] != each || next[22] != each {
		t.Errorf("%v came", next)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if got := there.n.Stats(); got.Received != 2*each || got.Dropped != 0 {
		t.Errorf("%+v", got)
	}
}

func TestBatchesFillAllMessages(t *testing.T) {
	_, _, here, there := pair(t)
	const sent = 20
	for i := range sent {
		if _, err := here.WriteTo(datagram(0x40, i), Peer); err != nil {
			t.Fatal(err)
		}
	}
	ms := make([]ipv4.Message, 8)
	for i := range ms {
		ms[i].Buffers = [][]byte{make([]byte, 1452)}
	}
	for got := 0; got < sent; {
		n, err := there.ReadBatch(ms, 0)
		if err != nil || n == 0 {
			t.Fatal(n, err)
		}
		for _, m := range ms[:n] {
			if !bytes.Equal(m.Buffers[0][:m.N], datagram(0x40, got)) || m.NN != 0 {
				t.Fatalf("datagram %d is another", got)
			}
			got++
		}
	}
}

func TestDeadlinesAndCloseEndReading(t *testing.T) {
	a, _, here, _ := pair(t)
	buf := make([]byte, 100)
	_ = a.SetReadDeadline(time.Now().Add(time.Millisecond))
	if _, _, err := a.ReadFrom(buf); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("after the deadline: %v", err)
	}
	_ = a.SetReadDeadline(time.Time{})
	ended := make(chan error, 2)
	go func() { _, err := a.Read(buf); ended <- err }()
	go func() { _, _, err := here.ReadFrom(buf); ended <- err }()
	if err := here.SetReadDeadline(time.Now()); err != nil { // as quic-go does to close
		t.Fatal(err)
	}
	if err := <-ended; !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("QUIC's reading ended with %v", err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; !errors.Is(err, net.ErrClosed) {
		t.Errorf("ICE's reading ended with %v", err)
	}
	if err := a.Close(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("closing again: %v", err)
	}
	if _, err := here.n.Conn(); err != nil {
		t.Errorf("another Conn after the first: %v", err)
	}
}

func TestQUICFollowsThePath(t *testing.T) {
	_, b, here, there := pair(t)
	n := here.n
	if _, err := n.Conn(); !errors.Is(err, ErrInUse) {
		t.Errorf("a second Conn: %v", err)
	}
	if err := n.Select(netip.MustParseAddrPort("127.0.0.1:9"), b.e.addr.AddrPort()); !errors.Is(err, ErrNoPath) {
		t.Errorf("an address that is not ours: %v", err)
	}
	if _, err := here.WriteTo(datagram(0x40, 1), Peer); err != nil || n.Stats().Dropped != 1 {
		t.Errorf("without a path: %v, %+v", err, n.Stats())
	}
	c := open(t, n) // the new path
	if err := n.Select(c.e.addr.AddrPort(), b.e.addr.AddrPort()); err != nil {
		t.Fatal(err)
	}
	if local, remote := n.Path(); local != c.e.addr.AddrPort() || remote != b.e.addr.AddrPort() {
		t.Errorf("the path is %v to %v", local, remote)
	}
	if _, err := here.WriteTo(datagram(0x40, 2), Peer); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 2000)
	if k, _, err := there.ReadFrom(buf); err != nil || !bytes.Equal(buf[:k], datagram(0x40, 2)) {
		t.Errorf("on the new path: %x, %v", buf[:min(k, 4)], err)
	}
}

// TestStunGetsThroughWhileQUICIsBusy keeps a hundred datagrams of QUIC's on the way and checks that ICE loses nothing.
func TestStunGetsThroughWhileQUICIsBusy(t *testing.T) {
	a, b, here, there := pair(t)
	ctx, cancel := context.WithCancel(t.Context())
	room := make(chan struct{}, 100)
	flooded := make(chan struct{})
	go func() {
		defer close(flooded)
		d := datagram(0x40, 0)
		for {
			select {
			case room <- struct{}{}:
				_, _ = here.WriteTo(d, Peer)
			case <-ctx.Done():
				return
			}
		}
	}()
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		buf := make([]byte, 2000)
		for {
			if _, _, err := there.ReadFrom(buf); err != nil {
				return
			}
			<-room
		}
	}()
	for began := time.Now(); there.n.Stats().Received < 100; time.Sleep(time.Millisecond) {
		if time.Since(began) > 30*time.Second {
			t.Fatal("QUIC does not get busy")
		}
	}
	buf := make([]byte, 2000)
	for i := range 200 {
		if _, err := a.WriteToAddrPort(datagram(1, i), b.e.addr.AddrPort()); err != nil {
			t.Fatal(err)
		}
		_ = b.SetReadDeadline(time.Now().Add(30 * time.Second))
		if n, _, err := b.ReadFromAddrPort(buf); err != nil || !bytes.Equal(buf[:n], datagram(1, i)) {
			t.Fatalf("check %d: %d bytes, %v", i, n, err)
		}
	}
	cancel()
	<-flooded
	there.Close()
	<-drained
}

// FuzzShare gives a socket what the network and the kernel may give it, and counts what comes out.
func FuzzShare(f *testing.F) {
	f.Add(append(datagram(0x40, 1), datagram(22, 2)...), uint16(1002), []byte{})
	f.Add([]byte{0}, uint16(0), []byte{1, 2, 3})
	f.Fuzz(func(t *testing.T, data []byte, size uint16, oob []byte) {
		segmentSize(oob)
		onlySegments(oob)
		if len(data) == 0 {
			return
		}
		want := max(int(size), 1)
		ice, quic := 0, 0
		for rest := data; len(rest) > 0; {
			k := alike(rest, want)
			if k <= 0 || k > len(rest) {
				t.Fatalf("%d of %d bytes", k, len(rest))
			}
			r := run{data: rest[:k], size: want}
			for d := r.next(); d != nil; d = r.next() {
				if isQUIC(d[0]) != isQUIC(rest[0]) {
					t.Fatal("a datagram for somebody else")
				}
				if isQUIC(d[0]) {
					quic += len(d)
				} else {
					ice += len(d)
				}
			}
			rest = rest[k:]
		}
		if ice+quic != len(data) {
			t.Errorf("%d + %d bytes of %d", ice, quic, len(data))
		}
	})
}
