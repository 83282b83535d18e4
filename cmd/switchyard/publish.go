package main

import (
	"context"
	"fmt"
	"time"

	"switchyard/client"
	"switchyard/client/clip"
	"switchyard/protocol"
)

// PublishCmd sends a file to a room or a WHIP endpoint.
type PublishCmd struct {
	Files     []string `arg:"" optional:"" help:"A picture (IVF with VP8, VP9 or AV1; H.264 Annex B), a sound (Ogg Opus), or both. Without any, a built-in clip." type:"existingfile"`
	RoomFlags `embed:""`
	WHIP      string  `help:"WHIP endpoint to publish to, instead of a room." name:"whip" placeholder:"URL"`
	Audio     string  `help:"Sound to go with the picture (Ogg Opus)." type:"existingfile" placeholder:"FILE"`
	Clip      string  `help:"Built-in clip: clock, red, green, blue, yellow, purple, cyan, orange, grey, h264, vp9 or av1." default:"clock" placeholder:"NAME"`
	Loop      bool    `help:"Play again and again." default:"true" negatable:""`
	FPS       float64 `help:"Frame rate of H.264 Annex B, which carries none." default:"30" name:"fps" placeholder:"N"`
	For       string  `help:"Stop after this time, such as 10s; without it, when interrupted." placeholder:"DURATION"`
}

// Run publishes until the end, or the first signal.
func (c *PublishCmd) Run(ctx context.Context, std *Streams) error {
	ctx, cancel, err := bounded(ctx, c.For)
	if err != nil {
		return err
	}
	defer cancel()
	target, err := c.target(ctx)
	if err != nil {
		return err
	}
	media, err := c.open()
	if err != nil {
		return err
	}
	defer media.Close()
	line := newStatus(std.Err)
	defer line.end()
	player := clip.NewPlayer(media, clip.PlayerOptions{Once: !c.Loop})
	err = client.Play(ctx, target, player, func(p client.Progress) {
		line.show(fmt.Sprintf("%s %6.1f kbit/s  loss %.1f %%  RTT %v  %s",
			p.At.Round(time.Second), float64(p.Bitrate)/1000, p.Loss*100, p.RTT.Round(100*time.Microsecond), p.State))
	})
	if ctx.Err() != nil {
		return nil
	}
	return err
}

func (c *PublishCmd) target(ctx context.Context) (client.Target, error) {
	if c.WHIP != "" {
		if c.Room != "" {
			return client.Target{}, Usagef("--whip and --room exclude each other")
		}
		return client.Target{Endpoint: c.WHIP, Token: c.Token}, nil
	}
	o, err := c.options(ctx, "publish", protocol.Grants{Publish: []string{"*"}})
	return client.Target{Room: o}, err
}

func (c *PublishCmd) open() (*clip.Clip, error) {
	files := c.Files
	if c.Audio != "" {
		files = append(files, c.Audio)
	}
	if len(files) == 0 {
		return clip.Open(c.Clip)
	}
	return clip.OpenFiles(clip.Options{FPS: c.FPS}, files...)
}

// bounded ends ctx after a time that a flag names.
func bounded(ctx context.Context, d string) (context.Context, context.CancelFunc, error) {
	if d == "" {
		ctx, cancel := context.WithCancel(ctx)
		return ctx, cancel, nil
	}
	t, err := time.ParseDuration(d)
	if err != nil || t <= 0 {
		return nil, nil, Usagef("--for %q is no duration such as 10s or 5m", d)
	}
	ctx, cancel := context.WithTimeout(ctx, t)
	return ctx, cancel, nil
}
