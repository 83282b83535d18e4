package main

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"time"

	"switchyard/bench"
	"switchyard/engine/auth"
	"switchyard/protocol"
)

// BenchSoakCmd lets people come and go.
type BenchSoakCmd struct {
	For   time.Duration `help:"How long people come and go; before and after it the server comes to rest, which takes minutes." default:"30m" placeholder:"DURATION"`
	Rooms int           `help:"In how many rooms." default:"4" placeholder:"N"`
	Lives int           `help:"How many are there at once." default:"16" placeholder:"N"`
	HTTP  string        `help:"Address for the server's HTTP." name:"http" default:"127.0.0.1:18090" placeholder:"ADDR"`
	Media string        `help:"Address for its media." default:"127.0.0.1:18453" placeholder:"ADDR"`
	Out   string        `help:"Put profiles of the server's heap before and after into this folder, for go tool pprof -base." type:"existingdir" placeholder:"DIR"`
	JSON  bool          `help:"Print JSON."`
}

var errSoak = errors.New("the server is not as it was before, or its counters do not add up: see NOT OK above")

// Run starts a server of its own, and fails where it is not as before.
func (c *BenchSoakCmd) Run(ctx context.Context, std *Streams) error {
	if c.For < time.Second || c.Rooms < 1 || c.Lives < 1 {
		return Usagef("at least --for 1s, one room and one life")
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	data, err := os.MkdirTemp("", "switchyard-soak-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(data)
	stop, pid, err := bench.Launcher{Binary: self, HTTP: c.HTTP, Media: c.Media}.Serve(ctx, data)
	if err != nil {
		return err
	}
	defer stop()
	key, err := loadKey(data)
	if err != nil {
		return err
	}
	admin, err := auth.Mint(key, auth.Claims{Grants: protocol.Grants{Admin: true}, Expires: time.Now().Add(c.For + time.Hour)}, time.Now())
	if err != nil {
		return err
	}
	line := newStatus(std.Err)
	result, err := bench.Soak(ctx, bench.SoakConfig{
		Server: "http://" + c.HTTP, Media: c.Media, PID: pid, Admin: admin, For: c.For, Rooms: c.Rooms, Lives: c.Lives, Profiles: c.Out, Progress: line.show,
		Token: benchTokens(key), Log: slog.New(slog.NewTextHandler(std.Err, &slog.HandlerOptions{Level: slog.LevelWarn})),
	})
	line.end()
	if err != nil {
		return err
	}
	if c.JSON {
		err = json.NewEncoder(std.Out).Encode(result)
	} else {
		err = result.Print(std.Out)
	}
	if err == nil && !result.OK {
		return errSoak
	}
	return err
}
