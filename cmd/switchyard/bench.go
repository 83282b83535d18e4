package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"switchyard/bench"
	"switchyard/engine/auth"
	"switchyard/protocol"
	"switchyard/server"
)

// BenchCmd measures a server.
type BenchCmd struct {
	Run   BenchRunCmd   `cmd:"" default:"withargs" help:"Bring publishers and subscribers to a server and measure it."`
	Floor BenchFloorCmd `cmd:"" help:"Measure what sealing and sending packets costs on this machine at the least."`
	BWE   BenchBWECmd   `cmd:"" name:"bwe" help:"Try the bandwidth estimation on a simulated network, in the test cases of RFC 8867."`
}

// BenchRunCmd brings load.
type BenchRunCmd struct {
	RoomFlags   `embed:""`
	WHIP        string        `help:"WHIP endpoint to publish to; {i} stands for the publisher's number." name:"whip" placeholder:"URL"`
	WHEP        string        `help:"WHEP endpoint to watch; {i} stands for the watched publisher's number." name:"whep" placeholder:"URL"`
	Viewers     bool          `help:"With --room: publish by WHIP and watch by WHEP instead of joining the room."`
	Publishers  int           `help:"How many publish." short:"p" default:"1" placeholder:"N"`
	Subscribers int           `help:"How many watch." short:"s" default:"100" placeholder:"N"`
	Slots       int           `help:"With --room: pairs of slots that each subscriber offers." default:"1" placeholder:"N"`
	Codec       string        `help:"vp8, h264 or opus." enum:"vp8,h264,opus" default:"vp8" placeholder:"NAME"`
	Bitrate     string        `help:"Of one publisher: 2M, 800k." default:"2M" placeholder:"RATE"`
	FPS         int           `help:"Frames a second." name:"fps" default:"30" placeholder:"N"`
	Packet      int           `help:"Bytes of an RTP packet." default:"1200" placeholder:"N"`
	For         time.Duration `help:"How long to measure, after everyone joined." default:"10s" placeholder:"DURATION"`
	PID         int           `help:"Process of the server, on this machine: measures its CPU and memory. 0 takes the one of --data, if it runs." name:"pid" default:"0" placeholder:"PID"`
	Wake        bool          `help:"Let every datagram wake up its receiver. On loopback the server pays for that; without it receivers look every half a millisecond."`
	JSON        bool          `help:"Print JSON."`
}

// Run measures and prints.
func (c *BenchRunCmd) Run(ctx context.Context, std *Streams) error {
	cfg, err := c.config()
	if err != nil {
		return err
	}
	line := newStatus(std.Err)
	cfg.Progress = line.show
	cfg.Log = slog.New(slog.NewTextHandler(std.Err, &slog.HandlerOptions{Level: slog.LevelWarn}))
	result, err := bench.Run(ctx, cfg)
	line.end()
	if err != nil {
		return err
	}
	if c.JSON {
		return json.NewEncoder(std.Out).Encode(result)
	}
	return result.Print(std.Out)
}

func (c *BenchRunCmd) config() (bench.Config, error) {
	cfg := bench.Config{
		WHIP: c.WHIP, WHEP: c.WHEP, Slots: c.Slots, Publishers: c.Publishers, Subscribers: c.Subscribers, For: c.For, PID: c.PID, Wake: c.Wake,
		Token: func(int, bool) (string, error) { return c.Token, nil },
	}
	rate, err := parseRate(c.Bitrate)
	if err != nil {
		return cfg, err
	}
	cfg.Shape = bench.Shape{Codec: c.Codec, Bitrate: rate, FPS: c.FPS, Packet: c.Packet}
	if (c.WHIP == "") != (c.WHEP == "") {
		return cfg, Usagef("--whip and --whep go together")
	}
	if c.Room == "" {
		if c.WHIP == "" {
			return cfg, Usagef("name a room with --room, or endpoints with --whip and --whep")
		}
		return cfg, nil
	}
	if c.WHIP != "" {
		return cfg, Usagef("--room excludes --whip and --whep; use --viewers for those of our own server")
	}
	return cfg, c.ownServer(&cfg)
}

// ownServer finds our server and makes a token for each client.
func (c *BenchRunCmd) ownServer(cfg *bench.Config) error {
	cfg.Room, cfg.Server = c.Room, strings.TrimSuffix(c.Server, "/")
	if cfg.Server == "" {
		running, err := server.FindRunning(c.Data)
		if err != nil {
			return notRunning(c.Data)
		}
		cfg.Server = running.HTTP
		if cfg.PID == 0 {
			cfg.PID = running.PID
		}
	}
	if c.Viewers {
		cfg.WHIP, cfg.WHEP = cfg.Server+"/whip/"+c.Room, cfg.Server+"/whep/"+c.Room
	}
	if c.Token != "" {
		return nil
	}
	key, err := loadKey(c.Data)
	if err != nil {
		return err
	}
	cfg.Token = func(i int, publisher bool) (string, error) {
		claims := auth.Claims{Room: c.Room, Identity: "bench-subscriber-" + strconv.Itoa(i), Grants: protocol.Grants{Subscribe: true}}
		if publisher {
			claims.Identity, claims.Grants = "bench-publisher-"+strconv.Itoa(i), protocol.Grants{Publish: []string{"*"}}
		}
		return auth.Mint(key, claims, time.Now())
	}
	return nil
}

// parseRate reads 2M, 800k or 500000.
func parseRate(s string) (int, error) {
	unit := 1.0
	number := s
	switch {
	case strings.HasSuffix(s, "M"):
		unit, number = 1e6, strings.TrimSuffix(s, "M")
	case strings.HasSuffix(s, "k"):
		unit, number = 1e3, strings.TrimSuffix(s, "k")
	}
	v, err := strconv.ParseFloat(number, 64)
	if err != nil || v*unit < 1000 || v*unit > 1e9 {
		return 0, Usagef("--bitrate %q: write 2M or 800k (1k to 1000M)", s)
	}
	return int(v * unit), nil
}

// BenchFloorCmd measures the machine.
type BenchFloorCmd struct {
	Destinations int           `help:"How many receivers." default:"100" placeholder:"N"`
	Packet       int           `help:"Bytes of a packet." default:"1200" placeholder:"N"`
	Batch        int           `help:"Packets of one GSO message." default:"7" placeholder:"N"`
	For          time.Duration `help:"How long." default:"3s" placeholder:"DURATION"`
	JSON         bool          `help:"Print JSON."`
}

// Run measures and prints.
func (c *BenchFloorCmd) Run(ctx context.Context, std *Streams) error {
	r, err := bench.Floor(ctx, c.Destinations, c.Packet, c.Batch, c.For)
	if err != nil {
		return err
	}
	if c.JSON {
		return json.NewEncoder(std.Out).Encode(r)
	}
	_, err = fmt.Fprintf(std.Out, "%.2f µs of CPU per packet, %.2f of it for AES-128-GCM (%d packets of %d bytes, %d a message, %d receivers)\n",
		r.PerPacket, r.SealOnly, r.Packets, r.Packet, r.Batch, r.Destinations)
	return err
}
