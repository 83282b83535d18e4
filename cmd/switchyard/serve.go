package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"net/url"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"switchyard"
)

// ServeCmd runs the server. Every flag can stand in the configuration file under its name.
type ServeCmd struct {
	Config kong.ConfigFlag `help:"Read settings from a YAML file; its keys are the names of these flags, and flags win over it." placeholder:"FILE"`

	HTTP  string `help:"Address of the web app and the API. Browsers give cameras to pages of localhost, and else only over HTTPS." default:"localhost:8080" placeholder:"ADDR"`
	Media string `help:"Address of the media port, UDP and TCP (HTTPS too). With 127.0.0.1:PORT only this machine can connect." default:":8443" placeholder:"ADDR"`
	Data  string `help:"Folder of the key, the certificate and the store." default:"data" placeholder:"DIR"`
	URL   string `name:"url" help:"What links begin with, where people reach this server by another address: https://meet.example.org." placeholder:"URL"`

	PublicIP []netip.Addr `name:"public-ip" help:"Address that people reach this server by, for a server behind a 1:1 NAT. Can be repeated." placeholder:"IP"`
	Origin   []string     `help:"Other site whose pages may use this server, such as https://example.org. Can be repeated; * allows all." placeholder:"URL"`
	NATS     string       `name:"nats" help:"Keep the store in this NATS cluster instead of the data folder." placeholder:"URL"`
	Cert     string       `help:"TLS certificate (chain) in PEM; read again when it changes. Without it one is made." placeholder:"FILE"`
	Key      string       `help:"Private key of the certificate, in PEM." placeholder:"FILE"`

	Open      *bool    `help:"Let everybody start rooms from the home page, and enter them by name. Without it only who sits at this machine can; with --no-open nobody." negatable:""`
	Domain    []string `help:"Get a certificate for this host name from Let's Encrypt, whose terms you agree to by this. Port 443 (or 80) of the name must end here: --media :443. Can be repeated." placeholder:"NAME"`
	ACMEEmail string   `name:"acme-email" help:"Where the certificate authority writes to when something is wrong with a certificate." placeholder:"ADDR"`
	ACMECA    string   `name:"acme-ca" help:"Directory of another certificate authority that speaks ACME." placeholder:"URL"`
	ACMERoot  string   `name:"acme-root" help:"Root certificate in PEM that the authority's own HTTPS is checked with, for a private one." placeholder:"FILE"`

	Invite     bool          `help:"Print an invitation link when started." default:"true" negatable:""`
	DrainLimit time.Duration `help:"How long calls may go on after a first SIGTERM or Ctrl-C, while no new ones begin; a second one ends them. 0: they end at once." default:"0" placeholder:"DURATION"`

	LogLevel  string `help:"Least important messages to log: debug, info, warn or error." enum:"debug,info,warn,error" default:"info" placeholder:"LEVEL"`
	LogFormat string `help:"Form of the log: text or json." enum:"text,json" default:"text" placeholder:"FORM"`
}

// Run serves until ctx ends.
func (c *ServeCmd) Run(ctx context.Context, std *Streams) error {
	if err := c.check(); err != nil {
		return err
	}
	s, err := switchyard.New(switchyard.Config{
		HTTP: c.HTTP, Media: c.Media, Data: c.Data, NATS: c.NATS, URL: c.URL,
		PublicIPs: c.PublicIP, Origins: c.Origin, CertFile: c.Cert, KeyFile: c.Key,
		Open:       c.Open,
		ACME:       switchyard.ACME{Domains: c.Domain, Email: c.ACMEEmail, CA: c.ACMECA, RootFile: c.ACMERoot},
		Log:        newLog(std.Err, c.LogLevel, c.LogFormat),
		ACME:       switchyard.ACME{Domains: c.Domain, Email: c.ACMEEmail, CA: c.ACMECA, RootFile: c.ACMERoot},
		DrainLimit: c.DrainLimit,
		Log:        newLog(std.Err, c.LogLevel, c.LogFormat),
	})
	if err != nil {
		return err
	}
	defer s.Close()
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

// endAtSecond lets the second signal end the calls that the first one let go on; a third one ends the
// process. The function that it returns stops that.
func endAtSecond(s *switchyard.Server) (stop func()) {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	done := make(chan struct{})
	go func() { // ends with stop
		for range 2 {
			select {
			case <-signals:
			case <-done:
				return
			}
		}
		signal.Stop(signals)
		s.End()
	}()
	return func() {
		signal.Stop(signals)
		close(done)
	}
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
	if c.DrainLimit < 0 {
		return Usagef("--drain-limit must be 0 or more, such as 30m")
	}
	if len(c.Domain) > 0 && c.Cert != "" {
		return Usagef("--domain gets a certificate and --cert has one: give one of them")
	}
	if c.ACMECA != "" && !strings.HasPrefix(c.ACMECA, "https://") {
		return Usagef("--acme-ca must begin with https://: %q does not", c.ACMECA)
	}
	if len(c.Domain) == 0 && (c.ACMEEmail != "" || c.ACMECA != "" || c.ACMERoot != "") {
		return Usagef("which name shall the certificate be for? Give --domain NAME")
	}
	return nil
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
