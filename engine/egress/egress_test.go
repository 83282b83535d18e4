package egress

import (
	"bytes"
	"slices"
	"testing"
	"time"

	pionrtp "github.com/pion/rtp"

	"switchyard/media"
)

const ms = media.Time(time.Millisecond)

var (
	vp8Format  = media.Format{Codec: media.VP8, ClockRate: 90000}
	av1Format  = media.Format{Codec: media.AV1, ClockRate: 90000, Profile: "0"}
	opusFormat = media.Format{Codec: media.Opus, ClockRate: 48000, Channels: 2}

	videoConfig = Config{
		Kind: media.Video, MID: "3", SSRC: 0x1111, RTXSSRC: 0x2222,
		Formats: []Format{{PT: 96, RTX: 97, Format: vp8Format, NACK: true}},
		Ext:     Extensions{MID: 1, TWCC: 2, Orientation: 3, AbsSendTime: 4, AbsCaptureTime: 5},
		CNAME:   "switchyard", Origin: 0xe0000000_00000000, Seed: 0x9000_0000_1234_7ff0,
	}
	audioConfig = Config{
		Kind: media.Audio, MID: "4", SSRC: 0x3333,
		Formats: []Format{{PT: 111, RED: 63, Format: opusFormat}},
		Ext:     Extensions{TWCC: 2, AudioLevel: 6},
		Origin:  0xe0000000_00000000, Seed: 0x1234_0000_0000_0005,
	}
)

// publisher makes packets as ingest does: one clock, its own sequence numbers and timestamps.
type publisher struct {
	pool  *media.Pool
	ring  *Ring
	audio bool
	seq   media.ExtSeq
	ts    media.Ticks // of server time 0
	delay media.Time  // from capture to arrival
	epoch uint32
	layer uint8
	mark  byte // first byte of its payloads
}

func newPublisher(seq media.ExtSeq, ts media.Ticks, mark byte) *publisher {
	return &publisher{pool: media.NewPool(1000), ring: NewRing(VideoRing), seq: seq, ts: ts, delay: 20 * ms, mark: mark}
}

// frame makes the packets of one frame captured at that time and keeps them in the ring.
func (u *publisher) frame(at media.Time, packets int, key bool) []*media.Packet {
	rate := media.Time(90)
	if u.audio {
		rate = 48
	}
	var all []*media.Packet
	for i := range packets {
		p := u.pool.Get()
		p.Arrived, p.Captured, p.Epoch, p.Layer = at+u.delay, at, u.epoch, u.layer
		p.Seq, p.Timestamp = u.seq, u.ts+media.Ticks(at*rate/ms)
		p.Format, p.RED = 0, false
		p.Marker = !u.audio && i == packets-1
		p.FrameStart, p.Keyframe = !u.audio && i == 0, key
		p.Dependency = nil
		p.Spatial, p.Temporal, p.Needed, p.Switch, p.Sync, p.LayerEnd = 0, 0, media.AllPoints, 0, false, p.Marker
		p.AudioLevel, p.Voice, p.Orientation, p.AbsCapture = -1, false, -1, 0
		p.Payload = append(p.Data[:0], u.mark, byte(u.seq), byte(u.seq>>8), 7)
		u.seq++
		u.ring.Put(p)
		all = append(all, p)
	}
	return all
}

// rig reads what a slot writes with pion/rtp.
type rig struct {
	*testing.T
	slot *Slot
	now  media.Time
	twcc uint16
	got  []written
}

type written struct {
	pionrtp.Header
	payload []byte
	roc     uint32
}

func (w written) index() uint64 { return uint64(w.roc)<<16 | uint64(w.SequenceNumber) }

func (r *rig) write(ps ...*media.Packet) (sent int) {
	r.Helper()
	for _, p := range ps {
		r.now = max(r.now, p.Arrived)
		var buf [media.MaxDatagram + MaxHeader]byte
		n, roc, ok := r.slot.Write(r.now, p, buf[:], r.twcc)
		if !ok {
			continue
		}
		sent++
		r.twcc++
		w := written{payload: bytes.Clone(r.slot.Payload(p, make([]byte, media.MaxDatagram))), roc: roc}
		if m, err := w.Unmarshal(buf[:n]); err != nil || m != n {
			r.Fatalf("header of %d bytes, pion reads %d: %v", n, m, err)
		}
		r.got = append(r.got, w)
	}
	return sent
}

