package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"switchyard/app/transfer"
	"switchyard/engine/auth"
	"switchyard/protocol"
	"switchyard/server"
)

// TransferServer is where the verbs for files find their server.
type TransferServer struct {
	Server string `help:"Server; without it the one that runs on the data folder." env:"SWITCHYARD_SERVER" placeholder:"URL"`
	Data   string `help:"Data folder of a server on this machine." default:"data" placeholder:"DIR"`
}

// find returns the server's address.
func (f *TransferServer) find() (string, error) {
	if f.Server != "" {
		if !webAddress(f.Server) {
			return "", Usagef("--server must begin with http:// or https://: %q does not", f.Server)
		}
		return strings.TrimSuffix(f.Server, "/"), nil
	}
	running, err := server.FindRunning(f.Data)
	if err != nil {
		return "", fmt.Errorf("no server is running on the data folder %s: name one with --server URL or SWITCHYARD_SERVER, or start one with switchyard serve", f.Data)
	}
	return running.HTTP, nil
}

// SendCmd makes a link to files and serves whoever opens it.
type SendCmd struct {
	Paths          []string `arg:"" optional:"" name:"path" help:"Files and folders to send; - is standard input." placeholder:"FILE|FOLDER|-"`
	TransferServer `embed:""`
	To             string        `help:"Send to the paired device of this name, without a link; switchyard devices lists them." placeholder:"NAME"`
	Text           string        `help:"Send this text instead of files; it is shown and not kept." placeholder:"TEXT"`
	Name           string        `help:"Name for standard input, or for all of it together." placeholder:"NAME"`
	Receivers      int           `help:"How many may receive it." default:"1" placeholder:"N"`
	Expires        time.Duration `help:"How long the link waits to be opened, 10s to 168h." default:"10m" placeholder:"DURATION"`
	Passphrase     secret        `help:"Ask receivers for a passphrase too. Without =WORDS it is asked for here." env:"SWITCHYARD_PASSPHRASE" placeholder:"WORDS"`
	Code           bool          `help:"Make a code that can be said aloud." default:"true" negatable:""`
	QR             bool          `help:"Show a QR code on a terminal." name:"qr" default:"true" negatable:""`
	Limit          rate          `help:"Send at most so many bytes a second, such as 500k or 20M." placeholder:"RATE"`
	Links          bool          `help:"Send symbolic links as such; else they are left out."`
	Token          string        `help:"Token with the data or admin grant, where the server is not open to everybody." env:"SWITCHYARD_TOKEN" placeholder:"TOKEN"`
	JSON           bool          `help:"Print JSON lines: the link, then what happens."`
	Quiet          bool          `help:"Print the link and errors only." short:"q"`
}

// Run sends until everybody has everything, or the first signal.
func (c *SendCmd) Run(ctx context.Context, std *Streams) error {
	defer spareCores()()
	if err := c.check(); err != nil {
		return err
	}
	to, err := c.recipient()
	if err != nil {
		return err
	}
	frugal()
	base, err := c.find()
	if err != nil {
		return err
	}
	if err := c.Passphrase.ask(std, "Passphrase for the receivers: ", true); err != nil {
		return err
	}
	token, err := c.grant(c.Token)
	if err != nil {
		return err
	}
	source, err := c.source(ctx, std)
	if err != nil {
		return err
	}
	defer source.Close()
	show := newShow(std, showOptions{json: c.JSON, quiet: c.Quiet, qr: c.QR})
	for _, path := range source.LeftOut() {
		show.say("left out: " + path)
	}
	show.say(describe(source.Offer()))
	o := transfer.SendOptions{
		Server: base, Source: source, Token: token, Receivers: c.Receivers, Expires: c.Expires, Passphrase: c.Passphrase.words,
		NoCode: !c.Code, State: c.state(base), Name: deviceName(), Event: show.event,
	}
	if to != nil {
		err = to.send(ctx, o, show)
	} else {
		err = transfer.Send(ctx, o)
	}
	show.end()
	return transferError(ctx, base, err)
}

