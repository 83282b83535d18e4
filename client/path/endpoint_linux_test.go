package path

import (
	"bytes"
	"errors"
	"net"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// end is an endpoint that no socket reads.
func end(t testing.TB, network, host string) *endpoint {
	t.Helper()
	c, err := net.ListenUDP(network, &net.UDPAddr{IP: net.ParseIP(host)})
	if err != nil {
		t.Fatal(err)
	}
	e, err := newEndpoint(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.close() })
	return e
}

// waits runs e.wait elsewhere.
func waits(e *endpoint) <-chan error {
	done := make(chan error, 1)
	go func() { done <- e.wait() }()
	return done
}

// soon is what comes from c, or an error.
func soon(t *testing.T, c <-chan error) error {
	t.Helper()
	select {
	case err := <-c:
		return err
	case <-time.After(10 * time.Second):
		t.Fatal("nothing within 10 s")
		return nil
	}
}

func TestTheBellRingsForWhoWaitsOnly(t *testing.T) {
	a, b := end(t, "udp4", "127.0.0.1"), end(t, "udp4", "127.0.0.1")
	rings := func() bool {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(b.epfd), Events: unix.POLLIN}}, 0)
		if err != nil {
			t.Fatal(err)
		}
		return n > 0
	}
	got, before := newBatch(), waits(b)
	for round := range 20 { // of a wait that begins before a datagram comes, and one that begins when it is there
		for i := range 3 {
			if err := a.send(datagram(0x40, i), 0, b.addr.AddrPort()); err != nil {
				t.Fatal(err)
			}
		}
		if err := soon(t, before); err != nil {
			t.Fatal(err)
		}
		for n := 0; n < 3; {
			if err := soon(t, waits(b)); err != nil {
				t.Fatal(err)
			}
			k, err := b.read(got)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range got.messages[:k] {
				if m.size == 0 {
					m.size = m.n
				}
				n += m.n / m.size
				if m.from != a.addr.AddrPort() {
					t.Errorf("from %v", m.from)
				}
			}
		}
		if err := a.send(datagram(0x40, 9), 0, b.addr.AddrPort()); err != nil {
			t.Fatal(err)
		}
		if rings() {
			t.Fatalf("round %d: it rings, and nobody waits", round)
		}
		if err := soon(t, waits(b)); err != nil {
			t.Fatal(err)
		}
		if n, err := b.read(got); n != 1 || err != nil {
			t.Fatal(n, err)
		}
		if n, err := b.read(got); n != 0 || err != nil {
			t.Fatalf("without datagrams: %d, %v", n, err)
		}
		before = waits(b)
	}
	if err := b.close(); err != nil {
		t.Error(err)
	}
	if err := soon(t, before); !errors.Is(err, net.ErrClosed) {
		t.Errorf("the wait ended with %v", err)
	}
}

func TestAClosedEndpointSaysSo(t *testing.T) {
	e := end(t, "udp4", "127.0.0.1")
	to := e.addr.AddrPort()
	waiting := waits(e)
	if err := e.close(); err != nil {
		t.Fatal(err)
	}
	if err := soon(t, waiting); !errors.Is(err, net.ErrClosed) {
		t.Errorf("waiting: %v", err)
	}
	_, reading := e.read(newBatch())
	for what, err := range map[string]error{
		"waiting again": e.wait(), "reading": reading, "sending": e.send([]byte{1}, 0, to), "closing": e.close(), "options": e.setReadBuffer(1 << 16),
	} {
		if !errors.Is(err, net.ErrClosed) {
			t.Errorf("%s: %v", what, err)
		}
	}
	c, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(to)) // its port is free
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
}

func TestAddressesOfBothFamilies(t *testing.T) {
	for name, c := range map[string]struct{ network, from, to, via string }{
		"IPv4":               {"udp4", "127.0.0.1", "127.0.0.1", "127.0.0.1"},
		"IPv6":               {"udp6", "::1", "::1", "::1"},
		"IPv4 from both":     {"udp", "", "127.0.0.1", "127.0.0.1"},
		"IPv6 from both":     {"udp", "", "::1", "::1"},
		"IPv4 in IPv6, both": {"udp", "", "127.0.0.1", "::ffff:127.0.0.1"},
	} {
		t.Run(name, func(t *testing.T) {
			network := "udp4"
			if netip.MustParseAddr(c.to).Is6() {
				network = "udp6"
			}
			a, b := end(t, c.network, c.from), end(t, network, c.to)
			to := netip.AddrPortFrom(netip.MustParseAddr(c.via), uint16(b.addr.Port))
			message := bytes.Repeat(datagram(0x40, 7), 3)
			if err := a.send(message, len(message)/3, to); err != nil {
				t.Fatal(err)
			}
			got, batch := []byte{}, newBatch()
			for len(got) < len(message) {
				if err := soon(t, waits(b)); err != nil {
					t.Fatal(err)
				}
				n, err := b.read(batch)
				if err != nil {
					t.Fatal(err)
				}
				for _, m := range batch.messages[:n] {
					got = append(got, m.buf[:m.n]...)
					if want := netip.AddrPortFrom(netip.MustParseAddr(c.to), uint16(a.addr.Port)); m.from != want {
						t.Errorf("from %v, not %v", m.from, want)
					}
				}
			}
			if !bytes.Equal(got, message) {
				t.Error("another message came")
			}
		})
	}
	four := end(t, "udp4", "127.0.0.1")
	for _, to := range []netip.AddrPort{{}, netip.MustParseAddrPort("[::1]:9")} {
		if err := four.send([]byte{1}, 0, to); !errors.Is(err, errAddress) {
			t.Errorf("to %v: %v", to, err)
		}
	}
}

func TestADatagramThatIsTooLargeIsRefused(t *testing.T) {
	a, _, here, _ := pair(t)
	if err := a.e.send(make([]byte, 1<<17), 0, a.e.addr.AddrPort()); !errors.Is(err, unix.EMSGSIZE) {
		t.Errorf("%v", err)
	}
	if _, _, err := here.WriteMsgUDP(make([]byte, 1<<17), nil, nil); !errors.Is(err, unix.EMSGSIZE) {
		t.Errorf("QUIC is told %v", err)
	}
}

// FuzzAddress reads what a kernel may say, and writes it back.
func FuzzAddress(f *testing.F) {
	var z zones
	for _, text := range []string{"192.0.2.1:7", "[2001:db8::1]:65535", "[fe80::1%1]:9", "[::ffff:192.0.2.1]:1"} {
		var b [nameSize]byte
		n, err := z.sockaddr(&b, netip.MustParseAddrPort(text), text[0] == '[')
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b[:n])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var z zones
		a := z.addrPort(b)
		if !a.IsValid() {
			return
		}
		for _, six := range []bool{true, a.Addr().Is6()} {
			var back [nameSize]byte
			n, err := z.sockaddr(&back, a, six)
			if err != nil {
				t.Fatalf("%v: %v", a, err)
			}
			if again := z.addrPort(back[:n]); again != a {
				t.Errorf("%v becomes %v", a, again)
			}
		}
	})
}
