package conference_test

import (
	"context"
	"net/http/httptest"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"switchyard/app/conference"
	"switchyard/client"
	"switchyard/engine/auth"
	"switchyard/protocol"
	"switchyard/sfu"
	"switchyard/signal/ws"
)

var key = []byte("0123456789abcdef0123456789abcdef")

// site is a real server on loopback: SFU, rooms, WebSocket.
func site(t *testing.T) (url string, host *conference.Host) {
	t.Helper()
	s, err := sfu.New(sfu.Config{Listen: netip.MustParseAddrPort("127.0.0.1:0"), Shards: 2})
	if err != nil {
		t.Fatal(err)
	}
	host = conference.New(conference.Forward(s), conference.Config{
		Verify: func(token string, now time.Time) (auth.Claims, error) { return auth.Verify(key, token, now) },
	})
	sockets := ws.New(host, ws.Config{})
	web := httptest.NewServer(sockets)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := host.Drain(ctx); err != nil {
			t.Error(err)
		}
		sockets.Close()
		web.Close()
		s.Close()
	})
	return web.URL, host
}

func dial(t *testing.T, url, who string, slots int, e client.Events) *client.Client {
	t.Helper()
	token, err := auth.Mint(key, auth.Claims{Room: "demo", Identity: who,
		Grants: protocol.Grants{Publish: []string{"*"}, Subscribe: true, Data: true}}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	c, err := client.Dial(ctx, client.Options{URL: url, Room: "demo", Token: token, Slots: slots, Events: e})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// keyframe is the payload of a VP8 keyframe of 16x16 pixels in one packet (RFC 7741), as far as a
// forwarder looks.
var keyframe = append([]byte{0x10, 0x10, 0x02, 0x00, 0x9d, 0x01, 0x2a, 16, 0, 16, 0}, make([]byte, 200)...)

// film sends keyframes, 30 a second, until ctx ends.
func film(ctx context.Context, track *webrtc.TrackLocalStaticRTP) {
	tick := time.NewTicker(time.Second / 30)
	defer tick.Stop()
	for n := uint16(0); ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			_ = track.WriteRTP(&rtp.Packet{Payload: keyframe,
				Header: rtp.Header{Version: 2, Marker: true, SequenceNumber: n, Timestamp: uint32(n) * 3000}})
		}
	}
}

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for !is() {
		if time.Now().After(deadline) {
			t.Fatal("did not happen: " + what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// Ann publishes, Ben sees it in a slot that says so; data goes over both roads; Ben leaves.
func TestCallThroughTheRealServer(t *testing.T) {
	url, host := site(t)
	var packets, chats, cursors, left atomic.Int64
	var shown atomic.Value
	ann := dial(t, url, "ann", 0, client.Events{
		Packet: func(p client.Packet) {
			if p.From == "ben" && p.Topic == "cursor" && string(p.Payload) == "\x01" {
				cursors.Add(1)
			}
		},
		Data: func(d protocol.Data) { chats.Add(1) },
		Left: func(protocol.Left) { left.Add(1) },
	})
	ben := dial(t, url, "ben", 2, client.Events{
		Slot: func(s protocol.Slot) {
			if s.Track != "" && s.Timestamp != nil {
				shown.Store(s)
			}
		},
		Media: func(s *client.Slot) {
			go func() {
				for {
					if _, err := s.Read(); err != nil {
						return
					}
					packets.Add(1)
				}
			}()
		},
	})
	video, err := webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeVP8, ClockRate: 90000}, "v", "ann")
	if err != nil {
		t.Fatal(err)
	}
	pub, err := ann.Publish(t.Context(), video, client.PublishOptions{Source: protocol.SourceCamera})
	if err != nil {
		t.Fatal(err)
	}
	go film(t.Context(), video)
	eventually(t, "Ben receives packets", func() bool { return packets.Load() > 30 })
	eventually(t, "Ben's slot is live", func() bool {
		s, ok := shown.Load().(protocol.Slot)
		return ok && s.Track == pub.Track().ID && s.Generation > 0
	})
	eventually(t, "the room knows codec and size", func() bool {
		for _, p := range host.Snapshot()[0].Participants {
			for _, tr := range p.Tracks {
				if tr.Codec == "VP8" && tr.Width == 16 && tr.Height == 16 {
					return true
				}
			}
		}
		return false
	})
	if err := ben.SendData(t.Context(), "chat", "hi"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "chat arrives", func() bool { return chats.Load() == 1 })
	eventually(t, "a packet of a DataChannel arrives", func() bool {
		_ = ben.SendPacket(client.Packet{Topic: "cursor", Payload: []byte{1}, Reliable: true})
		return cursors.Load() > 0
	})
	if r := host.Snapshot()[0]; len(r.Participants) != 2 || len(r.Links) != 2 {
		t.Errorf("%+v", r)
	}
	if err := ben.Close(); err != nil {
		t.Error(err)
	}
	eventually(t, "Ann sees Ben leave", func() bool { return left.Load() == 1 })
}
