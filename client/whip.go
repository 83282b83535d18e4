package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/pion/webrtc/v4"
)

const (
	gatherTimeout = 3 * time.Second
	maxAnswer     = 1 << 20 // bytes of SDP
)

// ErrConnect means that the HTTP exchange went well but no media path came up.
var ErrConnect = errors.New("client: the server answered, but no media path came up")

// HTTPOptions are for WHIP and WHEP.
type HTTPOptions struct {
	Token string                // bearer token; none when empty
	API   *webrtc.API           // nil means NewAPI of the URL
	HTTP  *http.Client          // nil means http.DefaultClient
	Kinds []webrtc.RTPCodecType // what WHEP asks for; both when nil
}

// Resource is a WHIP or WHEP session: a peer connection and the URL that ends it.
type Resource struct {
	PC       *webrtc.PeerConnection
	Location string // absolute URL; empty when the server named none

	o HTTPOptions
}

// WHIP publishes tracks to a WHIP endpoint (RFC 9725). It returns when the server answered.
func WHIP(ctx context.Context, endpoint string, o HTTPOptions, tracks ...webrtc.TrackLocal) (*Resource, error) {
	return exchange(ctx, endpoint, o, func(pc *webrtc.PeerConnection) error {
		for _, t := range tracks {
			if layers := layersOf(t); len(layers) > 1 {
				if _, err := addLayered(pc, layers); err != nil {
					return err
				}
				continue
			}
			init := webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly}
			if _, err := pc.AddTransceiverFromTrack(t, init); err != nil {
				return err
			}
		}
		return nil
	})
}

// WHEP watches a WHEP endpoint (draft-ietf-wish-whep); onTrack is told of each track's first packet.
func WHEP(ctx context.Context, endpoint string, o HTTPOptions, onTrack func(*webrtc.TrackRemote, *webrtc.RTPReceiver)) (*Resource, error) {
	if o.Kinds == nil {
		o.Kinds = []webrtc.RTPCodecType{webrtc.RTPCodecTypeVideo, webrtc.RTPCodecTypeAudio}
	}
	return exchange(ctx, endpoint, o, func(pc *webrtc.PeerConnection) error {
		pc.OnTrack(onTrack)
		for _, kind := range o.Kinds {
			init := webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}
			if _, err := pc.AddTransceiverFromKind(kind, init); err != nil {
				return err
			}
		}
		return nil
	})
}

func exchange(ctx context.Context, endpoint string, o HTTPOptions, prepare func(*webrtc.PeerConnection) error) (*Resource, error) {
	var err error
	if o.API == nil {
		if o.API, err = NewAPI(endpoint); err != nil {
			return nil, err
		}
	}
	if o.HTTP == nil {
		o.HTTP = http.DefaultClient
	}
	pc, err := o.API.NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		return nil, err
	}
	r := &Resource{PC: pc, o: o}
	if err = prepare(pc); err == nil {
		err = r.negotiate(ctx, endpoint)
	}
	if err != nil {
		_ = r.Close(context.WithoutCancel(ctx))
		return nil, err
	}
	return r, nil
}

// negotiate posts an offer with all candidates: that spares the PATCHes of trickling.
func (r *Resource) negotiate(ctx context.Context, endpoint string) error {
	gathered := webrtc.GatheringCompletePromise(r.PC)
	offer, err := r.PC.CreateOffer(nil)
	if err != nil {
		return err
	}
	if err := r.PC.SetLocalDescription(offer); err != nil {
		return err
	}
	select {
	case <-gathered:
	case <-time.After(gatherTimeout): // what was found will do
	case <-ctx.Done():
		return ctx.Err()
	}
	answer, err := r.post(ctx, endpoint, r.PC.LocalDescription().SDP)
	if err != nil {
		return err
	}
	if err := r.PC.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer}); err != nil {
		return fmt.Errorf("client: answer: %w", err)
	}
	return nil
}

func (r *Resource) post(ctx context.Context, endpoint, offer string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint, strings.NewReader(offer))
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", "application/sdp")
	resp, err := r.do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return "", err
	}
	if location := resp.Header.Get("Location"); location != "" && resp.StatusCode < 300 {
		if u, err := resp.Request.URL.Parse(location); err == nil {
			r.Location = u.String()
		}
	}
	if resp.StatusCode != http.StatusCreated && resp.StatusCode != http.StatusOK {
		return "", statusError(resp, body)
	}
	return string(body), nil
}

// do sends a request with the bearer token, which a redirect to another host does not get.
func (r *Resource) do(req *http.Request) (*http.Response, error) {
	if r.o.Token != "" {
		req.Header.Set("Authorization", "Bearer "+r.o.Token)
	}
	return r.o.HTTP.Do(req)
}

// StatusError is an HTTP answer that is no success.
type StatusError struct {
	Code   int
	Detail string // the start of the body, when it is text
}

func (e *StatusError) Error() string {
	s := fmt.Sprintf("client: the server says %d %s", e.Code, http.StatusText(e.Code))
	if e.Detail != "" {
		s += ": " + e.Detail
	}
	return s
}

func statusError(resp *http.Response, body []byte) error {
	e := &StatusError{Code: resp.StatusCode}
	if kind := resp.Header.Get("Content-Type"); strings.HasPrefix(kind, "text/plain") || strings.Contains(kind, "json") {
		e.Detail = strings.TrimSpace(string(body[:min(len(body), 300)]))
		var problem struct{ Detail string } // RFC 9457
		if json.Unmarshal(body, &problem) == nil && problem.Detail != "" {
			e.Detail = problem.Detail
		}
	}
	return e
}

// Connected waits until media can flow.
func (r *Resource) Connected(ctx context.Context) error {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		switch r.PC.ConnectionState() {
		case webrtc.PeerConnectionStateConnected:
			return nil
		case webrtc.PeerConnectionStateFailed, webrtc.PeerConnectionStateClosed:
			return ErrConnect
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return errors.Join(ErrConnect, ctx.Err())
		}
	}
}

// Close ends the session with DELETE and closes the peer connection.
func (r *Resource) Close(ctx context.Context) error {
	defer r.PC.Close()
	if r.Location == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodDelete, r.Location, nil)
	if err != nil {
		return err
	}
	resp, err := r.do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode >= 300 && resp.StatusCode != http.StatusNotFound {
		return statusError(resp, nil)
	}
	return nil
}
