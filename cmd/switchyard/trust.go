package main

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"sync"
)

// anyCertificate is an HTTP client for receiving: it takes a server's certificate that this machine does not trust,
// such as the one that a server makes for itself, and says so. Links and codes carry the secret by which the sender
// itself is recognised, so that a false server reads nothing (docs/transfer.md, What a hostile server can do).
func anyCertificate(say func(string)) *http.Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.ForceAttemptHTTP2 = false // WebSockets upgrade HTTP/1.1
	transport.TLSNextProto = map[string]func(string, *tls.Conn) http.RoundTripper{}
	var once sync.Once
	transport.TLSClientConfig = &tls.Config{
		InsecureSkipVerify: true, // VerifyConnection looks
		NextProtos:         []string{"http/1.1"},
		VerifyConnection: func(s tls.ConnectionState) error {
			o := x509.VerifyOptions{DNSName: s.ServerName, Intermediates: x509.NewCertPool()}
			for _, c := range s.PeerCertificates[1:] {
				o.Intermediates.AddCert(c)
			}
			if _, err := s.PeerCertificates[0].Verify(o); err != nil {
				once.Do(func() {
					say("The server's certificate is not one that this machine trusts. It cannot read the files all the same: they are encrypted from end to end.")
				})
			}
			return nil
		},
	}
	return &http.Client{Transport: transport}
}
