package sfu

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"switchyard/engine/egress"
	"switchyard/engine/ingest"
	"switchyard/media"
)

// simulcaster is a Pion peer that sends three VP8 layers of 160x90, 320x180 and 640x360. Each frame's
// payload ends with the number of its layer and frame, so that a viewer can tell what it got.
type simulcaster struct {
	*client
	sender *webrtc.RTPSender
	steady bool // what is late follows at once

	mu     sync.Mutex
	layers [3]sentLayer
	frames uint32
}

// sentLayer is guarded by the simulcaster's mu.
type sentLayer struct {
	track  *webrtc.TrackLocalStaticRTP
	params webrtc.RTPEncodingParameters
	seq    uint16
	off    bool // as dynacast or a busy CPU switch it off
	key    bool // its next frame is a keyframe
	asked  int  // keyframe requests
	tids   bool // temporal layers 0 2 1 2
}

var rids = [3]string{"q", "h", "f"}

func newSimulcaster(t testing.TB) *simulcaster {
	t.Helper()
	c := &simulcaster{client: newClient(t)}
	for i, rid := range rids {
		track, err := webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeVP8, ClockRate: 90000},
			"v", "s", webrtc.WithRTPStreamID(rid))
		if err != nil {
			t.Fatal(err)
		}
		c.layers[i] = sentLayer{track: track, seq: uint16(i)*20000 + 100, key: true}
		if i == 0 {
			if c.sender, err = c.pc.AddTrack(track); err != nil {
				t.Fatal(err)
			}
		} else if err := c.sender.AddEncoding(track); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

// start reads keyframe requests and sends a frame every 10 ms, until the test ends. On a busy machine some are left
// out, since many at once would overflow sockets; unless it is steady, since less would fit where it must not.
func (c *simulcaster) start() {
	for i, p := range c.sender.GetParameters().Encodings {
		c.layers[i].params = p
		go func() { // ends with the PeerConnection
			for {
				packets, _, err := c.sender.ReadSimulcastRTCP(rids[i])
				if err != nil {
					return
				}
				for _, p := range packets {
					if _, pli := p.(*rtcp.PictureLossIndication); pli {
						c.change(func(ls *[3]sentLayer) { ls[i].key, ls[i].asked = true, ls[i].asked+1 })
					}
				}
			}
		}()
	}
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for begin, sent := time.Now(), 0; ; {
			select {
			case <-stop:
				return
			case now := <-tick.C:
				due := int(now.Sub(begin) / (10 * time.Millisecond))
				if !c.steady {
					sent = max(sent, due-1)
				}
				for ; sent < due; sent++ {
					c.frame()
				}
			}
		}
	})
	c.t.Cleanup(func() { close(stop); wg.Wait() })
}

func (c *simulcaster) change(f func(*[3]sentLayer)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f(&c.layers)
}

// frame sends one frame of two packets on each layer.
func (c *simulcaster) frame() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.frames++
	session := c.link.Session()
	m := session.Media[0]
	for i := range c.layers {
		l := &c.layers[i]
		if l.off {
			continue
		}
		tid := byte(0)
		if l.tids && !l.key {
			tid = [4]byte{0, 2, 1, 2}[c.frames%4]
		}
		start := []byte{0x90, 0xe0, 0x80 | byte(c.frames>>8)&0x7f, byte(c.frames), byte(c.frames / 4), tid<<6 | 0x20}
		head := []byte{0x01, 0x00, 0x00, 0xaa}
		if l.key {
			w, h := 160<<i, 90<<i
			head = []byte{0x10, 0x00, 0x00, 0x9d, 0x01, 0x2a, byte(w), byte(w >> 8), byte(h), byte(h >> 8)}
		}
		l.key = false
		rest := append([]byte{}, start...)
		rest[0] &^= 0x10
		trail := append(make([]byte, 100<<i), byte(i))
		for j, payload := range [][]byte{append(append(start, head...), trail...), append(rest, trail...)} {
			l.seq++
			p := &rtp.Packet{Header: rtp.Header{
				Version: 2, SequenceNumber: l.seq, Timestamp: uint32(i)<<30 + c.frames*900, Marker: j == 1,
				SSRC: uint32(l.params.SSRC), PayloadType: uint8(m.Codecs[0].PT),
			}, Payload: payload}
			if err := p.SetExtension(m.Ext.MID, []byte(m.MID)); err != nil {
				c.t.Error(err)
			}
			if err := p.SetExtension(m.Ext.RID, []byte(rids[i])); err != nil {
				c.t.Error(err)
			}
			if err := l.track.WriteRTP(p); err != nil {
				return // closed
			}
		}
	}
}

// viewed checks that what a viewer gets is one continuous stream, and tells its layer.
type viewed struct {
	t       testing.TB
	packets <-chan *rtp.Packet
	last    *rtp.Packet
	layer   int
	changes int
}

