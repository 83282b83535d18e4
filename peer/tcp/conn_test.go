package tcp

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"runtime"
	"sync"
	"testing"
	"time"

	"switchyard/media"
)

// pair returns a served connection, the other end of it, and the channel of Serve's result.
func pair(t *testing.T, o Options, receive func([]byte)) (*Conn, *net.TCPConn, chan error) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	other, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	nc, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	c, result := NewConn(nc, o), make(chan error, 1)
	go func() { result <- c.Serve(receive) }()
	t.Cleanup(func() {
		c.Close()
		other.Close()
	})
	return c, other.(*net.TCPConn), result
}

func wait(t *testing.T, result chan error) error {
	t.Helper()
	select {
	case err := <-result:
		return err
	case <-time.After(time.Minute):
		t.Fatal("Serve does not return")
		return nil
	}
}

func frame(b []byte) []byte { return append(binary.BigEndian.AppendUint16(nil, uint16(len(b))), b...) }

func TestDatagramsPassBothWays(t *testing.T) {
	var mu sync.Mutex
	var got [][]byte
	c, other, result := pair(t, Options{}, func(b []byte) {
		mu.Lock()
		got = append(got, bytes.Clone(b))
		mu.Unlock()
	})
	r := rand.New(rand.NewPCG(1, 1))
	var want [][]byte
	var wire []byte
	for range 500 {
		b := make([]byte, r.IntN(media.MaxDatagram+1))
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		if len(b) > 0 {
			want = append(want, b)
		}
		wire = append(wire, frame(b)...)
	}
	for len(wire) > 0 { // cut anywhere
		n := min(len(wire), 1+r.IntN(3000))
		if _, err := other.Write(wire[:n]); err != nil {
			t.Fatal(err)
		}
		wire = wire[n:]
	}
	for _, b := range want[:100] {
		if !c.Send(b) {
			t.Fatal("not sent")
		}
	}
	buf := make([]byte, media.MaxDatagram)
	for i, b := range want[:100] {
		n, err := readFrame(other, buf)
		if err != nil || !bytes.Equal(buf[:n], b) {
			t.Fatalf("datagram %d: %v", i, err)
		}
	}
	other.CloseWrite() // half-closed: it is gone
	if err := wait(t, result); err != nil {
		t.Fatal(err)
	}
	if len(got) != len(want) {
		t.Fatalf("got %d, want %d", len(got), len(want))
	}
	for i := range want {
		if !bytes.Equal(got[i], want[i]) {
			t.Fatalf("datagram %d differs", i)
		}
	}
	if c.Send([]byte{1}) || !c.Closed() {
		t.Error("alive after the end")
	}
}

func TestAStalledReaderCostsDropsAndNothingElse(t *testing.T) {
	c, other, result := pair(t, Options{QueueBytes: 20000, QueuePackets: 100}, func([]byte) {})
	b := make([]byte, 1000)
	const n = 20000
	for range n { // if one blocked, it would forever: nobody reads
		c.Send(b)
	}
	if st := c.Stats(); st.QueueFull == 0 {
		t.Fatalf("stats %+v", st)
	}
	c.Close()
	if err := wait(t, result); err != nil {
		t.Errorf("Close gives %v", err)
	}
	other.Close()
	if st := c.Stats(); st.Sent+st.QueueFull+st.AfterClosed != n {
		t.Errorf("stats %+v do not add up to %d", st, n)
	}
	if c.Send(make([]byte, 70000)) || c.Stats().TooLong != 1 {
		t.Error("a datagram of 70000 bytes was taken")
	}
}

func TestAFrameLongerThanADatagramIsAnError(t *testing.T) {
	_, other, result := pair(t, Options{}, func([]byte) { t.Error("received") })
	if _, err := other.Write(frame(make([]byte, media.MaxDatagram+1))); err != nil {
		t.Fatal(err)
	}
	if err := wait(t, result); !errors.Is(err, ErrFrame) {
		t.Errorf("got %v", err)
	}
	if _, err := other.Read(make([]byte, 1)); err == nil {
		t.Error("the connection is still open")
	}
}

func TestASilentConnectionEnds(t *testing.T) {
	before := runtime.NumGoroutine()
	_, other, result := pair(t, Options{Idle: 30 * time.Millisecond}, func([]byte) {})
	var timeout net.Error
	if err := wait(t, result); !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Errorf("got %v", err)
	}
	other.Close()
	for end := time.Now().Add(time.Minute); runtime.NumGoroutine() > before; {
		if time.Now().After(end) {
			t.Fatal("goroutines are left")
		}
		runtime.Gosched()
	}
}

func FuzzReadFrame(f *testing.F) {
	f.Add(frame([]byte("hello")))
	f.Add(append(frame(nil), frame(make([]byte, media.MaxDatagram))...))
	f.Add([]byte{0xff, 0xff, 1, 2})
	f.Add([]byte{0})
	f.Fuzz(func(t *testing.T, in []byte) {
		r := bytes.NewReader(in)
		var again []byte
		b := make([]byte, media.MaxDatagram)
		for {
			n, err := readFrame(r, b)
			if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, ErrFrame) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			again = append(again, frame(b[:n])...)
		}
		if !bytes.HasPrefix(in, again) {
			t.Fatal("frames do not add up to the input")
		}
	})
}

func TestConcurrentSendersKeepFramesWhole(t *testing.T) {
	const senders, each = 4, 2000
	c, other, _ := pair(t, Options{QueuePackets: senders * each, QueueBytes: 16 << 20}, func([]byte) {})
	var wg sync.WaitGroup
	for id := range byte(senders) {
		wg.Go(func() {
			for i := range each {
				if !c.Send(bytes.Repeat([]byte{id}, 1+i%300)) {
					t.Error("not sent")
					return
				}
			}
		})
	}
	buf := make([]byte, media.MaxDatagram)
	var got [senders]int
	for range senders * each {
		n, err := readFrame(other, buf)
		if err != nil {
			t.Fatal(err)
		}
		id := buf[0]
		if int(id) >= senders || n != 1+got[id]%300 || bytes.Count(buf[:n], buf[:1]) != n {
			t.Fatalf("a torn frame of %d bytes from sender %d", n, id)
		}
		got[id]++
	}
	wg.Wait()
}
