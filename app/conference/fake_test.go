package conference

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"switchyard/engine/auth"
	"switchyard/engine/room"
	"switchyard/media"
	"switchyard/peer"
	"switchyard/protocol"
	"switchyard/sfu"
	"switchyard/signal/ws"
)

// fakeMedia answers offers of the form "video:0:recv audio:1:send:pair:VP8+H264" at once.
type fakeMedia struct {
	mu    sync.Mutex
	links []*fakeLink // guarded by mu
	delay time.Duration
	ends  bool // links end at once
}

type fed struct {
	track      string
	mid        string // of the publisher's link
	generation uint32
}

type sent struct {
	label string
	b     []byte
}

type fakeLink struct {
	media   *fakeMedia
	options sfu.LinkOptions

	mu      sync.Mutex
	session *peer.Session       // guarded by mu
	tracks  map[string]string   // guarded by mu; mid to id
	slots   map[string]fed      // guarded by mu
	shown   map[string]sfu.View // guarded by mu
	sent    []sent              // guarded by mu
	stats   sfu.LinkStats       // guarded by mu
	asked   int                 // guarded by mu; how often for stats
	closed  bool                // guarded by mu
}

type fakeTrack struct {
	link *fakeLink
	mid  string
	id   string
}

func (f *fakeMedia) Connect(offer string, o sfu.LinkOptions) (Link, string, error) {
	time.Sleep(f.delay) // answering takes time; tests run in a synctest bubble
	s, err := parseOffer(offer)
	if err != nil {
		return nil, "", err
	}
	l := &fakeLink{media: f, options: o, session: s, tracks: map[string]string{}, slots: map[string]fed{}}
	f.mu.Lock()
	f.links = append(f.links, l)
	f.mu.Unlock()
	if f.ends {
		l.Close()
	}
	return l, "answer to " + offer, nil
}

func parseOffer(offer string) (*peer.Session, error) {
	s := &peer.Session{}
	for _, spec := range strings.Fields(offer) {
		part := strings.Split(spec, ":")
		if len(part) < 3 {
			return nil, &peer.OfferError{Reason: "no SDP"}
		}
		m := peer.Media{MID: part[1], Kind: media.Video, Recv: part[2] == "recv", Send: part[2] == "send"}
		if part[0] == "audio" {
			m.Kind = media.Audio
		}
		if len(part) > 3 {
			m.SlotStreamID = part[3]
		}
		if len(part) > 4 {
			for codec := range strings.SplitSeq(part[4], "+") {
				m.Codecs = append(m.Codecs, peer.Codec{Format: media.Format{Codec: media.ParseCodec(codec), ClockRate: 90000}})
			}
		}
		s.Media = append(s.Media, m)
	}
	return s, nil
}

func (l *fakeLink) Offer(offer string) (string, error) {
	s, err := parseOffer(offer)
	if err != nil {
		return "", err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.session = s
	return "answer to " + offer, nil
}

func (l *fakeLink) Session() *peer.Session {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.session
}

func (l *fakeLink) Publish(mid, id string) (Track, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil, errors.New("closed")
	}
	l.tracks[mid] = id
	return &fakeTrack{l, mid, id}, nil
}

func (t *fakeTrack) Close() {
	t.link.mu.Lock()
	defer t.link.mu.Unlock()
	delete(t.link.tracks, t.mid)
}

func (l *fakeLink) Show(mid string, v sfu.View) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.shown == nil {
		l.shown = map[string]sfu.View{}
	}
	l.shown[mid] = v
}

func (l *fakeLink) view(mid string) sfu.View {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.shown[mid]
}

func (l *fakeLink) Feed(mid string, t Track, generation uint32) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f := fed{generation: generation}
	if t != nil {
		f.track, f.mid = t.(*fakeTrack).id, t.(*fakeTrack).mid
	}
	// Another encoding of the same track is fed under the same generation.
	if was := l.slots[mid]; generation < was.generation || generation == was.generation && f.track != was.track {
		panic("generation does not grow")
	}
	l.slots[mid] = f
}

func (l *fakeLink) SendData(label string, b []byte, _ bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sent = append(l.sent, sent{label, b})
}

func (l *fakeLink) Stats() (sfu.LinkStats, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.asked++
	st := l.stats
	st.ID = l.options.ID
	return st, !l.closed
}

// has sets what the link says of itself, and returns how often it was asked.
func (l *fakeLink) has(st sfu.LinkStats) (asked int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stats = st
	return l.asked
}

func (l *fakeLink) Close() {
	l.mu.Lock()
	was := l.closed
	l.closed = true
	l.mu.Unlock()
	if !was {
		l.event(sfu.Closed{})
	}
}

func (l *fakeLink) isClosed() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.closed
}

func (l *fakeLink) event(e sfu.Event) {
	if l.options.OnEvent != nil {
		l.options.OnEvent(e)
	}
}

func (l *fakeLink) feeds(mid string) fed {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.slots[mid]
}

