package server

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/mholt/acmez/v3/acme"
)

// sentence says what to do about a certificate that was not given (RFC 8555 §6.7). It is tried again by
// itself, so every sentence is about what somebody has to change.
func (c *certificates) sentence(name string, err error) string {
	var problem acme.Problem
	if errors.As(err, &problem) {
		return c.problem(name, kindOf(problem))
	}
	var unknown x509.UnknownAuthorityError
	var network net.Error
	switch {
	case errors.As(err, &unknown):
		return fmt.Sprintf("the HTTPS of the certificate authority %s is signed by a root that this machine does not trust: give that root with --acme-root", c.issuer.CA)
	case errors.As(err, &network):
		return fmt.Sprintf("the certificate authority %s cannot be reached: check this machine's network and DNS, and --acme-ca", c.issuer.CA)
	}
	return "the certificate authority did not give one; the error says why"
}

// kindOf is the type of a problem. Authorities differ in which they give to a name that was not found or a
// port that is closed (Pebble has "malformed" and "unauthorized"), so the text is looked at, too.
func kindOf(p acme.Problem) string {
	detail := strings.ToLower(p.Detail)
	switch {
	case strings.Contains(detail, "could not resolve"), strings.Contains(detail, "nxdomain"), strings.Contains(detail, "no valid ip addresses"):
		return "dns"
	case strings.Contains(detail, "failed to connect"), strings.Contains(detail, "connection refused"), strings.Contains(detail, "timeout"):
		return "connection"
	}
	return strings.TrimPrefix(p.Type, "urn:ietf:params:acme:error:")
}

func (c *certificates) problem(name, kind string) string {
	switch kind {
	case "dns":
		return fmt.Sprintf("the DNS has no address for %s: add an A or AAAA record with the public address of this server", name)
	case "connection", "tls":
		return fmt.Sprintf("the certificate authority could not connect to %s: let %s through the firewall and forward it to this server", name, c.ports())
	case "unauthorized", "incorrectResponse":
		return fmt.Sprintf("another server answers at %s: point its DNS record to this one, and forward %s to it", name, c.ports())
	case "caa":
		return fmt.Sprintf("a CAA record in the DNS forbids this certificate authority to certify %s: change or remove it", name)
	case "rateLimited":
		return "the certificate authority was asked too often: wait as long as the error says; test with its staging directory (--acme-ca)"
	case "rejectedIdentifier", "unsupportedIdentifier":
		return fmt.Sprintf("the certificate authority gives none for %s: use another name, or another authority (--acme-ca)", name)
	case "invalidContact", "unsupportedContact":
		return "the certificate authority does not take the address of --acme-email: give another one, or none"
	case "externalAccountRequired":
		return "the certificate authority wants an account that was made before, which is not supported: use another one (--acme-ca)"
	}
	return "the certificate authority refused; the error says why"
}

// ports names what the authority connects to, and where that has to end.
func (c *certificates) ports() string {
	byHTTP, byTLS := c.challenges()
	var words []string
	if byTLS {
		words = append(words, fmt.Sprintf("TCP port 443 (to port %d here)", c.media.Port()))
	}
	if byHTTP {
		words = append(words, fmt.Sprintf("TCP port 80 (to port %d here)", c.web.Port()))
	}
	return strings.Join(words, " or ")
}
