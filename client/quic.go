package client

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/quic-go/quic-go"

	"switchyard/client/path"
)

const (
	linkALPN = "switchyard-link/1"
	// quicPatience is how long a lane waits for QUIC before the way falls back to DataChannels.
	quicPatience = 3 * time.Second
	// lossLanes is how many lanes are worth opening where packets are lost, and MaxLanes on a long way: each has a congestion window of its
	// own, so that others fill the gap while one grows again. Without losses one is enough, and a fifth cheaper: it has one pacer
	// and one stream of acknowledgements.
	lossLanes = 4
	// longLanes is how many a long way takes without losses: what is on the way is more than quicWindow.
	longLanes = 2
	// longWay is the round trip from which on a way is long.
	longWay = 40 * time.Millisecond
	// lossFew packets lost, and one of lossRare, are losses: less is the end of the slow start.
	lossFew, lossRare = 6, 2000
	// quicWindow is how many bytes one lane holds that are not received: longLanes fill 1 Gbit/s at 95 ms, and 8 take 48 MB of memory.
	quicWindow = 6 << 20
)

// The codes that connections are closed with.
const (
	quicClosed quic.ApplicationErrorCode = iota // as it should be
	quicBroken
)

var errFingerprint = errors.New("client: the other end's QUIC certificate is not the one of its description")

var quicConfig = &quic.Config{
	HandshakeIdleTimeout:           quicPatience,
	MaxIdleTimeout:                 40 * time.Second, // longer than a link without a path lives
	KeepAlivePeriod:                10 * time.Second,
	InitialStreamReceiveWindow:     quicWindow / 4,
	MaxStreamReceiveWindow:         quicWindow,
	InitialConnectionReceiveWindow: quicWindow / 4,
	MaxConnectionReceiveWindow:     quicWindow,
	MaxIncomingStreams:             1,
	MaxIncomingUniStreams:          -1,
}

// quicEnd is our end of QUIC on a link: it dials a connection for each lane that we open and takes those
// of the other end, over whatever path the link has. It ends with the link.
type quicEnd struct {
	l         *Link
	conn      *path.Conn
	transport *quic.Transport
	listener  *quic.Listener
	incoming  chan *streamLane // with its number read; closed with the listener

	mu    sync.Mutex
	lanes []quicLane // guarded by mu: all that there were
}

// quicLane is a lane on a connection of its own.
type quicLane struct {
	*streamLane
	conn *quic.Conn
}

// quicStream is the stream of a quicLane.
type quicStream struct {
	*quic.Stream
	conn *quic.Conn
}

func (s quicStream) stopWriting() { s.CancelWrite(0) }
func (s quicStream) stopReading() { s.CancelRead(0) }
func (s quicStream) finish()      { _ = s.conn.CloseWithError(quicClosed, "") }

func (s quicStream) closed(err error) bool {
	app, ok := errors.AsType[*quic.ApplicationError](err)
	return ok && app.Remote && app.ErrorCode == quicClosed
}

// startQUIC begins to listen, once, when there is a direct path to an end that speaks QUIC. Run calls it.
func (l *Link) startQUIC() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.peerQUIC || l.quic != nil || l.err != nil {
		return
	}
	conn, err := l.bulk.net.Conn()
	if err != nil {
		l.c.log.Debug("link: no QUIC", "link", l.key.name, "error", err)
		return
	}
	q := &quicEnd{l: l, conn: conn, transport: &quic.Transport{Conn: conn}, incoming: make(chan *streamLane, MaxLanes)}
	conn.Follow(q.looked)
	if q.listener, err = q.transport.Listen(q.tls(), quicConfig); err != nil {
		l.c.log.Debug("link: no QUIC", "link", l.key.name, "error", err)
		_ = conn.Close()
		return
	}
	l.quic = q
	close(l.quicUp)
	go q.accept()
}

// endQUIC closes what startQUIC began. Run calls it when the link has ended.
func (l *Link) endQUIC() {
	l.mu.Lock()
	q, err := l.quic, l.err
	l.mu.Unlock()
	if q == nil {
		return
	}
	code := quicClosed
	if !errors.Is(err, ErrLinkClosed) {
		code = quicBroken
	}
	q.mu.Lock()
	lanes := q.lanes
	q.mu.Unlock()
	for _, lane := range lanes {
		_ = lane.conn.CloseWithError(code, "")
	}
	_ = q.transport.Close()
	_ = q.conn.Close()
}

// lane makes a lane of a connection.
func (q *quicEnd) lane(stream quicStream, n int) *streamLane {
	lane := newStreamLane(q.l, stream, n)
	q.mu.Lock()
	q.lanes = append(q.lanes, quicLane{lane, stream.conn})
	q.mu.Unlock()
	return lane
}

