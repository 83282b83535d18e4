package conference

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"switchyard/engine/room"
	"switchyard/media"
	"switchyard/protocol"
	"switchyard/sfu"
	"switchyard/signal/ws"
)

const (
	all      = "publish,subscribe,data,moderate"
	sendRecv = "video:0:recv audio:1:recv video:2:send:p audio:3:send:p"
)

func TestTwoPeopleSeeEachOther(t *testing.T) {
	bubble(t, func(t *testing.T, h *Host, m *fakeMedia) {
		ann := open(t, h, "demo", "demo ann "+all)
		w := ann.join("")
		if w.Answer != nil || w.You != "ann" {
			t.Fatalf("%+v", w)
		}
		ben := open(t, h, "demo", "demo ben "+all)
		time.Sleep(10 * time.Millisecond)
		ben.send(protocol.TypeJoin, protocol.Join{Offer: &protocol.Description{Type: "offer", SDP: sendRecv}})
		ben.none(protocol.TypeWelcome) // the answer takes 3 ms
		time.Sleep(5 * time.Millisecond)
		w = expect[protocol.Welcome](ben, protocol.TypeWelcome)
		if w.Answer == nil || w.Answer.SDP != "answer to "+sendRecv || len(w.Participants) != 2 {
			t.Fatalf("%+v", w)
		}
		expect[protocol.Joined](ann, protocol.TypeJoined)

		ann.send(protocol.TypeSignal, protocol.Signal{Link: "server", Description: &protocol.Description{Type: "offer", SDP: sendRecv}})
		tracks := ann.pipelined()
		// Ben's slots are fed by Ann's tracks, the pair together; Ann's own are not.
		s := expect[protocol.Slots](ben, protocol.TypeSlots)
		if len(s.Slots) != 2 || s.Slots[0].Track != tracks[0].ID || s.Slots[1].Track != tracks[1].ID || s.Slots[0].Generation != 1 || s.Slots[0].Timestamp != nil {
			t.Fatalf("%+v", s)
		}
		ann.none(protocol.TypeSlots)
		bens, anns := m.link(0), m.link(1)
		if f := bens.feeds("2"); f.track != string(tracks[0].ID) || f.generation != 1 {
			t.Fatalf("%+v", f)
		}
		// First packets: what the track is, and from when on the slot shows it.
		anns.event(sfu.TrackStarted{Track: &sfu.Track{ID: string(tracks[0].ID), MID: "0"}, Format: media.Format{Codec: media.VP8}, Width: 640, Height: 360})
		bens.event(sfu.SlotLive{MID: "2", Generation: 1, Timestamp: 4711})
		bens.event(sfu.SlotLive{MID: "2", Generation: 9, Timestamp: 1}) // not of this world
		if u := expect[protocol.TrackUpdate](ben, protocol.TypeTrack); *u.Codec != "VP8" || *u.Width != 640 {
			t.Fatalf("%+v", u)
		}
		s = expect[protocol.Slots](ben, protocol.TypeSlots)
		if len(s.Slots) != 1 || *s.Slots[0].Timestamp != 4711 || s.Slots[0].Track != tracks[0].ID {
			t.Fatalf("%+v", s)
		}
		ben.none(protocol.TypeSlots)
		bens.event(sfu.SlotPaused{MID: "2", Generation: 1, Reason: sfu.PausedCodec})
		if s := expect[protocol.Slots](ben, protocol.TypeSlots); s.Slots[0].Paused != "codec" {
			t.Fatalf("%+v", s)
		}
		// Ann leaves: Ben's slots empty under a new generation.
		ann.send(protocol.TypeLeave, nil)
		expect[protocol.Left](ben, protocol.TypeLeft)
		s = expect[protocol.Slots](ben, protocol.TypeSlots)
		if len(s.Slots) != 2 || s.Slots[0].Track != "" || s.Slots[0].Generation != 2 || bens.feeds("2").track != "" {
			t.Fatalf("%+v", s)
		}
		if !ann.hungUp() || !anns.isClosed() {
			t.Error("what was Ann's is still there")
		}
	})
}

