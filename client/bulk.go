package client

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net/netip"
	"slices"
	"time"

	"github.com/pion/webrtc/v4"

	"switchyard/client/path"
)

// bulk is what a link has that is made for bulk data: sockets of its own, and a certificate whose key we hold,
// so that QUIC can use both.
type bulk struct {
	net  *path.Net
	api  *webrtc.API
	cert tls.Certificate
	dtls webrtc.Certificate
}

// sctpWindow is how many bytes SCTP takes before they are read: what is on the way at 80 MB/s and 200 ms.
const sctpWindow = 16 << 20

// newBulk makes them for one link.
func newBulk(o *Options) (*bulk, error) {
	n, err := path.New()
	if err != nil {
		return nil, err
	}
	b := &bulk{net: n}
	settings := append([]func(*webrtc.SettingEngine){func(s *webrtc.SettingEngine) {
		s.SetNet(n)
		s.SetSCTPMaxReceiveBufferSize(sctpWindow)
		s.EnableSCTPZeroChecksum(true)
	}}, o.LinkSettings...)
	if b.api, err = NewAPI(o.URL, settings...); err != nil {
		return nil, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{ // as pion's own: nobody looks at more than its fingerprint
		SerialNumber: serial, Subject: pkix.Name{CommonName: "WebRTC"}, Version: 2,
		// A page takes it for WebTransport where it is valid for 14 days at most, whatever its clock says.
		NotBefore: time.Now().AddDate(0, 0, -3), NotAfter: time.Now().AddDate(0, 0, 10),
		SignatureAlgorithm: x509.ECDSAWithSHA256,
		KeyUsage:           x509.KeyUsageDigitalSignature, // Chromium cannot read one without extensions
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	b.cert = tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: parsed}
	b.dtls = webrtc.CertificateFromX509(key, parsed)
	return b, nil
}

// connection makes a peer connection for this link.
func (l *Link) connection(servers []webrtc.ICEServer) (*webrtc.PeerConnection, error) {
	if l.bulk == nil {
		return l.c.api.NewPeerConnection(webrtc.Configuration{ICEServers: servers})
	}
	return l.bulk.api.NewPeerConnection(webrtc.Configuration{ICEServers: servers, Certificates: []webrtc.Certificate{l.bulk.dtls}})
}

// transports are what this link can carry besides DataChannels.
func (l *Link) transports() []string {
	if l.bulk == nil {
		return nil
	}
	if l.web == nil {
		return []string{WayQUIC}
	}
	return []string{WayQUIC, WayWebTransport}
}

// hearTransports takes what the other end's description says that it can carry. Run calls it.
func (l *Link) hearTransports(names []string) {
	l.mu.Lock()
	l.peerQUIC = slices.Contains(names, WayQUIC)
	l.peerDials = !l.peerQUIC && slices.Contains(names, WayWebTransport)
	web := l.web
	l.mu.Unlock()
	switch {
	case web == nil:
	case l.peerQUIC:
		web.end() // there is what is better
	case !l.peerDials:
		web.refuse()
	}
}

// selectPath tells the sockets which path ICE nominated.
func (l *Link) selectPath(pc *webrtc.PeerConnection) {
	if l.bulk == nil {
		return
	}
	pair, err := pc.SCTP().Transport().ICETransport().GetSelectedCandidatePair()
	if err != nil || pair == nil {
		l.bulk.net.Unselect()
		return
	}
	local, remote, ok := pathOf(pair)
	if !ok {
		l.bulk.net.Unselect()
		return
	}
	if err := l.bulk.net.Select(local, remote); err != nil {
		l.c.log.Debug("link: no socket for the path", "link", l.key.name, "error", err)
		return
	}
	l.startQUIC()
}

// pathOf is the address of the socket and that of the other end; false where there is a relay or TCP in between.
func pathOf(pair *webrtc.ICECandidatePair) (local, remote netip.AddrPort, ok bool) {
	if relayed(pair) || pair.Local.Protocol != webrtc.ICEProtocolUDP {
		return local, remote, false
	}
	address, port := pair.Local.Address, pair.Local.Port
	if pair.Local.Typ != webrtc.ICECandidateTypeHost {
		address, port = pair.Local.RelatedAddress, pair.Local.RelatedPort // its base: RFC 8445 §5.1.1.2
	}
	own, err1 := netip.ParseAddr(address)
	their, err2 := netip.ParseAddr(pair.Remote.Address)
	if err1 != nil || err2 != nil {
		return local, remote, false
	}
	return netip.AddrPortFrom(own, port), netip.AddrPortFrom(their, pair.Remote.Port), true
}
