package peer

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"time"
)

// Certificate is the server's DTLS identity.
type Certificate struct {
	tls         tls.Certificate
	fingerprint Fingerprint
}

// NewCertificate makes a self-signed ECDSA P-256 certificate, valid for a year. Other ends know it
// by its fingerprint, not by its names or dates.
func NewCertificate() (*Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("peer: certificate: %w", err)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, fmt.Errorf("peer: certificate: %w", err)
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: "WebRTC"},
		NotBefore:    now.Add(-24 * time.Hour), // clocks differ
		NotAfter:     now.Add(366 * 24 * time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, fmt.Errorf("peer: certificate: %w", err)
	}
	return &Certificate{
		tls:         tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key},
		fingerprint: Fingerprint{Hash: "sha-256", Value: colonHex(sum256(der))},
	}, nil
}

// Fingerprint returns the SHA-256 hash that stands in SDP (RFC 8122).
func (c *Certificate) Fingerprint() Fingerprint { return c.fingerprint }

var (
	errFingerprint = errors.New("peer: the other end's certificate is not that of its offer's fingerprint")
	errHash        = errors.New("peer: unsupported fingerprint hash (sha-256, sha-384 and sha-512 are)")
	errNoCert      = errors.New("peer: the other end sent no certificate")
)

// check compares a certificate with f.
func (f Fingerprint) check(der []byte) error {
	var sum []byte
	switch strings.ToLower(f.Hash) {
	case "sha-256":
		sum = sum256(der)
	case "sha-384":
		s := sha512.Sum384(der)
		sum = s[:]
	case "sha-512":
		s := sha512.Sum512(der)
		sum = s[:]
	default:
		return errHash
	}
	if !strings.EqualFold(colonHex(sum), f.Value) {
		return errFingerprint
	}
	return nil
}

func sum256(b []byte) []byte {
	s := sha256.Sum256(b)
	return s[:]
}

func colonHex(b []byte) string {
	var s strings.Builder
	for i, x := range b {
		if i > 0 {
			s.WriteByte(':')
		}
		fmt.Fprintf(&s, "%02X", x)
	}
	return s.String()
}