func (r *rig) replay(u *publisher, span Span) {
	r.Helper()
	for s := span.First; span.Any && s <= span.Last; s++ {
		if p := u.ring.Get(s); p != nil && r.write(p) == 0 {
			r.Errorf("replayed packet %d was dropped", s)
		}
	}
}

func (r *rig) last() written {
	r.Helper()
	if len(r.got) == 0 {
		r.Fatal("nothing was sent")
	}
	return r.got[len(r.got)-1]
}

func video() Source { return Source{Formats: []media.Format{vp8Format}} }
func audio() Source { return Source{Formats: []media.Format{opusFormat}} }

func newRig(t *testing.T, c Config) *rig { return &rig{T: t, slot: New(c), now: 0} }

func TestVideoWaitsForAKeyframe(t *testing.T) {
	r, u := newRig(t, videoConfig), newPublisher(70000, 5, 'a')
	if r.slot.Paused() != Empty || r.write(u.frame(0, 1, true)...) != 0 {
		t.Error("an empty slot sends")
	}
	u.ring.empty()
	r.slot.Switch(r.now, video(), 7, &Rings{u.ring})
	if r.write(u.frame(40*ms, 2, false)...) != 0 || !waits(r.slot) {
		t.Error("sends without a keyframe")
	}
	if _, _, live := r.slot.Generation(); live {
		t.Error("live before its first packet")
	}
	if r.write(u.frame(80*ms, 3, true)...) != 3 || waits(r.slot) || r.slot.Paused() != Live {
		t.Error("does not start with the keyframe")
	}
	g, first, live := r.slot.Generation()
	if g != 7 || !live || uint32(first) != r.got[0].Timestamp {
		t.Errorf("generation %d, first %d, live %v", g, first, live)
	}
	if s := r.slot.Stats(); s.Drops[DropEmpty] != 1 || s.Drops[DropKeyframe] != 2 || s.Packets != 3 {
		t.Errorf("stats %+v", s)
	}
}

func TestHeaderHasWhatWasAgreed(t *testing.T) {
	r, u := newRig(t, videoConfig), newPublisher(1, 5, 'a')
	r.slot.Switch(r.now, video(), 1, &Rings{u.ring})
	r.twcc = 0xabcd
	ps := u.frame(1000*ms, 1, true)
	ps[0].Orientation, ps[0].AbsCapture = 1, 0x0102030405060708
	r.write(ps...)
	h := r.last()
	if h.PayloadType != 96 || h.SSRC != 0x1111 || !h.Marker || !bytes.Equal(h.GetExtension(1), []byte("3")) {
		t.Errorf("header %+v", h.Header)
	}
	if !bytes.Equal(h.GetExtension(2), []byte{0xab, 0xcd}) || !bytes.Equal(h.GetExtension(3), []byte{1}) {
		t.Errorf("TWCC %x, orientation %x", h.GetExtension(2), h.GetExtension(3))
	}
	if !bytes.Equal(h.GetExtension(5), []byte{1, 2, 3, 4, 5, 6, 7, 8}) {
		t.Errorf("capture time %x", h.GetExtension(5))
	}
	send := media.NTPAt(videoConfig.Origin, r.now) >> 14
	if want := []byte{byte(send >> 16), byte(send >> 8), byte(send)}; !bytes.Equal(h.GetExtension(4), want) {
		t.Errorf("send time %x, want %x", h.GetExtension(4), want)
	}
	r.report()
	r.write(u.frame(1040*ms, 1, false)...)
	if h := r.last(); h.GetExtension(1) != nil || h.GetExtension(3) != nil || h.GetExtension(2) == nil {
		t.Error("the MID goes on after a report, or an orientation was made up")
	}

	a := newRig(t, audioConfig)
	b := newPublisher(1, 5, 'b')
	b.audio = true
	a.slot.Switch(a.now, audio(), 1, &Rings{b.ring})
	ps = b.frame(1000*ms, 1, false)
	ps[0].AudioLevel, ps[0].Voice = 33, true
	a.write(ps...)
	if h := a.last(); !bytes.Equal(h.GetExtension(6), []byte{0x80 | 33}) || !h.Marker || h.PayloadType != 111 {
		t.Errorf("level %x, marker %v", h.GetExtension(6), h.Marker)
	}
	a.write(b.frame(1020*ms, 1, false)...)
	if h := a.last(); h.Marker || h.GetExtension(6) != nil {
		t.Error("marker within a talk spurt, or a level made up")
	}
}

