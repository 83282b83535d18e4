package bench

import (
	"context"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/dtls/v3"
	"github.com/pion/dtls/v3/pkg/crypto/fingerprint"
	"github.com/pion/dtls/v3/pkg/crypto/selfsign"
	"github.com/pion/srtp/v3"
	"github.com/pion/transport/v5/deadline"
)

const (
	checkEvery   = 50 * time.Millisecond // until the first answer
	consentEvery = 4 * time.Second       // RFC 7675 §5.1
)

// identity is the certificate that all our clients show: making one each would cost the load side.
type identity struct {
	cert        tls.Certificate
	fingerprint string
}

var newIdentity = sync.OnceValues(func() (*identity, error) {
	cert, err := selfsign.GenerateSelfSigned()
	if err != nil {
		return nil, err
	}
	parsed, err := x509.ParseCertificate(cert.Certificate[0])
	if err != nil {
		return nil, err
	}
	sum, err := fingerprint.Fingerprint(parsed, crypto.SHA256)
	return &identity{cert, strings.ToUpper(sum)}, err
})

// transport is one WebRTC association at its leanest: a socket, ICE's least, DTLS for the keys, SRTP.
// Whoever reads its socket owns the receiving side.
type transport struct {
	// Immutable after connect.
	sock   *socket
	reader *rester // nil: every datagram wakes somebody
	ice    ice
	answer *answer
	local  xorAddress
	onRTP  func(at time.Time, packet []byte)     // an encrypted RTP packet
	onRTCP []func(at time.Time, compound []byte) // each is given every decrypted compound
	down   *shaper                               // of a shaped downlink, else nil
	rate   func(at time.Time) int                // its rate then

	remote atomic.Pointer[netip.AddrPort] // where checks came through
	up     chan struct{}                  // closed when remote is known
	upOnce sync.Once
	hello  *pipe
	dtls   *dtls.Conn

	sendMu sync.Mutex
	out    *srtp.Context // guarded by sendMu
	in     atomic.Pointer[srtp.Context]
	gone   atomic.Bool   // it only counts what still comes
	failed atomic.Uint64 // RTCP that did not open
	buf    []byte        // guarded by sendMu

	early []early // that came before the keys; see media
}

// early is media that overtook the end of the handshake: a server may send at once what it has kept, and
// its first packets are what a join waits for.
type early struct {
	at     time.Time
	packet []byte
}

const maxEarly = 1024 // what comes beyond is dropped, as browsers drop all of it

// newTransport opens a socket that can reach the server; reader reads it, when not nil.
func newTransport(loopback bool, reader *rester, count *traffic) (*transport, error) {
	local := netip.AddrPortFrom(netip.IPv4Unspecified(), 0)
	if loopback {
		local = netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), 0)
	}
	sock, err := listen(local)
	if err != nil {
		return nil, err
	}
	sock.traffic = count
	t := &transport{sock: sock, reader: reader, up: make(chan struct{})}
	t.ice = ice{localUfrag: secret(8), localPwd: secret(24), tieBreaker: rand.Uint64() >> 1}
	t.hello = newPipe(t)
	t.local = xorAddress{IP: sock.local.Addr().AsSlice(), Port: int(sock.local.Port())}
	return t, nil
}

func secret(n int) string {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	b := make([]byte, n)
	for i := range b {
		b[i] = letters[rand.IntN(len(letters))]
	}
	return string(b)
}

// connect takes the answer, finds the path and agrees on keys. It returns when RTP can flow.
func (t *transport) connect(ctx context.Context, a *answer) error {
	t.answer = a
	t.ice.remoteUfrag, t.ice.remotePwd = a.ufrag, a.pwd
	if err := t.sock.start(t.reader, t.receive); err != nil {
		return err
	}
	if err := t.check(ctx); err != nil {
		return err
	}
	return t.handshake(ctx)
}

func (t *transport) check(ctx context.Context) error {
	tick := time.NewTicker(checkEvery)
	defer tick.Stop()
	for {
		for i, to := range t.answer.candidates {
			b, err := t.ice.request(i)
			if err != nil {
				return err
			}
			_ = t.sock.send(b, to) // an address that cannot be reached stays silent
		}
		select {
		case <-t.up:
			return nil
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("bench: no answer to ICE checks from %v: %w", t.answer.candidates, ctx.Err())
		}
	}
}

