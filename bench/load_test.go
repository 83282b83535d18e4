package bench

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pion/sdp/v3"

	"switchyard/codec/vp8"
)

func TestFramesOfABrowserDifferByOneByte(t *testing.T) {
	plans, err := Shape{Codec: CodecVP8, Bitrate: 2_000_000, FPS: 30, Packet: 1200, Browser: true}.plans()
	if err != nil {
		t.Fatal(err)
	}
	p := plans[0]
	total, uneven := 0, 0
	var sizes []int
	for n := range 3000 {
		sizes = p.frame(n, false, sizes[:0])
		low, high := slices.Min(sizes), slices.Max(sizes)
		if high-low > 1 || high > 1180 || low < minPayload || !slices.IsSorted(sizes) {
			t.Fatalf("frame %d: %v", n, sizes)
		}
		if high > low {
			uneven++
		}
		for _, s := range sizes {
			total += s + rtpHeader
		}
	}
	if rate := total * 8 / 100; rate < 1_900_000 || rate > 2_100_000 {
		t.Errorf("%d bits per second", rate)
	}
	if uneven < 1500 || uneven == 3000 {
		t.Errorf("%d of 3000 frames are uneven", uneven)
	}
	if key := p.frame(7, true, nil); len(key) < 2*len(p.frame(7, false, nil)) {
		t.Errorf("a keyframe of %d packets", len(key))
	}
}

func TestSplit(t *testing.T) {
	for _, c := range []struct {
		bytes, largest int
		want           []int
	}{{100, 1180, []int{100}}, {1181, 1180, []int{590, 591}}, {2360, 1180, []int{1180, 1180}}, {3500, 1180, []int{1166, 1167, 1167}}} {
		if got := split(c.bytes, c.largest, nil); !slices.Equal(got, c.want) {
			t.Errorf("%d in parts of %d: %v, want %v", c.bytes, c.largest, got, c.want)
		}
	}
}

func TestShapes(t *testing.T) {
	low, err := Shape{Codec: CodecVP8, Bitrate: 200_000, FPS: 30, Packet: 1200}.plans()
	if err != nil || low[0].packets != 1 || low[0].size != 833-rtpHeader {
		t.Errorf("a low rate: %+v, %v", low, err)
	}
	layers, err := Shape{Codec: CodecVP8, Bitrate: 1_500_000, FPS: 30, Packet: 1200, Layers: 3}.plans()
	if err != nil || len(layers) != 3 {
		t.Fatal(err)
	}
	for i, want := range []struct{ width, height, packets int }{{320, 180, 1}, {640, 360, 2}, {1280, 720, 5}} {
		l := layers[i]
		if l.width != want.width || l.height != want.height || l.packets != want.packets || int(l.layer) != i {
			t.Errorf("layer %d: %+v", i, l)
		}
		b := make([]byte, l.size)
		l.head(b, 0, l.packets, true, 1)
		if d, ok := vp8.Parse(b); !ok || int(d.Width) != want.width || int(d.Height) != want.height {
			t.Errorf("layer %d says %+v", i, d)
		}
	}
	for _, s := range []Shape{{Codec: CodecH264, FPS: 30, Packet: 1200, Layers: 2}, {Codec: CodecVP8, FPS: 30, Packet: 1200, Layers: 4}} {
		if _, err := s.plans(); err == nil {
			t.Errorf("%+v is possible", s)
		}
	}
}

func TestMissingPacketsAreAskedForUntilTheyCome(t *testing.T) {
	var m missing
	start := time.Unix(1000, 0)
	at := func(ms int) time.Time { return start.Add(time.Duration(ms) * time.Millisecond) }
	for _, seq := range []uint16{65533, 65534} {
		if m.note(at(0), seq) {
			t.Fatal("nothing is missing")
		}
	}
	if !m.note(at(10), 2) { // 65535, 0 and 1 are missing
		t.Fatal("a gap is not seen")
	}
	ask := func(ms int) []uint16 { seqs, _ := m.ask(at(ms), nil); return seqs }
	if got := ask(10); !slices.Equal(got, []uint16{65535, 0, 1}) {
		t.Fatalf("asks for %v", got)
	}
	if got := ask(60); got != nil {
		t.Errorf("asks for %v again too soon", got)
	}
	if m.note(at(70), 0) || !m.found(65535) || m.found(65535) {
		t.Error("late and repaired packets")
	}
	if got := ask(215); !slices.Equal(got, []uint16{1}) {
		t.Errorf("asks again for %v", got)
	}
	if seqs, lost := m.ask(at(1010), nil); len(seqs) > 0 || !lost || m.givenUp != 1 {
		t.Errorf("after a second: %v, lost %v, %d given up", seqs, lost, m.givenUp)
	}
	if m.note(at(1100), 30000) || len(m.list) != 0 {
		t.Error("a stream that begins anew lacks nothing")
	}
	for n := range uint16(300) {
		m.note(at(1200), 30000+4*n)
	}
	if len(m.list) > maxMissing {
		t.Errorf("%d are remembered", len(m.list))
	}
}

func FuzzMissing(f *testing.F) {
	f.Add([]byte{0, 1, 0, 2, 0, 9, 0, 3, 255, 255})
	f.Fuzz(func(t *testing.T, b []byte) {
		var m missing
		now := time.Unix(1000, 0)
		for ; len(b) >= 2; b = b[2:] {
			m.note(now, uint16(b[0])<<8|uint16(b[1]))
			now = now.Add(time.Duration(b[1]) * time.Millisecond)
			if b[0]%7 == 0 {
				if seqs, _ := m.ask(now, nil); slices.Contains(seqs, m.high) {
					t.Fatal("asks for what came last")
				}
			}
			if len(m.list) > maxMissing {
				t.Fatalf("%d are remembered", len(m.list))
			}
		}
	})
}