func TestUpstreamLossKeepsItsGap(t *testing.T) {
	r, u := newRig(t, videoConfig), newPublisher(70000, 5, 'a')
	r.slot.Switch(r.now, video(), 1, &Rings{u.ring})
	r.write(u.frame(0, 1, true)...)
	lost := u.frame(40*ms, 1, false)
	r.write(u.frame(80*ms, 1, false)...)
	r.write(lost...) // recovered
	r.write(lost...) // and once more
	s := r.got
	if len(s) != 3 || s[1].index() != s[0].index()+2 || s[2].index() != s[0].index()+1 {
		t.Fatalf("sent %d packets", len(s))
	}
	if s[2].Timestamp-s[0].Timestamp != 3600 || s[1].Timestamp-s[0].Timestamp != 7200 {
		t.Error("timestamps do not follow the publisher")
	}
	if r.slot.Stats().Drops[DropDuplicate] != 1 {
		t.Error("the duplicate was not counted")
	}
}

func TestSwitchIsContinuous(t *testing.T) {
	r := newRig(t, videoConfig)
	a, b := newPublisher(70000, 123456, 'a'), newPublisher(900, 0xffff0000, 'b')
	r.slot.Switch(0, video(), 1, &Rings{a.ring})
	for i := range media.Time(10) {
		r.write(a.frame(i*40*ms, 2, i == 0)...)
	}
	straggler := a.frame(400*ms, 1, false)
	n := len(r.got)
	r.slot.Switch(r.now, video(), 2, &Rings{b.ring})
	r.write(b.frame(400*ms, 2, false)...)
	r.write(b.frame(440*ms, 2, true)...)
	r.write(b.frame(480*ms, 1, false)...)
	before, after := r.got[n-1], r.got[n:]
	if len(after) != 3 || after[0].payload[0] != 'b' {
		t.Fatalf("%d packets after the switch", len(after))
	}
	if after[0].index() != before.index()+1 || after[2].index() != before.index()+3 {
		t.Error("sequence numbers are not continuous")
	}
	// Captured 80 and 120 ms after the last frame of the old source.
	if d := after[0].Timestamp - before.Timestamp; d != 80*90 {
		t.Errorf("the first frame is %d ticks later", d)
	}
	if d := after[2].Timestamp - before.Timestamp; d != 120*90 {
		t.Errorf("the second frame is %d ticks later", d)
	}
	if r.slot.source.Formats == nil || r.write(straggler...) != 0 {
		t.Error("a straggler of the old source was sent")
	}
}

func TestSourceWithOlderFramesIsClampedUntilItCatchesUp(t *testing.T) {
	r := newRig(t, videoConfig)
	a, b := newPublisher(1, 1, 'a'), newPublisher(1, 1, 'b')
	b.delay = 200 * ms // its frames are 180 ms older
	r.slot.Switch(0, video(), 1, &Rings{a.ring})
	for i := range media.Time(20) {
		r.write(a.frame(i*40*ms, 1, i == 0)...)
	}
	n, base := len(r.got), r.last().Timestamp
	r.slot.Switch(r.now, video(), 2, &Rings{b.ring})
	for i := media.Time(16); i < 30; i++ {
		r.write(b.frame(i*40*ms, 2, i == 16)...)
	}
	last := base
	for i := n; i < len(r.got); i += 2 {
		x, y := r.got[i], r.got[i+1]
		if x.Timestamp != y.Timestamp {
			t.Fatal("one frame, two timestamps")
		}
		if int32(x.Timestamp-last) <= 0 {
			t.Fatalf("frame %d goes back by %d", (i-n)/2, last-x.Timestamp)
		}
		last = x.Timestamp
	}
	if got, want := last-base, uint32(10*40*90); got != want {
		t.Errorf("caught up to %d ticks, want %d", got, want)
	}
}

