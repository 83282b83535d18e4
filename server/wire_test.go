package server

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"switchyard/api"
	"switchyard/protocol"
)

// These tests run the server whole: newBackend as it is, with real clients on the loopback interface.

// newPeer returns a Pion peer; with tcp it has no UDP at all.
func newPeer(t *testing.T, tcp bool) *webrtc.PeerConnection {
	t.Helper()
	var settings webrtc.SettingEngine
	settings.SetIncludeLoopbackCandidate(true)
	settings.SetICEMulticastDNSMode(0)
	if tcp {
		settings.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeTCP4})
	} else {
		settings.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	}
	pc, err := webrtc.NewAPI(webrtc.WithSettingEngine(settings)).NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { pc.Close() })
	return pc
}

// exchange posts pc's offer to a WHIP or WHEP URL, sets the answer and returns the Location.
func (s *testServer) exchange(pc *webrtc.PeerConnection, path, auth string) string {
	s.t.Helper()
	offer, err := pc.CreateOffer(nil)
	if err != nil {
		s.t.Fatal(err)
	}
	if err := pc.SetLocalDescription(offer); err != nil {
		s.t.Fatal(err)
	}
	<-webrtc.GatheringCompletePromise(pc)
	status, h, answer := s.call("POST", path, pc.LocalDescription().SDP, "Content-Type: application/sdp", auth)
	if status != http.StatusCreated {
		s.t.Fatalf("%s: %d %s", path, status, answer)
	}
	if err := pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer}); err != nil {
		s.t.Fatal(err)
	}
	return h.Get("Location")
}

// vp8Key is the first packet of a VP8 keyframe of 16 by 16 pixels, with a descriptor of one byte
// (RFC 7741 §4.2, RFC 6386 §9.1).
var vp8Key = []byte{0x10, 0x10, 0x02, 0x00, 0x9d, 0x01, 0x2a, 16, 0, 16, 0, 1, 2, 3, 4}

// publish sends keyframes by WHIP until the test ends.
func (s *testServer) publish(room string, tcp bool) (location string) {
	s.t.Helper()
	pc := newPeer(s.t, tcp)
	track, err := webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeVP8, ClockRate: 90000}, "v", "s")
	if err != nil {
		s.t.Fatal(err)
	}
	if _, err := pc.AddTransceiverFromTrack(track, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly}); err != nil {
		s.t.Fatal(err)
	}
	location = s.exchange(pc, "/whip/"+room, s.bearer(room, "publish"))
	ctx := s.t.Context()
	go func() {
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for i := uint16(0); ctx.Err() == nil; i++ {
			<-tick.C
			track.WriteRTP(&rtp.Packet{Header: rtp.Header{Version: 2, Marker: true, SequenceNumber: i, Timestamp: uint32(i) * 1800}, Payload: vp8Key})
		}
	}()
	return location
}

// watch waits for the room's program by WHEP.
func (s *testServer) watch(room string, tcp bool) {
	s.t.Helper()
	pc := newPeer(s.t, tcp)
	if _, err := pc.AddTransceiverFromKind(webrtc.RTPCodecTypeVideo, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}); err != nil {
		s.t.Fatal(err)
	}
	got := make(chan []byte, 1)
	pc.OnTrack(func(t *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
		for {
			p, _, err := t.ReadRTP()
			if err != nil {
				return
			}
			select {
			case got <- p.Payload:
			default:
			}
		}
	})
	s.exchange(pc, "/whep/"+room, s.bearer(room, "subscribe"))
	for deadline := time.After(patience); ; {
		select {
		case p := <-got:
			if bytes.HasSuffix(p, vp8Key[1:]) {
				return
			}
		case <-deadline:
			s.t.Fatal("no picture arrived")
		}
	}
}

// tap returns the beginning of what a tap of a link gives.
func (s *testServer) tap(link string, size int) (status int, dump string) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, "GET", s.base+"/v1/admin/links/"+link+"/tap", nil)
	if err != nil {
		s.t.Fatal(err)
	}
	name, value, _ := strings.Cut(s.bearer("", "admin"), ": ")
	req.Header.Set(name, value)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	b := make([]byte, size)
	if n, err := io.ReadFull(res.Body, b); err != nil {
		s.t.Fatalf("%v after %d bytes of a tap", err, n)
	}
	return res.StatusCode, string(b)
}

