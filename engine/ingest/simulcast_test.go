package ingest

import (
	"testing"
	"time"

	"switchyard/codec/rtcp"
	"switchyard/media"
)

var simulcastConfig = func() Config {
	c := videoConfig
	c.Streams, c.RIDs = nil, []string{"q", "f"}
	return c
}()

func rid(s string) ext  { return ext{2, []byte(s)} }
func rrid(s string) ext { return ext{3, []byte(s)} }

func (r *rig) layers() []media.Layer { return r.track.Layers(r.now, nil) }

func TestEveryLayerIsPassedOnInItsOwnNumbers(t *testing.T) {
	r := newRig(t, simulcastConfig)
	r.accept(rtp(1, 96, 10, 100, true, key180, rid("q")))
	r.accept(rtp(2, 96, 500, 100, true, key720, rid("f")))
	r.accept(rtp(2, 96, 501, 200, true, inter)) // the SSRC is known now
	r.accept(rtp(1, 96, 11, 200, true, inter))
	r.refuse(rtp(3, 96, 11, 200, true, key180), UnknownStream)
	r.refuse(rtp(3, 96, 11, 200, true, key180, rid("x")), UnknownStream)
	want := []struct {
		layer uint8
		seq   uint16
		key   bool
	}{{0, 10, true}, {1, 500, true}, {1, 501, false}, {0, 11, false}}
	for i, p := range r.out {
		if w := want[i]; p.Layer != w.layer || uint16(p.Seq) != w.seq || p.Keyframe != w.key {
			t.Errorf("packet %d: layer %d, seq %d, key %v", i, p.Layer, p.Seq, p.Keyframe)
		}
	}
	if w, _ := r.track.Size(); w != 1280 {
		t.Errorf("width %d", w)
	}
	ls := r.layers()
	if len(ls) != 2 || ls[0].RID != "q" || ls[0].Width != 320 || !ls[0].Live || ls[1].RID != "f" || ls[1].Width != 1280 || !ls[1].Live {
		t.Errorf("layers %+v", ls)
	}
}

func TestFramesOfLayersLeaveApart(t *testing.T) {
	r := newRig(t, simulcastConfig)
	r.accept(rtp(2, 96, 500, 100, false, key720, rid("f")))
	r.accept(rtp(1, 96, 10, 100, true, key180, rid("q")))
	if len(r.out) != 1 || r.out[0].Layer != 0 {
		t.Fatalf("%d packets: the end of one layer's frame ends no other's", len(r.out))
	}
	r.accept(rtp(2, 96, 501, 100, true, further))
	if len(r.out) != 3 || r.out[1].Layer != 1 || r.out[2].Layer != 1 {
		t.Fatalf("%d packets", len(r.out))
	}
}

func TestLayersAreOrderedBySizeWhateverTheOffersOrder(t *testing.T) {
	r := newRig(t, simulcastConfig)
	r.accept(rtp(1, 96, 10, 100, true, key720, rid("q")))
	r.accept(rtp(2, 96, 500, 100, true, inter, rid("f")))
	if ls := r.layers(); ls[0].RID != "q" || ls[1].RID != "f" {
		t.Errorf("a size is unknown, but the order is %+v", ls)
	}
	before := r.track.Changed()
	r.accept(rtp(2, 96, 501, 200, true, key180))
	if ls := r.layers(); ls[0].RID != "f" || ls[1].RID != "q" {
		t.Errorf("order %+v", ls)
	}
	if r.track.Changed() == before {
		t.Error("nobody is told")
	}
}

func TestUnwantedLayersAreDroppedAndNotRepaired(t *testing.T) {
	r := newRig(t, simulcastConfig)
	r.accept(rtp(1, 96, 10, 100, true, key180, rid("q")))
	r.accept(rtp(2, 96, 500, 100, true, key720, rid("f")))
	r.track.Wanted(1)
	r.refuse(rtp(2, 96, 502, 200, true, inter), Unwanted)
	r.accept(rtp(1, 96, 12, 200, true, inter))
	r.now += 10 * ms
	if nacks, _, _, _ := r.feedback(); len(nacks) != 1 || nacks[0] != 11 {
		t.Errorf("asked for %v", nacks)
	}
	r.track.Wanted(3)
	r.accept(rtp(2, 96, 503, 300, true, key720))
	if p := r.last(); uint16(p.Seq) != 503 || p.Epoch != 1 { // caches must not show frames on both sides of the gap
		t.Errorf("seq %d, epoch %d", uint16(p.Seq), p.Epoch)
	}
	r.track.Wanted(0) // kept for whoever comes next, not repaired
	r.accept(rtp(2, 96, 505, 400, true, inter))
	r.now += 10 * ms
	if nacks, _, _, _ := r.feedback(); len(nacks) != 0 {
		t.Errorf("asked for %v for nobody", nacks)
	}
}

