package doctor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/coder/websocket"

	"switchyard/protocol"
)

const (
	webTime = 8 * time.Second // of one request
	maxBody = 1 << 20         // bytes of an answer that is read
)

// newHTTP makes the client of all requests. Where the certificate is not good (which is a finding of its
// own) the rest is looked at nevertheless, without proof of who answers.
func (v *visit) newHTTP(unproven bool) *http.Client {
	return &http.Client{
		Timeout: webTime,
		Transport: &http.Transport{
			Proxy:             http.ProxyFromEnvironment,
			ForceAttemptHTTP2: true,
			TLSClientConfig:   &tls.Config{InsecureSkipVerify: unproven, MinVersion: tls.VersionTLS12},
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// checkName looks the server's name up.
func (v *visit) checkName(ctx context.Context) {
	host := v.base.Hostname()
	f := protocol.Finding{ID: "dns", Group: groupServer, State: protocol.FindingOK, Title: "Name"}
	if _, err := netip.ParseAddr(host); err == nil {
		v.addrs = []string{host}
		f.State, f.Text = protocol.FindingSkip, fmt.Sprintf("%s is an address: there is no name to look up.", host)
		v.found(f)
		return
	}
	ctx, cancel := context.WithTimeout(ctx, webTime)
	defer cancel()
	begin := time.Now()
	addrs, err := net.DefaultResolver.LookupHost(ctx, host)
	if err != nil {
		f.State, f.Text = protocol.FindingFail, fmt.Sprintf("The name %s cannot be looked up: %s.", host, dnsReason(err))
		f.Fix = "Check the spelling, and that this machine has a working name server."
		v.found(f)
		return
	}
	v.addrs = addrs
	took := time.Since(begin)
	f.Values = map[string]float64{"milliseconds": ms(took)}
	f.Text = fmt.Sprintf("%s stands for %s.", host, strings.Join(addrs, ", "))
	if took > time.Second {
		f.State = protocol.FindingWarn
		f.Text += fmt.Sprintf(" The look-up took %.1f seconds.", took.Seconds())
		f.Fix = "Use a faster name server: each join waits for it."
	}
	v.found(f)
}

func dnsReason(err error) string {
	dns, ok := errors.AsType[*net.DNSError](err)
	switch {
	case ok && dns.IsNotFound:
		return "no name server knows it"
	case ok && dns.IsTimeout, errors.Is(err, context.DeadlineExceeded):
		return "the name server does not answer"
	}
	return err.Error()
}

// checkHTTP asks for the facts that everything else needs; false where there are none.
func (v *visit) checkHTTP(ctx context.Context) bool {
	f := protocol.Finding{ID: "http", Group: groupServer, State: protocol.FindingOK, Title: "Answer over " + strings.ToUpper(v.base.Scheme)}
	begin := time.Now()
	status, err := v.get(ctx, "/v1/doctor", &v.facts)
	took := time.Since(begin)
	switch {
	case err != nil && status == 0:
		f.State, f.Text = protocol.FindingFail, fmt.Sprintf("%s does not answer: %s.", v.base, reason(err))
		f.Fix = "Check the address, that the server runs, and that no firewall is in the way."
	case err != nil || v.facts.MediaPort == 0:
		f.State, f.Text = protocol.FindingFail, fmt.Sprintf("What answers at %s (HTTP status %d) is no Switchyard server, or an old one.", v.base, status)
		f.Fix = "Check the address; a reverse proxy must pass on everything below /v1/."
	default:
		f.Text = fmt.Sprintf("%s answers in %.0f ms; it is %s and sees you as %s.", v.base, ms(took), v.facts.Server, v.facts.Seen)
		f.Values = map[string]float64{"milliseconds": ms(took)}
	}
	v.found(f)
	return f.State == protocol.FindingOK
}

// get reads JSON; status 0 means that nothing answered.
func (v *visit) get(ctx context.Context, path string, into any) (status int, err error) {
	return v.call(ctx, http.MethodGet, path, "", nil, into)
}

func (v *visit) call(ctx context.Context, method, path, token string, body io.Reader, into any) (status int, err error) {
	req, err := http.NewRequestWithContext(ctx, method, v.base.JoinPath(path).String(), body)
	if err != nil {
		return 0, err
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := v.http.Do(req)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	data, err := io.ReadAll(io.LimitReader(res.Body, maxBody))
	if err != nil {
		return res.StatusCode, err
	}
	if res.StatusCode != http.StatusOK {
		var said struct{ Detail string }
		if json.Unmarshal(data, &said) == nil && said.Detail != "" {
			return res.StatusCode, errors.New(said.Detail)
		}
		return res.StatusCode, fmt.Errorf("doctor: HTTP status %d", res.StatusCode)
	}
	return res.StatusCode, json.Unmarshal(data, into)
}

// reason shortens an error of the network for a sentence.
func reason(err error) string {
	var timeout net.Error
	text := err.Error()
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return "nothing came back in time"
	case strings.Contains(text, "connection refused"):
		return "the connection was refused"
	case strings.Contains(text, "no route"), strings.Contains(text, "unreachable"):
		return "the network has no way there"
	case strings.Contains(text, "server gave HTTP response to HTTPS client"):
		return "it speaks plain HTTP there, not HTTPS"
	}
	if i := strings.LastIndex(text, ": "); i >= 0 {
		text = text[i+2:]
	}
	return text
}

// checkCertificate looks at the certificate of an https:// address as a browser does.
func (v *visit) checkCertificate(ctx context.Context) {
	v.trusted = true
	f := protocol.Finding{ID: "certificate", Group: groupServer, State: protocol.FindingOK, Title: "Certificate"}
	if v.base.Scheme == "http" {
		ip, err := netip.ParseAddr(v.base.Hostname())
		v.trusted = v.base.Hostname() == "localhost" || err == nil && ip.IsLoopback()
		if f.State, f.Text = protocol.FindingSkip, "The address is plain HTTP on this machine: no certificate is needed."; !v.trusted {
			f.State = protocol.FindingWarn
			f.Text = "The address is plain HTTP: browsers give cameras and microphones only to pages of https:// (or of localhost), and whoever is on the way can read along."
			f.Fix = "Open the server by https://, on its media port or behind a proxy with a certificate."
		}
		v.found(f)
		return
	}
	port := v.base.Port()
	if port == "" {
		port = "443"
	}
	ctx, cancel := context.WithTimeout(ctx, webTime)
	defer cancel()
	dialer := &tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true, ServerName: v.base.Hostname()}} // judged below
	conn, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort(v.base.Hostname(), port))
	if err != nil {
		f.State, f.Text = protocol.FindingFail, fmt.Sprintf("No TLS connection to %s comes up: %s.", v.base.Host, reason(err))
		f.Fix = "Check the address and that the server runs; where a proxy or firewall breaks TLS open, ask whoever runs it."
		v.trusted = false
		v.found(f)
		return
	}
	chain := conn.(*tls.Conn).ConnectionState().PeerCertificates
	conn.Close()
	f.State, f.Text, f.Fix = judgeCertificate(chain, v.base.Hostname(), nil, time.Now())
	if len(chain) > 0 {
		f.Values = map[string]float64{"days": float64(int(time.Until(chain[0].NotAfter).Hours() / 24))}
	}
	if v.trusted = f.State != protocol.FindingFail; !v.trusted {
		v.http = v.newHTTP(true)
	}
	v.found(f)
}

