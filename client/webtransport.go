package client

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
	"github.com/quic-go/webtransport-go"

	"switchyard/protocol"
)

const (
	// webPatience is how long a lane waits for the other end's session before it is a DataChannel: the other end says sooner
	// where it cannot have one.
	webPatience = 2 * time.Second
	// webSilence is when a session is gone from which nothing comes, and its link with it: there is another way.
	webSilence = 8 * time.Second
	// webGuests bounds the connections that are not the session yet.
	webGuests = 4
)

var (
	errNoSession  = errors.New("client: no WebTransport session came up")
	webTransports = &quic.Config{
		HandshakeIdleTimeout:             quicPatience,
		MaxIdleTimeout:                   webSilence,
		KeepAlivePeriod:                  webSilence / 4,
		InitialStreamReceiveWindow:       quicWindow / 4,
		MaxStreamReceiveWindow:           quicWindow,
		InitialConnectionReceiveWindow:   quicWindow / 4,
		MaxConnectionReceiveWindow:       quicWindow,
		MaxIncomingStreams:               2 * MaxLanes,
		MaxIncomingUniStreams:            2 * MaxLanes,
		EnableDatagrams:                  true, // these two the library needs
		EnableStreamResetPartialDelivery: true,
	}
)

// webEnd is a WebTransport server for the one page at the other end of a link, which dials it where ICE found that it reaches our
// own address: bytes cost a browser a quarter of what they do over DataChannels. What it shows is the certificate of our description, and
// the page shows that it read that description by the path that it asks for. It takes one session and ends with the link.
type webEnd struct {
	// Immutable.
	l         *Link
	at        protocol.WebTransport
	transport *quic.Transport
	listener  *quic.Listener
	server    *webtransport.Server
	incoming  chan *streamLane // with its number read; closed when no more are coming
	up        chan struct{}    // closed when session is set
	no        chan struct{}    // closed when the other end says that it has no session

	upOnce, noOnce, endOnce sync.Once

	session *webtransport.Session // written before up is closed, as host
	host    *quic.Conn            // of the session

	mu    sync.Mutex
	lanes []*streamLane // guarded by mu: all that there were
}

// webStream is the stream of a lane in a session.
type webStream struct{ *webtransport.Stream }

func (s webStream) stopWriting() { s.CancelWrite(0) }
func (s webStream) stopReading() { s.CancelRead(0) }
func (s webStream) finish()      {} // the session has other lanes

func (s webStream) closed(err error) bool {
	if end, ok := errors.AsType[*webtransport.SessionError](err); ok {
		return end.Remote && end.ErrorCode == 0
	}
	end, ok := errors.AsType[*quic.ApplicationError](err) // the connection was closed with the session
	return ok && end.Remote && end.ErrorCode == quic.ApplicationErrorCode(http3.ErrCodeNoError)
}

// startWeb begins to listen, before the first description says so. Run calls it.
func (l *Link) startWeb() {
	if l.bulk == nil || l.webTried || l.heard && !l.peerDials {
		return
	}
	l.webTried = true
	w, err := newWebEnd(l)
	if err != nil {
		l.c.log.Debug("link: no WebTransport", "link", l.key.name, "error", err)
		return
	}
	l.mu.Lock()
	l.web = w
	l.mu.Unlock()
	go w.listen()
}

func newWebEnd(l *Link) (*webEnd, error) {
	socket, err := net.ListenUDP("udp", nil)
	if err != nil {
		return nil, err
	}
	w := &webEnd{
		l: l, at: protocol.WebTransport{Port: socket.LocalAddr().(*net.UDPAddr).Port, Path: rand.Text()},
		transport: &quic.Transport{Conn: socket}, incoming: make(chan *streamLane, MaxLanes),
		up: make(chan struct{}), no: make(chan struct{}),
	}
	t := http3.ConfigureTLSConfig(&tls.Config{Certificates: []tls.Certificate{l.bulk.cert}, MinVersion: tls.VersionTLS13, SessionTicketsDisabled: true})
	if w.listener, err = w.transport.Listen(t, webTransports); err != nil {
		_ = socket.Close()
		return nil, err
	}
	w.server = &webtransport.Server{
		H3: &http3.Server{
			Handler: http.HandlerFunc(w.serve), MaxHeaderBytes: 8 << 10,
			ConnContext: func(ctx context.Context, conn *quic.Conn) context.Context {
				return context.WithValue(ctx, guestKey{}, conn)
			},
		},
		CheckOrigin: func(*http.Request) bool { return true }, // the path is the secret
	}
	webtransport.ConfigureHTTP3Server(w.server.H3)
	return w, nil
}

