// Package bench is a load generator for WebRTC servers: it brings publishers and subscribers to rooms
// of ours or to any WHIP and WHEP endpoints, and measures what the server needs for them
// (docs/bench.md). It does not use pion/webrtc: it shares the machine with the server under test, and
// must be cheap.
package bench

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"switchyard/protocol"
)

// Config says what to bring where.
type Config struct {
	// WHIP and WHEP are endpoints; {i} stands for the publisher's number, from 0. Subscriber number n
	// watches publisher n modulo Publishers.
	WHIP, WHEP string
	// Server and Room are for rooms of ours instead: "http://localhost:8080".
	Server, Room string
	// Slots is how many pairs of slots a subscriber of a room offers; 1 when 0.
	Slots int
	// Token gives the token of publisher or subscriber number i; nil means none.
	Token func(i int, publisher bool) (string, error)

	Publishers, Subscribers int
	Shape                   Shape
	// Settle is how long after the last join the measuring begins; a second when 0.
	Settle time.Duration
	// For is how long is measured.
	For time.Duration
	// JoinTimeout bounds each join; 10 s when 0.
	JoinTimeout time.Duration
	// PID is the server's process, for CPU and memory; 0 measures none.
	PID int

	Log *slog.Logger // nil discards
	// Wake lets every datagram wake up its receiver, as it was before receivers could rest.
	Wake bool
	// Rest is how long receivers rest between two looks at their sockets; 500 µs when 0.
	Rest time.Duration
	// Progress is told what happens, in words for a person; nil means nobody.
	Progress func(string)
}

// Result is what a run measured. Times are in microseconds.
type Result struct {
	Publishers  int     `json:"publishers"`
	Subscribers int     `json:"subscribers"`
	Failed      int     `json:"failedJoins"`
	Seconds     float64 `json:"seconds"`

	Sent     uint64  `json:"sent"`     // packets by publishers in the window
	Expected uint64  `json:"expected"` // of them by all subscribers together
	Received uint64  `json:"received"` // each once
	Lost     uint64  `json:"lost"`
	Loss     float64 `json:"loss"` // share, 0 to 1
	Doubled  uint64  `json:"doubled,omitempty"`
	Other    uint64  `json:"other,omitempty"`       // padding, repairs
	Failures uint64  `json:"undecrypted,omitempty"` // packets that did not open
	Rate     float64 `json:"packetsPerSecond"`      // received

	LatencyP50 float64 `json:"latencyP50"`
	LatencyP99 float64 `json:"latencyP99"`
	LatencyMax float64 `json:"latencyMax"`
	JoinP50    float64 `json:"joinP50"` // from the first byte of signalling to the first RTP packet
	JoinP99    float64 `json:"joinP99"`

	// Of the server's process, where PID was given.
	CPUPerPacket    float64 `json:"cpuPerPacket,omitempty"` // of all packets that subscribers received in the window
	CPUShare        float64 `json:"cpuShare,omitempty"`     // of one core
	MemoryPerClient int64   `json:"memoryPerSubscriber,omitempty"`
	MemoryBefore    int64   `json:"memoryBefore,omitempty"` // with publishers, without subscribers
	MemoryAfter     int64   `json:"memoryAfter,omitempty"`
	OwnCPUPerPacket float64 `json:"loadCPUPerPacket"` // of this process
}

// ErrNobody means that no subscriber received anything.
var ErrNobody = errors.New("bench: no subscriber received a packet")

func (c *Config) defaults() error {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Progress == nil {
		c.Progress = func(string) {}
	}
	if c.Token == nil {
		c.Token = func(int, bool) (string, error) { return "", nil }
	}
	if c.Settle == 0 {
		c.Settle = time.Second
	}
	if c.JoinTimeout == 0 {
		c.JoinTimeout = 10 * time.Second
	}
	if c.Rest == 0 {
		c.Rest = 500 * time.Microsecond
	}
	c.Slots = max(c.Slots, 1)
	switch {
	case c.Publishers < 1 || c.Subscribers < 1 || c.For <= 0:
		return errors.New("bench: at least one publisher, one subscriber and some time are needed")
	case c.Room == "" && (c.WHIP == "" || c.WHEP == ""):
		return errors.New("bench: name a room, or a WHIP and a WHEP endpoint")
	}
	return nil
}

// signaller makes the signalling of client number i.
func (c *Config) signaller(h *http.Client, i int, publisher bool) (signaller, error) {
	token, err := c.Token(i, publisher)
	if err != nil {
		return nil, err
	}
	endpoint := c.WHEP
	if publisher {
		endpoint = c.WHIP
	}
	if endpoint != "" {
		return &httpSignal{endpoint: expand(endpoint, i%c.Publishers), token: token, client: h}, nil
	}
	u, err := url.Parse(c.Server)
	if err != nil {
		return nil, err
	}
	u.Scheme = strings.Replace(u.Scheme, "http", "ws", 1)
	s := &roomSignal{endpoint: u.JoinPath("v1", "rooms", c.Room).String(), token: token}
	if publisher {
		s.publish = &protocol.PublishTrack{MID: "0", Kind: protocol.KindVideo, Source: protocol.SourceCamera}
		if c.Shape.Codec == CodecOpus {
			s.publish.Kind, s.publish.Source = protocol.KindAudio, protocol.SourceMicrophone
		}
	}
	return s, nil
}

// loopback tells whether the server is on this machine.
func (c *Config) loopback() bool {
	address := c.WHEP
	if address == "" {
		address = c.Server
	}
	u, err := url.Parse(expand(address, 0))
	if err != nil {
		return false
	}
	host := u.Hostname()
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// client is one publisher or subscriber that joined.
type client struct {
	t *transport
	s signaller
}

func (c *client) close() {
	c.s.close()
	c.t.close()
}

func (c *client) connect(ctx context.Context, lines []line) error {
	id, err := newIdentity()
	if err != nil {
		return err
	}
	sdp, err := c.s.answer(ctx, offer(&c.t.ice, id.fingerprint, lines))
	if err != nil {
		return err
	}
	a, err := parseAnswer(sdp)
	if err != nil {
		return err
	}
	if err := c.t.connect(ctx, a); err != nil {
		return err
	}
	if err := c.s.ready(ctx); err != nil {
		return fmt.Errorf("bench: %w", err)
	}
	return nil
}
