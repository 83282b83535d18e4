package sfu

import (
	"bytes"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"switchyard/engine/ingest"
)

// patience is how long a test waits for what must come: it says when to give up, not what is fast enough.
const patience = time.Minute

func newSFU(t testing.TB, shards int) *SFU {
	t.Helper()
	s, err := New(Config{Listen: netip.MustParseAddrPort("127.0.0.1:0"), Shards: shards})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// client is a Pion peer with a record of what its link's owner was told.
type client struct {
	t    testing.TB
	pc   *webrtc.PeerConnection
	link *Link
	path func(sdp string) string // rewrites answers, nil for none
	edit func(sdp string) string // and offers

	mu     sync.Mutex
	events []Event
	more   chan struct{}
}

func newClient(t testing.TB, codecs ...webrtc.RTPCodecParameters) *client {
	t.Helper()
	var se webrtc.SettingEngine
	se.SetIncludeLoopbackCandidate(true)
	se.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	se.SetIPFilter(netip4Loopback)
	m := &webrtc.MediaEngine{}
	if err := m.RegisterDefaultCodecs(); err != nil {
		t.Fatal(err)
	}
	for _, c := range codecs {
		if err := m.RegisterCodec(c, webrtc.RTPCodecTypeAudio); err != nil {
			t.Fatal(err)
		}
	}
	pc, err := webrtc.NewAPI(webrtc.WithSettingEngine(se), webrtc.WithMediaEngine(m)).
		NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = pc.Close() })
	return &client{t: t, pc: pc, more: make(chan struct{}, 1)}
}

func (c *client) onEvent(e Event) {
	c.mu.Lock()
	c.events = append(c.events, e)
	c.mu.Unlock()
	select {
	case c.more <- struct{}{}:
	default:
	}
}

// connect offers and waits until the link is up.
func (c *client) connect(s *SFU, o LinkOptions) *Link {
	c.t.Helper()
	o.OnEvent = c.onEvent
	offer, err := c.pc.CreateOffer(nil)
	if err != nil {
		c.t.Fatal(err)
	}
	if err := c.pc.SetLocalDescription(offer); err != nil {
		c.t.Fatal(err)
	}
	if c.edit != nil {
		offer.SDP = c.edit(offer.SDP)
	}
	link, answer, err := s.Connect(offer.SDP, o)
	if err != nil {
		c.t.Fatal(err)
	}
	c.link = link
	c.answer(answer)
	waitFor[Up](c)
	return link
}

func (c *client) answer(sdp string) {
	c.t.Helper()
	if c.path != nil {
		sdp = c.path(sdp)
	}
	err := c.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: sdp})
	if err != nil {
		c.t.Fatal(err)
	}
}

// waitFor returns the first event of type E that was not returned before.
func waitFor[E Event](c *client) E {
	c.t.Helper()
	deadline := time.After(patience)
	for {
		c.mu.Lock()
		for i, e := range c.events {
			if found, ok := e.(E); ok {
				c.events = append(c.events[:i], c.events[i+1:]...)
				c.mu.Unlock()
				return found
			}
		}
		c.mu.Unlock()
		select {
		case <-c.more:
		case <-deadline:
			var e E
			c.t.Fatalf("no %T event; have %v", e, c.events)
		}
	}
}

// sendVP8 adds a track and returns a function that sends one frame of two packets.
func (c *client) sendVP8() (frame func(key bool), track *webrtc.TrackLocalStaticRTP) {
	c.t.Helper()
	track, err := webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeVP8, ClockRate: 90000}, "v", "s")
	if err != nil {
		c.t.Fatal(err)
	}
	sender, err := c.pc.AddTrack(track)
	if err != nil {
		c.t.Fatal(err)
	}
	go func() { // ends with the PeerConnection
		for {
			if _, _, err := sender.ReadRTCP(); err != nil {
				return
			}
		}
	}()
	var seq uint16 = 65530
	var ts uint32 = 1000
	return func(key bool) {
		ts += 3000
		for i, payload := range [][]byte{vp8Start(key), {0x00, 1, 2, 3}} {
			seq++
			p := &rtp.Packet{Header: rtp.Header{Version: 2, SequenceNumber: seq, Timestamp: ts, Marker: i == 1}, Payload: payload}
			if err := track.WriteRTP(p); err != nil {
				c.t.Error(err)
			}
		}
	}, track
}

