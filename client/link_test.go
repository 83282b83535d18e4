package client_test

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	"github.com/pion/webrtc/v4"

	"switchyard/client"
)

func short(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// accept returns the first channel of l when it is open, with what comes on it.
func accept(t *testing.T, l *client.Link) (*webrtc.DataChannel, <-chan []byte) {
	t.Helper()
	d, err := l.Accept(short(t))
	if err != nil {
		t.Fatal(err)
	}
	in := make(chan []byte, 100)
	d.OnMessage(func(m webrtc.DataChannelMessage) { in <- m.Data })
	return d, in
}

// say sends b on a new channel of one end and waits for it at the other.
func say(t *testing.T, from, to *client.Link, b []byte) {
	t.Helper()
	d, err := from.Open("file", nil)
	if err != nil {
		t.Fatal(err)
	}
	open := make(chan struct{})
	d.OnOpen(func() { close(open) })
	_, in := accept(t, to)
	select {
	case <-open:
	case <-time.After(patience):
		t.Fatal("the channel does not open")
	}
	if err := d.Send(b); err != nil {
		t.Fatal(err)
	}
	select {
	case got := <-in:
		if !bytes.Equal(got, b) {
			t.Errorf("got %d bytes, want %d", len(got), len(b))
		}
	case <-time.After(patience):
		t.Fatal("nothing came")
	}
}

func TestLinkBetweenParticipantsCarriesData(t *testing.T) {
	s := newFakeServer(t)
	opened := make(chan *client.Link, 1)
	a := s.dial("a", client.Options{NoData: true})
	s.dial("b", client.Options{Events: client.Events{Link: func(l *client.Link) { opened <- l }}})
	here, err := a.OpenLink(short(t), "b")
	if err != nil {
		t.Fatal(err)
	}
	there := <-opened
	if there.Peer() != "a" || there.Name() != client.DefaultLink {
		t.Errorf("%s from %s", there.Name(), there.Peer())
	}
	say(t, here, there, bytes.Repeat([]byte("x"), 60000))
	say(t, there, here, []byte("back"))
	here.Close()
	select {
	case <-there.Done():
	case <-time.After(patience):
		t.Fatal("the other end does not notice the close")
	}
	if !errors.Is(there.Err(), client.ErrLinkClosed) {
		t.Errorf("it ended with %v", there.Err())
	}
	if _, err := there.Open("late", nil); err == nil {
		t.Error("a closed link opens channels")
	}
	// It can be opened again, from the other side.
	if _, err := a.OpenLink(short(t), "b"); err != nil {
		t.Errorf("opening it again: %v", err)
	}
}

func TestBothOpenAtOnceAndGetOneLink(t *testing.T) {
	s := newFakeServer(t)
	a, b := s.dial("a", client.Options{}), s.dial("b", client.Options{})
	for i := range 8 {
		type result struct {
			l   *client.Link
			err error
		}
		results := make(chan result, 2)
		go func() { l, err := a.OpenLink(short(t), "b"); results <- result{l, err} }()
		go func() { l, err := b.OpenLink(short(t), "a"); results <- result{l, err} }()
		one, two := <-results, <-results
		if one.err != nil || two.err != nil {
			t.Fatalf("round %d: %v, %v", i, one.err, two.err)
		}
		say(t, one.l, two.l, []byte("one"))
		say(t, two.l, one.l, []byte("two"))
		one.l.Close()
		<-two.l.Done()
	}
}

func TestLinkEndsWithItsPeer(t *testing.T) {
	s := newFakeServer(t)
	a, b := s.dial("a", client.Options{}), s.dial("b", client.Options{})
	l, err := a.OpenLink(short(t), "b")
	if err != nil {
		t.Fatal(err)
	}
	b.Close()
	select {
	case <-l.Done():
	case <-time.After(patience):
		t.Fatal("the link outlives its peer")
	}
	if _, err := a.OpenLink(short(t), "nobody"); err == nil {
		t.Error("a link to nobody")
	}
}

func TestLinkOutlivesADroppedSocket(t *testing.T) {
	s := newFakeServer(t)
	opened := make(chan *client.Link, 1)
	a := s.dial("a", client.Options{})
	s.dial("b", client.Options{Events: client.Events{Link: func(l *client.Link) { opened <- l }}})
	here, err := a.OpenLink(short(t), "b")
	if err != nil {
		t.Fatal(err)
	}
	there := <-opened
	s.dropSockets()
	say(t, here, there, []byte("still here"))
}
