package server

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"time"

	"switchyard/store"
)

// selfSignedLife is short enough for browsers (they refuse more than 825 days); renewBefore is when
// a start of the server makes a new one.
const (
	selfSignedLife = 397 * 24 * time.Hour
	renewBefore    = 30 * 24 * time.Hour
)

// selfSignedName tells the certificate that the server made itself.
const selfSignedName = "Switchyard (self-signed)"

// tlsConfig serves the certificate of the two files, read again when they change (certificates are
// renewed while the server runs), or a self-signed one that is kept in the data folder.
func tlsConfig(certFile, keyFile, data string, addrs []netip.Addr) (*tls.Config, error) {
	cfg := &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}}
	switch {
	case certFile == "" && keyFile == "":
		own := &ownCertificate{dir: data, addrs: addrs}
		if _, err := own.at(time.Now()); err != nil {
			return nil, err
		}
		cfg.GetCertificate = func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return own.at(time.Now()) }
		return cfg, nil
	case certFile == "" || keyFile == "":
		return nil, errors.New("server: a certificate and its key belong together: give both --cert and --key, or neither")
	}
	files := &certificateFiles{cert: certFile, key: keyFile}
	if _, err := files.get(nil); err != nil {
		return nil, fmt.Errorf("server: cannot use the certificate %s with the key %s: %w", certFile, keyFile, err)
	}
	cfg.GetCertificate = files.get
	return cfg, nil
}

// certificateFiles is a certificate that follows its files.
type certificateFiles struct {
	cert, key string

	mu      sync.Mutex
	changed time.Time // guarded by mu: of the file that loaded was read from
	loaded  *tls.Certificate
}

func (f *certificateFiles) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	info, err := os.Stat(f.cert)
	if err == nil && f.loaded != nil && info.ModTime().Equal(f.changed) {
		return f.loaded, nil
	}
	if err == nil {
		var pair tls.Certificate
		if pair, err = tls.LoadX509KeyPair(f.cert, f.key); err == nil {
			f.loaded, f.changed = &pair, info.ModTime()
			return f.loaded, nil
		}
	}
	if f.loaded != nil { // half-written or gone: the old one is better than none
		return f.loaded, nil
	}
	return nil, err
}

// ownCertificate is a self-signed certificate that is made anew before it ends: by a server that runs for a
// year, or whose clock was wrong when it started.
type ownCertificate struct {
	dir   string
	addrs []netip.Addr

	mu     sync.Mutex
	loaded *tls.Certificate // guarded by mu
	tried  time.Time        // guarded by mu: when it was last to be renewed
}

// renewPause is the least time between two attempts to renew, where the disk does not take it.
const renewPause = time.Minute

func (c *ownCertificate) at(now time.Time) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.loaded != nil && (timely(c.loaded.Leaf, now) || now.Sub(c.tried).Abs() < renewPause) {
		return c.loaded, nil
	}
	c.tried = now
	cert, err := selfSigned(c.dir, c.addrs, now)
	if err == nil {
		c.loaded = &cert
	}
	if c.loaded != nil { // an old one is better than none
		return c.loaded, nil
	}
	return nil, err
}

// timely says whether a certificate is good now and for long enough.
func timely(leaf *x509.Certificate, now time.Time) bool {
	return !now.Before(leaf.NotBefore) && now.Add(renewBefore).Before(leaf.NotAfter)
}

// selfSigned loads the certificate kept in dir, or makes one where there is none that is good for
// all addrs and long enough.
func selfSigned(dir string, addrs []netip.Addr, now time.Time) (tls.Certificate, error) {
	path := filepath.Join(dir, "tls.pem")
	data, err := os.ReadFile(path)
	if err == nil {
		cert, err := tls.X509KeyPair(data, data)
		if err == nil && timely(cert.Leaf, now) && covers(cert.Leaf, addrs) {
			return cert, nil
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return tls.Certificate{}, err
	}
	if data, err = makeCertificate(addrs, now); err != nil {
		return tls.Certificate{}, err
	}
	if err := store.WriteFile(path, data); err != nil {
		return tls.Certificate{}, err
	}
	return tls.X509KeyPair(data, data)
}

func covers(leaf *x509.Certificate, addrs []netip.Addr) bool {
	for _, a := range addrs {
		if leaf.VerifyHostname(a.String()) != nil {
			return false
		}
	}
	return true
}

// makeCertificate returns a key and a certificate for localhost and addrs, both in PEM.
func makeCertificate(addrs []netip.Addr, now time.Time) ([]byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: selfSignedName},
		NotBefore:    now.Add(-time.Hour),
		NotAfter:     now.Add(selfSignedLife),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames:     []string{"localhost"},
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
	}
	if host, err := os.Hostname(); err == nil && host != "localhost" {
		template.DNSNames = append(template.DNSNames, host)
	}
	for _, a := range addrs {
		template.IPAddresses = append(template.IPAddresses, a.AsSlice())
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	out := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})
	return append(out, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...), nil
}
