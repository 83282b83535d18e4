package client_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/pion/webrtc/v4"

	"switchyard/client"
	"switchyard/client/clip"
)

// httpServer answers WHIP and WHEP: what is published is counted, what is watched is the green clip.
type httpServer struct {
	*httptest.Server
	mu      sync.Mutex
	pcs     []*webrtc.PeerConnection // guarded by mu, as below
	packets int
	deleted []string
}

func newHTTPServer(t *testing.T) *httpServer {
	t.Helper()
	s := &httpServer{}
	api, err := client.NewAPI("http://127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	p := player(t)
	mux := http.NewServeMux()
	mux.HandleFunc("POST /{kind}", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer secret" || r.Header.Get("Content-Type") != "application/sdp" {
			w.Header().Set("Content-Type", "text/plain")
			http.Error(w, "the token is wrong", http.StatusUnauthorized)
			return
		}
		offer, _ := io.ReadAll(r.Body)
		answer, err := s.answer(api, p, r.PathValue("kind"), string(offer))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.Header().Set("Location", "session/7")
		w.WriteHeader(http.StatusCreated)
		io.WriteString(w, answer)
	})
	mux.HandleFunc("DELETE /session/{id}", func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.deleted = append(s.deleted, r.URL.Path+" "+r.Header.Get("Authorization"))
	})
	s.Server = httptest.NewServer(mux)
	t.Cleanup(func() {
		s.Close()
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, pc := range s.pcs {
			pc.Close()
		}
	})
	return s
}

func (s *httpServer) answer(api *webrtc.API, p *clip.Player, kind, offer string) (string, error) {
	pc, err := api.NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		return "", err
	}
	s.mu.Lock()
	s.pcs = append(s.pcs, pc)
	s.mu.Unlock()
	pc.OnTrack(func(t *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
		for {
			if _, _, err := t.ReadRTP(); err != nil {
				return
			}
			s.mu.Lock()
			s.packets++
			s.mu.Unlock()
		}
	})
	if err := pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: offer}); err != nil {
		return "", err
	}
	if kind == "whep" {
		for _, t := range []*clip.Track{p.Video, p.Audio} {
			if _, err := pc.AddTrack(t); err != nil {
				return "", err
			}
		}
	}
	gathered := webrtc.GatheringCompletePromise(pc)
	answer, err := pc.CreateAnswer(nil)
	if err != nil {
		return "", err
	}
	if err := pc.SetLocalDescription(answer); err != nil {
		return "", err
	}
	<-gathered
	return pc.LocalDescription().SDP, nil
}

func TestWHIPPublishesAndDeletes(t *testing.T) {
	s := newHTTPServer(t)
	p := player(t)
	r, err := client.WHIP(short(t), s.URL+"/whip", client.HTTPOptions{Token: "secret"}, p.Video, p.Audio)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Connected(short(t)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "packets", func() bool { s.mu.Lock(); defer s.mu.Unlock(); return s.packets > 20 })
	if err := r.Close(short(t)); err != nil {
		t.Fatal(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.deleted) != 1 || s.deleted[0] != "/session/7 Bearer secret" {
		t.Errorf("deleted %q", s.deleted)
	}
}

func TestWHEPReceivesPictureAndSound(t *testing.T) {
	s := newHTTPServer(t)
	var kinds recorder[webrtc.RTPCodecType]
	r, err := client.WHEP(short(t), s.URL+"/whep", client.HTTPOptions{Token: "secret"}, func(t *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
		if _, _, err := t.ReadRTP(); err == nil {
			kinds.add(t.Kind())
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "both kinds", func() bool { return len(kinds.all()) == 2 })
	if err := r.Close(short(t)); err != nil {
		t.Error(err)
	}
}

func TestRefusalSaysWhy(t *testing.T) {
	s := newHTTPServer(t)
	_, err := client.WHIP(short(t), s.URL+"/whip", client.HTTPOptions{Token: "wrong"}, player(t).Video)
	var se *client.StatusError
	if !errors.As(err, &se) || se.Code != http.StatusUnauthorized || se.Detail != "the token is wrong" {
		t.Errorf("%v", err)
	}
}

func TestPlayTellsProgressAndLeaves(t *testing.T) {
	s := newHTTPServer(t)
	c, err := clip.Open("red")
	if err != nil {
		t.Fatal(err)
	}
	var told recorder[client.Progress]
	target := client.Target{Endpoint: s.URL + "/whip", Token: "secret"}
	p := clip.NewPlayer(c, clip.PlayerOptions{Once: true}) // it plays for 1.98 s
	if err := client.Play(short(t), target, p, told.add); err != nil {
		t.Fatal(err)
	}
	// Once a second, and what is told of each is what was sent in it, but for the last part.
	_, video, _ := p.Video.Sent()
	_, audio, _ := p.Audio.Sent()
	bits, before := 0.0, time.Duration(0)
	for i, got := range told.all() {
		if got.At < time.Duration(i+1)*time.Second {
			t.Errorf("told %d times by %v", i+1, got.At)
		}
		bits, before = bits+float64(got.Bitrate)*(got.At-before).Seconds(), got.At
	}
	if all := float64(8 * (video + audio)); len(told.all()) == 0 || bits < 1 || bits > all+1 {
		t.Errorf("told of %.0f of %.0f bits: %+v", bits, all, told.all())
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.deleted) != 1 {
		t.Errorf("deleted %q", s.deleted)
	}
}

func TestPlayToARoomEndsWithTheServersWord(t *testing.T) {
	s := newFakeServer(t)
	c, err := clip.Open("blue")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	ctx := short(t)
	go func() {
		o := client.Options{URL: s.http.URL, Room: "r", Token: "p"}
		done <- client.Play(ctx, client.Target{Room: o}, clip.NewPlayer(c, clip.PlayerOptions{}), nil)
	}()
	eventually(t, "media", func() bool { return s.packets("p") > 10 })
	s.dial("p", client.Options{}) // the same identity
	select {
	case err := <-done:
		if err == nil {
			t.Error("it ended without a word")
		}
	case <-time.After(patience):
		t.Fatal("it plays on")
	}
}
