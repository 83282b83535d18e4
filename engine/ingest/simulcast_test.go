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

func TestLargestLayerIsTaken(t *testing.T) {
	r := newRig(t, simulcastConfig)
	r.accept(rtp(1, 96, 10, 100, true, key180, rid("q")))
	r.refuse(rtp(2, 96, 500, 100, true, inter, rid("f")), OtherLayer)
	r.accept(rtp(2, 96, 501, 200, false, key720, rid("f")))
	if p := r.track.pending[0]; p.Epoch != r.out[0].Epoch+1 || !p.Keyframe || !p.FrameStart {
		t.Errorf("epoch %d", p.Epoch)
	}
	r.accept(rtp(2, 96, 502, 200, true, further)) // the SSRC is known now
	r.refuse(rtp(1, 96, 11, 200, true, key180), OtherLayer)
	r.refuse(rtp(3, 96, 11, 200, true, key180), UnknownStream)
	r.refuse(rtp(3, 96, 11, 200, true, key180, rid("x")), UnknownStream)
	if w, _ := r.track.Size(); w != 1280 {
		t.Errorf("width %d", w)
	}
}

func TestStalledLayerIsReplacedAndComesBack(t *testing.T) {
	r := newRig(t, simulcastConfig)
	r.accept(rtp(2, 96, 500, 100, true, key720, rid("f")))
	r.refuse(rtp(1, 96, 10, 100, true, key180, rid("q")), OtherLayer)
	for i := range uint16(9) {
		r.now += 100 * ms
		r.refuse(rtp(1, 96, 11+i, 100, true, inter), OtherLayer)
		if _, plis, _, _ := r.feedback(); plis != 0 {
			t.Fatal("asked too early")
		}
	}
	r.now += 150 * ms
	r.refuse(rtp(1, 96, 20, 100, true, inter), OtherLayer)
	rd := rtcp.NewReader(r.track.Feedback(r.now, nil))
	var asked media.SSRC
	for p, ok := rd.Next(); ok; p, ok = rd.Next() {
		if p.IsPLI() {
			_, asked, _ = p.Feedback()
		}
	}
	if asked != 1 {
		t.Fatalf("asked %d for a keyframe", asked)
	}
	r.accept(rtp(1, 96, 21, 200, true, key180))
	r.now += 100 * ms
	r.accept(rtp(2, 96, 501, 9000, true, key720))
	if e := r.track.Epoch(); e != 2 {
		t.Errorf("epoch %d after two changes", e)
	}
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
	r.refuse(rtp(6, 111, 1, 0, false, opus), OtherLayer)
	r.now += 300 * ms
	r.accept(rtp(6, 111, 2, 0, false, opus))
	if r.track.OnBye(7) || !r.track.OnBye(6) {
		t.Error("BYE")
	}
	r.accept(rtp(5, 111, 2, 960, false, opus))
	if e := r.track.Epoch(); e != 2 {
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
	if n := len(r.track.layers); n > maxLayers {
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
