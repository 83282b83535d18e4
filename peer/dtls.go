package peer

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/pion/dtls/v3"

	"switchyard/peer/srtp"
)

const (
	dtlsMTU = 1200
	// flightInterval is the first retransmission's: RFC 6347 §4.2.4.1 says 1 s, and allows less where
	// the round trip is known to be short. It doubles each time.
	flightInterval = 250 * time.Millisecond
)

// transport is the part of a link that runs beside the shard: DTLS (RFC 6347) and what it carries.
// One goroutine, run, owns the connection from start until close.
type transport struct {
	link *Link // for cfg and Post only: its state belongs to the shard
	pipe *pipe
	stop context.CancelFunc
	ctx  context.Context // of the handshakes; over after close

	client  bool // our role; set before run
	started bool // owned by the shard
	wants   bool // owned by the shard: data was asked for
	data    chan *Data

	mu     sync.Mutex
	conn   *dtls.Conn   // guarded by mu; nil before the handshake
	sctp   *association // guarded by mu; nil before data is up
	closed bool         // guarded by mu
}

func newTransport(l *Link) *transport {
	t := &transport{link: l, pipe: newPipe(l.cfg.Send), data: make(chan *Data, 1)}
	t.ctx, t.stop = context.WithCancel(context.Background())
	return t
}

// start begins the handshake, once there is a path; called on the shard.
func (t *transport) start(s *Session) {
	if t.started {
		return
	}
	t.started, t.client = true, s.DTLSClient
	if s.Data != nil {
		t.wantData(s.Data)
	}
	go t.run(s)
}

// wantData has SCTP begin, now or after the handshake; called on the shard. The first word counts.
func (t *transport) wantData(d *Data) {
	if t.wants {
		return
	}
	t.wants = true
	t.data <- d
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.conn != nil {
		_ = t.conn.SetReadDeadline(time.Unix(1, 0)) // wakes idle; cannot fail
	}
}

// close ends everything; called on the shard. Saying goodbye takes locks that run may hold for a
// while, so it has a goroutine of its own, which ends with run.
func (t *transport) close() {
	t.stop()
	t.mu.Lock()
	conn := t.conn
	t.closed = true
	t.mu.Unlock()
	if conn == nil {
		_ = t.pipe.Close()
		return
	}
	go func() {
		_ = conn.Close() // sends close_notify and closes the pipe
		_ = t.pipe.Close()
	}()
}

// run makes the handshake, gives the keys to the shard, and serves what comes after.
func (t *transport) run(s *Session) {
	conn, err := t.handshake(s)
	if err != nil {
		t.post(func() { t.link.fail(fmt.Errorf("peer: DTLS: %w", err)) })
		return
	}
	sender, receiver, err := keys(conn, s.DTLSClient)
	if err != nil {
		_ = conn.Close()
		t.post(func() { t.link.fail(fmt.Errorf("peer: DTLS: %w", err)) })
		return
	}
	if !t.hold(conn) {
		_ = conn.Close()
		return
	}
	t.post(func() { t.link.install(sender, receiver) })
	t.idle(conn)
	t.post(func() { t.link.end(LinkEvent{Kind: Closed}) })
}

func (t *transport) post(f func()) { t.link.cfg.Post(f) }

// hold keeps conn for close; false after close.
func (t *transport) hold(conn *dtls.Conn) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.conn = conn
	return !t.closed
}

// idle waits for the connection's end. Without data nothing arrives but alerts.
func (t *transport) idle(conn *dtls.Conn) {
	var b [1]byte
	for {
		select {
		case d := <-t.data:
			_ = conn.SetReadDeadline(time.Time{}) // cannot fail
			t.serveData(conn, d)
			return
		default:
		}
		if _, err := conn.Read(b[:]); err != nil && !passing(err) {
			_ = conn.Close()
			return
		}
	}
}

// passing tells errors of reading that are none of the connection: woken by wantData, or a record
// of data that nobody negotiated.
func passing(err error) bool {
	var timeout *dtls.TimeoutError
	var long *dtls.TemporaryError
	return errors.As(err, &timeout) || errors.As(err, &long)
}

// handshake runs DTLS in the role that was negotiated.
func (t *transport) handshake(s *Session) (*dtls.Conn, error) {
	conn, err := t.newConn(s)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(t.ctx, connectTimeout)
	defer cancel()
	if err := conn.HandshakeContext(ctx); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return conn, nil
}

func (t *transport) newConn(s *Session) (*dtls.Conn, error) {
	cert := []tls.Certificate{t.link.cfg.Certificate.tls}
	profiles := []dtls.SRTPProtectionProfile{dtls.SRTP_AEAD_AES_128_GCM, dtls.SRTP_AES128_CM_HMAC_SHA1_80}
	verify := func(certs [][]byte, _ [][]*x509.Certificate) error {
		if len(certs) == 0 {
			return errNoCert
		}
		return s.RemoteFingerprint.check(certs[0])
	}
	shared := []dtls.Option{
		dtls.WithCertificates(cert...),
		dtls.WithSRTPProtectionProfiles(profiles...),
		dtls.WithExtendedMasterSecret(dtls.RequestExtendedMasterSecret),
		dtls.WithInsecureSkipVerify(true), // the fingerprint is what is verified
		dtls.WithVerifyPeerCertificate(verify),
		dtls.WithFlightInterval(flightInterval),
		dtls.WithMTU(dtlsMTU),
		dtls.WithLoggerFactory(pionLog{t.link.cfg.Log}),
	}
	if s.DTLSClient {
		o := make([]dtls.ClientOption, 0, len(shared))
		for _, x := range shared {
			o = append(o, x)
		}
		return dtls.ClientWithOptions(t.pipe, pipeAddr{}, o...)
	}
	// ICE has proved the address already: HelloVerifyRequest would only cost a round trip.
	o := []dtls.ServerOption{dtls.WithClientAuth(dtls.RequireAnyClientCert), dtls.WithInsecureSkipVerifyHello(true)}
	for _, x := range shared {
		o = append(o, x)
	}
	return dtls.ServerWithOptions(t.pipe, pipeAddr{}, o...)
}

var errNoProfile = errors.New("no SRTP protection profile in common")

// keys exports the SRTP keys of both directions (RFC 5764 §4.2).
func keys(conn *dtls.Conn, client bool) (*srtp.Sender, *srtp.Receiver, error) {
	profile, ok := conn.SelectedSRTPProtectionProfile()
	if !ok {
		return nil, nil, errNoProfile
	}
	state, ok := conn.ConnectionState()
	if !ok {
		return nil, nil, errors.New("no connection state")
	}
	p := srtp.Profile(profile)
	material, err := state.ExportKeyingMaterial("EXTRACTOR-dtls_srtp", nil, p.KeyingLen())
	if err != nil {
		return nil, nil, err
	}
	local, remote, err := p.Split(material, client)
	if err != nil {
		return nil, nil, err
	}
	sender, err := srtp.NewSender(local)
	if err != nil {
		return nil, nil, err
	}
	receiver, err := srtp.NewReceiver(remote)
	return sender, receiver, err
}