// pipelined publishes without waiting for the answer to the offer.
func (c *client) pipelined() []protocol.Track {
	c.t.Helper()
	c.send(protocol.TypePublish, protocol.Publish{Tracks: []protocol.PublishTrack{
		{MID: "0", Kind: protocol.KindVideo, Source: protocol.SourceCamera},
		{MID: "1", Kind: protocol.KindAudio, Source: protocol.SourceMicrophone}}})
	time.Sleep(10 * time.Millisecond)
	return c.own()
}

func joined(t *testing.T, h *Host, who string) *client {
	c := open(t, h, "demo", "demo "+who+" "+all)
	c.send(protocol.TypeJoin, protocol.Join{Offer: &protocol.Description{Type: "offer", SDP: sendRecv}})
	time.Sleep(5 * time.Millisecond)
	expect[protocol.Welcome](c, protocol.TypeWelcome)
	return c
}

func TestLinkLossAndRecovery(t *testing.T) {
	bubble(t, func(t *testing.T, h *Host, m *fakeMedia) {
		ann, ben := joined(t, h, "ann"), joined(t, h, "ben")
		ann.camera()
		l := m.link(0)
		l.event(sfu.Up{})
		l.event(sfu.Down{})
		expect[protocol.RestartICE](ann, protocol.TypeRestartICE)
		if u := expect[protocol.ParticipantUpdate](ben, protocol.TypeParticipant); *u.Connected {
			t.Fatal("still shown as connected")
		}
		l.event(sfu.Up{})
		if u := expect[protocol.ParticipantUpdate](ben, protocol.TypeParticipant); !*u.Connected {
			t.Fatal("not shown as connected")
		}
		l.event(sfu.Closed{Err: errors.New("dtls")})
		if s := expect[protocol.Signal](ann, protocol.TypeSignal); !s.Close {
			t.Fatalf("%+v", s)
		}
		expect[protocol.Unpublished](ben, protocol.TypeUnpublished)
		// A new link, from scratch; generations of slots go on.
		ben.camera()
		ann.send(protocol.TypeSignal, protocol.Signal{Link: "server", Description: &protocol.Description{Type: "offer", SDP: sendRecv}})
		time.Sleep(5 * time.Millisecond)
		if s := expect[protocol.Signal](ann, protocol.TypeSignal); s.Description == nil || s.Description.Type != "answer" {
			t.Fatalf("%+v", s)
		}
		if m.link(2) == nil || m.link(2).feeds("2").track == "" {
			t.Fatal("the new link's slot is empty")
		}
		l.mu.Lock()
		l.closed = true // the SFU closed it
		l.mu.Unlock()
	})
}

func TestOffersThatFail(t *testing.T) {
	bubble(t, func(t *testing.T, h *Host, m *fakeMedia) {
		ann := open(t, h, "demo", "demo ann "+all)
		ann.send(protocol.TypeJoin, protocol.Join{Offer: &protocol.Description{Type: "offer", SDP: "junk"}})
		time.Sleep(5 * time.Millisecond)
		if e := expect[protocol.Error](ann, protocol.TypeError); e.Code != protocol.CodeBadOffer || !e.Fatal {
			t.Fatalf("%+v", e)
		}
		if !ann.hungUp() {
			t.Error("not hung up")
		}
		// A socket that drops while its offer is answered leaves no link behind.
		ben := open(t, h, "demo", "demo ben "+all)
		ben.send(protocol.TypeJoin, protocol.Join{Offer: &protocol.Description{Type: "offer", SDP: sendRecv}})
		ben.session.Closed()
		time.Sleep(5 * time.Millisecond)
		synctest.Wait()
		if m.link(0) == nil || !m.link(0).isClosed() {
			t.Error("the link stayed")
		}
	})
}