func TestKeyframesAreAskedPerLayer(t *testing.T) {
	r := newRig(t, simulcastConfig)
	r.accept(rtp(1, 96, 10, 100, true, inter, rid("q")))
	r.accept(rtp(2, 96, 500, 100, true, inter, rid("f")))
	asked := func() (ssrcs []media.SSRC) {
		rd := rtcp.NewReader(r.track.Feedback(r.now, nil))
		for p, ok := rd.Next(); ok; p, ok = rd.Next() {
			if p.IsPLI() {
				_, s, _ := p.Feedback()
				ssrcs = append(ssrcs, s)
			}
		}
		return ssrcs
	}
	r.track.RequestKeyframe(r.now, 1)
	if s := asked(); len(s) != 1 || s[0] != 2 {
		t.Fatalf("asked %v", s)
	}
	r.track.RequestKeyframe(r.now, 0)
	if s := asked(); len(s) != 1 || s[0] != 1 {
		t.Fatalf("asked %v: the other layer's request holds none up", s)
	}
	r.accept(rtp(2, 96, 501, 200, true, key720))
	r.now += 500 * ms
	if s := asked(); len(s) != 1 || s[0] != 1 {
		t.Errorf("asked %v: a keyframe of one layer answers for no other", s)
	}
	r.track.RequestKeyframe(r.now, 7) // no such layer
}

func TestALayerThatStopsDiesAndComesBack(t *testing.T) {
	r := newRig(t, simulcastConfig)
	seq := [2]uint16{10, 500}
	send := func(layer int, key bool) {
		payload := inter
		if key {
			payload = [][]byte{key180, key720}[layer]
		}
		r.accept(rtp(uint32(layer+1), 96, seq[layer], uint32(r.now/ms)*90, true, payload, rid([]string{"q", "f"}[layer])))
		seq[layer]++
	}
	for i := range 30 {
		send(0, i == 0)
		send(1, i == 0)
		r.now += 33 * ms
	}
	died := media.Time(0)
	for start := r.now; r.now-start < 1000*ms && died == 0; r.now += 33 * ms {
		send(0, false)
		if !r.layers()[1].Live {
			died = r.now - start
		}
	}
	if died < 200*ms || died > 400*ms {
		t.Errorf("found dead after %v", time.Duration(died))
	}
	if ls := r.layers(); !ls[0].Live || ls[1].Width != 1280 {
		t.Errorf("layers %+v", ls)
	}
	if w, _ := r.track.Size(); w != 320 {
		t.Errorf("the track's width is %d", w)
	}
	send(1, true)
	if !r.layers()[1].Live {
		t.Error("still dead")
	}
}

// A path, or the publisher's machine, that stands still for a while holds up all layers, and brings one of them first.
func TestAPauseOfAllLayersKillsNone(t *testing.T) {
	r := newRig(t, simulcastConfig)
	seq := uint16(0)
	frame := func(layers ...int) {
		seq++
		for _, i := range layers {
			r.accept(rtp(uint32(i+1), 96, seq, uint32(r.now/ms)*90, true, inter, rid([]string{"q", "f"}[i])))
			if ls := r.layers(); seq > 1 && (!ls[0].Live || !ls[1].Live) {
				t.Fatalf("frame %d, layer %d: %+v", seq, i, ls)
			}
			r.now += ms
		}
		r.now += 32 * ms
	}
	for range 30 {
		frame(0, 1)
	}
	r.now += 500 * ms
	frame(0, 1)
	r.now += 2000 * ms
	for range 6 { // the other one is held up a little longer
		frame(0)
	}
	frame(0, 1)
}