// next reads a packet. A layer may only begin with a keyframe.
func (v *viewed) next() *rtp.Packet {
	v.t.Helper()
	p := next(v.t, v.packets)
	layer := int(p.Payload[len(p.Payload)-1])
	begins := p.Payload[0]&0x10 != 0
	if v.last != nil {
		if p.SequenceNumber != v.last.SequenceNumber+1 {
			v.t.Fatalf("sequence number %d after %d", p.SequenceNumber, v.last.SequenceNumber)
		}
		if d := int32(p.Timestamp - v.last.Timestamp); d < 0 || begins == (d == 0) || d > 10*90000 {
			v.t.Fatalf("timestamp moves by %d, first of a frame: %v", d, begins)
		}
		id, before := picture(p), picture(v.last)
		if step := (id - before) & 0x7fff; begins && step != 1 || !begins && step != 0 {
			v.t.Fatalf("picture id %d after %d, first of a frame: %v", id, before, begins)
		}
	}
	if v.last == nil || layer != v.layer {
		if !begins || p.Payload[6]&1 != 0 {
			v.t.Fatalf("layer %d begins with %x", layer, p.Payload[:8])
		}
		v.layer, v.changes = layer, v.changes+1
	}
	v.last = p
	return p
}

func picture(p *rtp.Packet) uint16 { return uint16(p.Payload[2]&0x7f)<<8 | uint16(p.Payload[3]) }

// until reads until the layer flows.
func (v *viewed) until(layer int) {
	v.t.Helper()
	for deadline := time.Now().Add(patience); v.last == nil || v.layer != layer; v.next() {
		if time.Now().After(deadline) {
			v.t.Fatalf("layer %d goes on, layer %d does not come", v.layer, layer)
		}
	}
}

// stays reads some packets that must be of one layer.
func (v *viewed) stays(layer int) {
	v.t.Helper()
	for range 40 {
		if v.next(); v.layer != layer {
			v.t.Fatalf("layer %d instead of %d", v.layer, layer)
		}
	}
}