func TestAudioSwitchesAtOnceAndDropsWhatWouldGoBack(t *testing.T) {
	r := newRig(t, audioConfig)
	a, b := newPublisher(1, 1, 'a'), newPublisher(500, 1<<31, 'b')
	a.audio, b.audio = true, true
	b.delay = 70 * ms
	r.slot.Switch(0, audio(), 1, &Rings{a.ring})
	for i := range media.Time(10) {
		r.write(a.frame(i*20*ms, 1, false)...)
	}
	before := r.last()
	r.slot.Switch(r.now, audio(), 2, &Rings{b.ring})
	for i := media.Time(7); i < 13; i++ {
		r.write(b.frame(i*20*ms, 1, false)...)
	}
	after := r.got[10:]
	if len(after) != 3 || after[0].Timestamp-before.Timestamp != 960 || after[0].index() != before.index()+1 {
		t.Fatalf("%d packets after the switch", len(after))
	}
	if !after[0].Marker || after[1].Marker {
		t.Error("the marker does not show the switch")
	}
	if d := r.slot.Stats().Drops[DropBackwards]; d != 3 {
		t.Errorf("%d dropped", d)
	}
}

func TestJoinerStartsWithTheCachedKeyframe(t *testing.T) {
	r, u := newRig(t, videoConfig), newPublisher(1, 99, 'a')
	for i := range media.Time(8) {
		u.frame(i*40*ms, 2, i == 0)
	}
	now := 8*40*ms + 0
	span := r.slot.Switch(now, video(), 1, &Rings{u.ring})
	if !span.Any || span.First != 1 || span.Last != 16 {
		t.Fatalf("span %+v", span)
	}
	r.now = now
	r.replay(u, span)
	r.write(u.frame(8*40*ms, 1, false)...)
	if len(r.got) != 17 || waits(r.slot) {
		t.Fatalf("%d packets", len(r.got))
	}
	for i := 2; i < 16; i += 2 {
		if d := r.got[i].Timestamp - r.got[i-1].Timestamp; d != 90 {
			t.Errorf("frame %d is %d ticks after the one before", i/2, d)
		}
	}
	if d := r.got[16].Timestamp - r.got[15].Timestamp; d != 40*90 {
		t.Errorf("the live frame is %d ticks later", d)
	}
}

// What the publisher's network lost and what comes late has its place among the frames from the cache.
func TestFrameRecoveredAmongCachedOnesIsSentBetweenThem(t *testing.T) {
	r, u := newRig(t, videoConfig), newPublisher(1, 99, 'a')
	cache := NewRing(VideoRing)
	var late []*media.Packet
	for i := range media.Time(8) {
		ps := u.frame(i*40*ms, 2, i == 0)
		if i == 2 || i == 3 || i == 6 {
			late = append(late, ps...)
			continue
		}
		for _, p := range ps {
			cache.Put(p)
		}
	}
	u.ring = cache
	r.now = 8 * 40 * ms
	r.replay(u, r.slot.Switch(r.now, video(), 1, &Rings{cache}))
	r.write(u.frame(8*40*ms, 1, false)...)
	if n := r.write(late...); n != len(late) {
		t.Fatalf("%d of %d recovered packets were sent", n, len(late))
	}
	slices.SortFunc(r.got, func(a, b written) int { return int(int16(a.SequenceNumber - b.SequenceNumber)) })
	for i := 1; i < len(r.got); i++ {
		a, b := r.got[i-1], r.got[i]
		if d := int32(b.Timestamp - a.Timestamp); b.SequenceNumber != a.SequenceNumber+1 || (d == 0) != (i%2 == 1) || d < 0 {
			t.Errorf("packet %d: %d ticks after the one before", i, d)
		}
	}
}

