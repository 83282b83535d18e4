package peer

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"switchyard/media"
)

// patience is how long a test waits for what must come: it says when to give up, not what is fast enough.
const patience = time.Minute

// loop is a shard as far as a link knows: a goroutine that runs what is posted.
type loop struct {
	ch   chan func()
	done chan struct{}
}

func newLoop() *loop {
	l := &loop{ch: make(chan func(), 4096), done: make(chan struct{})}
	go func() {
		defer close(l.done)
		for f := range l.ch {
			if f == nil {
				return
			}
			f()
		}
	}()
	return l
}

func (l *loop) stop() {
	l.ch <- nil
	<-l.done
}

func (l *loop) do(f func()) {
	done := make(chan struct{})
	l.ch <- func() { f(); close(done) }
	<-done
}

// node is one end: a link on a loop, with an address on an in-memory network.
type node struct {
	t      testing.TB
	loop   *loop
	link   *Link
	addr   netip.AddrPort
	peer   *node
	skew   time.Duration                             // owned by the loop: how far its clock is ahead
	filter func(b []byte) (drop bool)                // owned by the loop
	events []LinkEvent                               // owned by the loop
	in     func(now media.Time, p []byte, rtcp bool) // owned by the loop
	onData func(*DataChannel)

	stopTick chan struct{}
	tick     sync.WaitGroup
}

var testClock = media.NewClock()

func testLog() *slog.Logger {
	if os.Getenv("DEBUG") == "" {
		return nil
	}
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

func testCertificate(t testing.TB) *Certificate {
	t.Helper()
	c, err := NewCertificate()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (n *node) now() media.Time { return testClock.Now().Add(n.skew) }

// receive routes as a shard does (RFC 7983).
func (n *node) receive(p Path, b []byte) {
	if n.filter != nil && n.filter(b) {
		return
	}
	switch {
	case len(b) < 2:
	case b[0] < 4:
		n.link.OnSTUN(n.now(), p, b)
	case b[0] >= 20 && b[0] < 64:
		n.link.OnDTLS(n.now(), p, b)
	case b[0] >= 128 && b[0] < 192:
		rtcp := b[1] >= 192 && b[1] < 224
		open := n.link.OpenRTP
		if rtcp {
			open = n.link.OpenRTCP
		}
		if plain, err := open(b); err == nil && n.in != nil {
			n.in(n.now(), plain, rtcp)
		}
	}
}

// send delivers to the other node.
func (n *node) send(p Path, b []byte) {
	if p.Remote != n.peer.addr {
		return
	}
	b = bytes.Clone(b)
	select {
	case n.peer.loop.ch <- func() { n.peer.receive(Path{Remote: n.addr, Local: n.peer.addr.Addr()}, b) }:
	default: // a full socket
	}
}

// ticking calls Advance when it is due.
func (n *node) ticking() {
	n.stopTick = make(chan struct{})
	n.tick.Go(func() {
		for {
			select {
			case <-n.stopTick:
				return
			case <-time.After(2 * time.Millisecond):
			}
			n.loop.do(func() {
				if now := n.now(); n.link.Deadline() <= now {
					n.link.Advance(now)
				}
			})
		}
	})
}

func (n *node) close() {
	n.stop()
	n.loop.stop()
}

// stop ends all but the loop.
func (n *node) stop() {
	close(n.stopTick)
	n.tick.Wait()
	n.loop.do(n.link.Close)
}

// pairConfig is what tests vary.
type pairConfig struct {
	data   bool
	change func(c *LinkConfig, client bool)
	onData func(*DataChannel)
}

// newPair connects two links: the first is the DTLS client and checks the second's candidate.
func newPair(t testing.TB, pc pairConfig, certs ...*Certificate) (a, b *node) {
	t.Helper()
	if len(certs) == 0 {
		certs = []*Certificate{testCertificate(t), testCertificate(t)}
	}
	nodes := [2]*node{}
	for i := range nodes {
		nodes[i] = &node{t: t, loop: newLoop(),
			addr: netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, 2, byte(i + 1)}), uint16(1000+i))}
	}
	for i, n := range nodes {
		n.peer = nodes[1-i]
		s := &Session{
			LocalUfrag: fmt.Sprint("ufrag", i), LocalPwd: fmt.Sprint("password-of-twenty-two-", i),
			RemoteUfrag: fmt.Sprint("ufrag", 1-i), RemotePwd: fmt.Sprint("password-of-twenty-two-", 1-i),
			RemoteFingerprint: certs[1-i].Fingerprint(),
			DTLSClient:        i == 0,
		}
		if i == 0 {
			s.RemoteCandidates = []netip.AddrPort{n.peer.addr}
		}
		if pc.data {
			s.Data = &Data{MID: "d", Port: 5000, MaxMessageSize: 100000}
		}
		cfg := LinkConfig{
			Session: s, Certificate: certs[i], Clock: testClock, Log: testLog(),
			Send: n.send,
			Post: func(f func()) { n.loop.ch <- f },
			OnEvent: func(e LinkEvent) {
				n.events = append(n.events, e)
			},
		}
		if i == 1 {
			cfg.OnDataChannel = pc.onData
		}
		if pc.change != nil {
			pc.change(&cfg, i == 0)
		}
		link, err := NewLink(cfg)
		if err != nil {
			t.Fatal(err)
		}
		n.link = link
	}
	for _, n := range []*node{nodes[1], nodes[0]} { // the one that is checked first
		n.loop.do(n.link.Start)
		n.ticking()
	}
	return nodes[0], nodes[1]
}

