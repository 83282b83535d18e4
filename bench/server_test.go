package bench

import (
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/rtcp"
	"github.com/pion/webrtc/v4"
)

// pionServer is a WHIP and WHEP server by pion/webrtc: what publisher {i} sends goes to all who watch
// {i}. It counts the feedback that it gets.
type pionServer struct {
	*httptest.Server
	t   *testing.T
	api *webrtc.API

	mu      sync.Mutex
	tracks  map[string]*webrtc.TrackLocalStaticRTP // guarded by mu, as below
	coming  map[string]chan struct{}               // closed when the track is there
	pli     map[string]func()
	pcs     []*webrtc.PeerConnection
	deletes int
	dropped int // one of so many packets is thrown away; 0 none

	reports, feedback, keyframes atomic.Int64
}

func newPionServer(t *testing.T) *pionServer {
	t.Helper()
	m := &webrtc.MediaEngine{}
	registry := &interceptor.Registry{}
	if err := m.RegisterDefaultCodecs(); err != nil {
		t.Fatal(err)
	}
	if err := webrtc.RegisterDefaultInterceptors(m, registry); err != nil {
		t.Fatal(err)
	}
	if err := webrtc.ConfigureTWCCHeaderExtensionSender(m, registry); err != nil {
		t.Fatal(err)
	}
	var e webrtc.SettingEngine
	e.SetIncludeLoopbackCandidate(true)
	e.SetInterfaceFilter(func(name string) bool { return name == "lo" })
	s := &pionServer{
		t: t, api: webrtc.NewAPI(webrtc.WithMediaEngine(m), webrtc.WithInterceptorRegistry(registry), webrtc.WithSettingEngine(e)),
		tracks: map[string]*webrtc.TrackLocalStaticRTP{}, coming: map[string]chan struct{}{}, pli: map[string]func(){},
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /{kind}/{name}", func(w http.ResponseWriter, r *http.Request) {
		offer, _ := io.ReadAll(r.Body)
		answer, err := s.answer(r.PathValue("kind"), r.PathValue("name"), string(offer))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.Header().Set("Location", "/session/1")
		w.WriteHeader(http.StatusCreated)
		io.WriteString(w, answer)
	})
	mux.HandleFunc("DELETE /session/1", func(http.ResponseWriter, *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.deletes++
	})
	s.Server = httptest.NewServer(mux)
	t.Cleanup(func() {
		s.Close()
		for _, pc := range s.pcs {
			pc.Close()
		}
	})
	return s
}

func (s *pionServer) answer(kind, name, offer string) (string, error) {
	pc, err := s.api.NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		return "", err
	}
	s.mu.Lock()
	s.pcs = append(s.pcs, pc)
	s.mu.Unlock()
	if kind == "whip" {
		s.mu.Lock()
		s.coming[name] = make(chan struct{})
		s.mu.Unlock()
		pc.OnTrack(func(t *webrtc.TrackRemote, _ *webrtc.RTPReceiver) { s.forward(pc, t, name) })
	}
	if err := pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: offer}); err != nil {
		return "", err
	}
	if kind == "whep" {
		if err := s.watch(pc, name); err != nil {
			return "", err
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

func (s *pionServer) forward(pc *webrtc.PeerConnection, t *webrtc.TrackRemote, name string) {
	local, err := webrtc.NewTrackLocalStaticRTP(t.Codec().RTPCodecCapability, "t", name)
	if err != nil {
		s.t.Error(err)
		return
	}
	s.mu.Lock()
	s.tracks[name] = local
	s.pli[name] = func() {
		_ = pc.WriteRTCP([]rtcp.Packet{&rtcp.PictureLossIndication{MediaSSRC: uint32(t.SSRC())}})
	}
	close(s.coming[name])
	s.mu.Unlock()
	for n := 1; ; n++ {
		p, _, err := t.ReadRTP()
		if err != nil {
			return
		}
		if t.Codec().MimeType == webrtc.MimeTypeVP8 && len(p.Payload) > 10 && p.Payload[0]&0x10 != 0 && p.Payload[4]&1 == 0 {
			s.keyframes.Add(1)
		}
		s.mu.Lock()
		drop := s.dropped > 0 && n%s.dropped == 0
		s.mu.Unlock()
		if !drop {
			p.Extension, p.Extensions = false, nil // their ids are the publisher's
			_ = local.WriteRTP(p)
		}
	}
}

func (s *pionServer) watch(pc *webrtc.PeerConnection, name string) error {
	s.mu.Lock()
	coming := s.coming[name]
	s.mu.Unlock()
	if coming == nil {
		return io.ErrUnexpectedEOF
	}
	select {
	case <-coming: // its first packets may be on their way still
	case <-time.After(patience):
		return io.ErrNoProgress
	}
	s.mu.Lock()
	local, pli := s.tracks[name], s.pli[name]
	s.mu.Unlock()
	sender, err := pc.AddTrack(local)
	if err != nil {
		return err
	}
	pli()
	go func() {
		for {
			packets, _, err := sender.ReadRTCP()
			if err != nil {
				return
			}
			for _, p := range packets {
				switch p.(type) {
				case *rtcp.ReceiverReport:
					s.reports.Add(1)
				case *rtcp.TransportLayerCC:
					s.feedback.Add(1)
				}
			}
		}
	}()
	return nil
}
