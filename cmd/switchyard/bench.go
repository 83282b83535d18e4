package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"switchyard/bench"
	"switchyard/engine/auth"
	"switchyard/protocol"
	"switchyard/server"
)

// BenchCmd measures a server.
type BenchCmd struct {
	Run    BenchRunCmd    `cmd:"" default:"withargs" help:"Bring publishers and subscribers to a server and measure it."`
	Series BenchSeriesCmd `cmd:"" help:"Measure servers of its own under several loads, interleaved and repeated."`
	Soak   BenchSoakCmd   `cmd:"" help:"Let people come and go, and see whether the server is as before."`
	Floor  BenchFloorCmd  `cmd:"" help:"Measure what sealing and sending packets costs on this machine at the least."`
	BWE    BenchBWECmd    `cmd:"" name:"bwe" help:"Try the bandwidth estimation on a simulated network, in the test cases of RFC 8867."`
}

// BenchRunCmd brings load.
type BenchRunCmd struct {
	RoomFlags    `embed:""`
	WHIP         string        `help:"WHIP endpoint to publish to; {i} stands for the publisher's number." name:"whip" placeholder:"URL"`
	WHEP         string        `help:"WHEP endpoint to watch; {i} stands for the watched publisher's number." name:"whep" placeholder:"URL"`
	Viewers      bool          `help:"With --room: publish by WHIP and watch by WHEP instead of joining the room."`
	Publishers   int           `help:"How many publish." short:"p" default:"1" placeholder:"N"`
	Subscribers  int           `help:"How many watch." short:"s" default:"100" placeholder:"N"`
	Rooms        int           `help:"With --room: spread them over this many rooms, ROOM-1, ROOM-2 and so on." default:"1" placeholder:"N"`
	Participants int           `help:"With --room: a call instead, of N who each publish and receive all the others." placeholder:"N"`
	Slots        int           `help:"With --room: pairs of slots that each subscriber offers." default:"1" placeholder:"N"`
	Codec        string        `help:"vp8, h264 or opus." enum:"vp8,h264,opus" default:"vp8" placeholder:"NAME"`
	Bitrate      string        `help:"Of one publisher: 2M, 800k; with layers, of the highest." default:"2M" placeholder:"RATE"`
	FPS          int           `help:"Frames a second." name:"fps" default:"30" placeholder:"N"`
	Packet       int           `help:"Bytes of an RTP packet, at most with --browser." default:"1200" placeholder:"N"`
	Browser      bool          `help:"Frames as a browser makes them: of sizes that vary, split into packets that differ by one byte."`
	Layers       int           `help:"Simulcast layers of each publisher, 1 to 3." default:"1" placeholder:"N"`
	Show         string        `help:"With --room: the size at which subscribers show what they wish for; in a call with layers that of the lowest layer unless given." placeholder:"WIDTHxHEIGHT"`
	Downlink     string        `help:"Shape what each subscriber receives, with a queue of 200 ms: 1M, or 2.5M,300k@10s,2.5M@20s." placeholder:"RATE"`
	For          time.Duration `help:"How long to measure, after everyone joined." default:"10s" placeholder:"DURATION"`
	PID          int           `help:"Process of the server, on this machine: measures its CPU and memory. 0 takes the one of --data, if it runs." name:"pid" default:"0" placeholder:"PID"`
	Wake         bool          `help:"Let every datagram wake up its receiver. On loopback the server pays for that; without it receivers look every half a millisecond."`
	JSON         bool          `help:"Print JSON."`
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
		WHIP: c.WHIP, WHEP: c.WHEP, Slots: c.Slots, Publishers: c.Publishers, Subscribers: c.Subscribers, Rooms: c.Rooms,
		Participants: c.Participants, For: c.For, PID: c.PID, Wake: c.Wake,
		Token: func(bench.Who) (string, error) { return c.Token, nil },
	}
	if err := c.media(&cfg); err != nil {
		return cfg, err
	}
	if (c.WHIP == "") != (c.WHEP == "") {
		return cfg, Usagef("--whip and --whep go together")
	}
	if c.Room == "" {
		if c.WHIP == "" {
			return cfg, Usagef("name a room with --room, or endpoints with --whip and --whep")
		}
		if c.Participants > 0 || c.Rooms > 1 {
			return cfg, Usagef("--participants and --rooms go with --room")
		}
		return cfg, nil
	}
	if c.WHIP != "" {
		return cfg, Usagef("--room excludes --whip and --whep; use --viewers for those of our own server")
	}
	if c.Viewers && c.Participants > 0 {
		return cfg, Usagef("--participants join by WebSocket: leave out --viewers")
	}
	if c.Token != "" && (c.Rooms > 1 || c.Participants > 1) {
		return cfg, Usagef("one --token is for one participant of one room: leave it out where the server's data folder is, and tokens are made")
	}
	return cfg, c.ownServer(&cfg)
}

// media reads the flags that say what is sent, and what is received of it.
func (c *BenchRunCmd) media(cfg *bench.Config) error {
	rate, err := bench.ParseRate(c.Bitrate)
	if err != nil {
		return Usagef("--bitrate %q: write 2M or 800k (1k to 1000M)", c.Bitrate)
	}
	cfg.Shape = bench.Shape{Codec: c.Codec, Bitrate: rate, FPS: c.FPS, Packet: c.Packet, Browser: c.Browser, Layers: c.Layers}
	if c.Show != "" {
		if n, err := fmt.Sscanf(c.Show, "%dx%d", &cfg.Width, &cfg.Height); n != 2 || err != nil || cfg.Width < 1 || cfg.Height < 1 {
			return Usagef("--show %q: write 320x180", c.Show)
		}
	}
	if c.Downlink != "" {
		if cfg.Downlink, err = bench.ParseDownlink(c.Downlink); err != nil {
			return Usagef("--downlink %q: write 1M, or rates with growing times such as 2.5M,300k@10s,2.5M@20s", c.Downlink)
		}
	}
	return nil
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
		cfg.WHIP, cfg.WHEP = cfg.Server+"/whip/{room}", cfg.Server+"/whep/{room}"
	}
	if c.Token != "" {
		return nil
	}
	key, err := loadKey(c.Data)
	if err != nil {
		return err
	}
	cfg.Token = benchTokens(key)
	return nil
}

// benchTokens makes each client's token.
func benchTokens(key []byte) func(bench.Who) (string, error) {
	return func(who bench.Who) (string, error) {
		claims := auth.Claims{Room: who.Room, Identity: who.Identity, Grants: protocol.Grants{Subscribe: who.Subscribe}}
		if who.Publish {
			claims.Grants.Publish = []string{"*"}
		}
		return auth.Mint(key, claims, time.Now())
	}
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