func TestWHIPToWHEP(t *testing.T) {
	t.Parallel()
	s := run(t, Config{backend: newBackend})
	for _, c := range []struct {
		name string
		tcp  bool
	}{{"udp", false}, {"tcp", true}} {
		t.Run(c.name, func(t *testing.T) {
			s := *s
			s.t = t
			location := s.publish(c.name, c.tcp)
			s.watch(c.name, c.tcp)

			admin := s.bearer("", "admin")
			_, _, rooms := s.call("GET", "/v1/admin/rooms", "", admin)
			if !strings.Contains(rooms, `{"room":"`+c.name+`","participants":1,"viewers":1,"tracks":1}`) {
				t.Fatalf("rooms: %s", rooms)
			}
			var list struct {
				Links []struct {
					Link, Room string
					Stats      struct{ Transport string }
				}
			}
			_, _, links := s.call("GET", "/v1/admin/links", "", admin)
			if err := json.Unmarshal([]byte(links), &list); err != nil {
				t.Fatalf("links: %v %s", err, links)
			}
			n := 0
			for _, l := range list.Links {
				if l.Room != c.name {
					continue
				}
				n++
				if l.Stats.Transport != c.name {
					t.Errorf("%s goes by %s", l.Link, l.Stats.Transport)
				}
				if status, dump := s.tap(l.Link, 200); status != 200 || !strings.HasPrefix(dump, "#!rtpplay1.0 ") {
					t.Errorf("tap of %s: %d %q", l.Link, status, dump)
				}
				// The server has to notice first that the other tap was hung up.
				waitFor(t, func() bool {
					status, _, _ := s.call("GET", "/v1/admin/links/"+l.Link+"/tap?seconds=1", "", admin)
					return status == 200
				})
			}
			if n != 2 {
				t.Fatalf("links: %s", links)
			}
			if status, _, body := s.call("DELETE", location, ""); status != 200 && status != 204 {
				t.Fatalf("DELETE %d %s", status, body)
			}
			waitFor(t, func() bool {
				_, _, rooms := s.call("GET", "/v1/admin/rooms", "", admin)
				return strings.Contains(rooms, `{"room":"`+c.name+`","participants":0,`)
			})
		})
	}
	if _, _, m := s.call("GET", "/metrics", ""); !strings.Contains(m, "switchyard_links 4") && !strings.Contains(m, "switchyard_rtp_sent_total") {
		t.Fatalf("metrics: %s", m)
	}
}

func TestTokensOfWHIP(t *testing.T) {
	s := run(t, Config{backend: newBackend})
	pc := newPeer(t, false)
	if _, err := pc.AddTransceiverFromKind(webrtc.RTPCodecTypeVideo, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}); err != nil {
		t.Fatal(err)
	}
	offer, err := pc.CreateOffer(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, auth string
		status     int
	}{
		{"none", "", 401},
		{"nonsense", "Authorization: Bearer x", 401},
		{"another room", s.bearer("other", "subscribe"), 401},
		{"no grant", s.bearer("r", "data"), 403},
	} {
		status, _, body := s.call("POST", "/whep/r", offer.SDP, "Content-Type: application/sdp", c.auth)
		if status != c.status || !strings.Contains(body, `"detail"`) {
			t.Errorf("%s: %d %s", c.name, status, body)
		}
	}
	if status, _, body := s.call("POST", "/whep/r", "v=0", "Content-Type: application/sdp", s.bearer("r", "subscribe")); status != 400 && status != 422 {
		t.Errorf("bad offer: %d %s", status, body)
	}
}

// dialRoom opens a WebSocket of an invited person.
func (s *testServer) dialRoom(room, name string) *websocket.Conn {
	s.t.Helper()
	id := s.invite(`{"room":"`+room+`"}`, s.bearer("", "admin"))
	a := asks[api.Accepted](s, 200, "POST", "/v1/invitations/"+id+"/accept", `{"name":"`+name+`"}`)
	return s.dial("/v1/rooms/"+room+"?token="+a.Token, protocol.Subprotocol)
}

// joinRoom opens a WebSocket and joins.
func (s *testServer) joinRoom(room, name string) *websocket.Conn {
	s.t.Helper()
	conn := s.dialRoom(room, name)
	if err := conn.Write(s.t.Context(), websocket.MessageText, []byte(`{"type":"join","id":1,"seq":1,"body":{"capabilities":{}}}`)); err != nil {
		s.t.Fatal(err)
	}
	s.await(conn, protocol.TypeWelcome)
	return conn
}

// await reads until a message of that type comes.
func (s *testServer) await(conn *websocket.Conn, typ string) json.RawMessage {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	for {
		_, data, err := conn.Read(ctx)
		if err != nil {
			s.t.Fatalf("waiting for %s: %v", typ, err)
		}
		var e protocol.Envelope
		if err := json.Unmarshal(data, &e); err != nil {
			s.t.Fatal(err)
		}
		if e.Type == typ {
			return e.Body
		}
	}
}

func TestInvitedPeopleMeet(t *testing.T) {
	t.Parallel()
	s := run(t, Config{backend: newBackend})
	ann := s.joinRoom("r", "Ann")
	s.joinRoom("r", "Ben")
	if body := s.await(ann, protocol.TypeJoined); !strings.Contains(string(body), `"name":"Ben"`) {
		t.Fatalf("joined: %s", body)
	}
	if log := s.log.String(); strings.Contains(log, "eyJ") {
		t.Fatal("the log holds a token")
	}
	go s.stop()
	body := s.await(ann, protocol.TypeError)
	if !strings.Contains(string(body), protocol.CodeShuttingDown) {
		t.Fatalf("goodbye: %s", body)
	}
	s.stop()
}

func TestWebSocketOfAnotherSiteIsRefused(t *testing.T) {
	s := run(t, Config{backend: newBackend})
	_, res, err := websocket.Dial(t.Context(), "ws"+strings.TrimPrefix(s.base, "http")+"/v1/rooms/r",
		&websocket.DialOptions{HTTPHeader: http.Header{"Origin": {"https://foe.example"}}})
	if err == nil || res == nil || res.StatusCode != http.StatusForbidden {
		t.Fatalf("%v %v", res, err)
	}
	io.Copy(io.Discard, res.Body)
}
