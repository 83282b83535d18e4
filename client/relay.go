package client

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"

	"switchyard/protocol"
)

// relaySubprotocol is that of the WebSocket which the server joins to the other end's.
const relaySubprotocol = "switchyard.relay.v1"

const (
	relayRandom   = 16 // bytes that each side sends first
	relayOverhead = 16 // of AES-GCM
	// relayQueue bounds the messages that are received and not taken; while it is full the server is not read.
	relayQueue = 16
	// relayPing is how often a relay that brings nothing is asked whether it lives, and for how long.
	relayPing = 10 * time.Second
	// relayStall is longer than the server lets one end wait for the other to read. Who sent something in that time may
	// wait for an answer as long: the server does not hear pings behind what it cannot pass on.
	relayStall = 40 * time.Second
)

// The errors of relays.
var (
	ErrRelayBroken = errors.New("client: the relay's data was changed on its way")
	errRelayText   = errors.New("client: text on the relay")
)

// RelayKeys seal what goes over a relay; each is 32 bytes (docs/transfer.md, Handshake).
type RelayKeys struct {
	Seal, Open []byte
	// Sender says which end we are: the sender of the files, or their receiver.
	Sender bool
}

// Relay is a way through the server: one lane over a WebSocket, sealed between the two ends.
type Relay struct {
	// Immutable.
	conn       *websocket.Conn
	seal, open cipher.AEAD
	in         chan []byte
	gone       chan struct{} // closed when nothing more comes; err says why
	ctx        context.Context
	cancel     context.CancelFunc
	taken      atomic.Bool  // the lane was given out
	waiting    atomic.Bool  // the reader waits for the server, not for us
	wrote      atomic.Int64 // when Send was called last, in nanoseconds since 1970

	sending sync.Mutex
	sent    uint64 // guarded by sending: the number of the next message
	box     []byte // guarded by sending: the message as it is sent

	mu     sync.Mutex
	err    error // guarded by mu; written before gone is closed
	closed bool  // guarded by mu
}

// DialRelay opens the relay to another participant of a room and waits for it; ctx bounds that. Server is
// its URL, token that of the room.
func DialRelay(ctx context.Context, server, room, token string, peer protocol.ParticipantID, keys RelayKeys, h *http.Client) (*Relay, error) {
	u, err := relayAddress(server, room, token, peer)
	if err != nil {
		return nil, err
	}
	if h == nil {
		h = http.DefaultClient
	}
	conn, _, err := websocket.Dial(ctx, u.String(), &websocket.DialOptions{HTTPClient: h, Subprotocols: []string{relaySubprotocol}})
	if err != nil {
		u.RawQuery = ""
		return nil, dialError{err, u.String()}
	}
	conn.SetReadLimit(MaxLaneMessage + relayOverhead)
	r := &Relay{conn: conn, in: make(chan []byte, relayQueue), gone: make(chan struct{})}
	if err := r.greet(ctx, keys); err != nil {
		conn.CloseNow()
		return nil, err
	}
	r.ctx, r.cancel = context.WithCancel(context.Background())
	go r.read()
	go r.watch()
	return r, nil
}

func relayAddress(server, room, token string, peer protocol.ParticipantID) (*url.URL, error) {
	u, err := url.Parse(server)
	if err != nil {
		return nil, errors.Join(ErrAddress, err)
	}
	if err := toWebSocket(u); err != nil {
		return nil, err
	}
	u.Fragment = ""
	u = u.JoinPath("v1", "relay", room)
	u.RawQuery = url.Values{"token": {token}, "peer": {string(peer)}}.Encode()
	return u, nil
}

// greet exchanges random bytes in the clear, and derives the keys of this connection from them.
func (r *Relay) greet(ctx context.Context, keys RelayKeys) error {
	ours := make([]byte, relayRandom)
	rand.Read(ours)
	if err := r.conn.Write(ctx, websocket.MessageBinary, ours); err != nil {
		return fmt.Errorf("client: relay: %w", err)
	}
	kind, theirs, err := r.conn.Read(ctx)
	if err != nil {
		return fmt.Errorf("client: relay: the other end did not come: %w", err)
	}
	if kind != websocket.MessageBinary || len(theirs) != relayRandom {
		return ErrRelayBroken
	}
	first, second := ours, theirs
	if !keys.Sender {
		first, second = theirs, ours
	}
	if r.seal, err = relayCipher(keys.Seal, first, second); err != nil {
		return err
	}
	r.open, err = relayCipher(keys.Open, first, second)
	return err
}

