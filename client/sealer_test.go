package client_test

import (
	"context"
	"encoding/base64"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"switchyard/client"
	"switchyard/protocol"
)

// xorSealer stands for a real one: what matters here is what passes through it.
type xorSealer struct {
	key    byte
	sealed atomic.Int32
}

func (s *xorSealer) Seal(_ protocol.ParticipantID, link string, plain []byte) (string, error) {
	s.sealed.Add(1)
	b := append([]byte(link), plain...)
	for i := range b {
		b[i] ^= s.key
	}
	return base64.RawURLEncoding.EncodeToString(b), nil
}

func (s *xorSealer) Open(_ protocol.ParticipantID, link, sealed string) ([]byte, error) {
	b, err := base64.RawURLEncoding.DecodeString(sealed)
	for i := range b {
		b[i] ^= s.key
	}
	if err != nil || len(b) < len(link) || string(b[:len(link)]) != link {
		return nil, errors.New("does not open")
	}
	return b[len(link):], nil
}

func TestSealedSignalsMakeALink(t *testing.T) {
	s := newFakeServer(t)
	opened := make(chan *client.Link, 1)
	here, there := &xorSealer{key: 7}, &xorSealer{key: 7}
	a := s.dial("a", client.Options{NoData: true, Sealer: here})
	b := s.dial("b", client.Options{NoData: true, Sealer: there, Events: client.Events{Link: func(l *client.Link) { opened <- l }}})
	l, err := a.OpenLinkNamed(short(t), "b", "t")
	if err != nil {
		t.Fatal(err)
	}
	converse(t, l.Way(), (<-opened).Way(), 1)
	if here.sealed.Load() < 2 || there.sealed.Load() < 1 {
		t.Errorf("%d and %d signals were sealed", here.sealed.Load(), there.sealed.Load())
	}
	if a.Stats() != (client.Stats{}) || b.Stats() != (client.Stats{}) {
		t.Errorf("dropped: %+v, %+v", a.Stats(), b.Stats())
	}
}

// TestSignalsThatDoNotOpenAreDropped opens links that must not come up.
func TestSignalsThatDoNotOpenAreDropped(t *testing.T) {
	for name, test := range map[string]struct {
		from, to client.Sealer
		stats    client.Stats
	}{
		"another key":        {&xorSealer{key: 1}, &xorSealer{key: 2}, client.Stats{Unopened: 1}},
		"in the clear":       {nil, &xorSealer{key: 2}, client.Stats{Unsealed: 1}},
		"nobody can open it": {&xorSealer{key: 1}, nil, client.Stats{Unsealed: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newFakeServer(t)
			a := s.dial("a", client.Options{NoData: true, Sealer: test.from})
			b := s.dial("b", client.Options{NoData: true, Sealer: test.to, Events: client.Events{
				Link: func(*client.Link) { t.Error("a link came up") },
			}})
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan error, 1)
			go func() { _, err := a.OpenLinkNamed(ctx, "b", "t"); done <- err }()
			eventually(t, "the signals are dropped", func() bool {
				got := b.Stats()
				return got.Unopened >= test.stats.Unopened && got.Unsealed >= test.stats.Unsealed
			})
			cancel()
			if err := <-done; !errors.Is(err, context.Canceled) {
				t.Errorf("opening ended with %v", err)
			}
		})
	}
}

// noKey has no key for anybody.
type noKey struct{ xorSealer }

var errNoKey = errors.New("no key")

func (*noKey) Seal(protocol.ParticipantID, string, []byte) (string, error) { return "", errNoKey }

func TestLinkWithoutAKeyFails(t *testing.T) {
	s := newFakeServer(t)
	a := s.dial("a", client.Options{NoData: true, Sealer: &noKey{}})
	s.dial("b", client.Options{NoData: true})
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if _, err := a.OpenLinkNamed(ctx, "b", "t"); !errors.Is(err, errNoKey) {
		t.Errorf("it ended with %v", err)
	}
}