// eventually polls until ok, which runs on the loop, says so.
func (n *node) eventually(what string, ok func() bool) {
	n.t.Helper()
	for end := time.Now().Add(patience); ; {
		got := false
		n.loop.do(func() { got = ok() })
		if got {
			return
		}
		if time.Now().After(end) {
			var events []LinkEvent
			n.loop.do(func() { events = slices.Clone(n.events) })
			n.t.Fatalf("never: %s; events %v", what, events)
		}
		time.Sleep(time.Millisecond)
	}
}

func (n *node) has(k LinkEventKind) func() bool {
	return func() bool {
		return slices.ContainsFunc(n.events, func(e LinkEvent) bool { return e.Kind == k })
	}
}

func connectedPair(t testing.TB, pc pairConfig) (a, b *node) {
	t.Helper()
	a, b = newPair(t, pc)
	a.eventually("connected", a.has(Connected))
	b.eventually("connected", b.has(Connected))
	return a, b
}

// noGoroutinesLeft fails when more run than before.
func noGoroutinesLeft(t testing.TB, before int) {
	t.Helper()
	for end := time.Now().Add(patience); runtime.NumGoroutine() > before; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			b := make([]byte, 1<<20)
			t.Fatalf("%d goroutines, %d before:\n%s", runtime.NumGoroutine(), before, b[:runtime.Stack(b, true)])
		}
	}
}

func rtpPacket(ssrc uint32, seq uint16, payload []byte) []byte {
	b := make([]byte, 12, 12+len(payload))
	b[0], b[1] = 0x80, 96
	binary.BigEndian.PutUint16(b[2:], seq)
	binary.BigEndian.PutUint32(b[8:], ssrc)
	return append(b, payload...)
}

