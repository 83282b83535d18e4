package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"switchyard/app/transfer"
	"switchyard/device/screen"
)

// ShotCmd makes a link to a picture of the screen, or to what was copied.
type ShotCmd struct {
	TransferServer `embed:""`
	Window         choice        `help:"A window: the one that is clicked, or =active or =ID."`
	Region         choice        `help:"A region: the one that is dragged (a click takes a window), or =WIDTHxHEIGHT+X+Y."`
	Screen         choice        `help:"One monitor: where the pointer is, or =NAME or =NUMBER. Without any of these: the whole screen."`
	Clipboard      bool          `help:"The image or the text that was copied, instead of the screen."`
	Cursor         bool          `help:"Leave the pointer in the picture."`
	Delay          time.Duration `help:"Wait before the picture is taken, such as 3s: to open a menu." placeholder:"DURATION"`
	To             string        `help:"Only save it, in this file or folder; - is standard output." placeholder:"FILE"`
	Receivers      int           `help:"How many may receive it." default:"1" placeholder:"N"`
	Expires        time.Duration `help:"How long the link waits to be opened, 10s to 168h." default:"10m" placeholder:"DURATION"`
	Passphrase     secret        `help:"Ask receivers for a passphrase too. Without =WORDS it is asked for here." env:"SWITCHYARD_PASSPHRASE" placeholder:"WORDS"`
	Code           bool          `help:"Make a code that can be said aloud." default:"true" negatable:""`
	QR             bool          `help:"Show a QR code on a terminal." name:"qr"`
	NoClipboard    bool          `help:"Do not put the link on the clipboard."`
	Notify         bool          `help:"Tell on the desktop when it was received, and what went wrong where there is no terminal." default:"true" negatable:""`
	Token          string        `help:"Token with the data or admin grant, where the server is not open to everybody." env:"SWITCHYARD_TOKEN" placeholder:"TOKEN"`
	JSON           bool          `help:"Print JSON lines: the link, then what happens." name:"json"`
	Quiet          bool          `help:"Print the link and errors only." short:"q"`
}

// choice is a flag that may stand alone or have a value: --window, --window=active.
type choice struct {
	wanted bool
	name   string
}

// IsBool lets the flag stand without a value.
func (*choice) IsBool() bool { return true }

// Decode implements kong.MapperValue.
func (c *choice) Decode(ctx *kong.DecodeContext) error {
	c.wanted = true
	if ctx.Scan.Peek().Type == kong.FlagValueToken {
		c.name = fmt.Sprint(ctx.Scan.Pop().Value)
	}
	return nil
}

// Run takes the picture and serves it until everybody has it, or the first signal.
func (c *ShotCmd) Run(ctx context.Context, std *Streams) error {
	defer spareCores()()
	what, err := c.check()
	if err != nil {
		return err
	}
	desk := &desk{ctx: ctx, notify: c.Notify, copies: !c.NoClipboard, alone: !terminal(std.Err)}
	defer desk.close()
	err = c.run(ctx, std, what, desk)
	desk.failed(err)
	return err
}

func (c *ShotCmd) run(ctx context.Context, std *Streams, what screen.Request, desk *desk) error {
	var base, token string
	if c.To == "" { // before the picture: who has chosen a region wants no error after it
		send := c.asSend()
		if err := send.check(); err != nil {
			return err
		}
		var err error
		if base, err = send.find(); err != nil {
			return err
		}
		if err := c.Passphrase.ask(std, "Passphrase for the receivers: ", true); err != nil {
			return err
		}
		if token, err = send.grant(send.Token); err != nil {
			return err
		}
	}
	if err := c.wait(ctx, std); err != nil {
		return err
	}
	s, err := c.take(ctx, what)
	if err != nil {
		return err
	}
	if c.To != "" {
		return s.save(c.To, std)
	}
	if c.Clipboard {
		desk.before = &s.form
	}
	return c.serve(ctx, std, s, base, token, desk)
}

// asSend are the flags that it has in common with send.
func (c *ShotCmd) asSend() *SendCmd {
	return &SendCmd{TransferServer: c.TransferServer, Text: "-", Receivers: c.Receivers, Expires: c.Expires, Token: c.Token}
}

// check reads what is wanted.
func (c *ShotCmd) check() (screen.Request, error) {
	r := screen.Request{Cursor: c.Cursor}
	var said []string
	for _, one := range []struct {
		flag   string
		choice choice
		what   screen.What
	}{{"--window", c.Window, screen.Window}, {"--region", c.Region, screen.Region}, {"--screen", c.Screen, screen.Monitor}} {
		if one.choice.wanted {
			said, r.What, r.Name = append(said, one.flag), one.what, one.choice.name
		}
	}
	if c.Clipboard {
		said = append(said, "--clipboard")
	}
	switch {
	case len(said) > 1:
		return r, Usagef("%s exclude each other", strings.Join(said, " and "))
	case c.Clipboard && c.Cursor:
		return r, Usagef("--cursor goes with a picture of the screen, not with --clipboard")
	case c.Delay < 0 || c.Delay > time.Hour:
		return r, Usagef("--delay must be up to an hour, such as 3s")
	}
	if err := r.Check(); err != nil {
		return r, Usagef("%s", inWords(err))
	}
	return r, nil
}

// wait counts down.
func (c *ShotCmd) wait(ctx context.Context, std *Streams) error {
	line := newStatus(std.Err)
	defer line.clear()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for end := time.Now().Add(c.Delay); ; {
		left := time.Until(end)
		if left <= 0 {
			return nil
		}
		line.show(fmt.Sprintf("The picture is taken in %v", left.Round(time.Second)))
		select {
		case <-time.After(left):
		case <-tick.C:
		case <-ctx.Done():
			return errInterrupted
		}
	}
}

// serve sends it to whoever opens the link.
func (c *ShotCmd) serve(ctx context.Context, std *Streams, s *shot, base, token string, desk *desk) error {
	source, err := s.source()
	if err != nil {
		return err
	}
	defer source.Close()
	show := newShow(std, showOptions{json: c.JSON, quiet: c.Quiet, qr: c.QR})
	show.say(s.describe())
	err = transfer.Send(ctx, transfer.SendOptions{
		Server: base, Source: source, Token: token, Receivers: c.Receivers, Expires: c.Expires, Passphrase: c.Passphrase.words,
		NoCode: !c.Code, Name: deviceName(),
		Event: func(e transfer.Event) {
			show.event(e)
			switch e.What {
			case transfer.LinkMade:
				show.say(desk.link(e.Link))
			case transfer.Completed:
				desk.received(s.name, e.Name)
			}
		},
	})
	show.end()
	return transferError(ctx, base, err)
}

// save writes it to a file or a folder, and says where; nothing is overwritten.
func (s *shot) save(to string, std *Streams) error {
	if to == "-" {
		_, err := std.Out.Write(s.form.Data)
		return err
	}
	if info, err := os.Stat(to); err == nil && info.IsDir() {
		to = filepath.Join(to, s.name)
	}
	f, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	switch {
	case errors.Is(err, fs.ErrExist):
		return fmt.Errorf("%s is there already: give --to another name", to)
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("there is no folder %s to save in", filepath.Dir(to))
	case err != nil:
		return fmt.Errorf("cannot save %s: %w", to, err)
	}
	_, err = f.Write(s.form.Data)
	if err = errors.Join(err, f.Close()); err != nil {
		_ = os.Remove(to)
		return fmt.Errorf("cannot save %s: %w", to, err)
	}
	fmt.Fprintln(std.Err, s.describe())
	_, err = io.WriteString(std.Out, to+"\n")
	return err
}