func (t *transport) handshake(ctx context.Context) error {
	id, err := newIdentity()
	if err != nil {
		return err
	}
	shared := []dtls.Option{
		dtls.WithCertificates(id.cert),
		dtls.WithSRTPProtectionProfiles(dtls.SRTP_AEAD_AES_128_GCM, dtls.SRTP_AES128_CM_HMAC_SHA1_80),
		dtls.WithExtendedMasterSecret(dtls.RequireExtendedMasterSecret),
		dtls.WithInsecureSkipVerify(true), // a load generator trusts the server that it was told
		dtls.WithFlightInterval(100 * time.Millisecond),
	}
	if t.answer.passive {
		var o []dtls.ClientOption
		for _, s := range shared {
			o = append(o, s)
		}
		t.dtls, err = dtls.ClientWithOptions(t.hello, t.hello.remote(), o...)
	} else {
		o := []dtls.ServerOption{dtls.WithClientAuth(dtls.RequireAnyClientCert), dtls.WithInsecureSkipVerifyHello(true)}
		for _, s := range shared {
			o = append(o, s)
		}
		t.dtls, err = dtls.ServerWithOptions(t.hello, t.hello.remote(), o...)
	}
	if err != nil {
		return fmt.Errorf("bench: DTLS: %w", err)
	}
	if err := t.dtls.HandshakeContext(ctx); err != nil {
		return fmt.Errorf("bench: DTLS: %w", err)
	}
	return t.keys()
}

func (t *transport) keys() error {
	profile, ok := t.dtls.SelectedSRTPProtectionProfile()
	state, ok2 := t.dtls.ConnectionState()
	if !ok || !ok2 {
		return errors.New("bench: DTLS agreed on no SRTP profile")
	}
	c := srtp.Config{Profile: srtp.ProtectionProfile(profile)}
	if err := c.ExtractSessionKeysFromDTLS(&state, t.answer.passive); err != nil {
		return err
	}
	out, err := srtp.CreateContext(c.Keys.LocalMasterKey, c.Keys.LocalMasterSalt, c.Profile)
	if err != nil {
		return err
	}
	in, err := srtp.CreateContext(c.Keys.RemoteMasterKey, c.Keys.RemoteMasterSalt, c.Profile, srtp.SRTPNoReplayProtection(), srtp.SRTCPNoReplayProtection())
	if err != nil {
		return err
	}
	t.sendMu.Lock()
	t.out = out
	t.sendMu.Unlock()
	t.in.Store(in)
	return nil
}

// receive tells datagrams apart by their first byte (RFC 7983).
func (t *transport) receive(at time.Time, b []byte) {
	t.sock.traffic.in(b)
	switch {
	case t.gone.Load():
	case len(b) < 12:
	case b[0] < 4:
		t.stun(b)
	case b[0] >= 20 && b[0] <= 63:
		t.hello.receive(b)
	case b[0]>>6 == 2 && t.down != nil:
		t.down.push(at, t.rate(at), b)
	case b[0]>>6 == 2:
		t.media(at, b)
	}
}

// media takes RTP and RTCP, told apart by RFC 5761 §4. Who calls it owns early and the context.
func (t *transport) media(at time.Time, b []byte) {
	in := t.in.Load()
	switch {
	case in == nil && len(t.early) < maxEarly:
		t.early = append(t.early, early{at, append([]byte(nil), b...)})
		return
	case in == nil:
		return
	}
	first := t.early
	t.early = nil
	for _, e := range first {
		t.media(e.at, e.packet)
	}
	if b[1] < 192 || b[1] > 223 {
		if t.onRTP != nil {
			t.onRTP(at, b)
		}
		return
	}
	compound, err := in.DecryptRTCP(nil, b, nil)
	if err != nil {
		t.failed.Add(1)
		return
	}
	for _, f := range t.onRTCP {
		f(at, compound)
	}
}