func TestStaleOrTornKeyframeIsNotReplayed(t *testing.T) {
	u := newPublisher(1, 99, 'a')
	u.frame(0, 3, true)
	if s := New(videoConfig).Switch(521*ms, video(), 1, &Rings{u.ring}); s.Any {
		t.Error("a stale one")
	}
	if s := New(videoConfig).Switch(500*ms, video(), 1, &Rings{u.ring}); !s.Any {
		t.Error("a young one is not replayed")
	}
	torn := newPublisher(1, 99, 'a')
	ps := torn.frame(0, 3, true)
	torn.ring = NewRing(VideoRing)
	torn.ring.Put(ps[0])
	torn.ring.Put(ps[2])
	if s := New(videoConfig).Switch(0, video(), 1, &Rings{torn.ring}); s.Any {
		t.Error("a torn one")
	}
	half := newPublisher(1, 99, 'a')
	half.ring.Put(ps[0])
	half.ring.Put(ps[1])
	if s := New(videoConfig).Switch(0, video(), 1, &Rings{half.ring}); !s.Any || s.Last != 2 {
		t.Error("one that is still arriving is not begun")
	}
}

func TestReplayAfterAnotherSourceNeverGoesBack(t *testing.T) {
	r := newRig(t, videoConfig)
	a, b := newPublisher(1, 1, 'a'), newPublisher(1, 1, 'b')
	r.slot.Switch(0, video(), 1, &Rings{a.ring})
	for i := range media.Time(10) {
		r.write(a.frame(i*40*ms, 1, i == 0)...)
		b.frame(i*40*ms-10*ms, 1, i == 0)
	}
	n := len(r.got)
	r.replay(b, r.slot.Switch(r.now, video(), 2, &Rings{b.ring}))
	for i := media.Time(10); i < 14; i++ {
		r.write(b.frame(i*40*ms-10*ms, 1, false)...)
	}
	if len(r.got) != n+14 {
		t.Fatalf("%d packets", len(r.got)-n)
	}
	for i := n; i < len(r.got); i++ {
		if int32(r.got[i].Timestamp-r.got[i-1].Timestamp) <= 0 {
			t.Errorf("packet %d goes back", i-n)
		}
	}
	if d := r.last().Timestamp - r.got[n-1].Timestamp; d != (13*40-10-9*40)*90 {
		t.Errorf("live is %d ticks after the switch", d)
	}
}

func TestCodecThatCannotBeDecodedPauses(t *testing.T) {
	r, u := newRig(t, videoConfig), newPublisher(1, 1, 'a')
	r.slot.Switch(0, Source{Formats: []media.Format{av1Format}}, 1, &Rings{u.ring})
	if r.slot.Paused() != Codec || waits(r.slot) || r.write(u.frame(0, 1, true)...) != 0 {
		t.Error("an unknown codec flows")
	}
	r.slot.Switch(0, Source{Formats: []media.Format{vp8Format, av1Format}}, 2, nil)
	r.write(u.frame(40*ms, 1, true)...)
	ps := u.frame(80*ms, 1, true)
	ps[0].Format = 1
	if r.write(ps...) != 0 || r.slot.Paused() != Codec {
		t.Error("a change to an unknown codec flows")
	}
	if r.write(u.frame(120*ms, 1, false)...) != 0 || r.slot.Paused() != Keyframe {
		t.Error("back without a keyframe")
	}
	if r.write(u.frame(160*ms, 1, true)...) != 1 || r.slot.Paused() != Live {
		t.Error("does not come back")
	}
}

