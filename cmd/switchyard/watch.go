package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"

	"switchyard/client"
	"switchyard/client/watch"
	"switchyard/protocol"
)

// WatchCmd receives from a room or a WHEP endpoint and says what arrives.
type WatchCmd struct {
	RoomFlags `embed:""`
	WHEP      string `help:"WHEP endpoint to watch, instead of a room." name:"whep" placeholder:"URL"`
	Slots     int    `help:"How many pairs of picture and sound to receive from a room at once." default:"9" placeholder:"N"`
	JSON      bool   `help:"Print one JSON object a second."`
	For       string `help:"Stop after this time, such as 10s; without it, when interrupted." placeholder:"DURATION"`
	Out       string `help:"Write the first picture and sound to files of this name (.ivf or .h264, .ogg)." placeholder:"FILE"`
}

// Run watches until the end, or the first signal.
func (c *WatchCmd) Run(ctx context.Context, std *Streams) error {
	if c.Slots < 1 || c.Slots > 50 {
		return Usagef("--slots must be 1 to 50")
	}
	ctx, cancel, err := bounded(ctx, c.For)
	if err != nil {
		return err
	}
	defer cancel()
	target, err := c.target(ctx)
	if err != nil {
		return err
	}
	o := watch.Options{Report: func(r watch.Report) { printReport(std.Out, r) }}
	if c.JSON {
		encoder := json.NewEncoder(std.Out)
		o.Report = func(r watch.Report) { _ = encoder.Encode(r) } // a closed pipe ends the process anyway
	}
	if c.Out != "" {
		o.Out = watch.NewRecorder(c.Out)
	}
	err = watch.Run(ctx, target, o)
	if o.Out == nil {
		return err
	}
	files, closing := o.Out.Close()
	for _, f := range files {
		fmt.Fprintln(std.Err, "wrote", f)
	}
	if err == nil {
		err = closing
	}
	return err
}

func (c *WatchCmd) target(ctx context.Context) (client.Target, error) {
	if c.WHEP != "" {
		if c.Room != "" {
			return client.Target{}, Usagef("--whep and --room exclude each other")
		}
		if !webAddress(c.WHEP) {
			return client.Target{}, Usagef("--whep must begin with http:// or https://: %q does not", c.WHEP)
		}
		return client.Target{Endpoint: c.WHEP, Token: c.Token}, nil
	}
	o, err := c.options(ctx, "watch", protocol.Grants{Subscribe: true})
	o.Slots, o.MaxSlots = c.Slots, c.Slots
	return client.Target{Room: o}, err
}

func printReport(out io.Writer, r watch.Report) {
	fmt.Fprintf(out, "%5.0fs %s", r.At, r.State)
	if r.Here > 0 {
		fmt.Fprintf(out, ", %d here", r.Here)
	}
	for _, s := range r.Speakers {
		fmt.Fprintf(out, ", %s speaks", s.Participant)
	}
	fmt.Fprintln(out)
	for _, t := range r.Tracks {
		fmt.Fprintf(out, "  %-8s %-5s %-5s %8.1f kbit/s %7d packets %4d lost", t.Slot, t.Kind, t.Codec, float64(t.Bitrate)/1000, t.Packets, t.Lost)
		if t.Kind == "video" {
			fmt.Fprintf(out, "  %4.1f fps %3d keyframes  %dx%d", t.FPS, t.Keyframes, t.Width, t.Height)
		}
		if t.Participant != "" {
			fmt.Fprintf(out, "  %s/%s", t.Participant, t.Source)
		}
		fmt.Fprintln(out)
	}
}