func (t *transport) stun(b []byte) {
	answer, candidate := t.ice.receive(b, t.local)
	if candidate >= 0 && candidate < len(t.answer.candidates) {
		t.upOnce.Do(func() {
			to := t.answer.candidates[candidate]
			t.remote.Store(&to)
			close(t.up)
		})
	}
	if answer == nil {
		return
	}
	if to := t.remote.Load(); to != nil {
		_ = t.sock.send(answer, *to)
		return
	}
	for _, to := range t.answer.candidates {
		_ = t.sock.send(answer, to)
	}
}

// consent renews the server's consent and ours (RFC 7675).
func (t *transport) consent() {
	to := t.remote.Load()
	if b, err := t.ice.request(0); err == nil && to != nil {
		_ = t.sock.send(b, *to)
	}
}

// sendRTP seals a packet whose header stands in it and sends it.
func (t *transport) sendRTP(packet []byte) error {
	t.sendMu.Lock()
	defer t.sendMu.Unlock()
	b, err := t.out.EncryptRTP(t.buf[:0], packet, nil)
	if err != nil {
		return err
	}
	t.buf = b
	return t.sock.send(b, *t.remote.Load())
}

// sendRTCP seals a compound and sends it.
func (t *transport) sendRTCP(packet []byte) error {
	t.sendMu.Lock()
	defer t.sendMu.Unlock()
	if t.out == nil {
		return nil
	}
	b, err := t.out.EncryptRTCP(t.buf[:0], packet, nil)
	if err != nil {
		return err
	}
	t.buf = b
	return t.sock.send(b, *t.remote.Load())
}

func (t *transport) close() {
	if t.dtls != nil {
		_ = t.dtls.Close() // tells the server that we go
	}
	t.hello.Close()
	t.sock.close()
}

// rtpHeaderLen is the length of the header with extensions, 0 when the packet is cut short.
func rtpHeaderLen(b []byte) int {
	n := 12 + 4*int(b[0]&15)
	if b[0]&0x10 != 0 {
		if len(b) < n+4 {
			return 0
		}
		n += 4 + 4*int(binary.BigEndian.Uint16(b[n+2:]))
	}
	if len(b) < n {
		return 0
	}
	return n
}

// pipe is the datagram socket that pion/dtls sees.
type pipe struct {
	t      *transport
	in     chan []byte // holds 32 datagrams; DTLS repeats what does not fit
	closed chan struct{}
	once   sync.Once

	deadline *deadline.Deadline // of reads
}

func newPipe(t *transport) *pipe {
	return &pipe{t: t, in: make(chan []byte, 32), closed: make(chan struct{}), deadline: deadline.New()}
}

func (p *pipe) receive(b []byte) {
	select {
	case p.in <- append([]byte(nil), b...):
	default:
	}
}

func (p *pipe) remote() net.Addr { return net.UDPAddrFromAddrPort(*p.t.remote.Load()) }

// ReadFrom implements net.PacketConn.
func (p *pipe) ReadFrom(b []byte) (int, net.Addr, error) {
	select {
	case d := <-p.in:
		return copy(b, d), p.remote(), nil
	case <-p.closed:
		return 0, nil, net.ErrClosed
	case <-p.deadline.Done():
		return 0, nil, os.ErrDeadlineExceeded
	}
}

// WriteTo implements net.PacketConn.
func (p *pipe) WriteTo(b []byte, _ net.Addr) (int, error) {
	return len(b), p.t.sock.send(b, *p.t.remote.Load())
}

// Close implements net.PacketConn.
func (p *pipe) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

// LocalAddr implements net.PacketConn.
func (p *pipe) LocalAddr() net.Addr { return net.UDPAddrFromAddrPort(p.t.sock.local) }

// SetDeadline implements net.PacketConn.
func (p *pipe) SetDeadline(t time.Time) error { return p.SetReadDeadline(t) }

// SetReadDeadline implements net.PacketConn.
func (p *pipe) SetReadDeadline(t time.Time) error {
	p.deadline.Set(t)
	return nil
}

// SetWriteDeadline implements net.PacketConn; writes do not block.
func (p *pipe) SetWriteDeadline(time.Time) error { return nil }
