package server

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/certmagic"
	"github.com/mholt/acmez/v3"
	"go.uber.org/zap"
)

// ACME says for which names to get certificates from a certificate authority (RFC 8555), by
// TLS-ALPN-01 (RFC 8737) on the media port or by HTTP-01 on the HTTP listener. The zero value gets none.
type ACME struct {
	// Domains are the names, such as "meet.example.org"; each gets a certificate of its own.
	Domains []string
	// Email is where the authority writes to when something is wrong with a certificate; may be empty.
	Email string
	// CA is the URL of the authority's directory (RFC 8555 §7.1.1); empty: Let's Encrypt.
	CA string
	// RootFile has the root certificates in PEM that the authority's own HTTPS is checked with; empty:
	// those of the system.
	RootFile string

	// challenge, in tests, is the only one to be used; "": those that the ports allow.
	challenge string
	// check, in tests, is how often certificates are looked at; 0: every 10 minutes.
	check time.Duration
}

// certificates gets and renews certificates in the background while it runs.
type certificates struct {
	cfg    ACME
	web    netip.AddrPort // the HTTP listener
	media  netip.AddrPort // the media port
	log    *slog.Logger
	magic  *certmagic.Config
	issuer *certmagic.ACMEIssuer
	cache  *certmagic.Cache
	store  *closingStorage
	cancel context.CancelFunc
	ctx    context.Context // of the requests that are under way; ends with close
}

// newCertificates prepares for cfg.Domains; certificates and the account's key are kept in dir.
func newCertificates(cfg ACME, dir string, web, media netip.AddrPort, log *slog.Logger) (*certificates, error) {
	for i, name := range cfg.Domains {
		name = strings.ToLower(strings.TrimSuffix(name, "."))
		if err := certifiable(name, cfg.CA); err != nil {
			return nil, err
		}
		cfg.Domains = slices.Clone(cfg.Domains)
		cfg.Domains[i] = name
	}
	c := &certificates{cfg: cfg, web: web, media: media, log: log}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	roots, err := loadRoots(cfg.RootFile)
	if err != nil {
		return nil, err
	}
	silent := zap.NewNop() // what happens is told by c.event, in words
	c.cache = certmagic.NewCache(certmagic.CacheOptions{
		GetConfigForCert:   func(certmagic.Certificate) (*certmagic.Config, error) { return c.magic, nil },
		RenewCheckInterval: cfg.check,
		Logger:             silent,
	})
	c.store = &closingStorage{Storage: &certmagic.FileStorage{Path: filepath.Join(dir, "acme")}}
	c.magic = certmagic.New(c.cache, certmagic.Config{Storage: c.store, OnEvent: c.event, Logger: silent})
	byHTTP, byTLS := c.challenges()
	c.issuer = certmagic.NewACMEIssuer(c.magic, certmagic.ACMEIssuer{
		CA: cfg.CA, Email: cfg.Email, Agreed: true, TrustedRoots: roots, Logger: silent,
		DisableHTTPChallenge: !byHTTP, DisableTLSALPNChallenge: !byTLS,
		// certmagic listens by itself only where nobody does; our listeners are open before it runs.
		ListenHost: hostOf(media), AltHTTPPort: int(web.Port()), AltTLSALPNPort: int(media.Port()),
	})
	c.magic.Issuers = []certmagic.Issuer{c.issuer}
	return c, nil
}

func hostOf(a netip.AddrPort) string {
	if a.Addr().IsUnspecified() {
		return ""
	}
	return a.Addr().Unmap().String()
}

// certifiable says whether an authority can give a certificate for name at all.
func certifiable(name, ca string) error {
	_, err := netip.ParseAddr(name)
	switch {
	case err == nil || strings.Contains(name, "*") || !certmagic.SubjectQualifiesForCert(name):
		return fmt.Errorf("--domain %q is not a host name: give one such as meet.example.org", name)
	case ca == "" && !certmagic.SubjectQualifiesForPublicCert(name):
		return fmt.Errorf("--domain %q is no name of the public DNS, so Let's Encrypt gives no certificate for it: name a public one, or your own authority with --acme-ca", name)
	}
	return nil
}

func loadRoots(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("cannot read the root certificate of --acme-root: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(data) {
		return nil, fmt.Errorf("the file %s of --acme-root holds no certificate in PEM", file)
	}
	return pool, nil
}

// challenges says how control of the names is shown. The authority connects to port 80 or 443 and no
// other; where we listen on neither, somebody must forward one of them to us.
func (c *certificates) challenges() (byHTTP, byTLS bool) {
	switch {
	case c.cfg.challenge != "":
		return c.cfg.challenge == "http-01", c.cfg.challenge == "tls-alpn-01"
	case c.media.Port() == 443:
		return c.reachableHTTP() && c.web.Port() == 80, true
	case c.web.Port() == 80 && c.reachableHTTP():
		return true, false
	}
	return c.reachableHTTP(), true
}

func (c *certificates) reachableHTTP() bool { return !c.web.Addr().IsLoopback() }

// start begins to get what is missing and to renew what ends, in the background.
func (c *certificates) start() error {
	if c.media.Port() != 443 && (c.web.Port() != 80 || !c.reachableHTTP()) && c.cfg.challenge == "" {
		c.log.Warn("a certificate needs port 443 (or 80) of the domain to end here: forward it to the media port, or listen there with --media :443",
			"media", c.media.Port())
	}
	return c.magic.ManageAsync(c.ctx, c.cfg.Domains)
}

// close ends the background work; nothing is written after it.
func (c *certificates) close() {
	c.cancel()
	c.cache.Stop()
	c.store.close()
}

// wrap makes a server configuration of base that serves the certificates that were got, and base's
// own as long as there is none for a name.
func (c *certificates) wrap(base *tls.Config) *tls.Config {
	cfg := base.Clone()
	own := base.GetCertificate
	cfg.NextProtos = append(slices.Clone(base.NextProtos), acmez.ACMETLS1Protocol)
	cfg.GetCertificate = func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		challenge := slices.Contains(hello.SupportedProtos, acmez.ACMETLS1Protocol)
		if !challenge && !c.manages(hello.ServerName) {
			return own(hello)
		}
		cert, err := c.magic.GetCertificate(hello)
		if err != nil && !challenge {
			return own(hello)
		}
		return cert, err
	}
	return cfg
}

func (c *certificates) manages(name string) bool {
	return slices.Contains(c.cfg.Domains, strings.ToLower(strings.TrimSuffix(name, ".")))
}

// handler answers HTTP-01 before next.
func (c *certificates) handler(next http.Handler) http.Handler {
	return c.issuer.HTTPChallengeHandler(next)
}

// event is told by certmagic what happens.
func (c *certificates) event(_ context.Context, event string, data map[string]any) error {
	name, _ := data["identifier"].(string)
	renewal, _ := data["renewal"].(bool)
	switch event {
	case "cert_obtaining":
		c.log.Info("asking for a certificate", "domain", name, "authority", c.issuer.CA)
	case "cert_obtained":
		c.log.Info("got a certificate", "domain", name, "renewal", renewal)
	case "cert_failed":
		err, _ := data["error"].(error)
		if errors.Is(err, context.Canceled) {
			return nil // the server ends
		}
		c.log.Warn("no certificate: "+c.sentence(name, err), "domain", name, "renewal", renewal, "error", err)
	}
	return nil
}