// judgeCertificate says what a browser would; roots nil are the system's.
func judgeCertificate(chain []*x509.Certificate, host string, roots *x509.CertPool, now time.Time) (protocol.FindingState, string, string) {
	if len(chain) == 0 {
		return protocol.FindingFail, "The server shows no certificate.", "Give it one with --cert and --key."
	}
	leaf, between := chain[0], x509.NewCertPool()
	for _, c := range chain[1:] {
		between.AddCert(c)
	}
	until := leaf.NotAfter.Format("2 January 2006")
	_, untrusted := leaf.Verify(x509.VerifyOptions{Intermediates: between, Roots: roots, CurrentTime: now})
	switch {
	case now.After(leaf.NotAfter):
		return protocol.FindingFail, fmt.Sprintf("The certificate expired on %s: browsers refuse the server.", until), "Renew the certificate, and check this machine's clock."
	case now.Before(leaf.NotBefore):
		return protocol.FindingFail, fmt.Sprintf("The certificate begins only on %s.", leaf.NotBefore.Format("2 January 2006")), "Check this machine's clock."
	case leaf.VerifyHostname(host) != nil:
		return protocol.FindingFail, fmt.Sprintf("The certificate is not for %s but for %s.", host, strings.Join(namesOf(leaf), ", ")),
			"Open the server by that name, or give it a certificate for this one."
	case untrusted != nil && leaf.Subject.String() == leaf.Issuer.String():
		return protocol.FindingFail, "The server made its certificate for itself: browsers warn of it, and other programs refuse it.",
			"Give the server a certificate of a known authority with --cert and --key. To try it out, accept the warning in the browser."
	case untrusted != nil:
		return protocol.FindingFail, fmt.Sprintf("The authority of the certificate (%s) is not known here, or the server leaves the certificates in between out.", leaf.Issuer.CommonName),
			"Give the server the whole chain in --cert, or install the authority's certificate here."
	case leaf.NotAfter.Sub(now) < 14*24*time.Hour:
		return protocol.FindingWarn, fmt.Sprintf("The certificate is good, but only until %s.", until), "See that it is renewed."
	}
	return protocol.FindingOK, fmt.Sprintf("The certificate of %s is good until %s.", host, until), ""
}