func TestShaperDelaysAndDrops(t *testing.T) {
	start := time.Unix(1000, 0)
	s := shaper{window: &window{}}
	s.window.from.Store(start.UnixNano())
	s.window.to.Store(start.Add(time.Minute).UnixNano())
	packet := make([]byte, 972) // 8000 bits with its headers: 8 ms at 1 Mbit/s
	for range 60 {
		s.push(start, 1_000_000, packet)
	}
	var due []time.Duration
	s.pop(start.Add(time.Second), func(at time.Time, b []byte) { due = append(due, at.Sub(start)) })
	// 26 packets: the last one found 200 ms queued, the next ones more.
	if len(due) != 26 || s.dropped != 34 {
		t.Fatalf("%d went through, %d dropped", len(due), s.dropped)
	}
	for i, d := range due {
		if d != time.Duration(i+1)*8*time.Millisecond {
			t.Errorf("packet %d leaves after %v", i, d)
		}
	}
	if n := s.during(0); n.bytes != 26*1000 || n.dropped != 34 || n.longest != 208*time.Millisecond || s.during(1) != (noted{}) {
		t.Errorf("noted %+v", n)
	}
	s.push(start.Add(2*time.Second), 1_000_000, packet) // an idle line sends at once
	n := 0
	s.pop(start.Add(2*time.Second+7*time.Millisecond), func(time.Time, []byte) { n++ })
	if n != 0 {
		t.Error("a packet leaves before it is sent")
	}
	s.pop(start.Add(2*time.Second+8*time.Millisecond), func(time.Time, []byte) { n++ })
	if n != 1 {
		t.Error("a packet stays")
	}
	if n := s.during(2); n.bytes != 1000 || n.longest != 8*time.Millisecond {
		t.Errorf("noted of the third second: %+v", n)
	}
	s.push(start.Add(2*time.Hour), 1_000_000, packet)
	if len(s.seconds) > 3 {
		t.Errorf("%d seconds are noted", len(s.seconds))
	}
}

func TestDownlink(t *testing.T) {
	d, err := ParseDownlink("2.5M,300k@10s,2M@20s")
	if err != nil {
		t.Fatal(err)
	}
	for at, want := range map[time.Duration]int{0: 2_500_000, 9 * time.Second: 2_500_000, 10 * time.Second: 300_000, time.Hour: 2_000_000} {
		if got := d.rate(at); got != want {
			t.Errorf("at %v: %d, want %d", at, got, want)
		}
	}
	for _, s := range []string{"", "1M@1s", "1M,2M", "1M,2M@5s,1M@5s", "1M,2M@x", "0", "1M,", "NaN", "Inf", "-1M", "1M,2M@-1s"} {
		if d, err := ParseDownlink(s); err == nil {
			t.Errorf("%q is %v", s, d)
		}
	}
}

func FuzzDownlink(f *testing.F) {
	f.Add("2.5M,300k@10s,2.5M@20s")
	f.Add("1M,@")
	f.Fuzz(func(t *testing.T, s string) {
		d, err := ParseDownlink(s)
		if err != nil {
			return
		}
		for _, step := range d {
			if r := d.rate(step.From); r != step.Rate || r < 1000 || r > 1e9 {
				t.Fatalf("%q: %d at %v", s, r, step.From)
			}
		}
	})
}

func TestOfferOfLayers(t *testing.T) {
	text := offer(&ice{localUfrag: "u", localPwd: "p"}, "AA:BB", []line{{kind: "video", send: true, layers: 3}, {kind: "video"}})
	var s sdp.SessionDescription
	if err := s.UnmarshalString(text); err != nil {
		t.Fatal(err)
	}
	m := s.MediaDescriptions[0]
	if v, _ := m.Attribute("simulcast"); v != "send q;h;f" {
		t.Errorf("simulcast %q", v)
	}
	if strings.Count(text, "a=rid:") != 3 || strings.Count(text, ridURI) != 1 || strings.Contains(text, "a=ssrc:") {
		t.Error(text)
	}
}

func TestLayersAreNamedUntilTheServerKnowsThem(t *testing.T) {
	plans, err := Shape{Codec: CodecVP8, Bitrate: 600_000, FPS: 15, Packet: 1100, Layers: 3}.plans()
	if err != nil {
		t.Fatal(err)
	}
	u := newPublisher(&transport{}, 1, plans, &window{})
	u.agreed(&answer{twcc: map[uint8]bool{extTWCC: true}}, "0")
	for _, known := range []bool{false, true} {
		u.layers[1].known.Store(known)
		n := u.extend(u.layers[1])
		found := map[byte]string{}
		for x := u.packet[16 : 12+n]; len(x) > 0 && x[0] != 0; {
			size := int(x[0]&15) + 1
			found[x[0]>>4] = string(x[1 : 1+size])
			x = x[1+size:]
		}
		if len(found[extTWCC]) != 2 || n%4 != 0 {
			t.Errorf("known %v: %v in %d bytes", known, found, n)
		}
		if rid, mid := found[extRID], found[extMID]; known && rid+mid != "" || !known && (rid != "h" || mid != "0") {
			t.Errorf("known %v: %v", known, found)
		}
	}
}
