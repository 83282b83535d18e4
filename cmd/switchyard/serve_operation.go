package main

import (
	"net"
	"net/netip"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"switchyard"
)

// OperationFlags are the settings of serve for a server that others rely on.
type OperationFlags struct {
	Domain    []string `help:"Get a certificate for this host name from Let's Encrypt, whose terms you agree to by this. Port 443 (or 80) of the name must end here: --media :443. Can be repeated." placeholder:"NAME" group:"certificate"`
	ACMEEmail string   `name:"acme-email" help:"Where the certificate authority writes to when something is wrong with a certificate." placeholder:"ADDR" group:"certificate"`
	ACMECA    string   `name:"acme-ca" help:"Directory of another certificate authority that speaks ACME." placeholder:"URL" group:"certificate"`
	ACMERoot  string   `name:"acme-root" help:"Root certificate in PEM that the authority's own HTTPS is checked with, for a private one." placeholder:"FILE" group:"certificate"`

	STUN         string   `name:"stun" help:"STUN server that --public-ip auto asks for the public address." placeholder:"HOST:PORT" group:"address"`
	TrustedProxy []string `help:"Reverse proxy whose word about a client's address is believed (X-Forwarded-For or Forwarded), as an address or a network such as 10.0.0.0/8. Can be repeated." placeholder:"CIDR" group:"address"`

	JWKS string `name:"jwks" help:"JSON Web Key Set of an identity provider: tokens that its RS256 or ES256 keys have signed are accepted besides the server's own." placeholder:"URL|FILE" group:"access"`

	DrainLimit time.Duration `help:"How long calls may go on after a first SIGTERM or Ctrl-C, while no new ones begin; a second one ends them. 0: they end at once." default:"0s" placeholder:"DURATION" group:"operation"`
}

// check refuses what cannot be meant.
func (c *OperationFlags) check(cert string) error {
	switch {
	case c.DrainLimit < 0:
		return Usagef("--drain-limit must be 0 or more, such as 30m")
	case len(c.Domain) > 0 && cert != "":
		return Usagef("--domain gets a certificate and --cert has one: give one of them")
	case c.ACMECA != "" && !strings.HasPrefix(c.ACMECA, "https://"):
		return Usagef("--acme-ca must begin with https://: %q does not", c.ACMECA)
	case len(c.Domain) == 0 && (c.ACMEEmail != "" || c.ACMECA != "" || c.ACMERoot != ""):
		return Usagef("which name shall the certificate be for? Give --domain NAME")
	}
	return nil
}

// apply puts the settings into the server's configuration.
func (c *OperationFlags) apply(cfg *switchyard.Config) error {
	cfg.ACME = switchyard.ACME{Domains: c.Domain, Email: c.ACMEEmail, CA: c.ACMECA, RootFile: c.ACMERoot}
	cfg.DrainLimit, cfg.JWKS = c.DrainLimit, c.JWKS
	for _, word := range c.TrustedProxy {
		p, err := network(word)
		if err != nil {
			return Usagef("--trusted-proxy must be an address or a network such as 10.0.0.0/8: %q is not", word)
		}
		cfg.TrustedProxies = append(cfg.TrustedProxies, p)
	}
	return nil
}

// network reads a network, or an address as a network of one.
func network(word string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(word); err == nil {
		return netip.PrefixFrom(a.Unmap(), a.Unmap().BitLen()), nil
	}
	p, err := netip.ParsePrefix(word)
	return p.Masked(), err
}

// publicIPs reads --public-ip and --stun.
func publicIPs(cfg *switchyard.Config, words []string, stun string) error {
	for _, word := range words {
		if word == "auto" {
			cfg.AutoIP = true
			continue
		}
		a, err := netip.ParseAddr(word)
		if err != nil || a.IsUnspecified() || a.Zone() != "" {
			return Usagef("--public-ip must be an address such as 203.0.113.7, or auto: %q is neither", word)
		}
		cfg.PublicIPs = append(cfg.PublicIPs, a.Unmap())
	}
	if stun == "" {
		return nil
	}
	if _, port, err := net.SplitHostPort(stun); err != nil || port == "" {
		return Usagef("--stun must be a server such as stun.example.org:3478: %q is not", stun)
	}
	if !cfg.AutoIP {
		return Usagef("--stun is for --public-ip auto: give both, or neither")
	}
	cfg.STUN = stun
	return nil
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
