package server

import (
	"bytes"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/pion/stun/v4"
)

// stunServer answers the second request (the first is lost) with a stray message and then with told.
func stunServer(t *testing.T, told string) string {
	conn, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	go func() {
		b := make([]byte, 1500)
		for n := 0; ; n++ {
			size, from, err := conn.ReadFrom(b)
			if err != nil {
				return
			}
			m := &stun.Message{Raw: slices.Clone(b[:size])}
			if n == 0 || m.Decode() != nil {
				continue
			}
			stray, _ := stun.Build(stun.TransactionID, stun.BindingSuccess, &stun.XORMappedAddress{IP: net.IPv4(9, 9, 9, 9), Port: 1})
			conn.WriteTo(stray.Raw, from)
			answer, err := stun.Build(m, stun.BindingSuccess, &stun.XORMappedAddress{IP: net.ParseIP(told), Port: 4711})
			if err != nil {
				t.Error(err)
			}
			conn.WriteTo(answer.Raw, from)
		}
	}()
	return conn.LocalAddr().String()
}

func addrs(words ...string) (out []netip.Addr) {
	for _, w := range words {
		out = append(out, netip.MustParseAddr(w))
	}
	return out
}

func TestPublicAddresses(t *testing.T) {
	told := stunServer(t, "203.0.113.9")
	closed, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	cases := []struct {
		what string
		cfg  Config
		own  []netip.Addr
		want []netip.Addr
		log  string
	}{
		{"not asked for", Config{PublicIPs: addrs("198.51.100.1"), STUN: told}, addrs("10.0.0.1"), addrs("198.51.100.1"), ""},
		{"a public address of its own", Config{AutoIP: true, STUN: "127.0.0.1:1"}, addrs("127.0.0.1", "198.51.100.1"), nil, ""},
		{"behind a NAT", Config{AutoIP: true, STUN: told}, addrs("127.0.0.1", "10.0.0.1"), addrs("203.0.113.9"), "forward the media port"},
		{"behind a provider's NAT", Config{AutoIP: true, STUN: told}, addrs("100.64.0.9"), addrs("203.0.113.9"), "learnt the public address"},
		{"nobody to ask", Config{AutoIP: true}, addrs("10.0.0.1"), nil, "--stun HOST:PORT"},
		{"nobody there", Config{AutoIP: true, STUN: closed.LocalAddr().String()}, addrs("10.0.0.1"), nil, "check --stun"},
		{"no such name", Config{AutoIP: true, STUN: "stun.invalid:3478"}, addrs("10.0.0.1"), nil, "check --stun"},
	}
	for _, c := range cases {
		t.Run(c.what, func(t *testing.T) {
			var log bytes.Buffer
			s := &Server{cfg: c.cfg, log: slog.New(slog.NewTextHandler(&log, nil))}
			if got := s.publicAddresses(t.Context(), c.own); !slices.Equal(got, c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
			if !strings.Contains(log.String(), c.log) || (c.log == "") != (log.Len() == 0) {
				t.Errorf("the log says %q, want %q", log.String(), c.log)
			}
		})
	}
}

func TestUnreachableServerSaysSo(t *testing.T) {
	cases := []struct {
		what  string
		media string
		cfg   Config
		addrs []netip.Addr
		want  string
	}{
		{"public", ":0", Config{}, addrs("203.0.113.9", "10.0.0.1"), ""},
		{"for this machine only", "127.0.0.1:0", Config{}, addrs("127.0.0.1"), ""},
		{"private, at home", ":0", Config{}, addrs("10.0.0.1", "fd00::1"), "level=INFO"},
		{"private, with a name", ":0", Config{URL: "https://meet.example.org"}, addrs("10.0.0.1"), "level=WARN"},
	}
	for _, c := range cases {
		var log bytes.Buffer
		media, err := net.Listen("tcp", c.media)
		if err != nil {
			t.Fatal(err)
		}
		web, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		s := &Server{
			cfg: c.cfg, log: slog.New(slog.NewTextHandler(&log, nil)), media: media, web: web,
			backend: &Backend{Addresses: func() []netip.Addr { return c.addrs }},
		}
		s.warnUnreachable()
		if !strings.Contains(log.String(), c.want) || (c.want == "") != (log.Len() == 0) {
			t.Errorf("%s: %q", c.what, log.String())
		}
		media.Close()
		web.Close()
	}
}

func FuzzMappedAddress(f *testing.F) {
	id := [stun.TransactionIDSize]byte{1, 2, 3}
	good, _ := stun.Build(stun.NewTransactionIDSetter(id), stun.BindingSuccess, &stun.XORMappedAddress{IP: net.IPv4(203, 0, 113, 9), Port: 4711})
	f.Add(good.Raw)
	f.Add(good.Raw[:20])
	f.Add([]byte("not STUN at all, but long enough"))
	f.Fuzz(func(t *testing.T, b []byte) {
		addr, ok := mappedAddress(b, id)
		if ok && !addr.IsGlobalUnicast() {
			t.Errorf("%v is nobody's public address", addr)
		}
	})
	if addr, ok := mappedAddress(good.Raw, id); !ok || addr.String() != "203.0.113.9" {
		f.Errorf("%v %v", addr, ok)
	}
}
