package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"switchyard/app/transfer"
	"switchyard/engine/piece"
)

// ReceiveCmd takes what a link or a code offers.
type ReceiveCmd struct {
	From           string `arg:"" optional:"" name:"link|code" help:"The link, in quotes, or the code that was said; without it, what was broken off in the folder goes on."`
	TransferServer `embed:""`
	To             string   `help:"Folder to write to; - writes a file or text to standard output." default:"." placeholder:"FOLDER"`
	Only           []string `help:"Take only what matches: a name (*.jpg) or a path (holiday/**/*.jpg) of the offer; a folder with all that is in it. Repeatable." sep:"none" placeholder:"PATTERN"`
	List           bool     `help:"Print what is offered and take nothing of it; the link stays yours." short:"l"`
	Paired         bool     `help:"Wait for what a paired device sends, and receive that."`
	Token          string   `help:"With --paired: token with the data or admin grant, where the server is not open to everybody." env:"SWITCHYARD_TOKEN" placeholder:"TOKEN"`
	Yes            bool     `help:"Do not ask before anything is written." short:"y"`
	Passphrase     secret   `help:"The sender's passphrase, where one is asked for. Without =WORDS it is asked for here." env:"SWITCHYARD_PASSPHRASE" placeholder:"WORDS"`
	Links          bool     `help:"Take symbolic links, where they lead to what is received."`
	JSON           bool     `help:"Print JSON lines of what happens."`
	Quiet          bool     `help:"Print errors only." short:"q"`
}

// Run receives until everything is there, or the first signal.
func (c *ReceiveCmd) Run(ctx context.Context, std *Streams) error {
	defer spareCores()()
	if c.JSON && c.To == "-" {
		return Usagef("--json and --to - exclude each other: both write to standard output")
	}
	for _, p := range c.Only {
		if err := transfer.CheckPattern(p); err != nil {
			return Usagef("--only %s", err)
		}
	}
	frugal()
	folder, done, err := c.folder()
	if err != nil {
		return err
	}
	defer done()
	show := newShow(std, showOptions{json: c.JSON, quiet: c.Quiet})
	if c.Paired {
		err = c.awaitPaired(ctx, show)
	} else {
		err = c.again(folder)
	}
	if err != nil {
		return err
	}
	base, err := c.server()
	if err != nil {
		return err
	}
	out := &received{out: std.Out, show: show, json: c.JSON, folder: folder}
	o := transfer.ReceiveOptions{
		From: c.From, Server: base, Folder: folder, Tickets: c.tickets(folder), Looked: lookedFolder(), Name: deviceName(), HTTP: anyCertificate(show.say),
		Passphrase: c.words(std, show), Event: show.event,
		Sink: transfer.SinkOptions{Ask: c.ask(std, show), Text: out.text, Saved: out.saved, Links: c.Links || c.List, Only: c.Only},
	}
	if c.List {
		o.Sink.Ask = c.list(std, show)
	} else if c.To == "-" {
		o.Sink.Out = std.Out
	}
	err = transfer.Receive(ctx, o)
	show.end()
	if c.List && errors.Is(err, transfer.ErrLooked) {
		show.say("Nothing was taken. Run the same without --list to receive it, or with --only PATTERN for a part of it.")
		return nil
	}
	return transferError(ctx, base, err)
}

// folder returns where to write to: for standard output a folder that done removes.
func (c *ReceiveCmd) folder() (folder string, done func(), err error) {
	if c.To == "-" {
		folder, err = os.MkdirTemp("", "switchyard-receive-*")
		return folder, func() { _ = os.RemoveAll(folder) }, err
	}
	info, err := os.Stat(c.To)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return "", nil, Usagef("there is no folder %s: make it first, or name another with --to", c.To)
	case err == nil && !info.IsDir():
		return "", nil, Usagef("--to must be a folder: %s is a file", c.To)
	}
	return c.To, func() {}, err
}

// tickets is where the ticket is kept.
func (c *ReceiveCmd) tickets(folder string) string {
	if c.To != "-" && !c.List {
		return folder
	}
	return lookedFolder()
}

// lookedFolder keeps the tickets of receivers that have no folder: they looked only, or write to standard output.
func lookedFolder() string {
	state, err := stateFolder()
	if err != nil {
		return ""
	}
	return filepath.Join(state, "received")
}

