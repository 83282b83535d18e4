package server

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"syscall"
	"time"

	"switchyard/api"
)

// errPrivate is why a webhook to an inner address is not called.
var errPrivate = errors.New("the webhook's address is of this machine or a private network: allow that with --webhook-private")

// hookClient makes the HTTP client of the webhook: without proxy, cookies or redirects, and, where the
// webhook may not be private, unable to connect to an inner address, whatever name leads there.
func hookClient(cfg Webhook) (*http.Client, string, error) {
	u, err := url.Parse(cfg.URL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, "", fmt.Errorf("the webhook's URL must begin with http:// or https://: set another with --webhook")
	}
	if len(cfg.Secrets) == 0 {
		return nil, "", errors.New("a webhook needs a secret that signs its events: name a file with --webhook-secret")
	}
	dialer := &net.Dialer{Timeout: 5 * time.Second}
	if !cfg.Private {
		dialer.Control = func(_, address string, _ syscall.RawConn) error {
			ap, err := netip.ParseAddrPort(address)
			if err != nil || !publicAddr(ap.Addr()) {
				return errPrivate
			}
			return nil
		}
	}
	return &http.Client{
		Timeout: cfg.timeout,
		Transport: &http.Transport{DialContext: dialer.DialContext, TLSHandshakeTimeout: 5 * time.Second,
			MaxIdleConnsPerHost: hookCalls, IdleConnTimeout: 30 * time.Second, MaxResponseHeaderBytes: 64 << 10},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, u.Host, nil
}

// inner are networks that netip does not call private, and yet lead nowhere that a webhook should go
// (RFC 6890), or smuggle an IPv4 address.
var inner = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("198.18.0.0/15"), netip.MustParsePrefix("240.0.0.0/4"),
	netip.MustParsePrefix("::/96"), netip.MustParsePrefix("64:ff9b::/32"), netip.MustParsePrefix("100::/64"),
	netip.MustParsePrefix("2001::/23"), netip.MustParsePrefix("2002::/16"), netip.MustParsePrefix("fec0::/10"),
}

// publicAddr says whether an address is one of the Internet.
func publicAddr(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	if !a.IsGlobalUnicast() || a.IsPrivate() {
		return false
	}
	for _, p := range inner {
		if p.Contains(a) {
			return false
		}
	}
	return true
}

// call posts an event once. Any answer of 200 to 299 is good.
func (h *hooks) call(k *hook) error {
	req, err := http.NewRequestWithContext(h.ctx, http.MethodPost, h.cfg.URL, bytes.NewReader(k.body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "Switchyard")
	req.Header.Set("Switchyard-Event", k.typ)
	req.Header.Set("Switchyard-Delivery", k.id)
	req.Header.Set(api.SignatureHeader, api.Sign(h.cfg.Secrets, time.Now().Unix(), k.body))
	res, err := h.client.Do(req)
	if err != nil {
		if inside := new(url.Error); errors.As(err, &inside) { // its text holds the whole URL
			err = inside.Err
		}
		return err
	}
	defer res.Body.Close()
	_, _ = io.CopyN(io.Discard, res.Body, 4<<10) // so that the connection can be used again
	if res.StatusCode < 200 || res.StatusCode > 299 {
		return fmt.Errorf("it answered %d", res.StatusCode)
	}
	return nil
}
