package turn

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"testing"
	"time"

	"github.com/pion/stun/v4"
)

// dialled returns a connection to a running server.
func dialled(t *testing.T, s *Server) net.Conn {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	nc, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	served, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { s.ServeStream(served); close(ended) }()
	t.Cleanup(func() { nc.Close(); <-ended })
	_ = nc.SetDeadline(time.Now().Add(time.Minute))
	return nc
}

func running(t *testing.T, c Config) *Server {
	t.Helper()
	b := newBench(t, c)
	b.Start(b.media)
	t.Cleanup(b.Close)
	return b.Server
}

// exchange sends a request and reads the answer.
func exchange(t *testing.T, nc net.Conn, attrs ...stun.Setter) *stun.Message {
	t.Helper()
	m, err := stun.Build(append([]stun.Setter{stun.TransactionID}, attrs...)...)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := nc.Write(m.Raw); err != nil {
		t.Fatal(err)
	}
	var buf buffer
	n, err := readMessage(nc, buf[:])
	if err != nil {
		t.Fatal(err)
	}
	out := &stun.Message{Raw: buf[:n]}
	if err := out.Decode(); err != nil {
		t.Fatal(err)
	}
	return out
}

// TestStreams allocates on a connection, and has the allocation end with it.
func TestStreams(t *testing.T) {
	s := running(t, Config{})
	nc := dialled(t, s)
	name, password := s.cfg.Secret.Mint("demo", "ann", time.Now().Add(time.Hour))
	var nonce stun.Nonce
	if err := nonce.GetFrom(exchange(t, nc, stun.NewType(stun.MethodAllocate, stun.ClassRequest), udpTransport)); err != nil {
		t.Fatal(err)
	}
	m := exchange(t, nc, stun.NewType(stun.MethodAllocate, stun.ClassRequest), udpTransport, stun.NewUsername(name),
		stun.NewRealm("switchyard"), nonce, stun.NewLongTermIntegrity(name, "switchyard", password))
	if code(m) != 0 || s.Stats().Allocations != 1 || s.Stats().Streams != 1 {
		t.Fatalf("%v, %+v", m, s.Stats())
	}
	nc.Close()
	for until := time.Now().Add(time.Minute); s.Stats().Allocations != 0; time.Sleep(time.Millisecond) {
		if time.Now().After(until) {
			t.Fatal("the allocation outlives its connection")
		}
	}
}

// TestHostileStreams sends what no client sends: the connection ends, and that is counted.
func TestHostileStreams(t *testing.T) {
	for name, c := range map[string]struct {
		send []byte
		why  Reason
	}{
		"a huge ChannelData":     {append([]byte{0x40, 0, 0xff, 0xff}, make([]byte, 1<<16)...), DropTooLong},
		"a huge STUN message":    {append([]byte{0, 3, 0xff, 0xfc, 0x21, 0x12, 0xa4, 0x42}, make([]byte, 1<<16)...), DropTooLong},
		"a length that is odd":   {[]byte{0, 3, 0, 3, 0x21, 0x12, 0xa4, 0x42, 0, 0, 0, 0, 0, 0, 0, 0}, DropTooLong},
		"neither of both":        {bytes.Repeat([]byte{0x80}, 64), DropTooLong},
		"many without a meaning": {bytes.Repeat([]byte{0x40, 1, 0, 0}, 10_000), DropFlood},
	} {
		t.Run(name, func(t *testing.T) {
			s := running(t, Config{})
			nc := dialled(t, s)
			_, _ = nc.Write(c.send) // the end may come before all is written
			if _, err := io.Copy(io.Discard, nc); err != nil && isTimeout(err) {
				t.Fatal("the connection goes on")
			}
			if n := s.counters.reasons[c.why].Load(); n == 0 {
				t.Errorf("%v was not counted: %v", c.why, s.Stats().Drops)
			}
		})
	}
}

func isTimeout(err error) bool {
	e, ok := err.(net.Error)
	return ok && e.Timeout()
}

