package ingest

import (
	"bytes"
	"math"
	"slices"
	"testing"
	"time"

	pionrtp "github.com/pion/rtp"

	"switchyard/codec/rtcp"
	"switchyard/media"
)

const ms = media.Time(time.Millisecond)

var (
	vp8Format  = media.Format{Codec: media.VP8, ClockRate: 90000}
	h264Format = media.Format{Codec: media.H264, ClockRate: 90000, Profile: "42e0/1"}
	opusFormat = media.Format{Codec: media.Opus, ClockRate: 48000, Channels: 2}

	videoConfig = Config{
		Kind: media.Video,
		Formats: []Format{
			{PT: 96, RTX: 97, Format: vp8Format, NACK: true, PLI: true},
			{PT: 102, RTX: 103, Format: h264Format, NACK: true, FIR: true},
		},
		Ext:     Extensions{MID: 1, RID: 2, RepairedRID: 3, Orientation: 4, AbsCaptureTime: 5},
		Streams: []Stream{{SSRC: 1000, RTX: 1001}},
		Sender:  9,
	}
	audioConfig = Config{
		Kind:    media.Audio,
		Formats: []Format{{PT: 111, RED: 63, Format: opusFormat}},
		Ext:     Extensions{MID: 1, AudioLevel: 6},
		Streams: []Stream{{SSRC: 2000}},
		Sender:  9,
	}
)

// Starts of VP8 payloads.
var (
	key720  = []byte{0x10, 0x10, 0x01, 0x00, 0x9d, 0x01, 0x2a, 0x00, 0x05, 0xd0, 0x02, 1, 2, 3}
	key180  = []byte{0x10, 0x10, 0x01, 0x00, 0x9d, 0x01, 0x2a, 0x40, 0x01, 0xb4, 0x00, 1, 2, 3}
	inter   = []byte{0x10, 0x31, 0x01, 1, 2, 3}
	further = []byte{0x00, 4, 5, 6}
)

type ext struct {
	id   uint8
	data []byte
}

// rtp is a packet by pion/rtp.
func rtp(ssrc uint32, pt uint8, seq uint16, ts uint32, marker bool, payload []byte, exts ...ext) []byte {
	p := pionrtp.Packet{Header: pionrtp.Header{Version: 2, SSRC: ssrc, PayloadType: pt, SequenceNumber: seq,
		Timestamp: ts, Marker: marker}, Payload: payload}
	for _, e := range exts {
		if err := p.SetExtension(e.id, e.data); err != nil {
			panic(err)
		}
	}
	b, err := p.Marshal()
	if err != nil {
		panic(err)
	}
	return b
}

// padded is a packet of padding alone.
func padded(ssrc uint32, pt uint8, seq uint16, ts uint32) []byte {
	b := rtp(ssrc, pt, seq, ts, false, []byte{0, 0, 0, 4})
	b[0] |= 0x20
	return b
}

// rig feeds a track and keeps what comes out.
type rig struct {
	*testing.T
	track *Track
	pool  *media.Pool
	now   media.Time
	out   []*media.Packet
}

func newRig(t *testing.T, c Config) *rig {
	return &rig{T: t, track: New(c), pool: media.NewPool(100), now: 100 * ms}
}

func (r *rig) in(b []byte) Verdict {
	p := r.pool.Get()
	n := copy(p.Data[:], b)
	v := r.track.OnRTP(r.now, p, p.Data[:n])
	if v != Accepted {
		p.Release()
	}
	for batch := r.track.Ready(r.now); batch != nil; batch = r.track.Ready(r.now) {
		r.out = append(r.out, batch...)
	}
	return v
}

// drain lets everything that is due go.
func drain(t *Track, now media.Time) {
	for batch := t.Ready(now); batch != nil; batch = t.Ready(now) {
		for _, p := range batch {
			p.Release()
		}
	}
}

func (r *rig) accept(b []byte) {
	r.Helper()
	if v := r.in(b); v != Accepted {
		r.Fatalf("dropped: %v", v)
	}
}

func (r *rig) refuse(b []byte, want Verdict) {
	r.Helper()
	if v := r.in(b); v != want {
		r.Fatalf("got %v, want %v", v, want)
	}
}

func (r *rig) last() *media.Packet {
	r.Helper()
	if len(r.out) == 0 {
		r.Fatal("nothing came out")
	}
	return r.out[len(r.out)-1]
}