// relayCipher is the AEAD of one direction of one connection.
func relayCipher(key, sender, receiver []byte) (cipher.AEAD, error) {
	sub, err := hkdf.Key(sha256.New, key, nil, "relay"+string(sender)+string(receiver), 32)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(sub)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// relayNonce is 4 zero bytes and the number of the message.
func relayNonce(n uint64) (nonce [12]byte) {
	binary.BigEndian.PutUint64(nonce[4:], n)
	return nonce
}

// read owns the receiving side. It ends with the connection.
func (r *Relay) read() {
	err := r.receive()
	r.mu.Lock()
	if errors.Is(err, ErrRelayBroken) || errors.Is(err, ErrLaneMessage) {
		defer r.conn.Close(websocket.StatusPolicyViolation, "broken")
	}
	if r.closed || websocket.CloseStatus(err) == websocket.StatusNormalClosure {
		err = io.EOF
	}
	r.err = err
	r.mu.Unlock()
	close(r.gone)
	r.cancel()
}

func (r *Relay) receive() error {
	for n := uint64(0); ; n++ {
		r.waiting.Store(true)
		kind, box, err := r.conn.Read(r.ctx)
		r.waiting.Store(false)
		if err != nil {
			return err
		}
		if kind != websocket.MessageBinary {
			return errRelayText
		}
		nonce := relayNonce(n)
		m, err := r.open.Open(box[:0], nonce[:], box, nil)
		if err != nil {
			return ErrRelayBroken
		}
		select {
		case r.in <- m:
		case <-r.ctx.Done():
			return r.ctx.Err()
		}
	}
}

// watch ends a connection that died without a word: a ping is answered within relayPing, or relayStall. It is not
// asked while we do not read, since we would not hear the answer.
func (r *Relay) watch() {
	tick := time.NewTicker(relayPing)
	defer tick.Stop()
	for {
		select {
		case <-r.ctx.Done():
			return
		case <-tick.C:
		}
		if !r.waiting.Load() {
			continue
		}
		patience := relayPing
		if time.Since(time.Unix(0, r.wrote.Load())) < relayStall {
			patience = relayStall
		}
		ctx, cancel := context.WithTimeout(r.ctx, patience)
		err := r.conn.Ping(ctx)
		cancel()
		if err != nil && r.waiting.Load() {
			r.conn.CloseNow()
			return
		}
	}
}

// Open gives the one lane to the end that opens.
func (r *Relay) Open(context.Context) (Lane, error) { return r.lane() }

// Accept gives it to the other.
func (r *Relay) Accept(ctx context.Context) (Lane, error) {
	if lane, err := r.lane(); err == nil {
		return lane, nil
	}
	select { // there is no second
	case <-r.gone:
		return nil, r.why()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (r *Relay) lane() (Lane, error) {
	if r.taken.Swap(true) {
		return nil, ErrLanes
	}
	return (*relayLane)(r), nil
}

// Lanes is 1.
func (r *Relay) Lanes() int { return 1 }

// Kind is WayRelay.
func (r *Relay) Kind() string { return WayRelay }

// Direct is false.
func (r *Relay) Direct() bool { return false }

// Done is closed when the relay ended.
func (r *Relay) Done() <-chan struct{} { return r.gone }

// Close ends it behind what was sent.
func (r *Relay) Close() error {
	r.mu.Lock()
	again := r.closed
	r.closed = true
	r.mu.Unlock()
	if again {
		return nil
	}
	stop := time.AfterFunc(lastWords, func() { r.conn.CloseNow() })
	defer stop.Stop()
	return r.conn.Close(websocket.StatusNormalClosure, "")
}

func (r *Relay) why() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.err
}

// relayLane is the lane of a relay.
type relayLane Relay

func (c *relayLane) Send(ctx context.Context, m []byte) error {
	if len(m) > MaxLaneMessage {
		return ErrLaneMessage
	}
	c.sending.Lock()
	defer c.sending.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	c.wrote.Store(time.Now().UnixNano())
	nonce := relayNonce(c.sent)
	c.sent++ // whatever comes of it: a number seals one message
	c.box = c.seal.Seal(c.box[:0], nonce[:], m, nil)
	if err := c.conn.Write(ctx, websocket.MessageBinary, c.box); err != nil {
		c.conn.CloseNow() // part of it may be on the way
		return fmt.Errorf("client: relay: %w", err)
	}
	return nil
}

func (c *relayLane) Receive(ctx context.Context) ([]byte, error) {
	select {
	case m := <-c.in:
		return m, nil
	default:
	}
	select {
	case m := <-c.in:
		return m, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-c.gone:
	}
	select {
	case m := <-c.in: // it came before the end
		return m, nil
	default:
		return nil, (*Relay)(c).why()
	}
}

func (c *relayLane) Close() error { return (*Relay)(c).Close() }