// vp8Start is the first packet of a VP8 frame: descriptor (RFC 7741 §4.2), then the frame header
// (RFC 6386 §9.1), of 320x180 on a keyframe.
func vp8Start(key bool) []byte {
	if !key {
		return []byte{0x10, 0x01, 0x00, 0x00, 0xaa}
	}
	return []byte{0x10, 0x10, 0x00, 0x00, 0x9d, 0x01, 0x2a, 0x40, 0x01, 0xb4, 0x00, 0xaa, 0xbb}
}

// reaches sends until the server has got something: what is sent before the client's own end is up goes nowhere.
func (c *client) reaches(l *Link, send func()) {
	c.t.Helper()
	for end := time.Now().Add(patience); ; {
		send()
		arrived := uint64(0)
		for tries := 0; tries < 20 && arrived == 0; tries++ {
			time.Sleep(time.Millisecond)
			l.shard.call(func() { arrived = l.receivers[0].in.Stats().Packets })
		}
		if arrived > 0 {
			return
		}
		if time.Now().After(end) {
			c.t.Fatal("nothing that was sent arrived")
		}
	}
}

// first sends inter frames of one packet until one has arrived, and returns the newest's number and timestamp.
func (c *client) first(l *Link, out *webrtc.TrackLocalStaticRTP) (seq uint16, ts uint32) {
	c.t.Helper()
	c.reaches(l, func() {
		seq, ts = seq+1, ts+3000
		p := &rtp.Packet{Header: rtp.Header{Version: 2, SequenceNumber: seq, Timestamp: ts, Marker: true}, Payload: vp8Start(false)}
		if err := out.WriteRTP(p); err != nil {
			c.t.Fatal(err)
		}
	})
	return seq, ts
}

// receive adds a slot and returns the packets that arrive on it.
func (c *client) receive(kind webrtc.RTPCodecType) <-chan *rtp.Packet {
	c.t.Helper()
	packets := make(chan *rtp.Packet, 1000)
	c.take(kind, func(p *rtp.Packet) { packets <- p })
	return packets
}

// discard receives what nobody looks at. It must be read all the same: the client reports what it has read.
func (c *client) discard(kind webrtc.RTPCodecType) {
	c.t.Helper()
	c.take(kind, func(*rtp.Packet) {})
}

// take adds an m-line, and calls f with each packet of all of them.
func (c *client) take(kind webrtc.RTPCodecType, f func(*rtp.Packet)) {
	c.t.Helper()
	_, err := c.pc.AddTransceiverFromKind(kind, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly})
	if err != nil {
		c.t.Fatal(err)
	}
	c.pc.OnTrack(func(remote *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
		for { // ends with the PeerConnection
			p, _, err := remote.ReadRTP()
			if err != nil {
				return
			}
			f(p)
		}
	})
}

func next(t testing.TB, packets <-chan *rtp.Packet) *rtp.Packet {
	t.Helper()
	select {
	case p := <-packets:
		return p
	case <-time.After(patience):
		t.Fatal("no packet arrived")
		return nil
	}
}

// pump sends frames until stop is closed, a keyframe every tenth.
func pump(frame func(bool), stop <-chan struct{}) {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for n := 0; ; n++ {
		select {
		case <-stop:
			return
		case <-tick.C:
			frame(n%10 == 0)
		}
	}
}