func TestSpeakersAreRankedAndShownFirst(t *testing.T) {
	bubble(t, func(t *testing.T, h *Host, m *fakeMedia) {
		ann, ben, cyd := joined(t, h, "ann"), joined(t, h, "ben"), joined(t, h, "cyd")
		bens, cyds := ben.camera(), cyd.camera()
		if got := m.link(0).feeds("2").track; got != string(bens[0].ID) {
			t.Fatalf("Ann sees %s first", got)
		}
		for range 10 {
			m.link(2).event(sfu.TrackLevel{Track: &sfu.Track{ID: string(cyds[1].ID)}, Level: 0.9, Voice: true})
			time.Sleep(200 * time.Millisecond)
		}
		s := expect[protocol.Speakers](ann, protocol.TypeSpeakers)
		if len(s.Speakers) != 1 || s.Speakers[0].Participant != "cyd" {
			t.Fatalf("%+v", s)
		}
		if got := m.link(0).feeds("2").track; got != string(cyds[0].ID) {
			t.Fatalf("Ann sees %s, though Cyd speaks", got)
		}
		// Who comes later is told, too.
		dan := joined(t, h, "dan")
		expect[protocol.Speakers](dan, protocol.TypeSpeakers)
		// Silence: nobody speaks, and the picture stays.
		time.Sleep(5 * time.Second)
		if s := expect[protocol.Speakers](ann, protocol.TypeSpeakers); len(s.Speakers) != 0 {
			t.Fatalf("%+v", s)
		}
		if got := m.link(0).feeds("2").track; got != string(cyds[0].ID) {
			t.Fatalf("Ann sees %s", got)
		}
	})
}

func TestWishesAreFollowedAndNeedsTold(t *testing.T) {
	bubble(t, func(t *testing.T, h *Host, m *fakeMedia) {
		ann, ben, cyd := joined(t, h, "ann"), joined(t, h, "ben"), joined(t, h, "cyd")
		ben.camera()
		cyds := cyd.camera()
		if n := expect[protocol.NeedSlots](ann, protocol.TypeNeedSlots); n.Audio != 1 || n.Video != 1 {
			t.Fatalf("%+v", n)
		}
		ann.send(protocol.TypeSubscribe, protocol.Subscribe{Wishes: []protocol.Wish{{Track: cyds[0].ID}}})
		expect[protocol.OK](ann, protocol.TypeOK)
		l := m.link(0)
		if l.feeds("2").track != string(cyds[0].ID) || l.feeds("3").track != "" {
			t.Fatalf("%+v", l.slots)
		}
		if n := expect[protocol.NeedSlots](ann, protocol.TypeNeedSlots); n.Audio != 0 || n.Video != 0 {
			t.Fatalf("%+v", n)
		}
	})
}

func TestWishedSizesReachTheLink(t *testing.T) {
	bubble(t, func(t *testing.T, h *Host, m *fakeMedia) {
		ann, ben := joined(t, h, "ann"), joined(t, h, "ben")
		cam := ben.camera()[0].ID
		wish := func(width, height int) {
			t.Helper()
			ann.send(protocol.TypeSubscribe, protocol.Subscribe{Wishes: []protocol.Wish{{Track: cam, Width: width, Height: height}}})
			expect[protocol.OK](ann, protocol.TypeOK)
			time.Sleep(time.Second)
			synctest.Wait()
			if got := m.link(0).view("2"); got.Width != width || got.Height != height || got.Rank != rankOthers {
				t.Fatalf("slot 2 is shown as %+v, wished %dx%d", got, width, height)
			}
		}
		wish(320, 180)
		wish(1280, 720)
		wish(0, 0)
	})
}

