package peer

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/pion/datachannel"
	"github.com/pion/dtls/v3"
	"github.com/pion/sctp"
)

const (
	// maxChannels bounds the data channels of a link, each of which has a goroutine.
	maxChannels = 64
	// maxAnySize stands for "any size" in the other end's a=max-message-size:0.
	maxAnySize = 16 << 20
	// linkBuffered is how many channels' worth of unsent bytes a link may hold.
	linkBuffered = 4
)

// Errors of data channels.
var (
	ErrBufferFull      = errors.New("peer: data channel buffer is full")
	ErrMessageTooBig   = errors.New("peer: message is larger than the other end takes")
	ErrTooManyChannels = errors.New("peer: too many data channels")
)

// association is SCTP over a link's DTLS (RFC 8261, RFC 8831).
type association struct {
	link    *Link
	sctp    *sctp.Association
	maxSize int           // of a message that the other end takes
	done    chan struct{} // closed when it ends

	mu       sync.Mutex
	channels int    // guarded by mu
	nextID   uint16 // of a stream that we open; guarded by mu
}

// serveData runs SCTP on conn until the connection ends. It owns the goroutines of the channels and
// returns after them.
func (t *transport) serveData(conn *dtls.Conn, d *Data) {
	defer func() { _ = conn.Close() }()
	cfg := &t.link.cfg
	a := &association{link: t.link, maxSize: int(d.MaxMessageSize), done: make(chan struct{})}
	if d.MaxMessageSize == 0 || d.MaxMessageSize > maxAnySize {
		a.maxSize = maxAnySize
	}
	if !t.client {
		a.nextID = 1 // RFC 8832 §6: the DTLS server's streams are odd
	}
	ctx, cancel := context.WithTimeout(t.ctx, connectTimeout)
	defer cancel()
	var err error
	// Both ends begin (RFC 8841 §9.3): there is no server.
	a.sctp, err = sctp.ClientContext(ctx,
		sctp.WithNetConn(conn),
		sctp.WithMaxReceiveBufferSize(cfg.DataWindow),
		sctp.WithMaxMessageSize(uint32(a.maxSize)),
		sctp.WithEnableZeroChecksum(true), // RFC 9653: DTLS has checked it
		sctp.WithLoggerFactory(pionLog{cfg.Log}),
	)
	if err != nil {
		cfg.Log.Debug("no SCTP association", "err", err)
		<-t.pipe.closed // media goes on without data
		return
	}
	t.setSCTP(a)
	t.post(func() {
		if t.link.state != linkEnded {
			cfg.OnEvent(LinkEvent{Kind: DataReady})
		}
	})
	a.accept()
}

func (t *transport) setSCTP(a *association) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.sctp = a
}

// accept serves the channels that the other end opens, until the association ends.
func (a *association) accept() {
	var wg sync.WaitGroup
	for {
		stream, err := a.sctp.AcceptStream()
		if err != nil {
			break
		}
		if !a.take() {
			_ = stream.Close()
			continue
		}
		wg.Go(func() {
			defer a.drop()
			a.serve(stream)
		})
	}
	close(a.done)
	wg.Wait()
}

// take counts a channel; false when there are too many.
func (a *association) take() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.channels >= maxChannels {
		return false
	}
	a.channels++
	return true
}

func (a *association) drop() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.channels--
}

// serve takes one channel that the other end opened: its OPEN message (RFC 8832 §5.1), a word to the
// shard, then its messages.
func (a *association) serve(stream *sctp.Stream) {
	_ = stream.SetReadDeadline(time.Now().Add(connectTimeout)) // cannot fail
	dc, err := datachannel.Server(stream, &datachannel.Config{LoggerFactory: pionLog{a.link.cfg.Log}})
	if err != nil {
		_ = stream.Close()
		return
	}
	_ = stream.SetReadDeadline(time.Time{})
	d := newDataChannel(a, dc)
	ready := make(chan struct{})
	a.link.cfg.Post(func() {
		defer close(ready)
		switch {
		case a.link.state == linkEnded:
		case a.link.cfg.OnDataChannel == nil:
			_ = d.Close()
		default:
			a.link.cfg.OnDataChannel(d)
		}
	})
	select {
	case <-ready: // no message before its handler is set
	case <-a.done:
	}
	d.read()
}

// DataChannelOptions describe a channel that we open.
type DataChannelOptions struct {
	Protocol       string
	Unordered      bool
	MaxRetransmits *uint16 // nil: reliable
}

// OpenDataChannel opens a channel. Messages may be sent at once; OnMessage and OnClose should be set
// before the call returns to the shard's loop, since what arrives earlier is lost. It fails with
// ErrNotConnected before the event DataReady.
func (l *Link) OpenDataChannel(label string, o DataChannelOptions) (*DataChannel, error) {
	l.dtls.mu.Lock()
	a := l.dtls.sctp
	l.dtls.mu.Unlock()
	if a == nil || l.state == linkEnded {
		return nil, ErrNotConnected
	}
	if !a.take() {
		return nil, ErrTooManyChannels
	}
	dc, err := a.dial(label, o)
	if err != nil {
		a.drop()
		return nil, err
	}
	d := newDataChannel(a, dc)
	go func() { // ends with the association or the channel
		defer a.drop()
		d.read()
	}()
	return d, nil
}

func (a *association) dial(label string, o DataChannelOptions) (*datachannel.DataChannel, error) {
	cfg := &datachannel.Config{Label: label, Protocol: o.Protocol, LoggerFactory: pionLog{a.link.cfg.Log}}
	if o.MaxRetransmits != nil {
		cfg.ChannelType = datachannel.ChannelTypePartialReliableRexmit
		cfg.ReliabilityParameter = uint32(*o.MaxRetransmits)
	}
	if o.Unordered {
		cfg.ChannelType |= datachannel.ChannelTypeReliableUnordered
	}
	a.mu.Lock()
	id := a.nextID
	a.nextID += 2
	a.mu.Unlock()
	return datachannel.Dial(a.sctp, id, cfg)
}
