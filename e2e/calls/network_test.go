// Package calls has calls of Go clients through a real server, in one process, over networks that delay,
// lose, repeat and reorder what they carry, drawn from a seed (internal/simnet).
package calls

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/pion/webrtc/v4"

	"switchyard/client"
	"switchyard/engine/auth"
	"switchyard/internal/simnet"
	"switchyard/protocol"
	"switchyard/server"
	"switchyard/store"
)

// bad is what one direction of everybody's network does.
var bad = simnet.Conditions{
	Latency: 40 * time.Millisecond, Jitter: 10 * time.Millisecond, Loss: 0.05, Duplicate: 0.02,
	Reorder: 0.02, ReorderBy: 15 * time.Millisecond, Rate: 4_000_000,
}

// site is a running server and the key of its tokens.
type site struct {
	url string
	key []byte
}

func startServer(t testing.TB) site {
	t.Helper()
	data := t.TempDir()
	s, err := server.New(server.Config{HTTP: "127.0.0.1:0", Media: "127.0.0.1:0", Data: data})
	if err != nil {
		t.Fatal(err)
	}
	key, err := store.LoadOrCreateKey(data)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := errors.Join(<-served, s.Close()); err != nil {
			t.Error(err)
		}
	})
	return site{"http://" + s.HTTPAddr().String(), key}
}

// person is a participant whose media goes over a bad network.
type person struct {
	*client.Client
	net *simnet.Shaped
	tcp *cable
	ear ear

	mu     sync.Mutex
	states []client.State
	chats  []string
	data   []client.Packet
	pauses int                      // of slots, told by the server
	slots  map[string]protocol.Slot // what the server said last
}

// join brings somebody into the room; the n-th has bad networks of its own.
func (s site) join(t testing.TB, who string, n uint64, slots int) *person {
	t.Helper()
	return s.joinOver(t, who, n, slots, bad, bad)
}

// joinOver does so over networks out of the client and into it.
func (s site) joinOver(t testing.TB, who string, n uint64, slots int, out, in simnet.Conditions) *person {
	t.Helper()
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	p := &person{net: simnet.Shape(conn, out, in, n), tcp: &cable{}, slots: map[string]protocol.Slot{}}
	mux := webrtc.NewICEUDPMux(nil, p.net)
	t.Cleanup(func() { _ = mux.Close(); _ = p.net.Close() })
	api, err := client.NewAPI(s.url, func(e *webrtc.SettingEngine) { e.SetICEUDPMux(mux) })
	if err != nil {
		t.Fatal(err)
	}
	claims := auth.Claims{Room: "demo", Identity: who, Grants: protocol.Grants{Publish: []string{"*"}, Subscribe: true, Data: true}}
	token, err := auth.Mint(s.key, claims, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	p.Client, err = client.Dial(ctx, client.Options{
		URL: s.url, Room: "demo", Token: token, Slots: slots, API: api, Events: p.events(),
		HTTP: &http.Client{Transport: &http.Transport{DialContext: p.tcp.dial}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	return p
}

func (p *person) events() client.Events {
	return client.Events{
		Media: p.ear.listen,
		State: func(s client.State) {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.states = append(p.states, s)
		},
		Slot: func(s protocol.Slot) {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.slots[s.MID] = s
			if s.Paused != "" {
				p.pauses++
			}
		},
		Data: func(d protocol.Data) {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.chats = append(p.chats, string(d.Payload))
		},
		Packet: func(d client.Packet) {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.data = append(p.data, d)
		},
	}
}

// received returns what came so far.
func (p *person) received() (states []client.State, chats []string, data []client.Packet) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append(states, p.states...), append(chats, p.chats...), append(data, p.data...)
}

// cable carries the TCP connections of somebody, and can be cut.
type cable struct {
	mu    sync.Mutex
	cut   bool
	conns []net.Conn
}

var errCut = errors.New("the cable is cut")

func (c *cable) dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cut {
		_ = conn.Close()
		return nil, errCut
	}
	c.conns = append(c.conns, conn)
	return conn, nil
}

// sever closes all connections, and new ones fail until mend.
func (c *cable) sever() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cut = true
	for _, conn := range c.conns {
		_ = conn.Close()
	}
	c.conns = nil
}

func (c *cable) mend() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cut = false
}

// patience is how long a test waits for what must come: it says when to give up, not what is fast enough.
const patience = time.Minute

func eventually(t testing.TB, what string, missing func() string) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for {
		m := missing()
		if m == "" {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: %s", what, m)
		}
		time.Sleep(10 * time.Millisecond)
	}
}
