package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/coder/websocket"

	"switchyard/protocol"
)

// signaller exchanges an offer for an answer. close ends the session at the server.
type signaller interface {
	answer(ctx context.Context, offer string) (string, error)
	// ready is called when media can flow, before the first packet of a publisher.
	ready(ctx context.Context) error
	close()
}

// httpSignal speaks WHIP or WHEP.
type httpSignal struct {
	endpoint, token string
	client          *http.Client
	location        string
}

func (h *httpSignal) answer(ctx context.Context, offer string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, h.endpoint, strings.NewReader(offer))
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", "application/sdp")
	resp, err := h.do(req)
	if err != nil {
		return "", fmt.Errorf("bench: %w", err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return "", err
	}
	if resp.StatusCode != http.StatusCreated && resp.StatusCode != http.StatusOK {
		return "", fmt.Errorf("bench: POST %s: %s: %.200s", h.endpoint, resp.Status, b)
	}
	if u, err := resp.Request.URL.Parse(resp.Header.Get("Location")); err == nil && resp.Header.Get("Location") != "" {
		h.location = u.String()
	}
	return string(b), nil
}

func (h *httpSignal) do(req *http.Request) (*http.Response, error) {
	if h.token != "" {
		req.Header.Set("Authorization", "Bearer "+h.token)
	}
	return h.client.Do(req)
}

func (h *httpSignal) ready(context.Context) error { return nil }

func (h *httpSignal) close() {
	if h.location == "" {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodDelete, h.location, nil)
	if err != nil {
		return
	}
	if resp, err := h.do(req); err == nil {
		resp.Body.Close()
	}
}

// roomSignal joins a room. A goroutine reads what the server says and acknowledges it.
type roomSignal struct {
	endpoint, token string
	publish         *protocol.PublishTrack  // nil for subscribers
	wishes          []protocol.Wish         // of subscribers; nil takes what comes
	track           protocol.TrackID        // what was published first
	told            func(protocol.Envelope) // of every message once it is ready; may be nil

	conn   *websocket.Conn
	mu     sync.Mutex
	seq    uint64 // guarded by mu, so that messages leave in order
	cancel context.CancelFunc
	done   chan struct{}
}

func (r *roomSignal) answer(ctx context.Context, offer string) (string, error) {
	u := r.endpoint + "?" + url.Values{"token": {r.token}}.Encode()
	conn, _, err := websocket.Dial(ctx, u, &websocket.DialOptions{Subprotocols: []string{protocol.Subprotocol}})
	if err != nil {
		return "", errors.New("bench: cannot open the room's WebSocket at " + r.endpoint)
	}
	conn.SetReadLimit(4 << 20)
	r.conn = conn
	if err := r.send(ctx, protocol.TypeJoin, 1, protocol.Join{
		Name: "bench", Capabilities: protocol.Capabilities{SDK: "bench/0.1"},
		Offer: &protocol.Description{Type: "offer", SDP: offer},
	}); err != nil {
		return "", err
	}
	e, err := r.await(ctx, 1)
	if err != nil {
		return "", err
	}
	var w protocol.Welcome
	if err := json.Unmarshal(e.Body, &w); err != nil || w.Answer == nil {
		return "", errors.New("bench: the welcome has no answer")
	}
	return w.Answer.SDP, nil
}

func (r *roomSignal) send(ctx context.Context, kind string, id uint64, body any) error {
	b, err := json.Marshal(body)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seq++
	e, err := json.Marshal(protocol.Envelope{Type: kind, ID: id, Seq: r.seq, Body: b})
	if err != nil {
		return err
	}
	return r.conn.Write(ctx, websocket.MessageText, e)
}

// await reads until the answer to request id.
func (r *roomSignal) await(ctx context.Context, id uint64) (protocol.Envelope, error) {
	for {
		_, b, err := r.conn.Read(ctx)
		if err != nil {
			return protocol.Envelope{}, fmt.Errorf("bench: room: %w", err)
		}
		var e protocol.Envelope
		if err := json.Unmarshal(b, &e); err != nil {
			return e, fmt.Errorf("bench: room: %w", err)
		}
		if e.Type == protocol.TypeError && (e.Re == id || e.Re == 0) {
			var pe protocol.Error
			if err := json.Unmarshal(e.Body, &pe); err != nil {
				return e, err
			}
			return e, &pe
		}
		if e.Re == id {
			return e, nil
		}
	}
}

func (r *roomSignal) ready(ctx context.Context) error {
	if r.publish != nil {
		if err := r.send(ctx, protocol.TypePublish, 2, protocol.Publish{Tracks: []protocol.PublishTrack{*r.publish}}); err != nil {
			return err
		}
		e, err := r.await(ctx, 2)
		if err != nil {
			return err
		}
		var p protocol.Published
		if err := json.Unmarshal(e.Body, &p); err != nil || len(p.Tracks) != 1 {
			return errors.New("bench: the room did not say what was published")
		}
		r.track = p.Tracks[0].ID
	}
	if r.wishes != nil {
		if err := r.subscribe(ctx, r.wishes); err != nil {
			return err
		}
	}
	run, cancel := context.WithCancel(context.Background())
	r.cancel, r.done = cancel, make(chan struct{})
	go r.listen(run)
	return nil
}

// subscribe asks for tracks and no others.
func (r *roomSignal) subscribe(ctx context.Context, wishes []protocol.Wish) error {
	return r.send(ctx, protocol.TypeSubscribe, 0, protocol.Subscribe{Wishes: wishes})
}

// listen acknowledges what comes with pings, every eight messages and every ten seconds.
func (r *roomSignal) listen(ctx context.Context) {
	defer close(r.done)
	messages := make(chan uint64)
	go func() {
		defer close(messages)
		for {
			_, b, err := r.conn.Read(ctx)
			if err != nil {
				return
			}
			var e protocol.Envelope
			if json.Unmarshal(b, &e) == nil {
				if r.told != nil {
					r.told(e)
				}
				messages <- e.Seq
			}
		}
	}()
	tick := time.NewTicker(10 * time.Second)
	defer tick.Stop()
	var got, acked, n uint64
	for {
		select {
		case seq, ok := <-messages:
			if !ok {
				return
			}
			got = max(got, seq)
			if n++; n%8 != 0 {
				continue
			}
		case <-tick.C:
		}
		b, err := json.Marshal(protocol.Envelope{Type: protocol.TypePing, Ack: got})
		if err == nil && (got != acked || n%8 != 0) {
			acked = got
			_ = r.conn.Write(ctx, websocket.MessageText, b) // the reader notices when it is over
		}
	}
}

// vanish ends the session without a word.
func (r *roomSignal) vanish() {
	if r.cancel != nil {
		_ = r.conn.CloseNow() // listen ends with the socket
		r.cancel()
		<-r.done
	}
}

func (r *roomSignal) close() {
	if r.conn == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = r.send(ctx, protocol.TypeLeave, 0, protocol.Leave{})
	if r.cancel != nil {
		r.cancel()
		<-r.done
	}
	_ = r.conn.CloseNow()
}
