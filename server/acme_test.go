package server

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/letsencrypt/pebble/v2/ca"
	"github.com/letsencrypt/pebble/v2/db"
	"github.com/letsencrypt/pebble/v2/va"
	"github.com/letsencrypt/pebble/v2/wfe"
	"github.com/miekg/dns"
)

// authority is a real certificate authority (Pebble, which Let's Encrypt tests clients with), that
// finds every name but "unknown.*" at 127.0.0.1 and connects to the ports it was given instead of 80
// and 443.
type authority struct {
	directory string
	rootFile  string         // of its HTTPS
	issued    *x509.CertPool // of its certificates
}

func newAuthority(t *testing.T, httpPort, tlsPort int, life time.Duration) authority {
	t.Helper()
	t.Setenv("PEBBLE_VA_NOSLEEP", "1")
	t.Setenv("PEBBLE_WFE_NONCEREJECT", "20") // a client must bear it
	t.Setenv("PEBBLE_AUTHZREUSE", "0")
	silent := log.New(io.Discard, "", 0)
	store := db.NewMemoryStore()
	issuer := ca.New(silent, store, "", "ecdsa", 0, 1, map[string]ca.Profile{
		"default": {ValidityPeriod: uint64(life / time.Second)},
	})
	validator := va.New(silent, httpPort, tlsPort, true, newDNS(t), store)
	front := wfe.New(silent, store, validator, issuer, []string{"ca.test"}, true, false, 1, 1)
	web := httptest.NewUnstartedServer(front.Handler())
	web.Config.ErrorLog = silent // a client that does not trust it
	web.StartTLS()
	t.Cleanup(web.Close)
	a := authority{directory: web.URL + wfe.DirectoryPath, issued: x509.NewCertPool()}
	a.issued.AddCert(issuer.GetRootCert(0).Cert)
	a.rootFile = filepath.Join(t.TempDir(), "root.pem")
	root := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: web.Certificate().Raw})
	if err := os.WriteFile(a.rootFile, root, 0o600); err != nil {
		t.Fatal(err)
	}
	return a
}

// newDNS answers 127.0.0.1 for every name, but "unknown.…", which does not exist.
func newDNS(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &dns.Server{Listener: l, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		m := new(dns.Msg).SetReply(q)
		switch {
		case strings.HasPrefix(q.Question[0].Name, "unknown."):
			m.Rcode = dns.RcodeNameError
		case q.Question[0].Qtype == dns.TypeA:
			m.Answer = []dns.RR{&dns.A{
				Hdr: dns.RR_Header{Name: q.Question[0].Name, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: 1},
				A:   net.IPv4(127, 0, 0, 1),
			}}
		}
		w.WriteMsg(m)
	})}
	go s.ActivateAndServe()
	t.Cleanup(func() { s.Shutdown() })
	return l.Addr().String()
}

// freePort is a TCP port of loopback that nobody listens on now, and that the kernel gives to nobody who asks
// for any: it is below those (ip_local_port_range).
func freePort(t *testing.T) int {
	t.Helper()
	for range 1000 {
		l, err := net.Listen("tcp", portAddr(10_000+rand.IntN(22_000)))
		if errors.Is(err, syscall.EADDRINUSE) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		return l.Addr().(*net.TCPAddr).Port
	}
	t.Fatal("every port is in use")
	return 0
}

func portAddr(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within %v: %s", patience, what)
		}
	}
}

// certificateOf returns the certificate that the server shows for name when it is one of roots.
func certificateOf(addr, name string, roots *x509.CertPool) (*x509.Certificate, error) {
	conn, err := tls.DialWithDialer(&net.Dialer{Timeout: patience}, "tcp", addr, &tls.Config{ServerName: name, RootCAs: roots})
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	return conn.ConnectionState().PeerCertificates[0], nil
}

func TestCertificateFromAuthority(t *testing.T) {
	for _, challenge := range []string{"tls-alpn-01", "http-01"} {
		t.Run(challenge, func(t *testing.T) {
			httpPort, tlsPort := freePort(t), freePort(t)
			ca := newAuthority(t, httpPort, tlsPort, 90*24*time.Hour)
			cfg := Config{
				HTTP: portAddr(httpPort), Media: portAddr(tlsPort), Data: t.TempDir(),
				ACME: ACME{
					Domains: []string{"Meet.example.org", "b.example.org"}, Email: "ops@example.org",
					CA: ca.directory, RootFile: ca.rootFile, challenge: challenge,
				},
			}
			s := run(t, cfg)
			for _, name := range []string{"meet.example.org", "b.example.org"} {
				eventually(t, "a certificate for "+name, func() bool {
					_, err := certificateOf(s.media, name, ca.issued)
					return err == nil
				})
			}
			first, err := certificateOf(s.media, "meet.example.org", ca.issued)
			if err != nil {
				t.Fatal(err)
			}
			// Other names, and none, get the certificate of the server's own.
			if cert, err := certificateOf(s.media, "localhost", nil); err == nil || cert != nil {
				t.Error("localhost has a certificate of the authority")
			}
			s.stop()

			// What was got is kept: a server that starts again asks for nothing.
			s = run(t, cfg)
			eventually(t, "the kept certificate", func() bool {
				again, err := certificateOf(s.media, "meet.example.org", ca.issued)
				return err == nil && again.Equal(first)
			})
			if strings.Contains(s.log.String(), "asking for a certificate") {
				t.Error("it asked again for a certificate that it has")
			}
		})
	}
}