func TestModeratorsMuteCutsTheMedia(t *testing.T) {
	bubble(t, func(t *testing.T, h *Host, m *fakeMedia) {
		ann, ben := joined(t, h, "ann"), joined(t, h, "ben")
		tracks := ben.camera()
		ann.send(protocol.TypeModerate, protocol.Moderate{Action: "mute", Participant: "ben", Track: tracks[1].ID})
		expect[protocol.OK](ann, protocol.TypeOK)
		if f := m.link(0).feeds("3"); f.track != "" {
			t.Fatalf("still fed: %+v", f)
		}
		unmuted := false
		ben.send(protocol.TypeTrack, protocol.TrackUpdate{Track: tracks[1].ID, Muted: &unmuted})
		synctest.Wait()
		time.Sleep(time.Second)
		synctest.Wait()
		if f := m.link(0).feeds("3"); f.track != string(tracks[1].ID) {
			t.Fatalf("not fed: %+v", f)
		}
	})
}

func TestDataChannelsAreRelayed(t *testing.T) {
	bubble(t, func(t *testing.T, h *Host, m *fakeMedia) {
		ann, ben := joined(t, h, "ann"), joined(t, h, "ben")
		joined(t, h, "cyd")
		say := func(label string, to ...protocol.ParticipantID) {
			b, err := buildFrame(dataHeader{To: to, From: "mallory", Topic: "pos"}, []byte{0, 1, 2})
			if err != nil {
				t.Fatal(err)
			}
			m.link(0).event(sfu.Data{Label: label, Payload: b})
			synctest.Wait()
		}
		say("lossy")
		say("reliable", "ben", "nobody", "ann")
		say("other")
		m.link(0).event(sfu.Data{Label: "lossy", Payload: []byte{9, 9, 9}})
		synctest.Wait()
		for who, want := range map[int]int{0: 0, 1: 2, 2: 1} {
			if got := m.link(who).sent; len(got) != want {
				t.Fatalf("%d got %d messages", who, len(got))
			}
		}
		got, payload, err := parseFrame(m.link(1).sent[1].b)
		if err != nil || got.From != "ann" || got.Topic != "pos" || got.To != nil || string(payload) != "\x00\x01\x02" || m.link(1).sent[1].label != "reliable" {
			t.Fatalf("%+v %v", got, err)
		}
		if s := h.Stats(); s.DataRelayed != 3 || s.DataBad != 2 {
			t.Errorf("%+v", s)
		}
		_, _ = ann, ben
	})
}

func TestWithoutGrantNoData(t *testing.T) {
	bubble(t, func(t *testing.T, h *Host, m *fakeMedia) {
		ann := open(t, h, "demo", "demo ann publish")
		ann.send(protocol.TypeJoin, protocol.Join{Offer: &protocol.Description{Type: "offer", SDP: sendRecv}})
		time.Sleep(5 * time.Millisecond)
		joined(t, h, "ben")
		b, _ := buildFrame(dataHeader{Topic: "x"}, nil)
		m.link(0).event(sfu.Data{Label: "reliable", Payload: b})
		if e := expect[protocol.Error](ann, protocol.TypeError); e.Code != protocol.CodeForbidden {
			t.Fatalf("%+v", e)
		}
		if len(m.link(1).sent) != 0 {
			t.Fatal("passed on")
		}
		// Nor does it receive tracks.
		if f := m.link(0).feeds("2"); f.track != "" {
			t.Fatal(f)
		}
	})
}

