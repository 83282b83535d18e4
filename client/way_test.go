package client_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"testing"

	"switchyard/client"
)

// way is what both Link.Way and DialRelay give.
type way interface {
	Open(context.Context) (client.Lane, error)
	Accept(context.Context) (client.Lane, error)
	Lanes() int
	Kind() string
	Direct() bool
	Close() error
}

var _ = []way{(*client.Way)(nil), (*client.Relay)(nil)}

// ways links two participants and returns both ends, the one that opened the link first.
func ways(t *testing.T, o client.Options) (here, there *client.Way) {
	t.Helper()
	s := newFakeServer(t)
	return waysAt(t, s, o)
}

func waysAt(t testing.TB, s *fakeServer, o client.Options) (here, there *client.Way) {
	t.Helper()
	opened := make(chan *client.Link, 1)
	o.NoData = true
	a := s.dial("a", o)
	o.Events.Link = func(l *client.Link) { opened <- l }
	s.dial("b", o)
	l, err := a.OpenLinkNamed(short(t), "b", "t")
	if err != nil {
		t.Fatal(err)
	}
	return l.Way(), (<-opened).Way()
}

// lanes opens n lanes and accepts them; each was told its number.
func lanes(t testing.TB, from, to way, n int) (out, in []client.Lane) {
	t.Helper()
	out, in = make([]client.Lane, n), make([]client.Lane, n)
	for i := range n {
		lane, err := from.Open(short(t))
		if err != nil {
			t.Fatal(err)
		}
		if err := lane.Send(short(t), []byte{byte(i)}); err != nil {
			t.Fatal(err)
		}
		out[i] = lane
	}
	for i := range n {
		lane, err := to.Accept(short(t))
		if err != nil {
			t.Fatal(err)
		}
		m, err := lane.Receive(short(t))
		if err != nil || len(m) != 1 || int(m[0]) >= n || in[m[0]] != nil {
			t.Fatalf("lane %d brings %x, %v", i, m, err)
		}
		if i == 0 && m[0] != 0 {
			t.Errorf("lane %d comes first", m[0])
		}
		in[m[0]] = lane
	}
	return out, in
}

// stream sends messages of many sizes and compares what comes.
func stream(t *testing.T, out, in client.Lane, messages int) {
	t.Helper()
	sent := make(chan error, 1)
	sizes := []int{client.MaxLaneMessage, 1, 1200, 40000, 65535}
	go func() {
		b := make([]byte, client.MaxLaneMessage)
		for i := range messages {
			m := b[:max(sizes[i%len(sizes)], 1)]
			for j := range m {
				m[j] = byte(i + j)
			}
			if err := out.Send(t.Context(), m); err != nil {
				sent <- fmt.Errorf("message %d: %w", i, err)
				return
			}
		}
		sent <- nil
	}()
	for i := range messages {
		m, err := in.Receive(short(t))
		if err != nil {
			t.Fatalf("message %d: %v", i, err)
		}
		if len(m) != sizes[i%len(sizes)] || m[0] != byte(i) || m[len(m)-1] != byte(i+len(m)-1) {
			t.Fatalf("message %d is another: %d bytes", i, len(m))
		}
	}
	if err := <-sent; err != nil {
		t.Fatal(err)
	}
}

// converse runs what every way must do.
func converse(t *testing.T, from, to way, n int) {
	out, in := lanes(t, from, to, n)
	for i := range out {
		stream(t, out[i], in[i], 50)
		stream(t, in[i], out[i], 5)
	}
	if err := out[0].Send(short(t), make([]byte, client.MaxLaneMessage+1)); !errors.Is(err, client.ErrLaneMessage) {
		t.Errorf("a message that is too large: %v", err)
	}
	stream(t, out[0], in[0], 1) // it harmed nothing
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := in[0].Receive(canceled); !errors.Is(err, context.Canceled) {
		t.Errorf("receiving without patience: %v", err)
	}
	// What is sent before the way is closed comes.
	sum := sha256.New()
	closed := make(chan error, 1)
	go func() {
		for i := range 10 {
			m := binary.BigEndian.AppendUint32(nil, uint32(i))
			m = append(m, bytes.Repeat([]byte{byte(i)}, 60000)...)
			sum.Write(m)
			if err := out[0].Send(t.Context(), m); err != nil {
				closed <- err
				return
			}
		}
		closed <- from.Close()
	}()
	got := sha256.New()
	for {
		m, err := in[0].Receive(short(t))
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("at the end: %v", err)
		}
		got.Write(m)
	}
	to.Close()
	if err := <-closed; err != nil {
		t.Error(err)
	}
	if !bytes.Equal(sum.Sum(nil), got.Sum(nil)) {
		t.Error("what was sent last did not come whole")
	}
	if _, err := to.Accept(short(t)); err == nil {
		t.Error("a closed way brings lanes")
	}
	if err := in[0].Send(short(t), []byte("late")); err == nil {
		t.Error("a closed way takes messages")
	}
}

func TestDataChannelWayCarriesLanes(t *testing.T) {
	here, there := ways(t, client.Options{})
	if here.Kind() != client.WayDataChannel || !here.Direct() || here.Lanes() < 1 {
		t.Errorf("%s, direct %v, %d lanes", here.Kind(), here.Direct(), here.Lanes())
	}
	converse(t, here, there, 3)
}

func TestLaneThatIsClosedEndsAlone(t *testing.T) {
	here, there := ways(t, client.Options{})
	endsAlone(t, here, there)
}

func endsAlone(t *testing.T, here, there way) {
	t.Helper()
	out, in := lanes(t, here, there, 2)
	if err := out[1].Send(short(t), []byte("last")); err != nil {
		t.Fatal(err)
	}
	if err := out[1].Close(); err != nil {
		t.Fatal(err)
	}
	if m, err := in[1].Receive(short(t)); err != nil || string(m) != "last" {
		t.Errorf("the last message: %q, %v", m, err)
	}
	if _, err := in[1].Receive(short(t)); !errors.Is(err, io.EOF) {
		t.Errorf("after it: %v", err)
	}
	stream(t, out[0], in[0], 10)
	stream(t, in[0], out[0], 10)
}

func TestQUICWayCarriesLanes(t *testing.T) {
	here, there := ways(t, client.Options{Bulk: true})
	if here.Kind() != client.WayQUIC || !here.Direct() || here.Lanes() != 1 {
		t.Errorf("%s, direct %v, %d lanes", here.Kind(), here.Direct(), here.Lanes())
	}
	converse(t, here, there, 4)
}

func TestQUICLaneThatIsClosedEndsAlone(t *testing.T) {
	here, there := ways(t, client.Options{Bulk: true})
	endsAlone(t, here, there)
}
