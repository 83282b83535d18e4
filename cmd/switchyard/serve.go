package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"switchyard"
)

// ServeCmd runs the server. Every flag can stand in the configuration file under its name.
type ServeCmd struct {
	Config kong.ConfigFlag `help:"Read settings from a YAML file; its keys are the names of these flags, and flags win over it." placeholder:"FILE"`

	HTTP  string `help:"Address of the web app and the API. Browsers give cameras to pages of localhost, and else only over HTTPS." default:"localhost:8080" placeholder:"ADDR" group:"address"`
	Media string `help:"Address of the media port, UDP and TCP (HTTPS too). With 127.0.0.1:PORT only this machine can connect." default:":8443" placeholder:"ADDR" group:"address"`
	Data  string `help:"Folder of the key, the certificate and the store." default:"data" placeholder:"DIR" group:"operation"`
	URL   string `name:"url" help:"What links begin with, where people reach this server by another address: https://meet.example.org." placeholder:"URL" group:"address"`

	PublicIP []string `name:"public-ip" help:"Address that people reach this server by, for a server behind a NAT that forwards the media port; auto: ask --stun where the machine has no public address of its own. Can be repeated." placeholder:"IP" group:"address"`
	Origin   []string `help:"Other site whose pages may use this server, such as https://example.org. Can be repeated; * allows all." placeholder:"URL" group:"access"`
	NATS     string   `name:"nats" help:"Keep the store in this NATS cluster instead of the data folder." placeholder:"URL" group:"operation"`
	Cert     string   `help:"TLS certificate (chain) in PEM; read again when it changes. Without it one is made." placeholder:"FILE" group:"certificate"`
	Key      string   `help:"Private key of the certificate, in PEM." placeholder:"FILE" group:"certificate"`

	Open *bool `help:"Let everybody start rooms from the home page, and enter them by name. Without it only who sits at this machine can; with --no-open nobody." negatable:"" group:"access"`

	Nearby *bool `help:"Let devices behind one public address see each other when they ask to, to send files; also those with private addresses, as one network. Without it those only where this server has no public address; with --no-nearby none." negatable:"" group:"access"`

	RelayRate  rate `help:"Most that each end of a transfer of files may send through this server's relay, in bytes a second, such as 20M; what is more waits. Used where neither a direct way nor TURN gets through." default:"125Mi" placeholder:"RATE" group:"files"`
	RelayTotal rate `help:"Most that all ends may send through the relay together; they get equal shares." default:"500Mi" placeholder:"RATE" group:"files"`

	TURNFlags `group:"turn"`
	OperationFlags
	RoomSettings

	Invite    bool   `help:"Print an invitation link when started." default:"true" negatable:"" group:"access"`
	LogLevel  string `help:"Least important messages to log: debug, info, warn or error." enum:"debug,info,warn,error" default:"info" placeholder:"LEVEL" group:"log"`
	LogFormat string `help:"Form of the log: text or json." enum:"text,json" default:"text" placeholder:"FORM" group:"log"`
}

// gcPercent is how much garbage may stand beside what lives. Half of Go's usual: a subscriber takes a quarter less
// memory, and only joining and leaving pays for it, since forwarding allocates nothing.
const gcPercent = 50

// Run serves until ctx ends.
func (c *ServeCmd) Run(ctx context.Context, std *Streams) error {
	if err := c.check(); err != nil {
		return err
	}
	cfg := switchyard.Config{
		HTTP: c.HTTP, Media: c.Media, Data: c.Data, NATS: c.NATS, URL: c.URL,
		Origins: c.Origin, CertFile: c.Cert, KeyFile: c.Key,
		Open: c.Open, Nearby: c.Nearby, RelayRate: int64(c.RelayRate), RelayTotalRate: int64(c.RelayTotal),
		Log: newLog(std.Err, c.LogLevel, c.LogFormat),
	}
	if err := c.OperationFlags.apply(&cfg); err != nil {
		return err
	}
	if err := c.TURNFlags.apply(&cfg); err != nil {
		return err
	}
	if err := c.applyRooms(&cfg); err != nil {
		return err
	}
	if err := publicIPs(&cfg, c.PublicIP, c.STUN); err != nil {
		return err
	}
	s, err := switchyard.New(cfg)
	if err != nil {
		return err
	}
	defer s.Close()
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + 1) // New made a shard for each; one more for everything else
	if err := c.greet(ctx, s, std); err != nil {
		return err
	}
	if c.DrainLimit > 0 {
		defer endAtSecond(s)()
	}
	if err := s.Serve(ctx); err != nil {
		return err
	}
	fmt.Fprintln(std.Err, "Switchyard has ended.")
	return s.Close()
}

// check refuses settings that nothing below would name by their flag.
func (c *ServeCmd) check() error {
	if c.URL != "" && !webAddress(c.URL) {
		return Usagef("--url must begin with http:// or https://, such as https://meet.example.org: %q does not", c.URL)
	}
	for _, o := range c.Origin {
		if o != "*" && !webAddress(o) {
			return Usagef("--origin must be a site such as https://example.org: %q is not", o)
		}
	}
	if (c.Cert == "") != (c.Key == "") {
		return Usagef("a certificate and its key belong together: give both --cert and --key, or neither")
	}
	return c.OperationFlags.check(c.Cert)
}

func webAddress(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""
}

// greet prints the invitation, which is data, and how to go on, which is talk.
func (c *ServeCmd) greet(ctx context.Context, s *switchyard.Server, std *Streams) error {
	fmt.Fprintf(std.Err, "Switchyard is running: the app at %s, media on port %d (UDP and TCP).\n", s.BaseURL(), s.MediaAddr().Port())
	if !c.Invite {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	link, err := s.FirstInvitation(ctx)
	if err != nil {
		return fmt.Errorf("cannot make an invitation: %w", err)
	}
	fmt.Fprintln(std.Err, "Open this link in a browser, and give it to whoever you want to talk with:")
	fmt.Fprintln(std.Out, link)
	fmt.Fprintln(std.Err, "Ctrl-C ends it. More links: switchyard invite --room NAME")
	return nil
}

func newLog(w io.Writer, level, form string) *slog.Logger {
	var l slog.Level
	if err := l.UnmarshalText([]byte(strings.ToUpper(level))); err != nil {
		l = slog.LevelInfo
	}
	o := &slog.HandlerOptions{Level: l}
	if form == "json" {
		return slog.New(slog.NewJSONHandler(w, o))
	}
	return slog.New(slog.NewTextHandler(w, o))
}