func TestWHIPAndWHEP(t *testing.T) {
	bubble(t, func(t *testing.T, h *Host, m *fakeMedia) {
		ann := joined(t, h, "ann")
		v, answer, err := h.Publish(t.Context(), "demo", "demo cam publish", "video:0:recv audio:1:recv")
		if err != nil || answer == "" {
			t.Fatal(err)
		}
		if j := expect[protocol.Joined](ann, protocol.TypeJoined); j.Participant.ID != "cam" {
			t.Fatalf("%+v", j)
		}
		p := expect[protocol.Published](ann, protocol.TypePublished)
		if len(p.Tracks) != 2 || p.Tracks[0].Source != protocol.SourceCamera || p.Tracks[1].Source != protocol.SourceMicrophone {
			t.Fatalf("%+v", p)
		}
		if m.link(0).feeds("2").track != string(p.Tracks[0].ID) {
			t.Fatal("Ann does not see it")
		}
		if !m.link(1).options.NoSend || m.link(1).options.NoRecv {
			t.Fatalf("%+v", m.link(1).options)
		}
		// Two viewers with one token.
		var viewers []*Visit
		for i := range 2 {
			w, _, err := h.Watch(t.Context(), "demo", "demo tv subscribe", "video:0:send:p audio:1:send:p")
			if err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			viewers = append(viewers, w)
			if f := m.link(2 + i).feeds("0"); f.track != string(p.Tracks[0].ID) {
				t.Fatalf("viewer %d sees %+v", i, f)
			}
		}
		ann.none(protocol.TypeJoined)
		if s := h.Snapshot(); len(s) != 1 || s[0].Viewers != 2 || len(s[0].Participants) != 2 || len(s[0].Links) != 4 {
			t.Fatalf("%+v", s)
		}
		viewers[0].Close()
		<-viewers[0].Done()
		if _, err := v.Offer("video:0:recv audio:1:recv"); err != nil {
			t.Fatal(err)
		}
		m.link(1).Close() // the camera's link dies
		<-v.Done()
		if l := expect[protocol.Left](ann, protocol.TypeLeft); l.Participant != "cam" || l.Reason != "lost" {
			t.Fatalf("%+v", l)
		}
		v.Close() // again
		if m.link(3).feeds("0").track != "" {
			t.Fatal("the viewer's slot is still fed")
		}

		for token, offer := range map[string]string{"demo cam subscribe": sendRecv, "other cam publish": sendRecv,
			"junk": sendRecv, "expired demo cam publish": sendRecv, "demo cam publish": "junk"} {
			if _, _, err := h.Publish(t.Context(), "demo", token, offer); err == nil {
				t.Errorf("%s published", token)
			} else if _, ok := errors.AsType[*protocol.Error](err); !ok {
				t.Errorf("%s: %v", token, err)
			}
		}
		if _, _, err := h.Watch(t.Context(), "demo", "demo tv publish", "video:0:send"); err == nil {
			t.Error("watched without the grant")
		}
	})
}

func TestTokensThatExpire(t *testing.T) {
	bubble(t, func(t *testing.T, h *Host, _ *fakeMedia) {
		ann := open(t, h, "demo", "demo ann "+all)
		w := ann.join("")
		ann.session.Closed()
		// The token expired meanwhile: the session goes on.
		again := open(t, h, "demo", "expired demo ann "+all)
		again.send(protocol.TypeResume, protocol.Resume{Session: w.Session})
		if w := expect[protocol.Welcome](again, protocol.TypeWelcome); !w.Resumed {
			t.Fatalf("%+v", w)
		}
		// But none begins.
		late := open(t, h, "demo", "expired demo ben "+all)
		late.send(protocol.TypeJoin, protocol.Join{})
		if e := expect[protocol.Error](late, protocol.TypeError); e.Code != protocol.CodeUnauthorized || !late.hungUp() {
			t.Fatalf("%+v", e)
		}
	})
}

func TestBadTokens(t *testing.T) {
	bubble(t, func(t *testing.T, h *Host, _ *fakeMedia) {
		for _, token := range []string{"", "other ann publish", "expired other ann publish"} {
			_, err := h.Open(t.Context(), ws.Request{Room: "demo", Token: token}, &client{})
			e, ok := errors.AsType[*protocol.Error](err)
			if !ok || e.Code != protocol.CodeUnauthorized {
				t.Errorf("%q: %v", token, err)
			}
		}
		if h.Stats().Rooms != 0 {
			t.Error("a bad token opened a room")
		}
	})
}

func TestEmptyRoomsCloseAndReopen(t *testing.T) {
	bubble(t, func(t *testing.T, h *Host, _ *fakeMedia) {
		for range 3 {
			ann := open(t, h, "demo", "demo ann "+all)
			ann.join("")
			ann.send(protocol.TypeLeave, nil)
			ann.session.Closed()
			synctest.Wait()
			if h.Stats().Rooms != 1 {
				t.Fatal("closed at once")
			}
			time.Sleep(61 * time.Second)
			synctest.Wait()
			if h.Stats().Rooms != 0 {
				t.Fatal("not closed")
			}
		}
	})
}