func TestASilentTrackHasNoDeadLayers(t *testing.T) {
	r := newRig(t, simulcastConfig)
	seq := uint16(0)
	for range 10 { // a screen that moves once in two seconds
		seq++
		r.accept(rtp(1, 96, seq, uint32(r.now/ms)*90, true, inter, rid("q")))
		r.now += 5 * ms
		r.accept(rtp(2, 96, seq, uint32(r.now/ms)*90, true, inter, rid("f")))
		if ls := r.layers(); seq > 8 && (!ls[0].Live || !ls[1].Live) {
			t.Fatalf("frame %d: %+v", seq, ls)
		}
		r.now += 2000 * ms
	}
}

func TestRatesAreMeasuredPerLayer(t *testing.T) {
	r := newRig(t, simulcastConfig)
	for i := range uint16(120) {
		r.accept(rtp(1, 96, i, uint32(i)*3000, true, append(append([]byte{}, inter...), make([]byte, 244)...), rid("q")))
		r.accept(rtp(2, 96, i, uint32(i)*3000, true, append(append([]byte{}, inter...), make([]byte, 994)...), rid("f")))
		r.now += 33333 * ms / 1000
	}
	ls := r.layers()
	for i, want := range []media.Bitrate{60_000, 240_000} {
		if got := ls[i].Rate(); got < want*9/10 || got > want*11/10 {
			t.Errorf("layer %d: %d bit/s, want %d", i, got, want)
		}
	}
}

func TestALayerOnANewSSRCIsANewEpochOfItAlone(t *testing.T) {
	r := newRig(t, simulcastConfig)
	r.accept(rtp(1, 96, 10, 100, true, key180, rid("q")))
	r.accept(rtp(2, 96, 500, 100, true, key720, rid("f")))
	r.accept(rtp(7, 96, 9000, 7, true, key720, rid("f")))
	if p := r.last(); p.Layer != 1 || p.Epoch != 1 || uint16(p.Seq) != 9000 {
		t.Errorf("layer %d, epoch %d, seq %d", p.Layer, p.Epoch, uint16(p.Seq))
	}
	r.accept(rtp(1, 96, 11, 200, true, inter))
	if p := r.last(); p.Layer != 0 || p.Epoch != 0 {
		t.Errorf("layer %d, epoch %d", p.Layer, p.Epoch)
	}
}

func TestRenegotiatedRIDsKeepTheirStreams(t *testing.T) {
	r := newRig(t, simulcastConfig)
	r.accept(rtp(1, 96, 10, 100, true, key180, rid("q")))
	r.accept(rtp(2, 96, 500, 100, true, key720, rid("f")))
	c := simulcastConfig
	c.RIDs = []string{"f"}
	r.track.Update(c)
	r.accept(rtp(2, 96, 501, 200, true, key720))
	if p := r.last(); p.Layer != 0 {
		t.Errorf("layer %d", p.Layer)
	}
	r.refuse(rtp(1, 96, 11, 200, true, inter, rid("q")), UnknownStream)
	c.RIDs = nil
	r.track.Update(c)
	r.accept(rtp(2, 96, 502, 300, true, inter))
}

func TestRTXIsFoundByRepairedRID(t *testing.T) {
	r := newRig(t, simulcastConfig)
	r.accept(rtp(2, 96, 500, 100, true, key720, rid("f")))
	r.accept(rtp(2, 96, 502, 200, true, inter, rid("f")))
	r.refuse(rtp(22, 97, 1, 150, true, append([]byte{1, 0xf5}, inter...)), UnknownStream)
	r.accept(rtp(22, 97, 1, 150, true, append([]byte{1, 0xf5}, inter...), rrid("f")))
	if p := r.last(); uint16(p.Seq) != 501 {
		t.Errorf("restored %d", uint16(p.Seq))
	}
	r.accept(rtp(2, 96, 504, 200, true, inter, rid("f")))
	r.accept(rtp(22, 97, 2, 150, true, append([]byte{1, 0xf7}, inter...)))
}

func TestUndeclaredStreamTakesOverWhenTheOldOneStops(t *testing.T) {
	c := audioConfig
	c.Streams = nil
	r := newRig(t, c)
	opus := []byte{0x78, 1, 2}
	r.accept(rtp(5, 111, 1, 0, false, opus))
	r.now += 20 * ms
	r.refuse(rtp(6, 111, 1, 0, false, opus), OtherStream)
	r.now += 300 * ms
	r.accept(rtp(6, 111, 2, 0, false, opus))
	if r.track.OnBye(7) || !r.track.OnBye(6) {
		t.Error("BYE")
	}
	r.accept(rtp(5, 111, 2, 960, false, opus))
	if e := r.last().Epoch; e != 2 {
		t.Errorf("epoch %d", e)
	}
}