func TestTwoLinksExchangePacketsAndLeaveNothingBehind(t *testing.T) {
	before := runtime.NumGoroutine()
	a, b := connectedPair(t, pairConfig{})
	var got [][]byte
	b.in = func(_ media.Time, p []byte, rtcp bool) { got = append(got, bytes.Clone(p)) }
	var tapped [][]byte
	want := rtpPacket(7, 65535, []byte("payload"))
	report := []byte{0x80, 201, 0, 1, 0, 0, 0, 9}
	a.loop.do(func() {
		a.link.SetTap(func(_ media.Time, in bool, p []byte) {
			if !in {
				tapped = append(tapped, bytes.Clone(p))
			}
		})
		buf := make([]byte, 100)
		copy(buf, want[:12])
		path, ok := a.link.Path()
		if !ok {
			t.Error("no path")
		}
		a.send(path, buf[:a.link.SealRTP(buf, 12, want[12:], 3)]) // its roll-over count is wrong
		a.send(path, buf[:a.link.SealRTP(buf, 12, want[12:], 0)])
		a.send(path, buf[:a.link.SealRTCP(buf, report)])
	})
	b.eventually("packets", func() bool { return len(got) == 2 })
	if !bytes.Equal(got[0], want) || !bytes.Equal(got[1], report) || len(tapped) != 3 || !bytes.Equal(tapped[1], want) {
		t.Errorf("got %x, tapped %x", got, tapped)
	}
	a.loop.do(a.link.Close)
	b.eventually("closed", b.has(Closed))
	a.loop.do(func() {
		if a.has(Closed)() || a.link.SealRTP(make([]byte, 100), 12, nil, 0) == 0 && a.link.sender == nil {
			t.Error("our own Close made an event")
		}
	})
	a.close()
	b.close()
	noGoroutinesLeft(t, before)
}

func TestAWrongFingerprintFails(t *testing.T) {
	for _, client := range []bool{true, false} {
		before := runtime.NumGoroutine()
		a, b := newPair(t, pairConfig{change: func(c *LinkConfig, isClient bool) {
			if isClient == client {
				s := *c.Session
				s.RemoteFingerprint.Value = s.RemoteFingerprint.Value[:93] + "00"
				c.Session = &s
			}
		}})
		n := b
		if client {
			n = a
		}
		n.eventually("failed", n.has(Failed))
		n.loop.do(func() {
			if e := n.events[len(n.events)-1]; !errors.Is(e.Err, errFingerprint) || n.has(Connected)() {
				t.Errorf("events %v", n.events)
			}
		})
		a.close()
		b.close()
		noGoroutinesLeft(t, before)
	}
}

func TestALinkWithoutAnAnswerFails(t *testing.T) {
	before := runtime.NumGoroutine()
	a, b := newPair(t, pairConfig{})
	b.loop.do(func() { b.filter = func([]byte) bool { return true } })
	a.loop.do(func() { a.skew = connectTimeout })
	a.eventually("failed", a.has(Failed))
	a.close()
	b.close()
	noGoroutinesLeft(t, before)
}

// Handshakes survive loss: every third datagram is dropped, and large flights come in pieces.
func TestConnectsOverALossyNetwork(t *testing.T) {
	a, b := newPair(t, pairConfig{})
	for i, n := range []*node{a, b} {
		r := rand.New(rand.NewPCG(1, uint64(i))) // one for each loop
		n.loop.do(func() { n.filter = func([]byte) bool { return r.IntN(4) == 0 } })
	}
	a.eventually("connected", a.has(Connected))
	b.eventually("connected", b.has(Connected))
	a.close()
	b.close()
}

func TestLostConsentIsToldAndOvercome(t *testing.T) {
	a, b := connectedPair(t, pairConfig{})
	b.loop.do(func() {
		b.filter = func([]byte) bool { return true }
		b.skew += 20 * time.Second // and the time that this machine takes
	})
	b.loop.do(func() {
		if b.has(Disconnected)() {
			t.Error("disconnected too early")
		}
		b.skew += 11 * time.Second
	})
	b.eventually("disconnected", b.has(Disconnected))
	b.loop.do(func() {
		if _, ok := b.link.Path(); ok {
			t.Error("a path without consent")
		}
		b.filter, b.events = nil, nil
	})
	a.loop.do(func() { a.skew += 7 * time.Second }) // its next consent check is due
	b.eventually("connected again", b.has(Connected))

	b.loop.do(func() {
		b.filter = func([]byte) bool { return true }
		b.skew += 31 * time.Second
	})
	b.eventually("disconnected", b.has(Disconnected))
	b.loop.do(func() { b.skew += lostTimeout })
	b.eventually("failed", b.has(Failed))
	b.loop.do(func() {
		if e := b.events[len(b.events)-1]; !errors.Is(e.Err, ErrConsentLost) {
			t.Errorf("failed with %v", e.Err)
		}
	})
	a.close()
	b.close()
}