// withoutFeedback takes transport-wide feedback out of an offer: these tests choose layers themselves, and a
// busy machine looks like a congested path.
func withoutFeedback(sdp string) string {
	var kept []string
	for line := range strings.Lines(sdp) {
		if !strings.Contains(line, "transport-cc") && !strings.Contains(line, "transport-wide-cc") {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "")
}

// view is a viewer of a track.
func view(t testing.TB, s *SFU, track *Track) (*viewed, *client, string) {
	t.Helper()
	viewer := newClient(t)
	viewer.edit = withoutFeedback
	packets := viewer.receive(webrtc.RTPCodecTypeVideo)
	link := viewer.connect(s, LinkOptions{ID: "viewer"})
	mid := link.Session().Media[0].MID
	link.Feed(mid, track, 1)
	return &viewed{t: t, packets: packets}, viewer, mid
}

func publishSimulcast(t testing.TB, s *SFU) (*simulcaster, *Track) {
	t.Helper()
	return newSimulcaster(t).publish(s)
}

// publishSteadily keeps the rate of 150, 300 and 600 kbit/s.
func publishSteadily(t testing.TB, s *SFU) *Track {
	t.Helper()
	c := newSimulcaster(t)
	c.steady = true
	_, track := c.publish(s)
	return track
}

func (c *simulcaster) publish(s *SFU) (*simulcaster, *Track) {
	c.t.Helper()
	link := c.connect(s, LinkOptions{ID: "publisher"})
	track, err := link.Publish(link.Session().Media[0].MID, "t")
	if err != nil {
		c.t.Fatal(err)
	}
	c.start()
	return c, track
}

func TestEachSlotGetsTheLayerThatItPrefers(t *testing.T) {
	for _, shards := range []int{1, 3} {
		s := newSFU(t, shards)
		_, track := publishSimulcast(t, s)
		large, _, _ := view(t, s, track)
		small, viewer, mid := view(t, s, track)
		large.until(2)
		small.until(2)
		for _, layers := range []int{1, 3, 2, 1, 2, 0} {
			viewer.link.Prefer(mid, Preference{Layers: layers})
			want := layers - 1
			if layers == 0 {
				want = 2
			}
			small.until(want)
			small.stays(want)
		}
		large.until(2) // what it was sent meanwhile is partly lost: nobody read it
		if ls := track.Layers(); len(ls) != 3 || ls[0].RID != "q" || ls[2].Width != 640 || ls[2].Rate() <= ls[0].Rate() {
			t.Errorf("layers %+v", ls)
		}
	}
}

func TestTemporalLayersAreTakenOutWithoutATrace(t *testing.T) {
	s := newSFU(t, 2)
	c, track := publishSimulcast(t, s)
	c.change(func(ls *[3]sentLayer) {
		for i := range ls {
			ls[i].tids = true
		}
	})
	v, viewer, mid := view(t, s, track)
	v.until(2)
	tids := func() (seen [3]int) {
		t.Helper()
		for range 64 {
			seen[v.next().Payload[5]>>6]++
		}
		return seen
	}
	// settles reads until only the temporal layers up to top come, and those all.
	settles := func(top int) {
		t.Helper()
		deadline := time.Now().Add(patience)
		for {
			seen := tids()
			ok := true
			for i, n := range seen {
				ok = ok && (n > 0) == (i <= top)
			}
			if ok {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("packets by temporal layer %v, wanted up to %d", seen, top)
			}
		}
	}
	settles(2)
	for _, temporals := range []int{1, 2, 3, 2, 1, 0} {
		viewer.link.Prefer(mid, Preference{Temporals: temporals})
		if temporals == 0 {
			temporals = 3
		}
		settles(temporals - 1)
	}
	rates := track.Layers()[2].Rates
	if rates[0] == 0 || rates[1] <= rates[0] || rates[2] <= rates[1] {
		t.Errorf("rates by temporal layer %v", rates)
	}
}

func TestTheSizeOnScreenChoosesTheLayer(t *testing.T) {
	s := newSFU(t, 1)
	_, track := publishSimulcast(t, s)
	v, viewer, mid := view(t, s, track)
	for _, c := range []struct{ width, height, layer int }{{0, 0, 2}, {320, 180, 1}, {300, 170, 1}, {200, 120, 0}, {50, 50, 0}, {1920, 1080, 2}} {
		viewer.link.Show(mid, View{Width: c.width, Height: c.height})
		v.until(c.layer)
		v.stays(c.layer)
	}
}

func TestALayerThatStopsIsReplacedByALowerAndComesBack(t *testing.T) {
	s := newSFU(t, 2)
	c, track := publishSimulcast(t, s)
	v, _, _ := view(t, s, track)
	v.until(2)
	c.change(func(ls *[3]sentLayer) { ls[2].off = true })
	v.until(1) // when is tested in virtual time, in engine/ingest
	c.change(func(ls *[3]sentLayer) { ls[2].off = false })
	v.until(2)
	v.stays(2)
}

func TestASlotThatIsOffSendsNothingAndGoesOn(t *testing.T) {
	s := newSFU(t, 1)
	c, track := publishSimulcast(t, s)
	v, viewer, mid := view(t, s, track)
	v.until(2)
	viewer.link.Prefer(mid, Preference{Off: true})
	sent := func() (stats SlotStats) {
		t.Helper()
		all, ok := viewer.link.Stats()
		if !ok {
			t.Fatal("the link has ended")
		}
		return all.Slots[0]
	}
	off := sent()
	if off.Pause != egress.Off.String() {
		t.Fatalf("pause %q", off.Pause)
	}
	c.mu.Lock()
	from := c.frames
	c.mu.Unlock()
	for frames := from; frames < from+20; {
		c.mu.Lock()
		frames = c.frames
		c.mu.Unlock()
		time.Sleep(time.Millisecond)
	}
	if now := sent(); now.Packets != off.Packets {
		t.Errorf("%d packets while off", now.Packets-off.Packets)
	}
	waitForWanted(c.client, func(e TrackWanted) bool { return !e.Any })
	viewer.link.Prefer(mid, Preference{Layers: 1})
	for v.last.Payload[len(v.last.Payload)-1] != 0 { // what was on its way, then the low layer
		v.next()
	}
	v.stays(0)
}

// waitForWanted returns when the publisher's owner was told something that pleases.
func waitForWanted(c *client, pleases func(TrackWanted) bool) {
	c.t.Helper()
	for !pleases(waitFor[TrackWanted](c)) {
	}
}

func TestTheOwnerIsToldWhichLayersAreNeeded(t *testing.T) {
	s := newSFU(t, 2)
	c, track := publishSimulcast(t, s)
	waitForWanted(c.client, func(e TrackWanted) bool { return !e.Any && e.Track == track })
	v, viewer, mid := view(t, s, track)
	v.until(2)
	exactly := func(rids ...string) func(TrackWanted) bool {
		return func(e TrackWanted) bool {
			if len(e.RIDs) != len(rids) {
				return false
			}
			for i := range rids {
				if e.RIDs[i] != rids[i] {
					return false
				}
			}
			return true
		}
	}
	waitForWanted(c.client, exactly("f"))
	viewer.link.Show(mid, View{Width: 320, Height: 180})
	v.until(1)
	waitForWanted(c.client, exactly("h"))
	other, second, _ := view(t, s, track)
	other.until(2)
	waitForWanted(c.client, exactly("h", "f"))
	c.change(func(ls *[3]sentLayer) { ls[2].off = true }) // it dies, but is still needed
	other.until(1)
	deadline := time.Now().Add(patience)
	for {
		stats, _ := c.link.Stats()
		if n := stats.Tracks[0].Verdicts; n[ingest.Unwanted] > 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the layer that nobody needs is not dropped")
		}
	}
	viewer.link.Close()
	second.link.Close()
	waitForWanted(c.client, func(e TrackWanted) bool { return !e.Any })
}