// feedback drains what is due.
func (r *rig) feedback() (nacks []uint16, plis, firs int, reports []rtcp.Report) {
	rd := rtcp.NewReader(r.track.Feedback(r.now, nil))
	for p, ok := rd.Next(); ok; p, ok = rd.Next() {
		switch {
		case p.IsNACK():
			lost := p.Lost()
			for s, ok := lost.Next(); ok; s, ok = lost.Next() {
				nacks = append(nacks, s)
			}
		case p.IsPLI():
			plis++
		case p.IsFIR():
			firs++
		}
		for i := 0; ; i++ {
			rep, ok := p.Report(i)
			if !ok {
				break
			}
			reports = append(reports, rep)
		}
	}
	return nacks, plis, firs, reports
}

func TestVideoIsHeldUntilTheFrameEnds(t *testing.T) {
	r := newRig(t, videoConfig)
	r.accept(rtp(1000, 96, 65535, 5000, false, key720))
	if len(r.out) != 0 {
		t.Fatal("half a frame came out")
	}
	r.now += ms
	r.accept(rtp(1000, 96, 0, 5000, true, further))
	if len(r.out) != 2 {
		t.Fatalf("%d packets", len(r.out))
	}
	a, b := r.out[0], r.out[1]
	if !a.FrameStart || !a.Keyframe || b.FrameStart || !b.Keyframe || a.Marker || !b.Marker {
		t.Errorf("marks: %+v %+v", a.FrameStart, b.Keyframe)
	}
	if b.Seq != a.Seq+1 || uint16(a.Seq) != 65535 || a.Format != 0 || !bytes.Equal(b.Payload, further) {
		t.Errorf("seq %x %x", a.Seq, b.Seq)
	}
	if w, h := r.track.Size(); w != 1280 || h != 720 {
		t.Errorf("size %dx%d", w, h)
	}
	r.accept(rtp(1000, 96, 1, 8000, false, inter))
	if d := r.track.Deadline(); d != r.now+2*ms {
		t.Errorf("deadline in %v", d.Sub(r.now))
	}
	r.now += 2 * ms
	if got := r.track.Ready(r.now); len(got) != 1 || !got[0].FrameStart || got[0].Keyframe {
		t.Errorf("after 2 ms: %d packets", len(got))
	}
}

func TestAudioComesOutAtOnceWithItsLevel(t *testing.T) {
	r := newRig(t, audioConfig)
	r.accept(rtp(2000, 111, 1, 0, false, []byte{0x78, 1, 2}, ext{6, []byte{0x80 | 20}}))
	if p := r.last(); p.AudioLevel != 20 || !p.Voice || p.Orientation != -1 {
		t.Errorf("level %d voice %v", p.AudioLevel, p.Voice)
	}
	r.accept(rtp(2000, 63, 2, 960, false, []byte{111, 0x78, 3}))
	if p := r.last(); !p.RED || p.Format != 0 || p.AudioLevel != -1 {
		t.Errorf("RED: %+v", p.RED)
	}
	r.refuse(rtp(2000, 63, 3, 960, false, []byte{0xef, 0}), Malformed)
}

func TestRTXFillsTheHole(t *testing.T) {
	r := newRig(t, videoConfig)
	r.accept(rtp(1000, 96, 10, 100, true, key720))
	r.accept(rtp(1000, 96, 12, 3100, true, inter))
	r.now += 3 * ms
	if nacks, _, _, _ := r.feedback(); len(nacks) != 1 || nacks[0] != 11 {
		t.Fatalf("asked for %v", nacks)
	}
	r.accept(rtp(1001, 97, 7, 1600, true, append([]byte{0, 11}, inter...)))
	p := r.last()
	if uint16(p.Seq) != 11 || p.Timestamp != 1600 || p.Format != 0 || !p.FrameStart || !bytes.Equal(p.Payload, inter) {
		t.Errorf("restored %+v", p.Seq)
	}
	r.refuse(rtp(1001, 97, 8, 1600, true, append([]byte{0, 11}, inter...)), Duplicate)
	r.now += 100 * ms
	if nacks, _, _, _ := r.feedback(); len(nacks) != 0 {
		t.Errorf("still asks for %v", nacks)
	}
	if s := r.track.Stats(); s.Lost != 1 || s.Recovered != 1 || s.Retransmitted != 2 || s.NACKs != 1 {
		t.Errorf("stats %+v", s)
	}
}