func TestGarbageDisturbsNothing(t *testing.T) {
	a, b := connectedPair(t, pairConfig{data: true})
	b.eventually("data", b.has(DataReady))
	r := rand.New(rand.NewPCG(2, 2))
	for range 1000 {
		g := make([]byte, r.IntN(300))
		for i := range g {
			g[i] = byte(r.Uint32())
		}
		if len(g) > 0 {
			g[0] = []byte{0, 1, 20, 22, 23, 25, 63, 128, 144, 191}[r.IntN(10)]
		}
		if len(g) > 20 && r.IntN(2) == 0 { // a plausible record: DTLS 1.2, any epoch
			copy(g, []byte{byte(20 + r.IntN(6)), 0xfe, 0xfd, 0, byte(r.IntN(2)), 0, 0, 0, 0, byte(r.Uint32()), byte(r.Uint32())})
			binary.BigEndian.PutUint16(g[11:], uint16(len(g)-13))
		}
		b.loop.do(func() { b.receive(Path{Remote: a.addr, Local: b.addr.Addr()}, g) })
	}
	b.eventually("the pipe is empty", func() bool { return len(b.link.dtls.pipe.in) == 0 })
	var got bool
	b.loop.do(func() { b.in = func(_ media.Time, p []byte, _ bool) { got = true } })
	a.loop.do(func() {
		buf := make([]byte, 100)
		copy(buf, rtpPacket(1, 1, nil))
		path, _ := a.link.Path()
		a.send(path, buf[:a.link.SealRTP(buf, 12, []byte("x"), 0)])
	})
	b.eventually("a packet", func() bool { return got })
	b.loop.do(func() {
		if b.has(Failed)() || b.has(Closed)() || b.has(Disconnected)() {
			t.Errorf("events %v", b.events)
		}
	})
	a.close()
	b.close()
}

func TestDataChannelsBothWays(t *testing.T) {
	before := runtime.NumGoroutine()
	type message struct {
		label string
		b     []byte
		text  bool
	}
	echoed, closed := make(chan message, 1000), make(chan string, 10)
	kinds := make(chan *DataChannel, 10)
	a, b := connectedPair(t, pairConfig{data: true, onData: func(d *DataChannel) {
		kinds <- &DataChannel{Label: d.Label, Protocol: d.Protocol, Ordered: d.Ordered, Reliable: d.Reliable}
		d.OnMessage(func(b []byte, text bool) {
			if err := d.Send(b, text); err != nil {
				t.Error(err)
			}
		})
		d.OnClose(func() { closed <- d.Label })
	}})
	a.eventually("data", a.has(DataReady))
	b.eventually("data", b.has(DataReady))
	zero := uint16(0)
	var reliable, lossy *DataChannel
	a.loop.do(func() {
		var err error
		if reliable, err = a.link.OpenDataChannel("reliable", DataChannelOptions{Protocol: "p"}); err != nil {
			t.Error(err)
		}
		if lossy, err = a.link.OpenDataChannel("lossy", DataChannelOptions{Unordered: true, MaxRetransmits: &zero}); err != nil {
			t.Error(err)
		}
		for _, d := range []*DataChannel{reliable, lossy} {
			d.OnMessage(func(b []byte, text bool) { echoed <- message{d.Label, bytes.Clone(b), text} })
		}
	})
	for range 2 {
		switch k := <-kinds; k.Label {
		case "reliable":
			if k.Protocol != "p" || !k.Ordered || !k.Reliable {
				t.Errorf("reliable is %+v", k)
			}
		case "lossy":
			if k.Ordered || k.Reliable {
				t.Errorf("lossy is %+v", k)
			}
		}
	}
	for i, size := range []int{0, 1, 1000, 5000, 70000, 100000} {
		want := bytes.Repeat([]byte{byte(i + 1)}, size)
		for _, d := range []*DataChannel{reliable, lossy} {
			if err := d.Send(want, i%2 == 0); err != nil {
				t.Fatal(err)
			}
			if m := <-echoed; m.label != d.Label || !bytes.Equal(m.b, want) || m.text != (i%2 == 0) {
				t.Fatalf("%s: %d bytes came back as %d", d.Label, size, len(m.b))
			}
		}
	}
	if err := reliable.Send(make([]byte, 100001), false); !errors.Is(err, ErrMessageTooBig) {
		t.Errorf("a message that is too big: %v", err)
	}
	if err := reliable.Close(); err != nil {
		t.Fatal(err)
	}
	if l := <-closed; l != "reliable" {
		t.Errorf("%s closed", l)
	}
	if err := reliable.Send([]byte("x"), false); !errors.Is(err, ErrClosed) {
		t.Errorf("sent on a closed channel: %v", err)
	}
	a.close()
	if l := <-closed; l != "lossy" {
		t.Errorf("%s closed", l)
	}
	b.close()
	noGoroutinesLeft(t, before)
}