// A camera that nobody looked at before encoded its smallest layer alone: the others are known by name only.
func TestLayersThatNobodyHasSeenAreAskedFor(t *testing.T) {
	s := newSFU(t, 1)
	c := newSimulcaster(t)
	c.layers[1].off, c.layers[2].off = true, true
	link := c.connect(s, LinkOptions{ID: "publisher"})
	track, err := link.Publish(link.Session().Media[0].MID, "t")
	if err != nil {
		t.Fatal(err)
	}
	c.start()
	v, viewer, mid := view(t, s, track)
	viewer.link.Show(mid, View{Width: 640, Height: 360})
	v.until(0)
	waitForWanted(c.client, func(e TrackWanted) bool { return len(e.RIDs) == 3 })
	c.change(func(ls *[3]sentLayer) { ls[1].off, ls[2].off = false, false })
	v.until(2)
	waitForWanted(c.client, func(e TrackWanted) bool { return len(e.RIDs) == 1 && e.RIDs[0] == "f" })
}

func TestChooseALayer(t *testing.T) {
	ladder := func(live ...bool) []media.Layer {
		ls := []media.Layer{{Stream: 0, Width: 160, Height: 90}, {Stream: 1, Width: 320, Height: 180}, {Stream: 2, Width: 640, Height: 360}}
		for i := range live {
			ls[i].Live = live[i]
		}
		return ls
	}
	unheard := media.Layer{Stream: 2}
	for _, c := range []struct {
		name   string
		layers []media.Layer
		pixels int
		p      Preference
		want   choice
	}{
		{"nothing known", nil, 0, Preference{}, choice{}},
		{"any size", ladder(true, true, true), 0, Preference{}, choice{egress.Target{Layer: 2, Instead: 3}, 4}},
		{"its size", ladder(true, true, true), 320 * 180, Preference{}, choice{egress.Target{Layer: 1, Instead: 1}, 2}},
		{"a little smaller", ladder(true, true, true), 290 * 165, Preference{}, choice{egress.Target{Layer: 1, Instead: 1}, 2}},
		{"smaller than all", ladder(true, true, true), 10, Preference{}, choice{egress.Target{Layer: 0}, 1}},
		{"bounded", ladder(true, true, true), 0, Preference{Layers: 2}, choice{egress.Target{Layer: 1, Instead: 1}, 2}},
		{"bounded beyond", ladder(true, true, true), 0, Preference{Layers: 9}, choice{egress.Target{Layer: 2, Instead: 3}, 4}},
		{"dead", ladder(true, true, false), 0, Preference{}, choice{egress.Target{Layer: 1, Instead: 1}, 4}},
		{"only a larger lives", ladder(false, false, true), 10, Preference{}, choice{egress.Target{Layer: 2}, 1}},
		{"half the frames", ladder(true, true, true), 0, Preference{Layers: 1, Temporals: 2}, choice{egress.Target{Temporals: 2}, 1}},
		{"a spatial layer", []media.Layer{{Live: true}, {Spatial: 1, Live: true}, {Spatial: 2, Live: true}}, 0, Preference{Layers: 2}, choice{egress.Target{Spatials: 2}, 1}},
		{"all spatial layers", []media.Layer{{Live: true}, {Spatial: 1, Live: true}}, 0, Preference{}, choice{egress.Target{}, 1}},
		{"off", ladder(true, true, true), 0, Preference{Off: true}, choice{egress.Target{Off: true, Layer: 2, Instead: 3}, 4}},
		{"one unheard", append(ladder(true, true)[:2], unheard), 0, Preference{}, choice{egress.Target{Layer: 1, Instead: 1}, 6}},
		{"one unheard, small", append(ladder(true, true)[:2], unheard), 320 * 180, Preference{}, choice{egress.Target{Layer: 1, Instead: 1}, 2}},
		{"bounded by the only one heard", []media.Layer{{Live: true, Width: 160, Height: 90}, {Stream: 1}, {Stream: 2}}, 0, Preference{Layers: 1}, choice{egress.Target{}, 7}},
		{"bounded below what was heard", append(ladder(true, true)[:2], unheard), 0, Preference{Layers: 1}, choice{egress.Target{}, 1}},
		{"all unheard", []media.Layer{{Stream: 0}, {Stream: 1}}, 0, Preference{}, choice{hopes: 3}},
	} {
		if got := choose(c.layers, c.pixels, c.p); got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
}