// namesOf lists the first few names of a certificate.
func namesOf(c *x509.Certificate) []string {
	names := append([]string(nil), c.DNSNames...)
	for _, ip := range c.IPAddresses {
		names = append(names, ip.String())
	}
	if len(names) > 4 {
		names = append(names[:4], "others")
	}
	if len(names) == 0 {
		names = []string{"no name"}
	}
	return names
}

// checkWebSocket opens one as a call does. Without a token the server says so in its first message:
// that it comes shows that messages pass, not only the handshake.
func (v *visit) checkWebSocket(ctx context.Context) {
	f := protocol.Finding{ID: "websocket", Group: groupServer, State: protocol.FindingOK, Title: "WebSocket"}
	ctx, cancel := context.WithTimeout(ctx, webTime)
	defer cancel()
	u := v.base.JoinPath("/v1/rooms/doctor")
	u.Scheme = map[string]string{"http": "ws", "https": "wss"}[u.Scheme]
	begin := time.Now()
	conn, res, err := websocket.Dial(ctx, u.String(), &websocket.DialOptions{HTTPClient: v.http, Subprotocols: []string{protocol.Subprotocol}})
	if err == nil {
		defer conn.CloseNow()
		_, _, err = conn.Read(ctx)
	}
	switch {
	case err == nil:
		f.Text = "A WebSocket opens and carries messages."
		f.Values = map[string]float64{"milliseconds": ms(time.Since(begin))}
	case res != nil && res.StatusCode != http.StatusSwitchingProtocols:
		f.State, f.Text = protocol.FindingFail, fmt.Sprintf("The WebSocket was refused with HTTP status %d: something on the way does not pass it on.", res.StatusCode)
		f.Fix = "In a reverse proxy, pass on the headers Upgrade and Connection (nginx: proxy_set_header Upgrade $http_upgrade)."
	default:
		f.State, f.Text = protocol.FindingFail, "The WebSocket does not carry messages: "+reason(err)+"."
		f.Fix = "Ask whoever runs the proxy or firewall on the way to allow WebSockets; https:// passes more of them than http://."
	}
	v.found(f)
}

// checkServer asks the server about itself, where the token allows it.
func (v *visit) checkServer(ctx context.Context) {
	skip := protocol.Finding{ID: "server", Group: "The server itself", State: protocol.FindingSkip, Title: "The server's own findings"}
	switch {
	case v.o.Token == "":
		skip.Text, skip.Fix = "Only an admin may ask the server about itself.", "Run this where the server runs, or give --token with what switchyard token --admin prints there."
	case !v.trusted:
		skip.Text, skip.Fix = "The server did not prove who it is: the token was not sent to it.", "Use an address with a good certificate."
	}
	if skip.Text != "" {
		v.found(skip)
		return
	}
	var own protocol.Diagnosis
	if _, err := v.call(ctx, http.MethodGet, "/v1/admin/doctor", v.o.Token, nil, &own); err != nil {
		skip.Text = "The server does not tell: " + strings.TrimSuffix(reason(err), ".") + "."
		v.found(skip)
		return
	}
	for _, f := range own.Findings {
		v.found(f)
	}
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