func TestCertificateIsRenewed(t *testing.T) {
	tlsPort := freePort(t)
	ca := newAuthority(t, freePort(t), tlsPort, 6*time.Second)
	s := run(t, Config{
		Media: portAddr(tlsPort),
		ACME: ACME{
			Domains: []string{"meet.example.org"}, CA: ca.directory, RootFile: ca.rootFile,
			challenge: "tls-alpn-01", check: 200 * time.Millisecond,
		},
	})
	var first *x509.Certificate
	eventually(t, "a certificate", func() (ok bool) {
		cert, err := certificateOf(s.media, "meet.example.org", ca.issued)
		first = cert
		return err == nil
	})
	eventually(t, "another certificate", func() bool {
		cert, err := certificateOf(s.media, "meet.example.org", ca.issued)
		return err == nil && !cert.Equal(first)
	})
	if !strings.Contains(s.log.String(), "renewal=true") {
		t.Error("the renewal is not in the log")
	}
}

func TestCertificateRefusalsSayWhatToDo(t *testing.T) {
	tlsPort := freePort(t)
	ca := newAuthority(t, freePort(t), tlsPort, time.Hour)
	elsewhere := newAuthority(t, freePort(t), freePort(t), time.Hour)
	cases := []struct {
		what string
		acme ACME
		want []string
	}{
		{"name not in the DNS", ACME{Domains: []string{"unknown.example.org"}, CA: ca.directory, RootFile: ca.rootFile},
			[]string{"the DNS has no address for unknown.example.org", "add an A or AAAA record"}},
		{"port closed", ACME{Domains: []string{"meet.example.org"}, CA: elsewhere.directory, RootFile: elsewhere.rootFile},
			[]string{"could not connect to meet.example.org", "TCP port 443 (to port " + strconv.Itoa(tlsPort) + " here)"}},
		{"authority not trusted", ACME{Domains: []string{"meet.example.org"}, CA: ca.directory},
			[]string{"give that root with --acme-root"}},
		{"authority not there", ACME{Domains: []string{"meet.example.org"}, CA: "https://" + portAddr(freePort(t)) + "/dir"},
			[]string{"cannot be reached"}},
	}
	for _, c := range cases {
		t.Run(c.what, func(t *testing.T) {
			c.acme.challenge = "tls-alpn-01"
			s := run(t, Config{Media: portAddr(tlsPort), ACME: c.acme})
			eventually(t, "a word in the log", func() bool {
				return strings.Contains(s.log.String(), "no certificate: ")
			})
			for _, want := range c.want {
				if !strings.Contains(s.log.String(), want) {
					t.Errorf("the log does not say %q:\n%s", want, s.log.String())
				}
			}
			// People reach it meanwhile, with a certificate of its own.
			client := &http.Client{Timeout: patience, Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
			res, err := client.Get("https://" + s.media + "/healthz")
			if err != nil {
				t.Fatal(err)
			}
			res.Body.Close()
		})
	}
}

func TestCertifiableNames(t *testing.T) {
	for name, want := range map[string]bool{
		"meet.example.org": true, "xn--bcher-kva.example": true,
		"localhost": false, "192.0.2.1": false, "*.example.org": false, "host.local": false, "": false, "a b.example.org": false,
	} {
		if err := certifiable(name, ""); (err == nil) != want {
			t.Errorf("%q: %v", name, err)
		}
	}
	if err := certifiable("meet.lan", "https://ca.lan/dir"); err != nil {
		t.Errorf("a private authority may know private names: %v", err)
	}
}

func TestChallengesFitThePorts(t *testing.T) {
	cases := []struct {
		web, media     string
		byHTTP, byALPN bool
	}{
		{"0.0.0.0:80", "0.0.0.0:443", true, true},
		{"127.0.0.1:8080", "0.0.0.0:443", false, true},
		{"0.0.0.0:80", "0.0.0.0:8443", true, false},
		{"0.0.0.0:8080", "0.0.0.0:8443", true, true}, // somebody forwards
		{"127.0.0.1:80", "0.0.0.0:8443", false, true},
	}
	for _, c := range cases {
		got := &certificates{web: netip.MustParseAddrPort(c.web), media: netip.MustParseAddrPort(c.media)}
		if h, a := got.challenges(); h != c.byHTTP || a != c.byALPN {
			t.Errorf("http %s, media %s: HTTP-01 %v, TLS-ALPN-01 %v", c.web, c.media, h, a)
		}
	}
}

func TestPlainHTTPLeadsToTheDomain(t *testing.T) {
	s := run(t, Config{ACME: ACME{Domains: []string{"meet.example.org"}, CA: "https://" + portAddr(freePort(t)) + "/dir"}})
	r := httptest.NewRequest("GET", "/r/standup?x=1", nil)
	r.Host = "meet.example.org"
	r.Header.Set("Accept", "text/html")
	w := httptest.NewRecorder()
	s.toDomain(s.routes()).ServeHTTP(w, r)
	want := "https://meet.example.org:" + strconv.Itoa(int(s.MediaAddr().Port())) + "/r/standup?x=1"
	if w.Code != http.StatusTemporaryRedirect || w.Header().Get("Location") != want {
		t.Errorf("a browser got %d %q, want %q", w.Code, w.Header().Get("Location"), want)
	}
	if status, _, _ := s.call("GET", "/healthz", "", "Host: meet.example.org"); status != http.StatusOK {
		t.Errorf("a program got %d", status)
	}
}
