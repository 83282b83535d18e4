package client_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/coder/websocket"

	"switchyard/client"
	"switchyard/protocol"
)

// fakeRelay joins the first two that come, as the server does, and hands every message to pass.
type fakeRelay struct {
	http *httptest.Server
	pass func(from int, m []byte) []byte // what goes on in its place
	mu   sync.Mutex
	ends []*websocket.Conn
	both chan struct{}
}

func newFakeRelay(t *testing.T) *fakeRelay {
	r := &fakeRelay{both: make(chan struct{}), pass: func(_ int, m []byte) []byte { return m }}
	r.http = httptest.NewServer(http.HandlerFunc(r.serve))
	t.Cleanup(r.http.Close)
	return r
}

func (r *fakeRelay) serve(w http.ResponseWriter, q *http.Request) {
	if q.URL.Path != "/v1/relay/room" || q.URL.Query().Get("token") == "" || q.URL.Query().Get("peer") == "" {
		http.Error(w, "bad", http.StatusBadRequest)
		return
	}
	conn, err := websocket.Accept(w, q, &websocket.AcceptOptions{Subprotocols: []string{"switchyard.relay.v1"}})
	if err != nil {
		return
	}
	defer conn.CloseNow()
	conn.SetReadLimit(1 << 20)
	r.mu.Lock()
	me := len(r.ends)
	r.ends = append(r.ends, conn)
	if me == 1 {
		close(r.both)
	}
	r.mu.Unlock()
	select {
	case <-r.both:
	case <-q.Context().Done():
		return
	}
	ctx := context.Background()
	for {
		kind, m, err := conn.Read(ctx)
		if err != nil {
			r.ends[1-me].Close(websocket.StatusNormalClosure, "")
			return
		}
		if r.ends[1-me].Write(ctx, kind, r.pass(me, m)) != nil {
			return
		}
	}
}

func keys(sender bool) client.RelayKeys {
	k := client.RelayKeys{Seal: bytes.Repeat([]byte{1}, 32), Open: bytes.Repeat([]byte{2}, 32), Sender: sender}
	if !sender {
		k.Seal, k.Open = k.Open, k.Seal
	}
	return k
}

func (r *fakeRelay) dial(t *testing.T, a, b client.RelayKeys) (sender, receiver *client.Relay) {
	t.Helper()
	type result struct {
		r   *client.Relay
		err error
	}
	ends := [2]chan result{make(chan result, 1), make(chan result, 1)}
	for i, k := range []client.RelayKeys{a, b} {
		go func() {
			w, err := client.DialRelay(short(t), r.http.URL, "room", "token", protocol.ParticipantID("peer"), k, nil)
			ends[i] <- result{w, err}
		}()
	}
	one, two := <-ends[0], <-ends[1]
	if one.err != nil || two.err != nil {
		t.Fatal(one.err, two.err)
	}
	t.Cleanup(func() { one.r.Close(); two.r.Close() })
	return one.r, two.r
}

func TestRelayCarriesALane(t *testing.T) {
	sender, receiver := newFakeRelay(t).dial(t, keys(true), keys(false))
	if sender.Kind() != client.WayRelay || sender.Direct() || sender.Lanes() != 1 {
		t.Errorf("%s, direct %v, %d lanes", sender.Kind(), sender.Direct(), sender.Lanes())
	}
	converse(t, sender, receiver, 1)
}

func TestRelayThatTampersIsFound(t *testing.T) {
	for name, tamper := range map[string]func(n int, m []byte) []byte{
		"a bit": func(n int, m []byte) []byte {
			if n == 3 {
				m[len(m)/2] ^= 1
			}
			return m
		},
		"replay": func() func(int, []byte) []byte {
			var last []byte
			return func(n int, m []byte) []byte {
				if n == 3 {
					return last
				}
				last = bytes.Clone(m)
				return m
			}
		}(),
		"short": func(n int, m []byte) []byte {
			if n == 3 {
				return m[:4]
			}
			return m
		},
		"huge": func(n int, m []byte) []byte {
			if n == 3 {
				return make([]byte, 200000)
			}
			return m
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newFakeRelay(t)
			n := 0
			r.pass = func(from int, m []byte) []byte {
				if len(m) > 16 { // not a greeting
					n++
					return tamper(n, m)
				}
				return m
			}
			sender, receiver := r.dial(t, keys(true), keys(false))
			out, err := sender.Open(short(t))
			if err != nil {
				t.Fatal(err)
			}
			in, err := receiver.Accept(short(t))
			if err != nil {
				t.Fatal(err)
			}
			for range 3 {
				if err := out.Send(short(t), []byte("twelve bytes")); err != nil {
					break // it may have noticed already
				}
			}
			for i := range 2 {
				if _, err := in.Receive(short(t)); err != nil {
					t.Fatalf("message %d: %v", i, err)
				}
			}
			if m, err := in.Receive(short(t)); err == nil {
				t.Errorf("a changed message comes: %q", m)
			}
		})
	}
}

func TestRelayWithOtherKeysBringsNothing(t *testing.T) {
	other := keys(false)
	other.Open = bytes.Repeat([]byte{9}, 32)
	sender, receiver := newFakeRelay(t).dial(t, keys(true), other)
	out, _ := sender.Open(short(t))
	in, _ := receiver.Accept(short(t))
	if err := out.Send(short(t), []byte("hello")); err != nil {
		t.Fatal(err)
	}
	if _, err := in.Receive(short(t)); !errors.Is(err, client.ErrRelayBroken) {
		t.Errorf("it brings %v", err)
	}
}
