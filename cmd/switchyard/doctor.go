package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"time"

	"golang.org/x/term"

	"switchyard/client/doctor"
	"switchyard/engine/auth"
	"switchyard/protocol"
	"switchyard/server"
)

// DoctorCmd says whether calls work from here. Exit code 1 where something fails; a warning is none.
type DoctorCmd struct {
	URL   string   `arg:"" optional:"" name:"url" help:"Server to look at, such as https://meet.example.org; without it the one that runs on the data folder." placeholder:"URL"`
	Data  string   `help:"Data folder of a server on this machine." default:"data" placeholder:"DIR"`
	Token string   `help:"Admin token, for what the server finds out about itself; without it one is made with the key in the data folder, for a server that runs on it." env:"SWITCHYARD_TOKEN" placeholder:"TOKEN"`
	STUN  []string `name:"stun" help:"STUN server to compare addresses with, which shows the kind of NAT. Can be repeated." placeholder:"HOST:PORT"`
	JSON  bool     `help:"Print JSON."`
}

// Run looks at everything and prints each finding as it comes.
func (c *DoctorCmd) Run(ctx context.Context, std *Streams) error {
	o, err := c.options()
	if err != nil {
		return err
	}
	line := newStatus(std.Err)
	o.Progress = func(what string) { line.show(what + " …") }
	if !c.JSON {
		page := &doctorPage{out: std.Out, colour: colours(std.Out)}
		o.Found = func(f protocol.Finding) {
			line.clear()
			page.print(f)
		}
	}
	report, err := doctor.Run(ctx, o)
	line.clear()
	if err != nil {
		if errors.Is(err, context.Canceled) {
			return errors.New("interrupted before everything was looked at")
		}
		return err
	}
	if c.JSON {
		if err := json.NewEncoder(std.Out).Encode(report); err != nil {
			return err
		}
	}
	return verdict(report)
}

// options finds the server and, where it is ours, a token for it.
func (c *DoctorCmd) options() (doctor.Options, error) {
	o := doctor.Options{URL: strings.TrimSuffix(c.URL, "/"), Token: c.Token, STUN: c.STUN}
	if o.URL != "" && !webAddress(o.URL) {
		return o, Usagef("the server's address must begin with http:// or https://: %q does not (try https://%s)", c.URL, strings.TrimPrefix(c.URL, "//"))
	}
	for _, s := range c.STUN {
		if strings.Contains(s, "/") || strings.HasPrefix(s, "stun:") {
			return o, Usagef("--stun must be HOST or HOST:PORT: %q is not", s)
		}
		if _, _, err := net.SplitHostPort(s); err != nil && strings.Count(s, ":") == 1 {
			return o, Usagef("--stun must be HOST or HOST:PORT: %q is not", s)
		}
	}
	running, err := server.FindRunning(c.Data)
	if o.URL == "" {
		if err != nil {
			return o, fmt.Errorf("no server is running on the data folder %s: name one, such as switchyard doctor https://meet.example.org, or its folder with --data", c.Data)
		}
		o.URL = running.HTTP
	}
	ours := err == nil && (o.URL == running.HTTP || o.URL == running.URL)
	if o.Token == "" && ours {
		if key, err := loadKey(c.Data); err == nil { // without it, the server is not asked about itself
			o.Token, _ = auth.Mint(key, auth.Claims{Grants: protocol.Grants{Admin: true}, Expires: time.Now().Add(10 * time.Minute)}, time.Now())
		}
	}
	return o, nil
}

// verdict is an error where something failed.
func verdict(report protocol.Diagnosis) error {
	failed := 0
	for _, f := range report.Findings {
		if f.State == protocol.FindingFail {
			failed++
		}
	}
	switch failed {
	case 0:
		return nil
	case 1:
		return errors.New("one check failed")
	}
	return fmt.Errorf("%d checks failed", failed)
}

// doctorPage prints findings under their headings.
type doctorPage struct {
	out    io.Writer
	colour bool
	group  string
}

// The marks and colours (ECMA-48) of the states.
var doctorMarks = map[protocol.FindingState][2]string{
	protocol.FindingOK:   {"✓", "\x1b[32m"},
	protocol.FindingWarn: {"!", "\x1b[33m"},
	protocol.FindingFail: {"✗", "\x1b[31m"},
	protocol.FindingSkip: {"-", "\x1b[2m"},
}

func (p *doctorPage) print(f protocol.Finding) {
	if f.Group != p.group {
		if p.group != "" {
			fmt.Fprintln(p.out)
		}
		p.group = f.Group
		fmt.Fprintln(p.out, p.paint("\x1b[1m", f.Group))
	}
	mark := doctorMarks[f.State]
	// What the server says is printed as text: no control characters reach the terminal.
	fmt.Fprintf(p.out, "  %s %s: %s\n", p.paint(mark[1], mark[0]), printable(f.Title), printable(f.Text))
	if f.Fix != "" {
		fmt.Fprintf(p.out, "    → %s\n", printable(f.Fix))
	}
}

func (p *doctorPage) paint(colour, text string) string {
	if !p.colour {
		return text
	}
	return colour + text + "\x1b[0m"
}

func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 {
			return -1
		}
		return r
	}, s)
}

// colours tells whether w is a terminal whose user wants them (no-color.org).
func colours(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd())) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}