func (f *fakeMedia) link(n int) *fakeLink {
	f.mu.Lock()
	defer f.mu.Unlock()
	if n >= len(f.links) {
		return nil
	}
	return f.links[n]
}

func (f *fakeMedia) open() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := 0
	for _, l := range f.links {
		if !l.isClosed() {
			n++
		}
	}
	return n
}

// verify reads tokens of the form "room identity grants", or "expired room identity grants".
func verify(token string, _ time.Time) (auth.Claims, error) {
	part := strings.Fields(token)
	var err error
	if len(part) > 0 && part[0] == "expired" {
		part, err = part[1:], auth.ErrExpired
	}
	if len(part) != 3 {
		return auth.Claims{}, auth.ErrMalformed
	}
	g, bad := auth.ParseGrants(part[2])
	if bad != nil {
		return auth.Claims{}, auth.ErrMalformed
	}
	return auth.Claims{Room: part[0], Identity: part[1], Grants: g}, err
}

// client is a WebSocket without a network.
type client struct {
	t       *testing.T
	session ws.Session
	who     protocol.ParticipantID

	mu   sync.Mutex
	got  []protocol.Envelope // guarded by mu; not yet expected
	hung bool                // guarded by mu
	id   uint64
}

func (c *client) Send(e protocol.Envelope) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.got = append(c.got, e)
}

func (c *client) Hangup() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.hung = true
}

func (c *client) hungUp() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.hung
}

func newHost(m Media) *Host {
	n := 0
	var mu sync.Mutex
	return New(m, Config{Verify: verify, Room: room.Config{NewID: func() string {
		mu.Lock()
		defer mu.Unlock()
		n++
		return "id" + string(rune('a'+n/26)) + string(rune('a'+n%26))
	}}})
}

func open(t *testing.T, h *Host, name, token string) *client {
	t.Helper()
	c := &client{t: t, who: protocol.ParticipantID(strings.Fields(token)[1])}
	s, err := h.Open(t.Context(), ws.Request{Room: name, Token: token}, c)
	if err != nil {
		t.Fatal(err)
	}
	c.session = s
	return c
}

func (c *client) send(typ string, body any) uint64 {
	c.t.Helper()
	e, err := protocol.NewEnvelope(typ, body)
	if err != nil {
		c.t.Fatal(err)
	}
	c.id++
	e.ID = c.id
	c.session.Receive(e)
	return c.id
}

// expect returns the first message of that type that came and was not expected before.
func expect[T any](c *client, typ string) T {
	c.t.Helper()
	synctest.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	var seen []string
	for i, e := range c.got {
		if e.Type == typ {
			c.got = append(c.got[:i:i], c.got[i+1:]...)
			var v T
			if err := e.Into(&v); err != nil {
				c.t.Fatal(err)
			}
			return v
		}
		seen = append(seen, e.Type+string(e.Body))
	}
	c.t.Fatalf("no %s came, but %v", typ, seen)
	panic("unreachable")
}

// none fails when a message of that type came.
func (c *client) none(typ string) {
	c.t.Helper()
	synctest.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, e := range c.got {
		if e.Type == typ {
			c.t.Fatalf("%s came: %s", typ, e.Body)
		}
	}
}

// join enters with an offer and returns the welcome.
func (c *client) join(offer string) protocol.Welcome {
	c.t.Helper()
	j := protocol.Join{}
	if offer != "" {
		j.Offer = &protocol.Description{Type: "offer", SDP: offer}
	}
	c.send(protocol.TypeJoin, j)
	return expect[protocol.Welcome](c, protocol.TypeWelcome)
}

// camera publishes mid 0 as a camera and mid 1 as a microphone.
func (c *client) camera() []protocol.Track {
	c.t.Helper()
	c.send(protocol.TypePublish, protocol.Publish{Tracks: []protocol.PublishTrack{
		{MID: "0", Kind: protocol.KindVideo, Source: protocol.SourceCamera},
		{MID: "1", Kind: protocol.KindAudio, Source: protocol.SourceMicrophone}}})
	return c.own()
}

// own returns the tracks that it has just published itself.
func (c *client) own() []protocol.Track {
	c.t.Helper()
	for {
		if p := expect[protocol.Published](c, protocol.TypePublished); p.Tracks[0].Participant == c.who {
			return p.Tracks
		}
	}
}

// bubble runs f with a fake clock and closes the host at the end.
func bubble(t *testing.T, f func(t *testing.T, h *Host, m *fakeMedia)) {
	synctest.Test(t, func(t *testing.T) {
		m := &fakeMedia{delay: 3 * time.Millisecond}
		h := newHost(m)
		defer func() {
			if err := h.Drain(t.Context()); err != nil {
				t.Error(err)
			}
			synctest.Wait()
			if n := m.open(); n != 0 {
				t.Errorf("%d links left open", n)
			}
		}()
		f(t, h, m)
	})
}
