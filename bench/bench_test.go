package bench

import (
	"context"
	"errors"
	"math"
	"os"
	"testing"
	"time"

	"github.com/pion/rtp/codecs"

	"switchyard/codec/h264"
	"switchyard/codec/opus"
	"switchyard/codec/vp8"
	"switchyard/media"
)

// patience is how long a test waits for what must come: it says when to give up, not what is fast enough.
const patience = time.Minute

func config(s *pionServer) Config {
	return Config{
		WHIP: s.URL + "/whip/{i}", WHEP: s.URL + "/whep/{i}", Publishers: 2, Subscribers: 6,
		Shape:  Shape{Codec: CodecVP8, Bitrate: 1_000_000, FPS: 30, Packet: 1000},
		Settle: 300 * time.Millisecond, For: 2 * time.Second, JoinTimeout: patience, PID: os.Getpid(),
	}
}

func bounded(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 3*patience)
	t.Cleanup(cancel)
	return ctx
}

func TestBenchCountsEveryPacketOfAPionServer(t *testing.T) {
	s := newPionServer(t)
	begin := time.Now()
	r, err := Run(bounded(t), config(s))
	if err != nil {
		t.Fatal(err)
	}
	took := us(time.Since(begin))
	if r.Sent == 0 || r.Expected != 3*r.Sent { // three subscribers each
		t.Errorf("sent %d, expected %d", r.Sent, r.Expected)
	}
	if r.Lost != 0 || r.Received != r.Expected || r.Failures != 0 || r.Failed != 0 {
		t.Errorf("%+v", r)
	}
	if r.LatencyP50 <= 0 || r.LatencyP50 > r.LatencyP99 || r.LatencyP99 > r.LatencyMax || r.LatencyMax > took {
		t.Errorf("latency %v %v %v", r.LatencyP50, r.LatencyP99, r.LatencyMax)
	}
	if r.JoinP50 <= 0 || r.JoinP50 > r.JoinP99 || r.CPUPerPacket <= 0 || r.MemoryAfter <= 0 {
		t.Errorf("%+v", r)
	}
	if s.keyframes.Load() < 2 {
		t.Errorf("%d keyframes", s.keyframes.Load())
	}
	// How many a second: TestTheLoadKeepsItsRate.
	if n := s.reports.Load(); n < 6*2 {
		t.Errorf("%d receiver reports", n)
	}
	if n := s.feedback.Load(); n < 6*2 {
		t.Errorf("%d transport-wide feedbacks", n)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.deletes != 8 {
		t.Errorf("%d sessions were deleted", s.deletes)
	}
}

func TestBenchSeesLoss(t *testing.T) {
	s := newPionServer(t)
	s.dropped = 50
	c := config(s)
	c.Publishers, c.Subscribers = 1, 2
	r, err := Run(bounded(t), c)
	if err != nil {
		t.Fatal(err)
	}
	// Every fiftieth, of packets that follow each other.
	if each := r.Lost / 2; r.Lost%2 != 0 || each < r.Sent/50 || each > r.Sent/50+1 || r.Lost == 0 {
		t.Errorf("lost %d of %d, sent %d", r.Lost, r.Expected, r.Sent)
	}
	if r.Loss != float64(r.Lost)/float64(r.Expected) {
		t.Errorf("loss %.4f: %d of %d", r.Loss, r.Lost, r.Expected)
	}
}

func TestBenchWithOtherCodecs(t *testing.T) {
	for _, shape := range []Shape{{Codec: CodecH264, Bitrate: 500_000, FPS: 30, Packet: 1000}, {Codec: CodecOpus, Bitrate: 64_000}} {
		s := newPionServer(t)
		c := config(s)
		c.Publishers, c.Subscribers, c.Shape, c.For = 1, 1, shape, time.Second
		r, err := Run(bounded(t), c)
		if err != nil || r.Lost != 0 || r.Received == 0 {
			t.Errorf("%s: %v, %+v", shape.Codec, err, r)
		}
	}
}

func TestBenchSaysWhatIsWrong(t *testing.T) {
	s := newPionServer(t)
	c := config(s)
	c.WHEP = s.URL + "/whep/unknown"
	if _, err := Run(bounded(t), c); err == nil {
		t.Error("watching what is not published works")
	}
	c.WHIP = "http://127.0.0.1:1/whip"
	if _, err := Run(bounded(t), c); err == nil {
		t.Error("publishing to nobody works")
	}
	for _, shape := range []Shape{{Codec: "theora"}, {Codec: CodecVP8, FPS: 0}, {Codec: CodecVP8, FPS: 30, Packet: 9000}, {Codec: CodecOpus, Bitrate: 100e6}} {
		c := config(s)
		c.Shape = shape
		if _, err := Run(bounded(t), c); err == nil {
			t.Errorf("%+v is possible", shape)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Run(ctx, config(s)); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestPayloadsAreValid(t *testing.T) {
	plans, err := Shape{Codec: CodecVP8, Bitrate: 2_000_000, FPS: 30, Packet: 1200}.plans()
	if err != nil || len(plans) != 1 {
		t.Fatal(err)
	}
	p := plans[0]
	if p.packets != 7 || p.size != 1180 {
		t.Fatalf("%+v, %v", p, err)
	}
	b := make([]byte, p.size)
	for _, key := range []bool{true, false} {
		p.head(b, 0, p.packets, key, 77)
		d, ok := vp8.Parse(b)
		if !ok || !d.FrameStart || d.Keyframe != key || d.PictureID != 77 || key && (d.Width != 640 || d.Height != 360) {
			t.Errorf("first VP8 packet, key %v: %+v", key, d)
		}
		p.head(b, 3, p.packets, key, 77)
		if d, ok := vp8.Parse(b); !ok || d.FrameStart || d.Keyframe {
			t.Errorf("fourth VP8 packet: %+v", d)
		}
	}
	p.codec = CodecH264
	var depacketizer codecs.H264Packet
	for i := range p.packets {
		p.head(b, i, p.packets, true, 0)
		u, ok := h264.Parse(b)
		if !ok || !u.Keyframe || i == 0 && (!u.SPS || !u.PPS || u.Width != 640 || u.Height != 360) || i > 0 && !u.IDR {
			t.Errorf("H.264 keyframe packet %d: %+v %v", i, u, ok)
		}
		if _, err := depacketizer.Unmarshal(b); err != nil {
			t.Errorf("H.264 packet %d: %v", i, err)
		}
		p.head(b, i, p.packets, false, 0)
		if u, ok := h264.Parse(b); !ok || u.Keyframe {
			t.Errorf("H.264 packet %d: %+v", i, u)
		}
	}
	p.codec = CodecOpus
	p.head(b, 0, 1, false, 0)
	if toc, ok := opus.ParseTOC(b); !ok {
		t.Errorf("Opus %+v", toc)
	}
	stamp{3, 2, 1 << 40, 123456789}.put(b)
	if s, ok := readStamp(b); !ok || s != (stamp{3, 2, 1 << 40, 123456789}) {
		t.Errorf("stamp %+v", s)
	}
	if _, ok := readStamp(b[:20]); ok {
		t.Error("a stamp in 20 bytes")
	}
}

func TestHistogram(t *testing.T) {
	var h histogram
	for i := range 100_000 {
		h.add(time.Duration(i) * time.Microsecond)
	}
	for q, want := range map[float64]time.Duration{.5: 50 * time.Millisecond, .99: 99 * time.Millisecond} {
		if got := h.quantile(q); math.Abs(float64(got-want)) > .035*float64(want) {
			t.Errorf("quantile %v is %v", q, got)
		}
	}
	if h.max != 99_999*time.Microsecond || h.quantile(1) != h.max {
		t.Errorf("max %v, %v", h.max, h.quantile(1))
	}
	for v := uint64(0); v < 1<<20; v += 7 {
		if b := bucket(v); value(b) < v || float64(value(b)) > float64(v)*1.04+1 {
			t.Fatalf("%d is in bucket %d, which ends at %d", v, b, value(b))
		}
	}
	h.add(-time.Second)
	h.add(math.MaxInt64)
}

func TestEachPacketCountsOnce(t *testing.T) {
	c := counted{}
	for _, step := range []struct {
		seq  uint64
		want bool
	}{{5, true}, {5, false}, {3, true}, {3, false}, {8190, true}, {8191 + 5, true}, {5, false}, {6, true}, {1 << 20, true}, {1<<20 - 1, true}, {8190, false}} {
		if got := c.note(step.seq); got != step.want {
			t.Errorf("%d: %v", step.seq, got)
		}
	}
}

func TestFloor(t *testing.T) {
	r, err := Floor(bounded(t), 10, 1200, 7, 200*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	if r.Packets == 0 || r.SealOnly <= 0 || r.PerPacket <= 0 {
		t.Errorf("%+v", r)
	}
	if _, err := Floor(bounded(t), 10, 1400, 60, time.Second); err == nil {
		t.Error("a message over 64 kB")
	}
}

func FuzzAnswer(f *testing.F) {
	f.Add("v=0\r\na=ice-ufrag:u\r\na=ice-pwd:p\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=setup:passive\r\na=rtpmap:96 VP8/90000\r\na=candidate:1 1 udp 1 127.0.0.1 5000 typ host\r\na=extmap:2/recvonly " + twccURI + "\r\n")
	f.Add("a=candidate:1 1 udp 1 ::1 99999 typ host")
	f.Fuzz(func(t *testing.T, sdp string) {
		a, err := parseAnswer(sdp)
		if err == nil && (a.ufrag == "" || len(a.candidates) == 0 || len(a.candidates) > 16) {
			t.Fatalf("%+v", a)
		}
	})
}

func FuzzDatagram(f *testing.F) {
	f.Add([]byte{0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})
	f.Add([]byte{0x90, 96, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0xbe, 0xde, 0, 1, 0x21, 0, 1, 0})
	f.Add([]byte{0x80, 201, 0, 1, 0, 0, 0, 2, 0, 0, 0, 0})
	f.Add([]byte{22, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		tr := &transport{sock: &socket{}, up: make(chan struct{}), answer: &answer{twcc: map[uint8]bool{2: true}}}
		tr.hello = newPipe(tr)
		s := newSubscriber(tr, &window{}, media.NewClock())
		tr.receive(time.Now(), b)
		if len(b) >= 12 && b[0]>>6 == 2 {
			if n := rtpHeaderLen(b); n > len(b) {
				t.Fatalf("header of %d in %d bytes", n, len(b))
			}
		}
		if s.first.Load() != 0 {
			t.Fatal("a packet without keys counts")
		}
	})
}

func TestWokenReceiversSeeTheSame(t *testing.T) {
	s := newPionServer(t)
	c := config(s)
	c.Publishers, c.Subscribers, c.Wake, c.For = 1, 2, true, time.Second
	r, err := Run(bounded(t), c)
	if err != nil || r.Lost != 0 || r.Received == 0 || r.Rested {
		t.Errorf("%v, %+v", err, r)
	}
}

func TestShapedDownlinkDropsWhatDoesNotFit(t *testing.T) {
	s := newPionServer(t)
	c := config(s)
	c.Publishers, c.Subscribers, c.For = 1, 2, 3*time.Second
	c.Downlink = Downlink{{Rate: 2_000_000}, {From: time.Second, Rate: 300_000}}
	r, err := Run(bounded(t), c)
	if err != nil {
		t.Fatal(err)
	}
	// In the second of them what was queued at the wide line's rate may come besides.
	if h := r.History; len(h) != 3 || h[0].Came > 2_010_000 || h[0].Came < 400_000 || h[2].Came > 310_000 || h[1].Dropped+h[2].Dropped == 0 {
		t.Errorf("history %+v", h)
	}
	if r.Overflowed == 0 || r.QueueP95 < 50_000 || r.QueueP95 > 250_000 || r.Asked == 0 {
		t.Errorf("%+v", r)
	}
}
