package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"switchyard/client"
	"switchyard/client/clip"
	"switchyard/engine/room"
	"switchyard/protocol"
)

// player plays the red clip until the test ends.
func player(t *testing.T) *clip.Player {
	t.Helper()
	c, err := clip.Open("red")
	if err != nil {
		t.Fatal(err)
	}
	p := clip.NewPlayer(c, clip.PlayerOptions{})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- p.Play(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
	return p
}

func publish(t *testing.T, c *client.Client, track webrtc.TrackLocal) *client.Publication {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	p, err := c.Publish(ctx, track, client.PublishOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestJoinSeesWhoIsThereAndWhoComesAndGoes(t *testing.T) {
	s := newFakeServer(t)
	var joined, left recorder[protocol.ParticipantID]
	var published, unpublished recorder[protocol.Track]
	a := s.dial("a", client.Options{Name: "Ada", Events: client.Events{
		Joined:    func(p protocol.Participant) { joined.add(p.ID) },
		Left:      func(m protocol.Left) { left.add(m.Participant) },
		Published: published.add, Unpublished: unpublished.add,
	}})
	b := s.dial("b", client.Options{})
	if a.ID() != "a" || len(b.Participants()) != 2 || b.Participants()[0].Name != "Ada" {
		t.Fatalf("%s sees %v", b.ID(), b.Participants())
	}
	pub := publish(t, b, player(t).Video)
	eventually(t, "the track is seen", func() bool { return len(published.all()) == 1 })
	if got := published.all()[0]; got.ID != pub.Track().ID || got.Source != protocol.SourceCamera || got.Participant != "b" {
		t.Errorf("published %+v", got)
	}
	if err := pub.Mute(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the mute is seen", func() bool { tr, ok := a.Track(pub.Track().ID); return ok && tr.Muted })
	if err := pub.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the end is seen", func() bool { return len(unpublished.all()) == 1 })
	b.Close()
	if err := b.Err(); !errors.Is(err, client.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
	eventually(t, "b left", func() bool { return slices.Equal(left.all(), []protocol.ParticipantID{"b"}) })
	if !slices.Equal(joined.all(), []protocol.ParticipantID{"b"}) {
		t.Errorf("joined %v", joined.all())
	}
}

func TestPublishedMediaArrivesAndTheServersPLIBringsAKeyframe(t *testing.T) {
	s := newFakeServer(t)
	c := s.dial("a", client.Options{})
	p := player(t)
	video, audio := publish(t, c, p.Video), publish(t, c, p.Audio)
	if video.Track().Kind != protocol.KindVideo || audio.Track().Source != protocol.SourceMicrophone {
		t.Errorf("%+v %+v", video.Track(), audio.Track())
	}
	eventually(t, "packets of both", func() bool {
		_, l := s.linkOf("a")
		s.mu.Lock()
		defer s.mu.Unlock()
		return len(l.got) == 2
	})
	eventually(t, "PLI", func() bool { return video.Delivery().PLI > 0 })
	eventually(t, "a reception report", func() bool { return video.Delivery().RTT > 0 })
}

func TestUnpublishedPositionIsUsedAgain(t *testing.T) {
	s := newFakeServer(t)
	c := s.dial("a", client.Options{})
	for range 4 {
		pub := publish(t, c, player(t).Video)
		before := s.packets("a")
		eventually(t, "packets", func() bool { return s.packets("a") > before+5 })
		if err := pub.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	_, l := s.linkOf("a")
	if n := len(l.pc.GetTransceivers()); n != 1 {
		t.Errorf("%d m-lines for one track at a time", n)
	}
}

// feed sends packets on a slot, with timestamps from first.
func feed(t *testing.T, track *webrtc.TrackLocalStaticRTP, seq *uint16, first uint32, n int) {
	t.Helper()
	for i := range n {
		*seq++
		p := &rtp.Packet{Header: rtp.Header{Version: 2, SequenceNumber: *seq, Timestamp: first + uint32(i)*3000}, Payload: []byte{0x10, 1, 2, 3}}
		if err := track.WriteRTP(p); err != nil {
			t.Fatal(err)
		}
	}
}

func TestPacketsOfASlotAreToldApartByGenerationAndTimestamp(t *testing.T) {
	s := newFakeServer(t)
	var seen recorder[string]
	s.dial("sub", client.Options{Slots: 1, Events: client.Events{Media: func(slot *client.Slot) {
		go func() {
			for {
				p, err := slot.Read()
				if err != nil {
					return
				}
				seen.add(string(p.Track) + "/" + strconv.Itoa(int(p.Generation)))
			}
		}()
	}}})
	session, l := s.linkOf("sub")
	eventually(t, "connected", func() bool { return l.pc.ConnectionState() == webrtc.PeerConnectionStateConnected })
	mid := ""
	for m, track := range l.slots {
		if track.Kind() == webrtc.RTPCodecTypeVideo {
			mid = m
		}
	}
	seq, at := uint16(0), func(v uint32) *uint32 { return &v }
	tell := func(track protocol.TrackID, generation uint32, first *uint32) {
		s.do(func(r *room.Room) {
			r.Slots(session, []protocol.Slot{{MID: mid, Kind: protocol.KindVideo, Track: track, Generation: generation, Timestamp: first}})
		})
	}
	tell("first", 1, at(90000))
	eventually(t, "packets of the first", func() bool {
		feed(t, l.slots[mid], &seq, 90000, 1)
		return slices.Contains(seen.all(), "first/1")
	})
	// A switch that is announced but not begun: packets are still of the first.
	tell("second", 2, nil)
	n := len(seen.all())
	feed(t, l.slots[mid], &seq, 800000, 5)
	eventually(t, "packets before the switch", func() bool { return len(seen.all()) >= n+5 })
	tell("second", 2, at(900000))
	eventually(t, "packets of the second", func() bool {
		feed(t, l.slots[mid], &seq, 900000, 1)
		all := seen.all()
		return all[len(all)-1] == "second/2"
	})
	n = len(seen.all())
	feed(t, l.slots[mid], &seq, 899000, 1) // late: of the first
	eventually(t, "a late packet", func() bool { return slices.Contains(seen.all()[n:], "first/1") })
}

func TestNeedSlotsIsAnsweredWithAnOffer(t *testing.T) {
	s := newFakeServer(t)
	s.dial("sub", client.Options{Slots: 1, MaxSlots: 3})
	session, l := s.linkOf("sub")
	s.do(func(r *room.Room) { r.NeedSlots(session, 5, 5) })
	eventually(t, "three pairs", func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return len(l.slots) == 6
	})
	s.do(func(r *room.Room) { r.NeedSlots(session, 1, 1) }) // no more than MaxSlots
	s.mu.Lock()
	offers := l.answers - l.anew
	s.mu.Unlock()
	if offers != 2 {
		t.Errorf("%d offers", offers)
	}
}

func TestDroppedSocketResumesWhileMediaGoesOn(t *testing.T) {
	s := newFakeServer(t)
	var states recorder[client.State]
	var data recorder[string]
	a := s.dial("a", client.Options{Events: client.Events{State: states.add}})
	b := s.dial("b", client.Options{Events: client.Events{Data: func(m protocol.Data) { data.add(string(m.Payload)) }}})
	pub := publish(t, a, player(t).Video)
	id := pub.Track().ID
	eventually(t, "packets", func() bool { return s.packets("a") > 10 })
	for i := range 5 {
		s.dropSockets()
		before := s.packets("a")
		if err := a.SendData(t.Context(), "chat", i); err != nil {
			t.Fatal(err)
		}
		eventually(t, "media while the socket is away", func() bool { return s.packets("a") > before+5 })
	}
	eventually(t, "all data, once and in order", func() bool { return slices.Equal(data.all(), []string{"0", "1", "2", "3", "4"}) })
	if pub.Track().ID != id || slices.Contains(states.all(), client.Rejoined) || !slices.Contains(states.all(), client.Reconnecting) {
		t.Errorf("states %v; track %s was %s", states.all(), pub.Track().ID, id)
	}
	if n := len(b.Participants()); n != 2 {
		t.Errorf("%d participants", n)
	}
}

func TestReconnectResumes(t *testing.T) {
	s := newFakeServer(t)
	var states recorder[client.State]
	var data recorder[string]
	a := s.dial("a", client.Options{NoData: true, Events: client.Events{State: states.add}})
	s.dial("b", client.Options{NoData: true, Events: client.Events{Data: func(m protocol.Data) { data.add(string(m.Payload)) }}})
	for i := range 3 {
		reconnecting := len(states.all())
		a.Reconnect()
		eventually(t, "a new socket", func() bool { return slices.Contains(states.all()[reconnecting:], client.Connected) })
		if err := a.SendData(t.Context(), "chat", i); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "all data, once and in order", func() bool { return slices.Equal(data.all(), []string{"0", "1", "2"}) })
	if slices.Contains(states.all(), client.Rejoined) {
		t.Errorf("states %v", states.all())
	}
}

func TestRestartedServerIsJoinedAnewAndPublishedTo(t *testing.T) {
	s := newFakeServer(t)
	var states recorder[client.State]
	c := s.dial("a", client.Options{Slots: 1, Events: client.Events{State: states.add}})
	pub := publish(t, c, player(t).Video)
	id := pub.Track().ID
	if err := c.Subscribe(t.Context(), nil, true); err != nil {
		t.Fatal(err)
	}
	eventually(t, "packets", func() bool { return s.packets("a") > 10 })
	s.mu.Lock()
	s.refuse = true
	s.mu.Unlock()
	s.restart()
	eventually(t, "several attempts", func() bool {
		n := 0
		for _, st := range states.all() {
			if st == client.Reconnecting {
				n++
			}
		}
		return n >= 3
	})
	s.mu.Lock()
	s.refuse = false
	s.mu.Unlock()
	eventually(t, "the track is there again", func() bool {
		var tracks []room.Published
		s.do(func(r *room.Room) { tracks = r.Tracks() })
		return len(tracks) == 1 && pub.Track().ID == tracks[0].ID && pub.Track().ID != id
	})
	eventually(t, "media again", func() bool { return s.packets("a") > 10 })
	if !slices.Contains(states.all(), client.Rejoined) {
		t.Errorf("states %v", states.all())
	}
}

func TestRestartICEIsHonoured(t *testing.T) {
	s := newFakeServer(t)
	c := s.dial("a", client.Options{})
	session, l := s.linkOf("a")
	eventually(t, "connected", func() bool { return c.LinkState() == "connected" })
	s.mu.Lock()
	before := l.anew
	s.mu.Unlock()
	s.do(func(r *room.Room) { r.LinkUp(session); r.LinkDown(session) })
	eventually(t, "an offer with new credentials", func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return l.anew > before
	})
	eventually(t, "connected again", func() bool { return c.LinkState() == "connected" })
}

func TestLinkThatTheServerGaveUpIsMadeAnew(t *testing.T) {
	s := newFakeServer(t)
	c := s.dial("a", client.Options{})
	pub := publish(t, c, player(t).Video)
	first := pub.Track().ID
	session, l := s.linkOf("a")
	s.do(func(r *room.Room) { r.LinkClosed(time.Now(), session) })
	l.pc.Close()
	eventually(t, "published again", func() bool { return pub.Track().ID != first })
	eventually(t, "media again", func() bool { return s.packets("a") > 5 })
}

func TestErrorsOfTheServerAreTold(t *testing.T) {
	s := newFakeServer(t)
	a := s.dial("a", client.Options{})
	err := a.Moderate(t.Context(), protocol.Moderate{Action: "close"})
	var pe *protocol.Error
	if !errors.As(err, &pe) || pe.Code != protocol.CodeForbidden {
		t.Errorf("moderating without the grant: %v", err)
	}
	// The same identity again replaces the first, for good.
	s.dial("a", client.Options{})
	select {
	case <-a.Done():
	case <-time.After(patience):
		t.Fatal("the first was not ended")
	}
	if !errors.As(a.Err(), &pe) || pe.Code != protocol.CodeReplaced {
		t.Errorf("it ended with %v", a.Err())
	}
	if err := a.SendData(t.Context(), "x", 1); err == nil {
		t.Error("a closed client sends")
	}
	if _, err := client.Dial(t.Context(), client.Options{URL: "http://127.0.0.1:1", Room: "r", Token: "secret-token"}); err == nil {
		t.Error("nobody listens, and Dial works")
	} else if strings.Contains(err.Error(), "secret-token") {
		t.Errorf("the token is in %q", err)
	}
}

func TestPacketsOfDataChannels(t *testing.T) {
	s := newFakeServer(t)
	var got recorder[client.Packet]
	c := s.dial("a", client.Options{Events: client.Events{Packet: got.add}})
	p := client.Packet{To: []protocol.ParticipantID{"b"}, Topic: "t", Payload: []byte("hello"), Reliable: true}
	eventually(t, "open", func() bool { return !errors.Is(c.SendPacket(p), client.ErrNotOpen) })
	eventually(t, "the echo", func() bool { return len(got.all()) > 0 })
	if e := got.all()[0]; string(e.Payload) != "hello" || e.Topic != "t" || !e.Reliable || !slices.Equal(e.To, p.To) {
		t.Errorf("%+v", e)
	}
	_, l := s.linkOf("a")
	raw := <-l.data
	n := int(raw[0])<<8 | int(raw[1])
	var h map[string]any
	if err := json.Unmarshal(raw[2:2+n], &h); err != nil || h["topic"] != "t" || string(raw[2+n:]) != "hello" {
		t.Errorf("on the wire: %q", raw)
	}
}
