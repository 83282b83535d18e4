package peer

import (
	"net/netip"
	"testing"

	"switchyard/media"
	"switchyard/peer/srtp"
	"switchyard/peer/udp"
)

// keyedLinks are two links with SRTP keys and nothing else: the packet road without a handshake.
func keyedLinks(t testing.TB, p srtp.Profile) (from, to *Link) {
	t.Helper()
	material := make([]byte, p.KeyingLen())
	for i := range material {
		material[i] = byte(i)
	}
	local, remote, err := p.Split(material, true)
	if err != nil {
		t.Fatal(err)
	}
	links := [2]*Link{}
	for i, keys := range [2][2]srtp.Keys{{local, remote}, {remote, local}} {
		s, err := srtp.NewSender(keys[0])
		if err != nil {
			t.Fatal(err)
		}
		r, err := srtp.NewReceiver(keys[1])
		if err != nil {
			t.Fatal(err)
		}
		links[i] = &Link{sender: s, receiver: r}
	}
	return links[0], links[1]
}

func TestSealAndCommitDoNotAllocate(t *testing.T) {
	from, to := keyedLinks(t, srtp.AEADAES128GCM)
	sock, err := udp.Listen(netip.MustParseAddrPort("127.0.0.1:0"), udp.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer sock.Close()
	w, dest, payload := sock.NewWriter(), sock.LocalAddr(), make([]byte, 1180)
	seq := uint32(0)
	var open [media.MaxDatagram]byte
	n := testing.AllocsPerRun(1000, func() {
		for range 7 {
			buf := w.Reserve(media.MaxDatagram)
			copy(buf, []byte{0x80, 96, byte(seq >> 8), byte(seq), 0, 0, 0, 0, 0, 0, 0, 9})
			n := from.SealRTP(buf, 12, payload, seq>>16)
			if _, err := to.OpenRTP(open[:copy(open[:], buf[:n])]); err != nil {
				t.Fatal(err)
			}
			w.Commit(dest, netip.Addr{}, n)
			seq++
		}
		w.Flush()
	})
	if n != 0 {
		t.Errorf("%v allocations a frame", n)
	}
	if st := sock.Stats(); st.Sent+st.SocketFull != uint64(seq) || st.Sent == 0 {
		t.Errorf("stats %+v", st)
	}
}

// BenchmarkForward100 is a frame of 7 packets sealed for and sent to each of 100 subscribers.
func BenchmarkForward100(b *testing.B) {
	from, _ := keyedLinks(b, srtp.AEADAES128GCM)
	sock, err := udp.Listen(netip.MustParseAddrPort("127.0.0.1:0"), udp.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer sock.Close()
	var to []netip.AddrPort
	for range 100 {
		s, err := udp.Listen(netip.MustParseAddrPort("127.0.0.1:0"), udp.Options{Buffer: 1 << 16})
		if err != nil {
			b.Fatal(err)
		}
		defer s.Close()
		to = append(to, s.LocalAddr())
	}
	w, payload, packets := sock.NewWriter(), make([]byte, 1172), 0
	b.ReportAllocs()
	for b.Loop() {
		for _, dest := range to {
			for range 7 {
				buf := w.Reserve(media.MaxDatagram)
				copy(buf, []byte{0x80, 96, byte(packets >> 8), byte(packets), 0, 0, 0, 0, 0, 0, 0, 9})
				w.Commit(dest, netip.Addr{}, from.SealRTP(buf, 12, payload, uint32(packets>>16)))
				packets++
			}
		}
		w.Flush()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(packets), "ns/packet")
}

// FuzzLinkReceive gives a link that waits for its other end anything that a socket may give it.
func FuzzLinkReceive(f *testing.F) {
	f.Add([]byte{0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12})
	f.Add([]byte{22, 0xfe, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 1, 0})
	f.Add([]byte{21, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 2, 40, 20, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1})
	f.Add([]byte{0x90, 96, 0, 1, 0, 0, 0, 0, 0, 0, 0, 9, 0xbe, 0xde, 0, 1, 0x10, 1, 0, 0})
	f.Add([]byte{0x80, 200, 0, 1, 0, 0, 0, 9, 0x80, 0, 0, 1, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16})
	cert := testCertificate(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		link, err := NewLink(LinkConfig{
			Session:     &Session{LocalUfrag: "l", LocalPwd: "p", RemoteUfrag: "r", RemotePwd: "q"},
			Certificate: cert, Clock: testClock,
			Send: func(Path, []byte) { t.Error("answered a stranger") }, Post: func(f func()) { f() },
			OnEvent: func(e LinkEvent) { t.Errorf("event %v", e) },
		})
		if err != nil {
			t.Fatal(err)
		}
		link.Start()
		_, link.receiver = keyedLinksOf(t)
		p := Path{Remote: netip.MustParseAddrPort("192.0.2.1:1")}
		now := testClock.Now()
		if link.OnSTUN(now, p, b) {
			t.Error("authentic")
		}
		link.OnDTLS(now, p, b)
		if _, err := link.OpenRTP(append([]byte(nil), b...)); err == nil {
			t.Error("opened")
		}
		if _, err := link.OpenRTCP(append([]byte(nil), b...)); err == nil {
			t.Error("opened")
		}
		link.Advance(now)
		link.Close()
	})
}

func keyedLinksOf(t testing.TB) (*srtp.Sender, *srtp.Receiver) {
	l, _ := keyedLinks(t, srtp.AEADAES128GCM)
	return l.sender, l.receiver
}

func TestPlausibleRecords(t *testing.T) {
	record := func(typ byte, epoch byte, body ...byte) []byte {
		return append([]byte{typ, 0xfe, 0xfd, 0, epoch, 0, 0, 0, 0, 0, 0, 0, byte(len(body))}, body...)
	}
	join := func(a, b []byte) []byte { return append(append([]byte(nil), a...), b...) }
	hello := record(recordHandshake, 0, 1, 2, 3)
	for name, c := range map[string]struct {
		b  []byte
		ok bool
	}{
		"handshake":            {hello, true},
		"two":                  {join(hello, record(recordChangeCipherSpec, 0, 1)), true},
		"alert in clear":       {record(recordAlert, 0, 2, 40), true},
		"alert too long":       {record(recordAlert, 0, 2, 40, 1), false},
		"sealed alert":         {record(recordAlert, 1, make([]byte, 26)...), true},
		"data":                 {record(recordApplicationData, 1, 1, 2), true},
		"data in clear":        {record(recordApplicationData, 0, 1, 2), false},
		"second of two forged": {join(hello, record(recordApplicationData, 0, 1)), false},
		"connection id":        {record(25, 1, 1, 2), false},
		"empty":                {record(recordHandshake, 0), false},
		"cut":                  {hello[:len(hello)-1], false},
		"header only":          {hello[:recordHeader-1], false},
		"change cipher, wrong": {record(recordChangeCipherSpec, 0, 2), false},
		"TLS":                  {append([]byte{22, 3, 3}, hello[3:]...), false},
	} {
		if plausible(c.b) != c.ok {
			t.Errorf("%s: %v", name, !c.ok)
		}
	}
}