func TestWhatIsKnownToBeUndecodableIsNotNeeded(t *testing.T) {
	r, u := newRig(t, videoConfig), newPublisher(1, 1, 'a')
	both := []media.Format{vp8Format, av1Format}
	r.slot.Switch(0, Source{Formats: both, Current: av1Format}, 1, &Rings{u.ring})
	if r.slot.Paused() != Codec || waits(r.slot) || r.slot.Needs() != 0 {
		t.Errorf("it needs layers %b", r.slot.Needs())
	}
	// What comes all the same decides.
	if r.write(u.frame(40*ms, 1, true)...) != 1 || r.slot.Paused() != Live || r.slot.Needs() != 1 {
		t.Errorf("of another codec than was known: %s, it needs layers %b", r.slot.Paused(), r.slot.Needs())
	}
	r.slot.Switch(80*ms, Source{Formats: both, Current: av1Format}, 1, nil)
	wide := videoConfig
	wide.Formats = append(slices.Clone(wide.Formats), Format{PT: 45, Format: av1Format})
	r.slot.Update(wide)
	if r.slot.Paused() != Keyframe || r.slot.Needs() != 1 || !r.slot.Takes(av1Format) {
		t.Errorf("after it was negotiated: %s, it needs layers %b", r.slot.Paused(), r.slot.Needs())
	}
	r.slot.Switch(80*ms, Source{Formats: both}, 2, nil)
	if r.slot.Paused() != Keyframe || r.slot.Needs() != 1 {
		t.Errorf("while it is not known: %s, it needs layers %b", r.slot.Paused(), r.slot.Needs())
	}
}

func TestNewEpochNeedsAKeyframe(t *testing.T) {
	r, u := newRig(t, videoConfig), newPublisher(1, 1, 'a')
	r.slot.Switch(0, video(), 1, &Rings{u.ring})
	r.write(u.frame(0, 1, true)...)
	old := u.frame(20*ms, 1, false)
	u.epoch, u.seq, u.ts = 1, 1<<20, 77777
	if r.write(u.frame(40*ms, 1, false)...) != 0 || !waits(r.slot) {
		t.Error("another layer flows in the middle")
	}
	r.write(u.frame(80*ms, 1, true)...)
	if r.write(old...) != 0 {
		t.Error("a packet of the old epoch was sent")
	}
	if len(r.got) != 2 || r.got[1].index() != r.got[0].index()+1 || r.got[1].Timestamp-r.got[0].Timestamp != 7200 {
		t.Errorf("%d packets", len(r.got))
	}
}

func TestLongGapDoesNotConfuseTheRollOverCount(t *testing.T) {
	r, u := newRig(t, videoConfig), newPublisher(1, 1, 'a')
	r.slot.Switch(0, video(), 1, &Rings{u.ring})
	r.write(u.frame(0, 1, true)...)
	u.seq += 60000
	if r.write(u.frame(40*ms, 1, false)...) != 0 || !waits(r.slot) {
		t.Error("flows on over a gap of 60000")
	}
	r.write(u.frame(80*ms, 1, true)...)
	if r.got[1].index() != r.got[0].index()+1 {
		t.Error("the gap was passed on")
	}
}

func TestPublisherTimestampJumpIsAnchoredAnew(t *testing.T) {
	r, u := newRig(t, videoConfig), newPublisher(1, 1, 'a')
	r.slot.Switch(0, video(), 1, &Rings{u.ring})
	r.write(u.frame(0, 1, true)...)
	u.ts += 1 << 30
	lost := u.frame(40*ms, 1, false)
	r.write(u.frame(80*ms, 1, false)...)
	if d := r.got[1].Timestamp - r.got[0].Timestamp; d != 7200 {
		t.Errorf("%d ticks later", d)
	}
	if r.got[1].index() != r.got[0].index()+2 {
		t.Error("the loss was hidden")
	}
	_ = lost
}

