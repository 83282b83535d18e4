package watch

import (
	"encoding/json"
	"errors"
	"io/fs"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"switchyard/client/clip"
)

// feed sends a clip's tracks through peer connections into a stream each.
func feed(t *testing.T, name string, take func(kind string, p *rtp.Packet, c webrtc.RTPCodecParameters)) {
	t.Helper()
	c, err := clip.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	p := clip.NewPlayer(c, clip.PlayerOptions{Once: true})
	for _, track := range []*clip.Track{p.Video, p.Audio} {
		a, b := pair(t)
		if _, err := a.AddTrack(track); err != nil {
			t.Fatal(err)
		}
		b.OnTrack(func(r *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
			for {
				packet, _, err := r.ReadRTP()
				if err != nil {
					return
				}
				take(r.Kind().String(), packet, r.Codec())
			}
		})
		connect(t, a, b)
	}
	if err := p.Play(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func pair(t *testing.T) (a, b *webrtc.PeerConnection) {
	t.Helper()
	var s webrtc.SettingEngine
	s.SetIncludeLoopbackCandidate(true)
	api := webrtc.NewAPI(webrtc.WithSettingEngine(s))
	for _, pc := range []**webrtc.PeerConnection{&a, &b} {
		var err error
		if *pc, err = api.NewPeerConnection(webrtc.Configuration{}); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { (*pc).Close() })
	}
	return a, b
}

func connect(t *testing.T, a, b *webrtc.PeerConnection) {
	t.Helper()
	up := make(chan struct{})
	connected := sync.OnceFunc(func() { close(up) })
	a.OnConnectionStateChange(func(s webrtc.PeerConnectionState) {
		if s == webrtc.PeerConnectionStateConnected {
			connected()
		}
	})
	offer, err := a.CreateOffer(nil)
	check(t, err)
	gathered := webrtc.GatheringCompletePromise(a)
	check(t, a.SetLocalDescription(offer))
	<-gathered
	check(t, b.SetRemoteDescription(*a.LocalDescription()))
	answer, err := b.CreateAnswer(nil)
	check(t, err)
	gathered = webrtc.GatheringCompletePromise(b)
	check(t, b.SetLocalDescription(answer))
	<-gathered
	check(t, a.SetRemoteDescription(*b.LocalDescription()))
	select {
	case <-up:
	case <-time.After(time.Minute):
		t.Fatal("no connection")
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestEachCodecIsCountedAndWritten(t *testing.T) {
	for name, ext := range map[string]string{"red": ".ivf", "vp9": ".ivf", "av1": ".ivf", "h264": ".h264"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			video, audio := &stream{kind: "video"}, &stream{kind: "audio"}
			base := filepath.Join(t.TempDir(), "out")
			out := NewRecorder(base)
			feed(t, name, func(kind string, p *rtp.Packet, c webrtc.RTPCodecParameters) {
				s := video
				if kind == "audio" {
					s = audio
				}
				s.take(p, c, out)
			})
			deadline := time.Now().Add(time.Minute)
			for {
				v, _ := video.counts()
				a, _ := audio.counts()
				if v.Frames >= 50 && a.Packets >= 100 {
					if v.Keyframes != 10 || v.Lost != 0 || name != "av1" && v.Width != 320 {
						t.Errorf("%+v", v)
					}
					break
				}
				if time.Now().After(deadline) {
					t.Fatalf("%+v %+v", v, a)
				}
				time.Sleep(10 * time.Millisecond)
			}
			files, err := out.Close()
			if err != nil || len(files) != 2 {
				t.Fatalf("%v, %v", files, err)
			}
			again, err := clip.OpenFiles(clip.Options{FPS: clip.FPS}, base+ext, base+".ogg")
			if err != nil {
				t.Fatal(err)
			}
			defer again.Close()
			if d := again.Length(); d < 1800*time.Millisecond || d > 2200*time.Millisecond {
				t.Errorf("what was written plays %v", d)
			}
		})
	}
}

func TestMeterCountsLoss(t *testing.T) {
	var m meter
	for _, seq := range []uint16{65533, 65534, 65535, 0, 2, 1, 5, 5} {
		m.packet(&rtp.Packet{Header: rtp.Header{SequenceNumber: seq, Timestamp: uint32(seq)}, Payload: []byte{1}}, "audio/opus")
	}
	m.packet(&rtp.Packet{Header: rtp.Header{SequenceNumber: 6}}, "audio/opus") // padding
	n, _ := m.counts()
	if n.Packets != 8 || n.Lost != 1 { // 3 and 4 are missing, 5 came twice
		t.Errorf("%+v", n)
	}
}

func TestReportIsJSONForScripts(t *testing.T) {
	b, err := json.Marshal(Report{At: 1, State: "connected", Tracks: []Track{{Slot: "0", Codec: "VP8", Counts: Counts{Packets: 3}}}})
	if err != nil || string(b) != `{"at":1,"state":"connected","tracks":[{"slot":"0","kind":"","codec":"VP8","bitrate":0,"packets":3,"lost":0,"frames":0,"keyframes":0,"bytes":0}]}` {
		t.Errorf("%s, %v", b, err)
	}
}

func TestRecorderThatCannotWriteSaysSo(t *testing.T) {
	r := NewRecorder(filepath.Join(t.TempDir(), "no", "such", "folder.ogg"))
	s := &stream{kind: "audio"}
	c := webrtc.RTPCodecParameters{RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: "audio/opus"}}
	for range 2 {
		r.Write(s, &rtp.Packet{Payload: []byte{1}}, c)
	}
	if _, err := r.Close(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v", err)
	}
}

func FuzzMeter(f *testing.F) {
	f.Add([]byte{0x90, 0x80, 0x80, 1, 0x10, 2, 0, 0x9d, 1, 0x2a}, uint16(5), "video/VP8")
	f.Add([]byte{0x78, 0, 2, 0x67, 0x42}, uint16(5), "video/H264")
	f.Add([]byte{0x18, 0x0a}, uint16(5), "video/AV1")
	f.Add([]byte{0x8c, 1}, uint16(5), "video/VP9")
	f.Fuzz(func(t *testing.T, b []byte, seq uint16, mime string) {
		var m meter
		for i := range uint16(3) {
			m.packet(&rtp.Packet{Header: rtp.Header{SequenceNumber: seq * i}, Payload: b}, mime)
		}
		if n, _ := m.counts(); n.Lost < 0 || n.Packets > 3 {
			t.Fatalf("%+v", n)
		}
	})
}
