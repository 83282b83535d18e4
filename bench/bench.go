// Package bench is a load generator for WebRTC servers: it brings publishers and subscribers to rooms
// of ours or to any WHIP and WHEP endpoints, and measures what the server needs for them
// (docs/bench.md). It does not use pion/webrtc: it shares the machine with the server under test, and
// must be cheap.
package bench

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"switchyard/protocol"
)

// Config says what to bring where.
type Config struct {
	// WHIP and WHEP are endpoints; {i} stands for the publisher's number, from 0, {room} for its room.
	WHIP, WHEP string
	// Server and Room are for rooms of ours instead: "http://localhost:8080". Publishers and subscribers
	// are spread over Rooms of that name with a number behind it where there are several; 1 when 0.
	Server, Room string
	Rooms        int
	// Slots is how many pairs of slots a subscriber of a room offers; 1 when 0. Where a room has more
	// publishers than that, each subscriber wishes for one of them.
	Slots int
	// Token gives a client its token; nil means none.
	Token func(Who) (string, error)

	Publishers, Subscribers int
	// Participants is for a call instead: each publishes and receives all others. Room is needed.
	Participants int
	// Width and Height are the size at which subscribers of a room show a picture, for their wishes; 0 in
	// a call with layers is the size of the smallest.
	Width, Height int
	Shape         Shape
	// Downlink shapes what each subscriber receives; nil leaves it as it is.
	Downlink Downlink

	// Settle is how long after the last join the measuring begins; a second when 0.
	Settle time.Duration
	// For is how long is measured.
	For time.Duration
	// JoinTimeout bounds each join; 10 s when 0.
	JoinTimeout time.Duration
	// PID is the server's process, for CPU and memory; 0 measures none.
	PID int

	// Wake lets every datagram wake up its receiver, as it was before receivers could rest.
	Wake bool
	// Rest is how long receivers rest between two looks at their sockets; 500 µs when 0.
	Rest time.Duration

	Log *slog.Logger // nil discards
	// Progress is told what happens, in words for a person; nil means nobody.
	Progress func(string)
}

// Who is a client that needs a token.
type Who struct {
	Room, Identity     string
	Publish, Subscribe bool
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
		c.Token = func(Who) (string, error) { return "", nil }
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
	c.Slots, c.Rooms = max(c.Slots, 1), max(c.Rooms, 1)
	if c.Participants > 0 {
		c.Publishers, c.Subscribers = c.Participants, c.Participants
	}
	return c.check()
}

func (c *Config) check() error {
	switch {
	case c.Publishers < 1 || c.Subscribers < 1 || c.For <= 0:
		return errors.New("bench: at least one publisher, one subscriber and some time are needed")
	case c.Room == "" && (c.WHIP == "" || c.WHEP == ""):
		return errors.New("bench: name a room, or a WHIP and a WHEP endpoint")
	case c.Participants == 1:
		return errors.New("bench: a call has two participants at least")
	case c.Participants > 0 && (c.WHIP != "" || c.Rooms > 1):
		return errors.New("bench: a call is in one room of ours, joined by WebSocket")
	case c.Publishers < c.Rooms:
		return fmt.Errorf("bench: %d rooms need as many publishers at least", c.Rooms)
	}
	return nil
}

// room is the room of publisher i.
func (c *Config) room(i int) string {
	if c.Rooms == 1 {
		return c.Room
	}
	return c.Room + "-" + strconv.Itoa(i%c.Rooms+1)
}

// crowded tells whether a room has more publishers than a subscriber has slots.
func (c *Config) crowded() bool { return c.Participants == 0 && c.Publishers > c.Slots*c.Rooms }

// signaller makes the signalling of client number i.
func (c *Config) signaller(h *http.Client, i int, publish, subscribe bool) (signaller, error) {
	who := Who{Room: c.room(i % c.Publishers), Publish: publish, Subscribe: subscribe}
	endpoint := c.WHEP
	if who.Identity = "bench-subscriber-" + strconv.Itoa(i); publish {
		endpoint, who.Identity = c.WHIP, "bench-publisher-"+strconv.Itoa(i)
	}
	token, err := c.Token(who)
	if err != nil {
		return nil, err
	}
	if endpoint != "" {
		return &httpSignal{endpoint: expand(endpoint, i%c.Publishers, who.Room), token: token, client: h}, nil
	}
	u, err := url.Parse(c.Server)
	if err != nil {
		return nil, err
	}
	u.Scheme = strings.Replace(u.Scheme, "http", "ws", 1)
	s := &roomSignal{endpoint: u.JoinPath("v1", "rooms", who.Room).String(), token: token}
	if publish {
		s.publish = c.track()
	}
	return s, nil
}

// track is what a publisher says of its m-line, the first.
func (c *Config) track() *protocol.PublishTrack {
	if c.Shape.Codec == CodecOpus {
		return &protocol.PublishTrack{MID: "0", Kind: protocol.KindAudio, Source: protocol.SourceMicrophone}
	}
	t := &protocol.PublishTrack{MID: "0", Kind: protocol.KindVideo, Source: protocol.SourceCamera}
	plans, err := c.Shape.plans()
	if err != nil || len(plans) < 2 {
		return t
	}
	for i := len(plans) - 1; i >= 0; i-- {
		p := plans[i]
		rate := int(float64(p.bytes*8) / p.interval.Seconds())
		t.Layers = append(t.Layers, protocol.Layer{RID: layerNames[i], Width: p.width, Height: p.height, MaxBitrate: rate})
		t.Width, t.Height = max(t.Width, p.width), max(t.Height, p.height)
	}
	return t
}

// loopback tells whether the server is on this machine.
func (c *Config) loopback() bool {
	address := c.WHEP
	if address == "" {
		address = c.Server
	}
	u, err := url.Parse(expand(address, 0, c.Room))
	if err != nil {
		return false
	}
	host := u.Hostname()
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// expand puts a number in place of {i} and a room in place of {room}.
func expand(s string, i int, room string) string {
	return strings.NewReplacer("{i}", strconv.Itoa(i), "{room}", room).Replace(s)
}
