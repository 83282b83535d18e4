package udp

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"
)

var (
	v4 = netip.MustParseAddr("127.0.0.1")
	v6 = netip.MustParseAddr("::1")
)

func listen(t testing.TB, addr string, o Options) *Socket {
	t.Helper()
	s, err := Listen(netip.MustParseAddrPort(addr), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func datagrams(n int) []Datagram {
	d := make([]Datagram, n)
	for i := range d {
		d[i].Buf = make([]byte, 1500)
	}
	return d
}

type received struct {
	data []byte
	from netip.AddrPort
	to   netip.Addr
}

// patience is how long a test waits for what must come: it says when to give up, not what is fast enough.
const patience = time.Minute

// collect reads n datagrams, or fails.
func collect(t testing.TB, s *Socket, n int) []received {
	t.Helper()
	var all []received
	d, end := datagrams(16), time.Now().Add(patience)
	for len(all) < n {
		k, err := s.ReadBatch(d, end)
		if err != nil {
			t.Fatal(err)
		}
		if k == 0 && time.Now().After(end) {
			t.Fatalf("got %d datagrams, want %d", len(all), n)
		}
		for _, g := range d[:k] {
			all = append(all, received{bytes.Clone(g.Buf[:g.N]), g.From, g.To})
		}
	}
	return all
}

func combinations(t *testing.T, f func(t *testing.T, o Options)) {
	for _, o := range []Options{{}, {NoGSO: true}, {NoMmsg: true}, {NoGSO: true, NoMmsg: true}} {
		t.Run(fmt.Sprintf("gso=%v,mmsg=%v", !o.NoGSO, !o.NoMmsg), func(t *testing.T) { f(t, o) })
	}
}

func TestWriterDeliversAnyMixtureOfSizesAndDestinations(t *testing.T) {
	combinations(t, func(t *testing.T, o Options) {
		r := rand.New(rand.NewPCG(1, 2))
		s := listen(t, "[::]:0", o)
		peers := []*Socket{listen(t, "127.0.0.1:0", o), listen(t, "[::1]:0", o), listen(t, "127.0.0.1:0", o)}
		w := s.NewWriter()
		sent := make([][][]byte, len(peers))
		total, at, left, size := 0, 0, 0, 0
		for range 1500 {
			if left == 0 { // a run of equal sizes with a shorter end, as a frame's packets are
				at, left, size = r.IntN(len(peers)), 1+r.IntN(80), 1+r.IntN(1400)
			}
			n := size
			if left--; left == 0 {
				n = 1 + r.IntN(size)
			}
			b := w.Reserve(1500)[:n]
			for i := range b {
				b[i] = byte(r.Uint32())
			}
			sent[at] = append(sent[at], bytes.Clone(b))
			w.Commit(peers[at].LocalAddr(), netip.Addr{}, n)
			total++
		}
		w.Flush()
		for i, p := range peers {
			got := collect(t, p, len(sent[i]))
			for k := range got {
				if !bytes.Equal(got[k].data, sent[i][k]) {
					t.Fatalf("peer %d datagram %d differs", i, k)
				}
			}
		}
		st := s.Stats()
		if st.Sent != uint64(total) || st.SocketFull+st.Failed+st.TooLong+st.Unreachable != 0 {
			t.Fatalf("stats %+v, want %d sent", st, total)
		}
		if !o.NoGSO && st.GSOFailed == 0 && st.Messages*3 > st.Sent {
			t.Errorf("GSO did not coalesce: %+v", st)
		}
	})
}

func TestAnswersLeaveFromTheAddressThatWasAsked(t *testing.T) {
	for _, c := range []struct{ listen, ask, from string }{
		{"[::]:0", "127.0.0.2", "127.0.0.1:0"},
		{"[::]:0", "::1", "[::1]:0"},
		{"0.0.0.0:0", "127.0.0.3", "127.0.0.1:0"},
		{"127.0.0.1:0", "127.0.0.1", "127.0.0.1:0"},
	} {
		t.Run(c.listen+" "+c.ask, func(t *testing.T) {
			s, peer := listen(t, c.listen, Options{}), listen(t, c.from, Options{})
			ask := netip.AddrPortFrom(netip.MustParseAddr(c.ask), s.LocalAddr().Port())
			if err := peer.WriteTo([]byte("hello"), ask, netip.Addr{}); err != nil {
				t.Fatal(err)
			}
			g := collect(t, s, 1)[0]
			if g.to != ask.Addr() || g.from != peer.LocalAddr() {
				t.Fatalf("from %v to %v, want %v to %v", g.from, g.to, peer.LocalAddr(), ask.Addr())
			}
			w := s.NewWriter()
			w.Commit(g.from, g.to, copy(w.Reserve(5), "world"))
			w.Flush()
			if err := s.WriteTo([]byte("again"), g.from, g.to); err != nil {
				t.Fatal(err)
			}
			for _, a := range collect(t, peer, 2) {
				if a.from != ask {
					t.Errorf("answer from %v, want %v", a.from, ask)
				}
			}
		})
	}
}

func TestReadBatchReturnsAtItsDeadline(t *testing.T) {
	s := listen(t, "127.0.0.1:0", Options{})
	d := datagrams(4)
	for _, wait := range []time.Duration{30, 20, 40, 0, -5, 10} {
		start := time.Now()
		n, err := s.ReadBatch(d, start.Add(wait*time.Millisecond))
		if n != 0 || err != nil {
			t.Fatalf("got %d, %v", n, err)
		}
		if took := time.Since(start); took < wait*time.Millisecond {
			t.Errorf("returned after %v, want %v ms", took, int(wait))
		}
	}
}

func TestAPastDeadlineStillReads(t *testing.T) {
	s, peer := listen(t, "127.0.0.1:0", Options{}), listen(t, "127.0.0.1:0", Options{})
	if err := peer.WriteTo([]byte("x"), s.LocalAddr(), netip.Addr{}); err != nil {
		t.Fatal(err)
	}
	d := datagrams(4)
	for end := time.Now().Add(patience); ; {
		n, err := s.ReadBatch(d, time.Now().Add(-time.Second))
		if err != nil {
			t.Fatal(err)
		}
		if n == 1 {
			return
		}
		if time.Now().After(end) {
			t.Fatal("nothing read")
		}
	}
}

// A counter is raised, then Wake is called; the reader must see each value without waiting for
// its far deadline.
func TestWakeIsNeverLost(t *testing.T) {
	s := listen(t, "127.0.0.1:0", Options{})
	const rounds = 20000
	var mu sync.Mutex
	posted, seen := 0, 0
	ack := make(chan int, 1)
	go func() {
		for i := 1; i <= rounds; i++ {
			mu.Lock()
			posted = i
			mu.Unlock()
			s.Wake()
			if i%3 == 0 { // every third waits for the reader, so that it parks
				for v := range ack {
					if v >= i {
						break
					}
				}
			}
		}
	}()
	d := datagrams(1)
	for seen < rounds {
		deadline := time.Now().Add(patience + time.Duration(seen%5)*time.Second)
		_, err := s.ReadBatch(d, deadline)
		if err != nil {
			t.Fatal(err)
		}
		if !time.Now().Before(deadline) {
			t.Fatalf("a wake was lost after %d", seen)
		}
		mu.Lock()
		seen = posted
		mu.Unlock()
		select {
		case <-ack:
		default:
		}
		ack <- seen
	}
}

func TestCloseEndsReadBatch(t *testing.T) {
	s := listen(t, "127.0.0.1:0", Options{})
	done := make(chan error, 1)
	go func() {
		_, err := s.ReadBatch(datagrams(1), time.Time{})
		done <- err
	}()
	s.Wake()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	s.Close()
	if _, err := s.ReadBatch(datagrams(1), time.Time{}); !errors.Is(err, net.ErrClosed) {
		t.Fatalf("got %v", err)
	}
	if err := s.WriteTo([]byte("x"), s.LocalAddr(), netip.Addr{}); !errors.Is(err, net.ErrClosed) {
		t.Fatalf("got %v", err)
	}
}

func TestOneBadDestinationDoesNotStopTheOthers(t *testing.T) {
	combinations(t, func(t *testing.T, o Options) {
		s, peer := listen(t, "127.0.0.1:0", o), listen(t, "127.0.0.1:0", o)
		bad := netip.MustParseAddrPort("127.0.0.1:0") // port 0 is EINVAL
		w := s.NewWriter()
		for i := range 60 {
			to := peer.LocalAddr()
			if i/10%2 == 1 {
				to = bad
			}
			b := w.Reserve(100)
			b[0] = byte(i)
			w.Commit(to, netip.Addr{}, 100)
		}
		w.Flush()
		for k, g := range collect(t, peer, 30) {
			if want := byte(k/10*20 + k%10); g.data[0] != want {
				t.Fatalf("datagram %d is %d, want %d", k, g.data[0], want)
			}
		}
		if st := s.Stats(); st.Sent != 30 || st.Failed != 30 {
			t.Errorf("stats %+v", st)
		}
	})
}

func TestADatagramLongerThanItsBufferIsCounted(t *testing.T) {
	s, peer := listen(t, "127.0.0.1:0", Options{}), listen(t, "127.0.0.1:0", Options{})
	if err := peer.WriteTo(make([]byte, 2000), s.LocalAddr(), netip.Addr{}); err != nil {
		t.Fatal(err)
	}
	if g := collect(t, s, 1)[0]; len(g.data) != 0 {
		t.Errorf("got %d bytes", len(g.data))
	}
	if st := s.Stats(); st.Truncated != 1 {
		t.Errorf("stats %+v", st)
	}
	if err := peer.WriteTo(make([]byte, 70000), s.LocalAddr(), netip.Addr{}); !errors.Is(err, ErrTooLong) {
		t.Errorf("got %v", err)
	}
}

func TestReadAndWriteDoNotAllocate(t *testing.T) {
	s, peer := listen(t, "[::]:0", Options{}), listen(t, "127.0.0.1:0", Options{})
	to := netip.AddrPortFrom(v4, s.LocalAddr().Port())
	w, d := peer.NewWriter(), datagrams(16)
	single := make([]byte, 100)
	n := testing.AllocsPerRun(200, func() {
		for range 7 {
			w.Reserve(1200)
			w.Commit(to, v4, 1200)
		}
		w.Flush()
		if err := peer.WriteTo(single, to, v4); err != nil {
			t.Fatal(err)
		}
		deadline := time.Now().Add(patience)
		for got := 0; got < 8; {
			k, err := s.ReadBatch(d, deadline)
			if err != nil || k == 0 {
				t.Fatal(k, err)
			}
			got += k
		}
		if k, err := s.ReadBatch(d, time.Now().Add(time.Microsecond)); k != 0 || err != nil { // a timeout too
			t.Fatal(k, err)
		}
	})
	if n != 0 && !raceEnabled {
		t.Errorf("%v allocations", n)
	}
	if peer.Stats().Sent == 0 || v6.Is4() {
		t.Fatal("nothing was sent")
	}
}

// BenchmarkSend100 is a frame of 7 packets for each of 100 subscribers.
func BenchmarkSend100(b *testing.B) {
	for _, o := range []Options{{}, {NoGSO: true}, {NoGSO: true, NoMmsg: true}} {
		b.Run(fmt.Sprintf("gso=%v,mmsg=%v", !o.NoGSO, !o.NoMmsg), func(b *testing.B) {
			s := listen(b, "[::]:0", o)
			to := make([]netip.AddrPort, 100)
			for i := range to {
				to[i] = listen(b, "127.0.0.1:0", Options{Buffer: 1 << 16}).LocalAddr()
			}
			w := s.NewWriter()
			b.ReportAllocs()
			for b.Loop() {
				for _, a := range to {
					for range 7 {
						w.Reserve(1200)
						w.Commit(a, v4, 1200)
					}
				}
				w.Flush()
			}
			st := s.Stats()
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(st.Sent), "ns/packet")
		})
	}
}