// guestKey finds the connection of a request.
type guestKey struct{}

// listen takes connections until there is a session.
func (w *webEnd) listen() {
	free := make(chan struct{}, webGuests)
	for {
		conn, err := w.listener.Accept(context.Background())
		if err != nil {
			return
		}
		select {
		case free <- struct{}{}:
		default:
			_ = conn.CloseWithError(quicBroken, "too many")
			continue
		}
		go func() { // ends with the connection, and that with the server
			_ = w.server.ServeQUICConn(conn)
		}()
		go func() {
			select {
			case <-time.After(quicPatience):
			case <-conn.Context().Done():
			case <-w.up:
			}
			if !w.isHost(conn) {
				_ = conn.CloseWithError(quicBroken, "")
			}
			<-free
		}()
	}
}

// isHost tells whether the session is on this connection.
func (w *webEnd) isHost(conn *quic.Conn) bool {
	select {
	case <-w.up:
		return w.host == conn
	default:
		return false
	}
}

// serve answers a request: the first that knows the path becomes the session.
func (w *webEnd) serve(response http.ResponseWriter, r *http.Request) {
	if subtle.ConstantTimeCompare([]byte(r.URL.Path), []byte("/"+w.at.Path)) != 1 {
		http.NotFound(response, r)
		return
	}
	taken := true
	w.upOnce.Do(func() {
		session, err := w.server.Upgrade(response, r)
		if err != nil {
			w.l.c.log.Debug("link: no WebTransport session", "link", w.l.key.name, "error", err)
			http.Error(response, "this is for WebTransport", http.StatusBadRequest)
			return
		}
		taken = false
		w.session = session
		w.host, _ = r.Context().Value(guestKey{}).(*quic.Conn)
		close(w.up)
		_ = w.listener.Close() // nobody else is awaited
		go w.accept()
	})
	if taken {
		http.Error(response, "there is a session", http.StatusConflict)
	}
}

// accept takes the lanes that the other end opens, until the session ends, and with it the link.
func (w *webEnd) accept() {
	defer close(w.incoming)
	for {
		stream, err := w.session.AcceptStream(context.Background())
		if err != nil {
			w.lost(err)
			return
		}
		n, err := welcome(webStream{stream})
		if err != nil {
			w.l.c.log.Debug("link: WebTransport lane refused", "link", w.l.key.name, "error", err)
			_ = stream.Close()
			continue
		}
		select {
		case w.incoming <- w.lane(stream, n):
		default:
			_ = stream.Close()
		}
	}
}

// lost ends the link: the page closed the session, or is silent.
func (w *webEnd) lost(err error) {
	if (webStream{}).closed(err) || (webStream{}).closed(context.Cause(w.host.Context())) {
		w.l.Close()
		return
	}
	_ = w.l.tell(protocol.Signal{Close: true})
	w.l.end(errLinkFailed) // unless it has ended
}

func (w *webEnd) lane(stream *webtransport.Stream, n int) *streamLane {
	lane := newStreamLane(w.l, webStream{stream}, n)
	w.mu.Lock()
	w.lanes = append(w.lanes, lane)
	w.mu.Unlock()
	return lane
}

// open opens a lane when the session is there.
func (w *webEnd) open(ctx context.Context, n int) (*streamLane, error) {
	ctx, cancel := context.WithTimeout(ctx, webPatience)
	defer cancel()
	select {
	case <-w.up:
	case <-w.no:
		return nil, errNoSession
	case <-w.l.gone:
		return nil, w.l.Err()
	case <-ctx.Done():
		return nil, errNoSession
	}
	stream, err := w.session.OpenStreamSync(ctx)
	if err == nil {
		err = greet(ctx, webStream{stream}, byte(n))
	}
	if err != nil {
		return nil, err
	}
	return w.lane(stream, n), nil
}

// wanted tells whether there is, or may still be, a session.
func (w *webEnd) wanted() bool {
	select {
	case <-w.no:
		return false
	default:
		return true
	}
}

// refuse: the other end says that it has no session.
func (w *webEnd) refuse() { w.noOnce.Do(func() { close(w.no) }) }

// end closes everything.
func (w *webEnd) end() {
	w.endOnce.Do(func() {
		w.refuse()
		_ = w.server.Close()
		_ = w.listener.Close()
		_ = w.transport.Close()
		_ = w.transport.Conn.Close()
	})
}
