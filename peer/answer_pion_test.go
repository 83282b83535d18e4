package peer

import (
	"strings"
	"testing"

	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"
)

// newPion returns a Pion client that stays on loopback.
func newPion(t *testing.T) *webrtc.PeerConnection {
	t.Helper()
	var settings webrtc.SettingEngine
	settings.SetInterfaceFilter(func(name string) bool { return name == "lo" })
	settings.SetIncludeLoopbackCandidate(true)
	pc, err := webrtc.NewAPI(webrtc.WithSettingEngine(settings), webrtc.WithMediaEngine(pionCodecs(t))).NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := pc.Close(); err != nil {
			t.Error(err)
		}
	})
	return pc
}

func pionCodecs(t *testing.T) *webrtc.MediaEngine {
	t.Helper()
	e := &webrtc.MediaEngine{}
	if err := e.RegisterDefaultCodecs(); err != nil {
		t.Fatal(err)
	}
	if err := webrtc.ConfigureSimulcastExtensionHeaders(e); err != nil {
		t.Fatal(err)
	}
	return e
}

func pionTrack(t *testing.T, mime, id, rid string) *webrtc.TrackLocalStaticRTP {
	t.Helper()
	var options []func(*webrtc.TrackLocalStaticRTP)
	if rid != "" {
		options = append(options, webrtc.WithRTPStreamID(rid))
	}
	track, err := webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: mime}, id, "stream", options...)
	if err != nil {
		t.Fatal(err)
	}
	return track
}

func addPion(t *testing.T, pc *webrtc.PeerConnection, kind webrtc.RTPCodecType, d webrtc.RTPTransceiverDirection) {
	t.Helper()
	if _, err := pc.AddTransceiverFromKind(kind, webrtc.RTPTransceiverInit{Direction: d}); err != nil {
		t.Fatal(err)
	}
}

// pionOffers are what the clients of these names add before they offer.
var pionOffers = map[string]func(*testing.T, *webrtc.PeerConnection){
	"publish": func(t *testing.T, pc *webrtc.PeerConnection) {
		for _, track := range []*webrtc.TrackLocalStaticRTP{pionTrack(t, webrtc.MimeTypeOpus, "a", ""), pionTrack(t, webrtc.MimeTypeVP8, "v", "")} {
			if _, err := pc.AddTransceiverFromTrack(track, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly}); err != nil {
				t.Fatal(err)
			}
		}
	},
	"simulcast": func(t *testing.T, pc *webrtc.PeerConnection) {
		sender, err := pc.AddTrack(pionTrack(t, webrtc.MimeTypeVP8, "v", "q"))
		if err != nil {
			t.Fatal(err)
		}
		for _, rid := range []string{"h", "f"} {
			if err := sender.AddEncoding(pionTrack(t, webrtc.MimeTypeVP8, "v", rid)); err != nil {
				t.Fatal(err)
			}
		}
	},
	"room": func(t *testing.T, pc *webrtc.PeerConnection) {
		for range 9 {
			addPion(t, pc, webrtc.RTPCodecTypeAudio, webrtc.RTPTransceiverDirectionRecvonly)
			addPion(t, pc, webrtc.RTPCodecTypeVideo, webrtc.RTPTransceiverDirectionRecvonly)
		}
		if _, err := pc.CreateDataChannel("reliable", nil); err != nil {
			t.Fatal(err)
		}
	},
}