func TestManyStreamsAreBounded(t *testing.T) {
	r := newRig(t, func() Config { c := videoConfig; c.Streams = nil; return c }())
	var d Demux
	d.Add("0", r.track)
	for ssrc := range uint32(5000) {
		r.now += ms
		r.in(rtp(ssrc+1, 96, 1, 0, true, inter))
	}
	if n := len(r.track.streams); n > maxStreams {
		t.Errorf("%d layers", n)
	}
	if n := len(d.bySSRC); n > maxLearned {
		t.Errorf("%d SSRCs", n)
	}
}

func TestDemuxByMIDThenSSRC(t *testing.T) {
	a, v := newRig(t, audioConfig), newRig(t, simulcastConfig)
	var d Demux
	d.Add("a", a.track)
	d.Add("v", v.track)
	if d.BySSRC(2000) != a.track {
		t.Error("a declared SSRC is unknown")
	}
	first := rtp(7, 96, 1, 0, true, key720, ext{1, []byte("v")}, rid("f"))
	if d.Find(first) != v.track {
		t.Fatal("not found by MID")
	}
	v.accept(first)
	if d.Find(rtp(7, 96, 2, 0, true, inter)) != v.track {
		t.Error("not found by the learned SSRC")
	}
	if d.Find(rtp(8, 111, 2, 0, true, inter)) != a.track {
		t.Error("not found by the only payload type")
	}
	if d.Find(rtp(8, 111, 2, 0, true, inter, ext{1, []byte("x")})) != nil {
		t.Error("found an unknown MID")
	}
	if d.Find(nil) != nil {
		t.Error("found nothing's track")
	}
	d.Remove(v.track)
	if d.Find(rtp(7, 96, 2, 0, true, inter)) != nil || d.BySSRC(7) != nil {
		t.Error("a removed track is found")
	}
}

func TestRenegotiationKeepsTheTable(t *testing.T) {
	r := newRig(t, videoConfig)
	before := r.track.Formats()
	c := videoConfig
	c.Formats = []Format{{PT: 45, Format: media.Format{Codec: media.AV1, ClockRate: 90000, Profile: "0"}}, {PT: 98, Format: vp8Format}}
	r.track.Update(c)
	after := r.track.Formats()
	if len(before) != 2 || len(after) != 3 || after[0] != vp8Format || after[1] != h264Format {
		t.Errorf("formats %v", after)
	}
	r.refuse(rtp(1000, 96, 1, 0, true, key720), UnknownFormat)
	r.accept(rtp(1000, 98, 1, 0, true, key720))
	if f, ok := r.track.Current(); !ok || f != vp8Format {
		t.Errorf("current %v", f)
	}
}

func TestLevelFollowsSpeechAndDecays(t *testing.T) {
	r := newRig(t, audioConfig)
	seq := uint16(0)
	say := func(d time.Duration, dBov byte) (float64, bool) {
		for range d / (20 * time.Millisecond) {
			seq++
			r.accept(rtp(2000, 111, seq, uint32(seq)*960, false, []byte{0x78, 1, 2}, ext{6, []byte{dBov}}))
			r.now += 20 * ms
		}
		return r.track.Level(r.now)
	}
	if l, v := r.track.Level(r.now); l != 0 || v {
		t.Error("loud before the first packet")
	}
	loud, voice := say(500*time.Millisecond, 0x80|20)
	if loud < 0.7 || !voice {
		t.Errorf("speaking: %v %v", loud, voice)
	}
	if l, _ := say(60*time.Millisecond, 127); l < loud/2 {
		t.Errorf("a pause between words: %v", l)
	}
	if l, v := say(3*time.Second, 127); l > 0.1 || v {
		t.Errorf("silent: %v %v", l, v)
	}
	say(500*time.Millisecond, 0x80|20)
	r.now += 10 * media.Time(time.Second)
	if l, v := r.track.Level(r.now); l > 0.1 || v {
		t.Errorf("no packets: %v %v", l, v)
	}
}