func TestStreamsAreBounded(t *testing.T) {
	s := running(t, Config{Streams: 1})
	first := dialled(t, s)
	exchange(t, first, stun.NewType(stun.MethodBinding, stun.ClassRequest))
	if _, err := dialled(t, s).Read(make([]byte, 1)); err == nil || isTimeout(err) {
		t.Errorf("a connection too many: %v", err)
	}
	if n := s.Stats().StreamsRefused; n != 1 {
		t.Errorf("%d refused", n)
	}
}

// TestChannelDataIsPadded follows RFC 8656 §12.5.
func TestChannelDataIsPadded(t *testing.T) {
	ours, theirs := net.Pipe()
	st := &stream{nc: ours, wake: make(chan struct{}, 1)}
	go st.write()
	defer st.close()
	if !st.send(appendChannelData(nil, 0x4000, []byte("hello"))) || !st.send(appendChannelData(nil, 0x4001, []byte("four"))) {
		t.Fatal("dropped")
	}
	got := make([]byte, 20)
	if _, err := io.ReadFull(theirs, got); err != nil || string(got) != "\x40\x00\x00\x05hello\x00\x00\x00\x40\x01\x00\x04four" {
		t.Fatalf("%q %v", got, err)
	}
	for st.send(make([]byte, 1000)) { // nobody reads: it fills up and does not block
	}
}

func FuzzReadMessage(f *testing.F) {
	f.Add([]byte("\x40\x00\x00\x05hello\x00\x00\x00"))
	f.Add([]byte("\x00\x01\x00\x00\x21\x12\xa4\x42abcdefghijkl"))
	f.Add([]byte("\x40\x00\xff\xff"))
	f.Fuzz(func(t *testing.T, b []byte) {
		var buf buffer
		for r := bytes.NewReader(b); ; {
			n, err := readMessage(r, buf[:])
			if err != nil {
				return
			}
			if n < 4 || n > len(buf) || buf[0]&0x80 != 0 {
				t.Fatalf("%d bytes: %x", n, buf[:4])
			}
		}
	})
}

func FuzzReceive(f *testing.F) {
	seed := newBench(f, Config{})
	ann := seed.person("192.0.2.1:1000", "ann")
	ann.nonce = seed.nonces.mint(epoch, ann.at.Addr())
	for _, method := range []stun.Method{stun.MethodBinding, stun.MethodAllocate, stun.MethodRefresh, stun.MethodCreatePermission, stun.MethodChannelBind} {
		m, err := stun.Build(stun.TransactionID, stun.NewType(method, stun.ClassRequest), udpTransport, peerAt(mediaAddr),
			stun.NewUsername(ann.name), stun.NewRealm("switchyard"), stun.NewNonce(ann.nonce),
			stun.NewLongTermIntegrity(ann.name, "switchyard", ann.password))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(m.Raw)
	}
	send, err := stun.Build(stun.TransactionID, stun.NewType(stun.MethodSend, stun.ClassIndication), peerAt(mediaAddr),
		stun.RawAttribute{Type: stun.AttrData, Value: []byte("data")})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(send.Raw)
	f.Add([]byte("\x40\x00\x00\x04data"))
	f.Fuzz(func(t *testing.T, b []byte) {
		s := newBench(t, Config{})
		p := s.person("192.0.2.1:1000", "ann")
		p.nonce = s.nonces.mint(epoch, p.at.Addr())
		p.allocate()
		p.bind(0x4000, mediaAddr)
		p.give(b)
		for a := p.taken(); a != nil; a = p.taken() {
			if len(a) >= 20 && binary.BigEndian.Uint32(a[4:]) == magicCookie && (&stun.Message{Raw: a}).Decode() != nil {
				t.Fatalf("the answer is broken: %x", a)
			}
		}
	})
}

func FuzzParseSend(f *testing.F) {
	f.Add([]byte("\x00\x16\x00\x00\x21\x12\xa4\x42abcdefghijkl\x00\x12\x00\x08\x00\x01\x00\x00\x00\x00\x00\x00\x00\x13\x00\x01a\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) < headerBytes {
			return
		}
		if peer, data, ok := parseSend(b); ok && (!peer.IsValid() || len(data) > len(b)) {
			t.Fatalf("%v %d", peer, len(data))
		}
	})
}
