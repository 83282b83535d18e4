package main

import (
	"context"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/mdp/qrterminal/v3"

	"switchyard/app/transfer"
)

// PairCmd makes this machine and another device know each other.
type PairCmd struct {
	Code           string `arg:"" optional:"" help:"The code that the other device shows; without it this one shows a code."`
	TransferServer `embed:""`
	Name           string `help:"What the other device sees; this machine's name without it." placeholder:"NAME"`
	QR             bool   `help:"Show a QR code on a terminal." name:"qr" default:"true" negatable:""`
	Token          string `help:"Token with the data or admin grant, where the server is not open to everybody." env:"SWITCHYARD_TOKEN" placeholder:"TOKEN"`
}

// Run pairs, or ends with the first signal.
func (c *PairCmd) Run(ctx context.Context, std *Streams) error {
	if c.Code != "" {
		if _, err := transfer.ParseCode(c.Code); err != nil {
			return Usagef("%s", inWords(err))
		}
	}
	base, err := c.find()
	if err != nil {
		return err
	}
	t, err := loadTrusted()
	if err != nil {
		return err
	}
	token, err := c.grant(c.Token)
	if err != nil {
		return err
	}
	o := transfer.PairOptions{Server: base, Token: token, Name: c.Name, Known: t.known(), Code: func(code string) { c.show(std, base, code) }}
	if o.Name == "" {
		o.Name = deviceName()
	}
	var p transfer.Pair
	if c.Code == "" {
		p, err = transfer.ShowPair(ctx, o)
	} else {
		p, err = transfer.TypePair(ctx, o, c.Code)
	}
	if err != nil {
		return transferError(ctx, base, err)
	}
	if p, err = t.remember(p); err != nil {
		return err
	}
	fmt.Fprintf(std.Err, "Paired with %s. Send to it with: switchyard send --to '%s' FILE\n", p.Name, p.Name)
	return nil
}

// show prints the code alone on standard output.
func (c *PairCmd) show(std *Streams, base, code string) {
	fmt.Fprintln(std.Out, code)
	var b strings.Builder
	if c.QR && terminal(std.Err) {
		qrterminal.GenerateHalfBlock(base+"/send#pair="+code, qrterminal.L, &b)
	}
	fmt.Fprintf(&b, "On the other device open %s/send and choose “Pair a device”, or run: switchyard pair --server %s %s\nIt is good for one try and ten minutes. Ctrl-C ends it.\n", base, base, code)
	fmt.Fprint(std.Err, b.String())
}

// DevicesCmd lists the devices that were paired with this machine, or changes the list.
type DevicesCmd struct {
	Forget string `help:"Forget the device of this name: neither sees the other any more." placeholder:"NAME"`
	Rename string `help:"Call the device of this name as --as says." placeholder:"NAME"`
	As     string `help:"The new name." placeholder:"NAME"`
}

// Run does it at once.
func (c *DevicesCmd) Run(std *Streams) error {
	t, err := loadTrusted()
	if err != nil {
		return err
	}
	switch {
	case c.Forget != "" && c.Rename != "":
		return Usagef("--forget and --rename exclude each other: one after the other")
	case (c.Rename == "") != (strings.TrimSpace(c.As) == ""):
		return Usagef("--rename NAME and --as NAME belong together")
	case c.Forget != "":
		i, err := t.find(c.Forget)
		if err != nil {
			return err
		}
		return t.forget(i)
	case c.Rename != "":
		i, err := t.find(c.Rename)
		if err != nil {
			return err
		}
		if j := t.index(c.As); j >= 0 && j != i {
			return Usagef("another device is called %q already", c.As)
		}
		t.Pairs[i].Name = strings.TrimSpace(c.As)
		return t.save()
	}
	return c.list(std, t)
}

func (c *DevicesCmd) list(std *Streams, t *trusted) error {
	if len(t.Pairs) == 0 {
		fmt.Fprintln(std.Err, "No device was paired with this one yet: run switchyard pair.")
		return nil
	}
	w := tabwriter.NewWriter(std.Out, 0, 0, 2, ' ', 0)
	for _, p := range t.Pairs {
		fmt.Fprintf(w, "%s\t%s\t%s\n", p.Name, p.Server, p.At.Local().Format("2006-01-02"))
	}
	return w.Flush()
}