func TestDrainTellsEveryone(t *testing.T) {
	bubble(t, func(t *testing.T, h *Host, _ *fakeMedia) {
		ann := joined(t, h, "ann")
		if err := h.Drain(t.Context()); err != nil {
			t.Fatal(err)
		}
		if e := expect[protocol.Error](ann, protocol.TypeError); e.Code != protocol.CodeShuttingDown || !e.Retryable || !e.Fatal {
			t.Fatalf("%+v", e)
		}
		if !ann.hungUp() {
			t.Error("not hung up")
		}
		if _, err := h.Open(t.Context(), ws.Request{Room: "demo", Token: "demo ben " + all}, &client{}); err == nil {
			t.Error("a room opened while draining")
		}
		ann.session.Receive(protocol.Envelope{Type: protocol.TypePing}) // the socket does not know yet
		ann.session.Closed()
	})
}

func TestRoomsAreLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := New(&fakeMedia{}, Config{Verify: verify, Rooms: 1})
		open(t, h, "one", "one ann publish").session.Closed()
		_, err := h.Open(t.Context(), ws.Request{Room: "two", Token: "two ann publish"}, &client{})
		if e, ok := errors.AsType[*protocol.Error](err); !ok || e.Code != protocol.CodeLimit || !e.Retryable {
			t.Error(err)
		}
		_ = h.Drain(t.Context())
	})
}

// Many people come, publish, drop, resume and go at once, in several rooms.
func TestStorm(t *testing.T) {
	m := &fakeMedia{}
	h := New(m, Config{Verify: verify, Room: room.Config{Participants: 1000, MessageRate: 10000, MessageBurst: 10000, EmptyFor: time.Millisecond}})
	var wg sync.WaitGroup
	for i := range 60 {
		wg.Go(func() {
			name := fmt.Sprint("room", i%3)
			for n := range 10 {
				c := &client{t: t}
				s, err := h.Open(t.Context(), ws.Request{Room: name, Token: fmt.Sprintf("%s p%d %s", name, i%40, all)}, c)
				if err != nil {
					t.Error(err)
					return
				}
				c.session = s
				c.send(protocol.TypeJoin, protocol.Join{Offer: &protocol.Description{Type: "offer", SDP: sendRecv}})
				c.send(protocol.TypePublish, protocol.Publish{Tracks: []protocol.PublishTrack{{MID: "0", Kind: protocol.KindVideo, Source: protocol.SourceCamera}}})
				c.send(protocol.TypeData, protocol.Data{Topic: "x", Payload: []byte("1")})
				if n%2 == 0 {
					c.send(protocol.TypeLeave, nil)
				}
				s.Closed()
				h.Snapshot()
			}
		})
	}
	wg.Wait()
	if err := h.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(time.Minute)
	for m.open() != 0 {
		if time.Now().After(deadline) {
			t.Fatalf("%d links left open", m.open())
		}
		time.Sleep(time.Millisecond)
	}
}

func FuzzFrame(f *testing.F) {
	b, _ := buildFrame(dataHeader{To: []protocol.ParticipantID{"a"}, Topic: "t"}, []byte("payload"))
	f.Add(b)
	f.Add([]byte{})
	f.Add([]byte{0, 2, '{', '}'})
	f.Add([]byte{0xff, 0xff, '{'})
	f.Fuzz(func(t *testing.T, b []byte) {
		h, payload, err := parseFrame(b)
		if err != nil {
			return
		}
		again, err := buildFrame(h, payload)
		if err != nil {
			return // a header that grows beyond the bound, by escapes
		}
		h2, p2, err := parseFrame(again)
		if err != nil && len(again) <= maxFrame || err == nil && (string(p2) != string(payload) || h2.Topic != h.Topic) {
			t.Fatalf("%+v %q became %+v %q: %v", h, payload, h2, p2, err)
		}
	})
}