func TestNACKsAreSpacedByTheRoundTripAndEnd(t *testing.T) {
	r := newRig(t, videoConfig)
	r.track.SetRTT(80 * time.Millisecond)
	r.accept(rtp(1000, 96, 10, 100, true, key720))
	r.accept(rtp(1000, 96, 12, 3100, true, inter))
	var asked []media.Time
	plis := 0
	for range 3000 {
		r.now += ms
		nacks, p, _, _ := r.feedback()
		for range nacks {
			asked = append(asked, r.now)
		}
		plis += p
	}
	if len(asked) != maxTries {
		t.Fatalf("asked %d times", len(asked))
	}
	if d := asked[1].Sub(asked[0]); d != 100*time.Millisecond {
		t.Errorf("again after %v", d)
	}
	if plis == 0 {
		t.Error("gave up without a keyframe request")
	}
	if s := r.track.Stats(); s.GivenUp != 1 {
		t.Errorf("given up %d", s.GivenUp)
	}
}

func TestGapTooLargeForNACKsAsksForAKeyframe(t *testing.T) {
	r := newRig(t, videoConfig)
	r.accept(rtp(1000, 96, 10, 100, true, key720))
	r.accept(rtp(1000, 96, 10+400, 3100, true, inter))
	if nacks, plis, _, _ := r.feedback(); len(nacks) != 0 || plis != 1 {
		t.Errorf("%d NACKs, %d PLIs", len(nacks), plis)
	}
}

func TestPaddingLeavesNoGap(t *testing.T) {
	r := newRig(t, videoConfig)
	r.accept(rtp(1000, 96, 10, 100, true, key720))
	r.refuse(padded(1000, 96, 11, 100), Padding)
	r.refuse(padded(1000, 96, 12, 100), Padding)
	r.accept(rtp(1000, 96, 13, 3100, true, inter))
	r.accept(rtp(1000, 96, 15, 9100, true, inter)) // 14 comes later
	r.refuse(padded(1000, 96, 16, 9100), Padding)
	r.accept(rtp(1000, 96, 17, 12100, true, inter))
	r.accept(rtp(1000, 96, 14, 6100, true, inter))
	var got []media.ExtSeq
	for _, p := range r.out {
		got = append(got, p.Seq-r.out[0].Seq)
	}
	want := []media.ExtSeq{0, 1, 3, 4, 2}
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("got %v, want %v", got, want)
		}
	}
	if s := r.track.Stats(); s.Verdicts[Padding] != 3 || s.Verdicts[Accepted] != 5 {
		t.Errorf("stats %+v", s.Verdicts)
	}
}

func TestLatePaddingFillsItsNumber(t *testing.T) {
	r := newRig(t, videoConfig)
	r.accept(rtp(1000, 96, 10, 100, true, key720))
	r.accept(rtp(1000, 96, 12, 3100, true, inter)) // subscribers know of 11 now
	r.accept(padded(1000, 96, 11, 100))
	if p := r.last(); uint16(p.Seq) != 11 || p.Payload == nil || len(p.Payload) != 0 {
		t.Errorf("seq %d, payload %v", p.Seq, p.Payload)
	}
}

func TestDuplicatesAndStragglersAreDropped(t *testing.T) {
	r := newRig(t, videoConfig)
	for i := range uint16(2000) {
		r.accept(rtp(1000, 96, i, 100, true, inter))
	}
	r.refuse(rtp(1000, 96, 1999, 100, true, inter), Duplicate)
	r.refuse(rtp(1000, 96, 1500, 100, true, inter), Duplicate)
	r.refuse(rtp(1000, 96, 900, 100, true, inter), TooOld)
}

func TestRestartOfTheStreamIsANewEpoch(t *testing.T) {
	r := newRig(t, videoConfig)
	r.accept(rtp(1000, 96, 10, 100, true, key720))
	r.refuse(rtp(1000, 96, 40000, 7, false, key720), Restarting)
	r.accept(rtp(1000, 96, 40001, 7, true, further))
	if p := r.last(); p.Epoch != r.out[0].Epoch+1 || p.Seq <= r.out[0].Seq {
		t.Errorf("epoch %d, seq %d", p.Epoch, p.Seq)
	}
}