// list prints what is offered, of that what --only chooses.
func (c *ReceiveCmd) list(std *Streams, show *show) func(context.Context, *transfer.Offer) error {
	return func(_ context.Context, offer *transfer.Offer) error {
		if err := listOffer(std.Out, show, offer, c.JSON); err != nil {
			return err
		}
		return transfer.ErrLooked
	}
}

// again finds the link that was broken off, where none is named.
func (c *ReceiveCmd) again(folder string) error {
	if c.From != "" {
		return nil
	}
	links := transfer.Unfinished(folder)
	switch {
	case len(links) == 0:
		return Usagef("say what to receive: a link (in quotes) or a code such as 7-walnut-umbrella")
	case len(links) > 1:
		return Usagef("%d transfers were broken off in this folder: say which, by its link", len(links))
	}
	c.From = links[0]
	return nil
}

// server is the address that errors speak of, and where a code is good.
func (c *ReceiveCmd) server() (string, error) {
	if !transfer.IsLink(c.From) {
		if _, err := transfer.ParseCode(c.From); err != nil {
			return "", Usagef("%s", inWords(err))
		}
		return c.find()
	}
	link, err := transfer.ParseLink(c.From)
	if err != nil {
		return "", Usagef("%s", inWords(err))
	}
	return link.Server, nil
}

// words asks for the passphrase.
func (c *ReceiveCmd) words(std *Streams, show *show) func(context.Context, bool) (string, error) {
	given := c.Passphrase
	return func(_ context.Context, again bool) (string, error) {
		if again {
			if given.words != "" || !terminal(std.In) {
				return "", errors.New("the passphrase is not the sender's: check it and try again")
			}
			show.say("That is not the sender's passphrase.")
		}
		if given.words != "" {
			return given.words, nil
		}
		s := secret{wanted: true}
		err := s.ask(std, "Passphrase: ", false)
		return s.words, err
	}
}

// ask shows what is offered and asks the user.
func (c *ReceiveCmd) ask(std *Streams, show *show) func(context.Context, *transfer.Offer) error {
	answer := make(chan string, 1)
	asked := false
	return func(ctx context.Context, offer *transfer.Offer) error {
		if asked { // the connection broke meanwhile
			return awaitAnswer(ctx, std, answer)
		}
		show.offer(offer)
		if offer.Free >= 0 && offer.Free < offer.Wanted.Bytes-offer.Holes && c.To != "-" {
			show.say(fmt.Sprintf("There is not room for all of it: %s are free here.", bytesText(offer.Free)))
		}
		if c.Yes || offer.Kind == piece.KindText {
			return nil
		}
		if !terminal(std.In) {
			return errors.New("nobody can be asked here: run it on a terminal, or with --yes")
		}
		asked = true
		fmt.Fprintf(std.Err, "Receive it into %s? [y/N] ", c.place())
		go func() { // ends with the line, or the process
			line, _ := bufio.NewReader(std.In).ReadString('\n')
			answer <- strings.ToLower(strings.TrimSpace(line))
		}()
		return awaitAnswer(ctx, std, answer)
	}
}

func awaitAnswer(ctx context.Context, std *Streams, answer <-chan string) error {
	select {
	case a := <-answer:
		if a == "y" || a == "yes" {
			return nil
		}
		return errDeclined
	case <-ctx.Done():
		fmt.Fprintln(std.Err)
		return context.Cause(ctx)
	}
}

// errDeclined is the user's no, as the sender sees it, too.
var errDeclined = errors.New("declined")

func (c *ReceiveCmd) place() string {
	if c.To == "-" {
		return "standard output"
	}
	abs, err := filepath.Abs(c.To)
	if err != nil {
		return c.To
	}
	return abs
}

// received is what goes to standard output.
type received struct {
	out    io.Writer
	show   *show
	json   bool
	folder string
}

func (r *received) text(text string) {
	if r.json {
		r.show.line(map[string]any{"type": "text", "text": text})
		return
	}
	fmt.Fprintln(r.out, strings.TrimSuffix(text, "\n"))
}

func (r *received) saved(path, where string) {
	if r.json {
		r.show.line(map[string]any{"type": "saved", "path": path, "where": filepath.Join(r.folder, filepath.FromSlash(where))})
	}
}