// offerOf makes pc's next offer.
func offerOf(t *testing.T, pc *webrtc.PeerConnection) string {
	t.Helper()
	offer, err := pc.CreateOffer(nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := pc.SetLocalDescription(offer); err != nil {
		t.Fatal(err)
	}
	return offer.SDP
}

// TestPionTakesTheAnswer has Pion read our answers, in both DTLS roles.
func TestPionTakesTheAnswer(t *testing.T) {
	for name, prepare := range pionOffers {
		for _, setup := range []string{"actpass", "passive"} {
			t.Run(name+" "+setup, func(t *testing.T) {
				pc := newPion(t)
				prepare(t, pc)
				offer := strings.ReplaceAll(offerOf(t, pc), "a=setup:actpass", "a=setup:"+setup)
				s, answer := mustAnswer(t, offer, testLocal(), nil)
				if err := pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer}); err != nil {
					t.Fatalf("%v\n%s", err, answer)
				}
				for i, tr := range pc.GetTransceivers() {
					m := s.ByMID(tr.Mid())
					if m == nil || m.Rejected {
						t.Errorf("transceiver %d (mid %q): %+v", i, tr.Mid(), m)
						continue
					}
					if sending := tr.Direction() == webrtc.RTPTransceiverDirectionSendonly; sending && !m.Recv {
						t.Errorf("mid %s: Pion sends, we do not receive", m.MID)
					}
				}
				if name == "simulcast" && len(s.Media[0].RIDs) != 3 {
					t.Errorf("layers %v", s.Media[0].RIDs)
				}
				if name == "room" && (s.Data == nil || len(s.Media) != 18) {
					t.Errorf("data %+v, %d m-lines", s.Data, len(s.Media))
				}
			})
		}
	}
}

// TestPionRenegotiates adds slots and restarts ICE with a live Pion.
func TestPionRenegotiates(t *testing.T) {
	pc := newPion(t)
	pionOffers["room"](t, pc)
	prev, answer := mustAnswer(t, offerOf(t, pc), testLocal(), nil)
	if err := pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer}); err != nil {
		t.Fatal(err)
	}
	addPion(t, pc, webrtc.RTPCodecTypeVideo, webrtc.RTPTransceiverDirectionRecvonly)
	second, answer := mustAnswer(t, offerOf(t, pc), testLocal(), prev)
	if err := pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer}); err != nil {
		t.Fatal(err)
	}
	if len(second.Media) != 19 || second.Media[0].SlotSSRC != prev.Media[0].SlotSSRC || second.Media[18].SlotSSRC == 0 {
		t.Errorf("%d m-lines, %+v", len(second.Media), second.Media[18])
	}
	restart, err := pc.CreateOffer(&webrtc.OfferOptions{ICERestart: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := pc.SetLocalDescription(restart); err != nil {
		t.Fatal(err)
	}
	local := testLocal()
	local.Ufrag = "srv1"
	third, answer := mustAnswer(t, restart.SDP, local, second)
	if err := pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer}); err != nil {
		t.Fatal(err)
	}
	if third.LocalUfrag != "srv1" || third.RemoteUfrag == second.RemoteUfrag {
		t.Errorf("%+v", third)
	}
}

// TestAnswersParse reads each golden answer with Pion's parser and compares it to its offer: the same
// m-lines in the same order (RFC 3264 §6), payload types taken from the offer.
func TestAnswersParse(t *testing.T) {
	for name, text := range realOffers(t) {
		_, answerText := mustAnswer(t, text, testLocal(), nil)
		var offer, answer sdp.SessionDescription
		if err := offer.UnmarshalString(text); err != nil {
			t.Fatal(err)
		}
		if err := answer.UnmarshalString(answerText); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if len(answer.MediaDescriptions) != len(offer.MediaDescriptions) {
			t.Fatalf("%s: %d m-lines", name, len(answer.MediaDescriptions))
		}
		for i, a := range answer.MediaDescriptions {
			o := offer.MediaDescriptions[i]
			if a.MediaName.Media != o.MediaName.Media || strings.Join(a.MediaName.Protos, "/") != strings.Join(o.MediaName.Protos, "/") {
				t.Errorf("%s: m-line %d is %v", name, i, a.MediaName)
			}
			for _, f := range a.MediaName.Formats {
				if !strings.Contains(" "+strings.Join(o.MediaName.Formats, " ")+" ", " "+f+" ") {
					t.Errorf("%s: m-line %d: format %s was not offered", name, i, f)
				}
			}
			amid, _ := a.Attribute("mid")
			omid, _ := o.Attribute("mid")
			if amid != omid {
				t.Errorf("%s: m-line %d: mid %q, offered %q", name, i, amid, omid)
			}
		}
	}
}