func TestVideoFlowsFromPublisherToSubscriber(t *testing.T) {
	for _, shards := range []int{1, 3} {
		s := newSFU(t, shards)
		publisher, viewer := newClient(t), newClient(t)
		frame, _ := publisher.sendVP8()
		plink := publisher.connect(s, LinkOptions{ID: "publisher"})
		mid := plink.Session().Media[0].MID
		track, err := plink.Publish(mid, "track-1")
		if err != nil {
			t.Fatal(err)
		}
		packets := viewer.receive(webrtc.RTPCodecTypeVideo)
		vlink := viewer.connect(s, LinkOptions{ID: "viewer"})
		vlink.Feed(vlink.Session().Media[0].MID, track, 7)

		stop := make(chan struct{})
		var wg sync.WaitGroup
		wg.Go(func() { pump(frame, stop) })
		first := next(t, packets)
		live := waitFor[SlotLive](viewer)
		if live.Generation != 7 || uint32(live.Timestamp) != first.Timestamp {
			t.Errorf("SlotLive %+v, first packet has timestamp %d", live, first.Timestamp)
		}
		if first.Payload[0]&0x10 == 0 || first.Payload[1]&1 != 0 && first.Payload[3]&1 != 0 {
			t.Errorf("the first packet does not start a frame: %x", first.Payload)
		}
		seq, ts := first.SequenceNumber, first.Timestamp
		for range 100 {
			p := next(t, packets)
			if p.SequenceNumber != seq+1 {
				t.Fatalf("sequence number %d after %d", p.SequenceNumber, seq)
			}
			if int32(p.Timestamp-ts) < 0 {
				t.Fatalf("timestamp %d after %d", p.Timestamp, ts)
			}
			seq, ts = p.SequenceNumber, p.Timestamp
		}
		started := waitFor[TrackStarted](publisher)
		if started.Track != track || started.Format.Codec.String() != "VP8" {
			t.Errorf("started: %+v", started)
		}
		close(stop)
		wg.Wait()
		stats, ok := vlink.Stats()
		if !ok || len(stats.Slots) != 1 || stats.Slots[0].Track != "track-1" || stats.Slots[0].Packets < 100 {
			t.Errorf("stats %+v", stats)
		}
	}
}

// Packets that were made one byte longer on the way arrive as they were sent.
func TestPaddingOfUnevenPacketsIsNoPayload(t *testing.T) {
	s := newSFU(t, 1)
	publisher, viewer := newClient(t), newClient(t)
	_, out := publisher.sendVP8()
	plink := publisher.connect(s, LinkOptions{ID: "publisher"})
	track, err := plink.Publish(plink.Session().Media[0].MID, "t")
	if err != nil {
		t.Fatal(err)
	}
	seq, ts := publisher.first(plink, out)
	packets := viewer.receive(webrtc.RTPCodecTypeVideo)
	vlink := viewer.connect(s, LinkOptions{ID: "viewer"})
	vlink.Feed(vlink.Session().Media[0].MID, track, 1)
	first := vp8Start(true)
	sent := [][]byte{first, append([]byte{0}, make([]byte, len(first))...), append([]byte{0}, make([]byte, len(first)-2)...)}
	for i, payload := range sent {
		p := &rtp.Packet{Header: rtp.Header{Version: 2, SequenceNumber: seq + 1 + uint16(i), Timestamp: ts + 3000, Marker: i == 2}, Payload: payload}
		if err := out.WriteRTP(p); err != nil {
			t.Fatal(err)
		}
	}
	for i, want := range sent {
		if p := next(t, packets); !bytes.Equal(p.Payload, want) {
			t.Errorf("packet %d: %x, sent %x", i, p.Payload, want)
		}
	}
}

func TestSubscriberLossIsRepaired(t *testing.T) {
	s := newSFU(t, 1)
	publisher, viewer := newClient(t), newClient(t)
	frame, _ := publisher.sendVP8()
	plink := publisher.connect(s, LinkOptions{ID: "publisher"})
	track, err := plink.Publish(plink.Session().Media[0].MID, "t")
	if err != nil {
		t.Fatal(err)
	}
	packets := viewer.receive(webrtc.RTPCodecTypeVideo)
	vlink := viewer.connect(s, LinkOptions{ID: "viewer"})
	vlink.Feed(vlink.Session().Media[0].MID, track, 1)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() { pump(frame, stop) })
	defer wg.Wait()
	defer close(stop)
	first := next(t, packets)
	for range 5 {
		next(t, packets)
	}
	nack := &rtcp.TransportLayerNack{MediaSSRC: first.SSRC, Nacks: []rtcp.NackPair{{PacketID: first.SequenceNumber}}}
	if err := viewer.pc.WriteRTCP([]rtcp.Packet{nack}); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(patience)
	for {
		stats, _ := vlink.Stats()
		if len(stats.Slots) == 1 && stats.Slots[0].Retransmitted == 1 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("nothing was retransmitted: %+v", stats)
		}
		next(t, packets)
	}
}