func TestASlowReaderFillsABoundedBuffer(t *testing.T) {
	block := make(chan struct{})
	a, b := connectedPair(t, pairConfig{data: true, onData: func(d *DataChannel) {
		d.OnMessage(func([]byte, bool) { <-block })
	}})
	a.eventually("data", a.has(DataReady))
	b.eventually("data", b.has(DataReady))
	var d *DataChannel
	a.loop.do(func() { d, _ = a.link.OpenDataChannel("x", DataChannelOptions{}) })
	msg, total := make([]byte, 50000), 0
	var err error
	for end := time.Now().Add(patience); err == nil && time.Now().Before(end); {
		if err = d.Send(msg, false); err == nil {
			total += len(msg)
		}
	}
	if !errors.Is(err, ErrBufferFull) {
		t.Fatalf("after %d bytes: %v", total, err)
	}
	if n := d.BufferedAmount(); n > 1<<20 || n < 1<<19 {
		t.Errorf("%d bytes buffered", n)
	}
	close(block)
	a.eventually("drained", func() bool { return d.BufferedAmount() == 0 })
	a.close()
	b.close()
}

func TestDataMayBeAddedLater(t *testing.T) {
	a, b := connectedPair(t, pairConfig{})
	a.loop.do(func() {
		if _, err := a.link.OpenDataChannel("x", DataChannelOptions{}); !errors.Is(err, ErrNotConnected) {
			t.Errorf("opened a channel without SCTP: %v", err)
		}
	})
	for _, n := range []*node{a, b} {
		n.loop.do(func() {
			s := *n.link.session
			s.Data = &Data{MID: "d", Port: 5000}
			n.link.Update(&s)
		})
	}
	a.eventually("data", a.has(DataReady))
	b.eventually("data", b.has(DataReady))
	a.close()
	b.close()
}

func TestAnIdleLinkIsSmall(t *testing.T) {
	if raceEnabled {
		return // the detector's own memory is not ours
	}
	certs := []*Certificate{testCertificate(t), testCertificate(t)}
	measure := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc + m.StackInuse
	}
	const pairs = 40
	before := measure()
	var nodes []*node
	for range pairs {
		a, b := newPair(t, pairConfig{}, certs...)
		nodes = append(nodes, a, b)
	}
	for _, n := range nodes {
		n.eventually("connected", n.has(Connected))
	}
	each := (measure() - before) / uint64(len(nodes))
	// The loop's mailbox is the test's, not the link's.
	each -= 4096 * 8
	t.Logf("%d bytes and %d goroutines a link", each, runtime.NumGoroutine()/len(nodes))
	if each > 100<<10 {
		t.Errorf("%d bytes a link", each)
	}
	for _, n := range nodes {
		n.close()
	}
}