func TestMalformedHeadersAreRefused(t *testing.T) {
	r := newRig(t, videoConfig)
	good := rtp(1000, 96, 10, 100, true, key720, ext{4, []byte{1}})
	change := func(f func(b []byte) []byte) []byte { return f(bytes.Clone(good)) }
	for name, b := range map[string][]byte{
		"empty":            {},
		"short":            good[:11],
		"version 1":        change(func(b []byte) []byte { b[0] = b[0]&0x3f | 0x40; return b }),
		"CSRCs beyond":     change(func(b []byte) []byte { b[0] |= 15; return b[:20] }),
		"extension beyond": change(func(b []byte) []byte { b[14] = 0xff; return b }),
		"element beyond":   change(func(b []byte) []byte { b[16] = 0x4f; return b }),
		"padding beyond":   change(func(b []byte) []byte { b[0] |= 0x20; b[len(b)-1] = 0xff; return b }),
		"padding of none":  change(func(b []byte) []byte { b[0] |= 0x20; b[len(b)-1] = 0; return b }),
	} {
		if v := r.in(b); v != Malformed {
			t.Errorf("%s: %v", name, v)
		}
	}
	r.refuse(rtp(1000, 50, 10, 100, true, key720), UnknownFormat)
	r.accept(good)
	if p := r.last(); p.Orientation != 1 {
		t.Errorf("orientation %d", p.Orientation)
	}
}

func TestTwoByteExtensionsAreRead(t *testing.T) {
	r := newRig(t, videoConfig)
	b := rtp(1000, 96, 10, 100, true, key720)
	ext := []byte{0x10, 0x00, 0, 4, 4, 1, 2, 5, 8, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0}
	b[0] |= 0x10
	b = append(b[:12:12], append(ext, b[12:]...)...)
	r.accept(b)
	if p := r.last(); p.Orientation != 2 || p.AbsCapture != 9<<32 {
		t.Errorf("orientation %d, capture %x", p.Orientation, p.AbsCapture)
	}
}

func TestKeyframeRequestsAreThrottledAndRepeated(t *testing.T) {
	r := newRig(t, videoConfig)
	r.accept(rtp(1000, 96, 10, 100, true, inter))
	ask := func(want int, what string) {
		t.Helper()
		if _, plis, _, _ := r.feedback(); plis != want {
			t.Fatalf("%s: %d PLIs", what, plis)
		}
	}
	r.track.RequestKeyframe(r.now, 0)
	ask(1, "first request")
	r.track.RequestKeyframe(r.now, 0)
	ask(0, "second request at once")
	if d := r.track.Deadline(); d != r.now+500*ms {
		t.Errorf("next in %v", d.Sub(r.now))
	}
	r.now += 500 * ms
	ask(1, "no keyframe came")
	r.accept(rtp(1000, 96, 11, 200, true, key720))
	r.now += 100 * ms
	ask(0, "the keyframe came")
	r.track.RequestKeyframe(r.now, 0) // a joiner in the throttle's shadow
	ask(0, "throttled")
	r.now += 400 * ms
	ask(1, "the throttle opened")
	r.accept(rtp(1000, 96, 12, 300, true, key720))
	r.now += 5000 * ms
	ask(0, "all answered")
}

func TestFIRWherePLIWasNotAgreed(t *testing.T) {
	r := newRig(t, videoConfig)
	r.accept(rtp(1000, 102, 10, 100, true, []byte{0x41, 1, 2}))
	r.track.RequestKeyframe(r.now, 0)
	if _, plis, firs, _ := r.feedback(); plis != 0 || firs != 1 {
		t.Errorf("%d PLIs, %d FIRs", plis, firs)
	}
}

func TestH264KeyframeBeginsWithParameterSets(t *testing.T) {
	r := newRig(t, videoConfig)
	sps := []byte{0x67, 0x42, 0xc0, 0x1f, 0xd9, 0, 0x50, 5, 0xbb, 1, 0x10, 0, 0, 3, 0, 0x10, 0, 0, 3, 3, 0xc0, 0xf1, 0x83, 0x24, 0x80}
	r.accept(rtp(1000, 102, 10, 100, true, []byte{0x41, 1, 2}))
	r.accept(rtp(1000, 102, 11, 200, false, []byte{0x09, 0xf0}))
	r.accept(rtp(1000, 102, 12, 200, false, sps))
	r.accept(rtp(1000, 102, 13, 200, false, []byte{0x68, 0xcb}))
	r.accept(rtp(1000, 102, 14, 200, false, []byte{0x7c, 0x85, 1, 2}))
	r.accept(rtp(1000, 102, 15, 200, true, []byte{0x7c, 0x45, 1, 2}))
	r.accept(rtp(1000, 102, 16, 300, true, []byte{0x41, 1, 2}))
	var starts, keys []int
	for i, p := range r.out {
		if p.FrameStart {
			starts = append(starts, i)
		}
		if p.Keyframe {
			keys = append(keys, i)
		}
	}
	if len(starts) != 2 || starts[0] != 2 || starts[1] != 6 {
		t.Errorf("frames start at %v", starts)
	}
	if len(keys) != 4 || keys[0] != 2 || keys[3] != 5 {
		t.Errorf("keyframe packets %v", keys)
	}
	if w, h := r.track.Size(); w != 1280 || h != 720 {
		t.Errorf("size %dx%d", w, h)
	}
}