// tls is for both roles: each end shows the certificate of its description, and looks at nothing else of the other's.
func (q *quicEnd) tls() *tls.Config {
	return &tls.Config{
		Certificates:           []tls.Certificate{q.l.bulk.cert},
		ServerName:             "switchyard",
		NextProtos:             []string{linkALPN},
		MinVersion:             tls.VersionTLS13,
		ClientAuth:             tls.RequireAnyClientCert,
		InsecureSkipVerify:     true, // by names and authorities; VerifyConnection compares the fingerprint
		VerifyConnection:       q.verify,
		SessionTicketsDisabled: true,
	}
}

func (q *quicEnd) verify(s tls.ConnectionState) error {
	if len(s.PeerCertificates) == 0 {
		return errFingerprint
	}
	q.l.mu.Lock()
	pc := q.l.pc
	q.l.mu.Unlock()
	if pc == nil {
		return errFingerprint
	}
	d := pc.CurrentRemoteDescription()
	if d == nil || !hasFingerprint(d.SDP, s.PeerCertificates[0].Raw) {
		return errFingerprint
	}
	return nil
}

// hasFingerprint tells whether an SDP names a certificate by its SHA-256 (RFC 8122 §5).
func hasFingerprint(sdp string, der []byte) bool {
	sum := sha256.Sum256(der)
	for line := range strings.Lines(sdp) {
		value, ok := strings.CutPrefix(strings.TrimSpace(line), "a=fingerprint:")
		if !ok {
			continue
		}
		hash, print, _ := strings.Cut(value, " ")
		b, err := hex.DecodeString(strings.ReplaceAll(strings.TrimSpace(print), ":", ""))
		if strings.EqualFold(hash, "sha-256") && err == nil && string(b) == string(sum[:]) {
			return true
		}
	}
	return false
}

// open dials a lane and tells the other end its number, which says it back: only then is it known that the other
// end took our certificate, which it sees after we see its own.
func (q *quicEnd) open(ctx context.Context, n int) (*streamLane, error) {
	ctx, cancel := context.WithTimeout(ctx, quicPatience)
	defer cancel()
	conn, err := q.transport.Dial(ctx, path.Peer, q.tls(), quicConfig)
	if err != nil {
		return nil, err
	}
	opened, err := conn.OpenStreamSync(ctx)
	stream := quicStream{opened, conn}
	if err == nil {
		err = greet(ctx, stream, byte(n))
	}
	if err != nil {
		_ = conn.CloseWithError(quicBroken, "")
		return nil, err
	}
	return q.lane(stream, n), nil
}

// rtt is the shortest round trip that a lane saw; 0 before there are lanes.
func (q *quicEnd) rtt() (shortest time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, lane := range q.lanes {
		if rtt := lane.conn.ConnectionStats().MinRTT; shortest == 0 || rtt < shortest {
			shortest = rtt
		}
	}
	return shortest
}

// loses tells whether a lane of ours loses packets.
func (q *quicEnd) loses() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, lane := range q.lanes {
		if s := lane.conn.ConnectionStats(); s.PacketsLost >= lossFew && s.PacketsLost*lossRare >= s.PacketsSent {
			return true
		}
	}
	return false
}

// looked is how many datagrams the lanes have looked at.
func (q *quicEnd) looked() (n uint64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, lane := range q.lanes {
		n += lane.conn.ConnectionStats().PacketsReceived
	}
	return n
}

// accept takes the connections that the other end dials, until the transport is closed.
func (q *quicEnd) accept() {
	var greeting sync.WaitGroup
	free := make(chan struct{}, MaxLanes) // those whose lane is not known yet
	for {
		conn, err := q.listener.Accept(context.Background())
		if err != nil {
			break
		}
		select {
		case free <- struct{}{}:
		default:
			_ = conn.CloseWithError(quicBroken, "too many")
			continue
		}
		greeting.Go(func() {
			defer func() { <-free }()
			if err := q.welcome(conn); err != nil {
				q.l.c.log.Debug("link: QUIC lane refused", "link", q.l.key.name, "error", err)
				_ = conn.CloseWithError(quicBroken, "")
			}
		})
	}
	greeting.Wait()
	close(q.incoming)
}

// welcome takes the lane that a connection carries.
func (q *quicEnd) welcome(conn *quic.Conn) error {
	ctx, cancel := context.WithTimeout(conn.Context(), quicPatience)
	defer cancel()
	accepted, err := conn.AcceptStream(ctx)
	if err != nil {
		return err
	}
	stream := quicStream{accepted, conn}
	n, err := welcome(stream)
	if err != nil {
		return err
	}
	select {
	case q.incoming <- q.lane(stream, n):
		return nil
	default:
		return ErrLanes
	}
}