func TestSwitchKeepsTheStreamContinuous(t *testing.T) {
	continuous(t, func(n uint32) uint32 { return n })
}

// A backup takes the place of its track, and back, under one generation.
func TestAnotherEncodingContinuesTheStream(t *testing.T) {
	continuous(t, func(uint32) uint32 { return 1 })
}

// continuous feeds a slot nine times, by turns from three tracks, and expects one stream.
func continuous(t *testing.T, generationOf func(n uint32) uint32) {
	t.Helper()
	s := newSFU(t, 2)
	viewer := newClient(t)
	var tracks []*Track
	stop := make(chan struct{})
	var wg sync.WaitGroup
	defer wg.Wait()
	defer close(stop)
	for range 3 {
		p := newClient(t)
		frame, _ := p.sendVP8()
		link := p.connect(s, LinkOptions{ID: "publisher"})
		track, err := link.Publish(link.Session().Media[0].MID, "t")
		if err != nil {
			t.Fatal(err)
		}
		tracks = append(tracks, track)
		wg.Go(func() { pump(frame, stop) })
	}
	packets := viewer.receive(webrtc.RTPCodecTypeVideo)
	link := viewer.connect(s, LinkOptions{ID: "viewer"})
	mid := link.Session().Media[0].MID
	var seq uint16
	var ts uint32
	for feed := range uint32(9) {
		generation := generationOf(feed)
		link.Feed(mid, tracks[feed%3], generation)
		live := waitFor[SlotLive](viewer)
		if live.Generation != generation {
			t.Fatalf("live %+v, want generation %d", live, generation)
		}
		for n := 0; n < 20; n++ {
			p := next(t, packets)
			if seq != 0 && p.SequenceNumber != seq+1 {
				t.Fatalf("sequence number %d after %d", p.SequenceNumber, seq)
			}
			if seq != 0 && int32(p.Timestamp-ts) < 0 {
				t.Fatalf("timestamp %d after %d", p.Timestamp, ts)
			}
			seq, ts = p.SequenceNumber, p.Timestamp
		}
	}
}

