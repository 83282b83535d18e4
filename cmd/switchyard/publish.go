package main

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

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
	Clip      string  `help:"Built-in clip: clock, red, green, blue, yellow, purple, cyan, orange, grey, h264, vp9, av1 or layers." default:"clock" placeholder:"NAME"`
	Layers    bool    `help:"Simulcast: send several pictures as the encodings of one, in two or three sizes, with keyframes at the same times; the built-in clip for it without files."`
	Copies    int     `help:"Publish as this many participants at once, each with the next of the eight coloured clips, or all with the files named: a crowd to try a room with." default:"1" placeholder:"N"`
	Talk      bool    `help:"With --copies: speak, one after the other, instead of beeping once a second."`
	Speak     bool    `help:"Mark the sound as speech, so that its publisher counts as a speaker."`
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
	if c.Copies != 1 {
		return c.crowd(ctx, std)
	}
	if c.Talk {
		return Usagef("--talk goes with --copies")
	}
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
	err = c.play(ctx, target, media, func(p client.Progress) {
		line.show(fmt.Sprintf("%s %6.1f kbit/s  loss %.1f %%  RTT %v  %s",
			p.At.Round(time.Second), float64(p.Bitrate)/1000, p.Loss*100, p.RTT.Round(100*time.Microsecond), p.State))
	})
	return err
}

// play plays until the end; to be told to end is no error.
func (c *PublishCmd) play(ctx context.Context, t client.Target, media *clip.Clip, progress func(client.Progress)) error {
	o := clip.PlayerOptions{Once: !c.Loop}
	if c.Speak {
		o.Level = clip.Speech
	}
	player := clip.NewPlayer(media, o)
	err := client.Play(ctx, t, player, progress)
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// crowd publishes as several participants, whose names tell what they show: "red 1", "green 2", or with
// files "talk.ivf 1", "talk.ivf 2".
func (c *PublishCmd) crowd(ctx context.Context, std *Streams) error {
	switch {
	case c.Copies < 1 || c.Copies > 200:
		return Usagef("--copies %d: from 1 to 200", c.Copies)
	case c.WHIP != "" || c.Token != "":
		return Usagef("--copies goes with --room, and makes tokens of its own")
	case c.Talk && c.Layers:
		return Usagef("--talk goes with the coloured clips, which have one layer")
	case c.Talk && len(c.Files) > 0:
		return Usagef("--talk goes with the built-in clips")
	}
	g, ctx := errgroup.WithContext(ctx)
	for i := range c.Copies {
		one := *c
		one.Clip = clip.Colours[i%len(clip.Colours)].Name
		if c.Layers {
			one.Clip = "layers"
		}
		shows := one.Clip
		if len(c.Files) > 0 {
			shows = filepath.Base(c.Files[0])
		}
		one.Name = fmt.Sprintf("%s %d", shows, i+1)
		target, err := one.target(ctx)
		if err != nil {
			return err
		}
		g.Go(func() error {
			media, err := one.open()
			if err != nil {
				return err
			}
			defer media.Close()
			if c.Talk {
				if err := media.Talk(i, c.Copies); err != nil {
					return err
				}
			}
			return one.play(ctx, target, media, nil)
		})
	}
	fmt.Fprintf(std.Err, "%d participants publish\n", c.Copies)
	return g.Wait()
}

func (c *PublishCmd) target(ctx context.Context) (client.Target, error) {
	if c.WHIP != "" {
		if c.Room != "" {
			return client.Target{}, Usagef("--whip and --room exclude each other")
		}
		if !webAddress(c.WHIP) {
			return client.Target{}, Usagef("--whip must begin with http:// or https://: %q does not", c.WHIP)
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
	switch {
	case len(files) > 0:
		return clip.OpenFiles(clip.Options{FPS: c.FPS, Layers: c.Layers}, files...)
	case c.Layers:
		return clip.Open("layers")
	}
	return clip.Open(c.Clip)
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