func TestREDIsStrippedWhereItIsNotUnderstood(t *testing.T) {
	red := []byte{0xef, 0x0f, 0, 2, 111, 1, 2, 0x78, 9}
	send := func(c Config) written {
		r, u := newRig(t, c), newPublisher(1, 1, 'a')
		u.audio = true
		r.slot.Switch(0, audio(), 1, &Rings{u.ring})
		ps := u.frame(0, 1, false)
		ps[0].RED, ps[0].Payload = true, red
		r.write(ps...)
		return r.last()
	}
	if w := send(audioConfig); w.PayloadType != 63 || !bytes.Equal(w.payload, red) {
		t.Errorf("RED to RED: %d %x", w.PayloadType, w.payload)
	}
	c := audioConfig
	c.Formats = []Format{{PT: 111, Format: opusFormat}}
	if w := send(c); w.PayloadType != 111 || !bytes.Equal(w.payload, []byte{0x78, 9}) {
		t.Errorf("RED to plain: %d %x", w.PayloadType, w.payload)
	}
	c.Formats = []Format{{PT: 120, RED: 63, Format: opusFormat}} // the blocks say 111
	if w := send(c); w.PayloadType != 120 || !bytes.Equal(w.payload, []byte{0x78, 9}) {
		t.Errorf("RED with other payload types: %d %x", w.PayloadType, w.payload)
	}
}

func TestRenegotiationKeepsTheStream(t *testing.T) {
	r, u := newRig(t, videoConfig), newPublisher(1, 1, 'a')
	r.slot.Switch(0, video(), 1, &Rings{u.ring})
	r.write(u.frame(0, 1, true)...)
	c := videoConfig
	c.Seed, c.SSRC = 0, 99
	c.Formats = []Format{{PT: 120, Format: vp8Format}}
	r.slot.Update(c)
	r.write(u.frame(40*ms, 1, false)...)
	if w := r.last(); w.PayloadType != 120 || w.SSRC != 0x1111 || w.index() != r.got[0].index()+1 {
		t.Errorf("header %+v", w.Header)
	}
}

func TestNoAllocationOnTheRoad(t *testing.T) {
	s, u := New(videoConfig), newPublisher(1, 1, 'a')
	s.Switch(0, video(), 1, &Rings{u.ring})
	ps := u.frame(0, 400, true)
	buf := make([]byte, media.MaxDatagram+MaxHeader)
	i := 0
	step := func() {
		p := ps[i]
		i++
		u.ring.Put(p)
		if _, _, ok := s.Write(p.Arrived, p, buf, uint16(i)); !ok {
			t.Fatal("dropped")
		}
		s.Sealed(buf[:40])
		s.OnNACK(p.Arrived+media.Time(i)*ms, uint16(s.sent.highest), buf, uint16(i))
		s.SenderReport(p.Arrived, buf[:0])
	}
	if n := testing.AllocsPerRun(300, step); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if s.Stats().Retransmitted == 0 {
		t.Error("nothing was resent")
	}
}

func BenchmarkWrite(b *testing.B) {
	s, u := New(videoConfig), newPublisher(1, 1, 'a')
	s.Switch(0, video(), 1, &Rings{u.ring})
	p := u.frame(0, 1, true)[0]
	buf := make([]byte, media.MaxDatagram+MaxHeader)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if i%7 == 0 {
			p.Timestamp += 3000
			p.Captured += 33333333
		}
		p.Arrived = p.Captured
		if _, _, ok := s.Write(p.Arrived, p, buf, uint16(i)); !ok {
			b.Fatal("dropped")
		}
		p.Seq++
	}
}

func TestFrameThatComesLateAmongClampedOnesIsDropped(t *testing.T) {
	r := newRig(t, videoConfig)
	a, b := newPublisher(1, 1, 'a'), newPublisher(1, 1, 'b')
	b.delay = 200 * ms
	r.slot.Switch(0, video(), 1, &Rings{a.ring})
	for i := range media.Time(20) {
		r.write(a.frame(i*40*ms, 1, i == 0)...)
	}
	n := len(r.got)
	r.slot.Switch(r.now, video(), 2, &Rings{b.ring})
	r.write(b.frame(16*40*ms, 1, true)...)
	whole := b.frame(17*40*ms, 1, false)
	torn := b.frame(18*40*ms, 2, false)
	r.write(torn[1])
	if r.write(whole...) != 0 {
		t.Error("a frame came out that has no place in time")
	}
	if r.write(torn[0]) != 1 || r.last().Timestamp != r.got[n+1].Timestamp {
		t.Error("the late half of a frame got another timestamp")
	}
}

// waits says whether the slot waits for a keyframe of its target.
func waits(s *Slot) bool {
	_, w := s.WantsKeyframe()
	return w
}