// A slot is fed as soon as its link is made, before the link is up. The keyframe that comes meanwhile
// must be what the viewer starts with; there is only this one.
func TestAKeyframeBeforeTheLinkIsUpIsNotLost(t *testing.T) {
	s := newSFU(t, 2)
	publisher, viewer := newClient(t), newClient(t)
	frame, _ := publisher.sendVP8()
	from := publisher.connect(s, LinkOptions{ID: "publisher"})
	track, err := from.Publish(from.Session().Media[0].MID, "t")
	if err != nil {
		t.Fatal(err)
	}
	publisher.reaches(from, func() { frame(false) })
	packets := viewer.receive(webrtc.RTPCodecTypeVideo)
	offer, err := viewer.pc.CreateOffer(nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := viewer.pc.SetLocalDescription(offer); err != nil {
		t.Fatal(err)
	}
	to, answer, err := s.Connect(offer.SDP, LinkOptions{ID: "viewer", OnEvent: viewer.onEvent})
	if err != nil {
		t.Fatal(err)
	}
	viewer.link = to
	to.Feed(to.Session().Media[0].MID, track, 1)
	to.shard.call(func() {}) // fed
	frame(true)
	frame(false)
	deadline := time.Now().Add(patience)
	for keyframes := uint64(0); keyframes < 1; {
		if time.Now().After(deadline) {
			t.Fatal("no keyframe arrived")
		}
		from.shard.call(func() { keyframes = from.receivers[0].in.Stats().Keyframes })
	}
	viewer.answer(answer)
	waitFor[Up](viewer)
	first := next(t, packets)
	if !bytes.Equal(first.Payload, vp8Start(true)) {
		t.Fatalf("the stream does not begin with the keyframe but with %x", first.Payload)
	}
	for range 3 {
		next(t, packets)
	}
}

// The first packet of a keyframe comes last: a slot that waited for it has let the others pass, and must
// send them all the same.
func TestAKeyframeWhoseBeginningComesLateIsSentWhole(t *testing.T) {
	s := newSFU(t, 1)
	publisher, viewer := newClient(t), newClient(t)
	_, out := publisher.sendVP8()
	plink := publisher.connect(s, LinkOptions{ID: "publisher"})
	track, err := plink.Publish(plink.Session().Media[0].MID, "t")
	if err != nil {
		t.Fatal(err)
	}
	seq, ts := publisher.first(plink, out)
	packets := viewer.receive(webrtc.RTPCodecTypeVideo)
	vlink := viewer.connect(s, LinkOptions{ID: "viewer"})
	vlink.Feed(vlink.Session().Media[0].MID, track, 1)
	for _, p := range []rtp.Packet{
		{Header: rtp.Header{SequenceNumber: seq + 1, Timestamp: ts + 3000, Marker: true}, Payload: vp8Start(false)},
		{Header: rtp.Header{SequenceNumber: seq + 3, Timestamp: ts + 6000, Marker: true}, Payload: []byte{0x00, 1, 2, 3}},
		{Header: rtp.Header{SequenceNumber: seq + 2, Timestamp: ts + 6000}, Payload: vp8Start(true)},
	} {
		p.Version = 2
		if err := out.WriteRTP(&p); err != nil {
			t.Fatal(err)
		}
	}
	first, second := next(t, packets), next(t, packets)
	if second.SequenceNumber != first.SequenceNumber+1 || first.Marker || !second.Marker || first.Timestamp != second.Timestamp {
		t.Errorf("got %v and %v", first, second)
	}
}

func TestEndOfAPublisherEmptiesItsSlots(t *testing.T) {
	s := newSFU(t, 2)
	publisher, viewer := newClient(t), newClient(t)
	publisher.sendVP8()
	plink := publisher.connect(s, LinkOptions{})
	track, err := plink.Publish(plink.Session().Media[0].MID, "t")
	if err != nil {
		t.Fatal(err)
	}
	viewer.discard(webrtc.RTPCodecTypeVideo)
	vlink := viewer.connect(s, LinkOptions{})
	vlink.Feed(vlink.Session().Media[0].MID, track, 1)
	plink.Close()
	waitFor[Closed](publisher)
	deadline := time.Now().Add(patience)
	for {
		stats, ok := vlink.Stats()
		if !ok {
			t.Fatal("the viewer's link ended too")
		}
		if stats.Slots[0].Track == "" {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("still fed: %+v", stats)
		}
	}
	if _, ok := plink.Stats(); ok {
		t.Error("a closed link has statistics")
	}
}

func netip4Loopback(ip net.IP) bool { return ip.IsLoopback() }

// A slot that waits for a keyframe touches the publisher's link while that link has its turn: the
// link must get another one, or all its later packets wait for a timer.
func TestALinkTouchedInItsOwnTurnIsNotForgotten(t *testing.T) {
	r := newRoad(t, 1)
	l := r.track.link
	m := l.Session().ByMID(r.track.MID)
	r.shard.call(func() {
		now := r.shard.clock.Now()
		header := rtp.Header{
			Version: 2, Marker: true, SequenceNumber: 1, Timestamp: 1,
			PayloadType: uint8(m.Codecs[0].PT), SSRC: uint32(m.SSRCs[0].SSRC),
		}
		for range 3 {
			p := r.shard.sfu.pool.Get()
			p.Arrived = now
			n, err := header.MarshalTo(p.Data[:])
			if err != nil {
				t.Error(err)
			}
			n += copy(p.Data[n:], vp8Start(false))
			header.SequenceNumber++
			header.Timestamp += 3000
			if v := l.receiverOf(r.track).in.OnRTP(now, p, p.Data[:n]); v != ingest.Accepted {
				t.Errorf("the packet is %v", v)
			}
			r.shard.touch(l)
			r.shard.settle(now)
			if l.touched || len(r.shard.touched) != 0 {
				t.Errorf("after its turn: touched %v, %d in the list", l.touched, len(r.shard.touched))
			}
			if left := l.receiverOf(r.track).in.Ready(now); len(left) != 0 {
				t.Errorf("%d packets were left behind", len(left))
			}
		}
	})
}