// check says what is wrong with the flags.
func (c *SendCmd) check() error {
	stdin := 0
	for _, p := range c.Paths {
		if p == "-" {
			stdin++
		}
	}
	switch {
	case len(c.Paths) == 0 && c.Text == "":
		return Usagef("say what to send: a file, a folder, - for standard input, or --text")
	case len(c.Paths) > 0 && c.Text != "":
		return Usagef("--text and files exclude each other: send them one after the other")
	case c.To != "" && c.Receivers != 1:
		return Usagef("--to sends to one device: leave --receivers out")
	case stdin > 0 && len(c.Paths) > 1:
		return Usagef("standard input (-) is sent alone")
	case c.Receivers < 1 || c.Receivers > 100:
		return Usagef("--receivers must be 1 to 100")
	case c.Expires < 10*time.Second || c.Expires > 7*24*time.Hour:
		return Usagef("--expires must be 10s to 168h (a week)")
	}
	return nil
}

// grant returns the given token, or one for the server of this machine, whose key we can read.
func (f *TransferServer) grant(given string) (string, error) {
	if given != "" || f.Server != "" {
		return given, nil
	}
	key, err := loadKey(f.Data)
	if err != nil {
		return "", err
	}
	now := time.Now()
	return auth.Mint(key, auth.Claims{Grants: protocol.Grants{Admin: true}, Expires: now.Add(time.Minute)}, now)
}

// source lists what is sent.
func (c *SendCmd) source(ctx context.Context, std *Streams) (*transfer.Source, error) {
	o := transfer.SourceOptions{Name: c.Name, Links: c.Links, Limit: int64(c.Limit)}
	switch {
	case c.Text != "":
		return transfer.NewText(c.Text, o)
	case c.Paths[0] == "-":
		name := c.Name
		if name == "" {
			name = "stdin"
		}
		s, err := transfer.NewSpool(&interruptible{ctx: ctx, in: std.In}, name, o)
		if ctx.Err() != nil {
			err = errInterrupted
		}
		return s, err
	}
	s, err := transfer.NewSource(c.Paths, o)
	if path, ok := errors.AsType[*os.PathError](err); ok && errors.Is(err, os.ErrNotExist) {
		return nil, Usagef("there is no file or folder %s", path.Path)
	}
	return s, err
}

// state is where the link is kept, so that the same command goes on with it after a crash. Standard input and texts
// cannot be sent twice.
func (c *SendCmd) state(base string) string {
	if c.Text != "" || c.Paths[0] == "-" {
		return ""
	}
	folder, err := stateFolder()
	if err != nil {
		return ""
	}
	h := sha256.New()
	fmt.Fprintf(h, "%q %d %q %v\n", base, c.Receivers, c.Passphrase.words, c.Links)
	for _, p := range c.Paths {
		abs, err := filepath.Abs(p)
		if err != nil {
			return ""
		}
		fmt.Fprintf(h, "%q\n", abs)
	}
	return filepath.Join(folder, "sent", hex.EncodeToString(h.Sum(nil))[:32]+".json")
}

// stateFolder is where links are remembered: below XDG_STATE_HOME, which is ~/.local/state where it is not set.
func stateFolder() (string, error) {
	folder := os.Getenv("XDG_STATE_HOME")
	if folder == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", err
		}
		folder = filepath.Join(home, ".local", "state")
	}
	return filepath.Join(folder, "switchyard"), nil
}

// deviceName is what the other end sees of us.
func deviceName() string {
	name, err := os.Hostname()
	if err != nil || name == "" {
		return "a computer"
	}
	return name
}

// transferError puts an error of a transfer into words.
func transferError(ctx context.Context, base string, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		return errInterrupted
	case isNetwork(err):
		return unreachable(base, err)
	}
	return err
}

// errInterrupted ends a verb that its user stopped: exit code 130, as shells have it.
var errInterrupted = errors.New("stopped")

// interruptible reads until its context ends, also where in does not end.
type interruptible struct {
	ctx context.Context
	in  io.Reader
}

// Read implements io.Reader. After the end of ctx a read may be left waiting for input until the process ends.
func (r *interruptible) Read(b []byte) (int, error) {
	type result struct {
		b   []byte
		err error
	}
	done := make(chan result, 1)
	go func() {
		own := make([]byte, len(b))
		n, err := r.in.Read(own)
		done <- result{own[:n], err}
	}()
	select {
	case got := <-done:
		return copy(b, got.b), got.err
	case <-r.ctx.Done():
		return 0, context.Cause(r.ctx)
	}
}