func TestReceiverReport(t *testing.T) {
	r := newRig(t, videoConfig)
	for i := range uint16(100) {
		if i%4 != 3 {
			r.accept(rtp(1000, 96, 65500+i, uint32(i)*900, true, inter))
		}
		r.now += 10 * ms
	}
	r.track.OnSR(r.now, rtcp.SenderInfo{SSRC: 1000, NTP: 0x11112222_33334444, RTP: 90000})
	r.now += 500 * ms
	_, _, _, reports := r.feedback()
	if len(reports) != 1 {
		t.Fatalf("%d reports", len(reports))
	}
	rep := reports[0]
	if rep.SSRC != 1000 || rep.Lost != 24 || rep.FractionLost != 24*256/99 || rep.Highest != 1<<16|62 {
		t.Errorf("got %+v", rep)
	}
	if rep.LastSR != 0x22223333 || rep.Delay != 32768 || rep.Jitter > 1 {
		t.Errorf("got %+v", rep)
	}
	if d := r.track.Deadline(); d > r.now+1000*ms {
		t.Error("no further report")
	}
}

func TestJitterFollowsRFC3550(t *testing.T) {
	r := newRig(t, audioConfig)
	want, d := 0.0, 0.0
	for i := range 200 {
		late := media.Time(i%3) * 5 * ms
		start := r.now
		r.now += late
		r.accept(rtp(2000, 111, uint16(i), uint32(i)*960, false, []byte{0x78, 1, 2}))
		r.now = start + 20*ms
		if i > 0 {
			want += (math.Abs(float64(late/ms)*48-d) - want) / 16
		}
		d = float64(late/ms) * 48
	}
	if got := float64(r.track.Stats().Jitter); math.Abs(got-want) > 3 {
		t.Errorf("jitter %v, want %v", got, want)
	}
}

func TestNoAllocationOnTheRoad(t *testing.T) {
	r := newRig(t, videoConfig)
	b := rtp(1000, 96, 0, 0, true, key720, ext{4, []byte{1}}, ext{1, []byte("0")})
	buf := make([]byte, 0, 1500)
	seq := uint16(0)
	step := func() {
		seq++
		if seq%50 == 0 {
			seq++ // a loss
		}
		b[2], b[3] = byte(seq>>8), byte(seq)
		b[6], b[7] = byte(seq>>8), byte(seq)
		r.now += 10 * ms
		p := r.pool.Get()
		n := copy(p.Data[:], b)
		if v := r.track.OnRTP(r.now, p, p.Data[:n]); v != Accepted {
			t.Fatal(v)
		}
		drain(r.track, r.now)
		r.track.RequestKeyframe(r.now, 0)
		r.track.Feedback(r.now, buf)
		r.track.Deadline()
	}
	step()
	if n := testing.AllocsPerRun(1000, step); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestPacketsOfAFrameAreMadeEven(t *testing.T) {
	pool := media.NewPool(10)
	frame := func(ts media.Ticks, sizes ...int) (b media.Batch) {
		for _, n := range sizes {
			p := pool.Get()
			p.Timestamp, p.Payload, p.Odd = ts, p.Data[20:20+n], false
			b = append(b, p)
		}
		return b
	}
	batch := append(frame(1, 1000, 1000, 1001, 999), frame(2, 500, 501)...)
	batch = append(batch, frame(3, 700)...)
	batch = append(batch, frame(4, 600, 300, 600)...)
	even(batch)
	var odd []int
	for i, p := range batch {
		if p.Odd {
			odd = append(odd, i)
			if p.Payload[:len(p.Payload)+1][len(p.Payload)] != 1 {
				t.Errorf("packet %d has no byte of padding behind it", i)
			}
		}
	}
	if !slices.Equal(odd, []int{0, 1, 4}) {
		t.Errorf("made longer: %v", odd)
	}
}
