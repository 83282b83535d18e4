package clip

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/rtp"
	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"

	"switchyard/media"
)

func TestBuiltInClipsHaveTheSameShape(t *testing.T) {
	total := 0
	for _, name := range Names() {
		c, err := Open(name)
		if err != nil {
			t.Fatal(err)
		}
		want := 2 * time.Second
		if name == "clock" {
			want = 10 * time.Second
		}
		if c.Length() != want || c.Video.Length != want || c.Audio.Length != want {
			t.Errorf("%s: picture %v, sound %v; want %v", name, c.Video.Length, c.Audio.Length, want)
		}
		if n := len(c.Video.frames); n != int(want.Seconds()*FPS) {
			t.Errorf("%s: %d frames", name, n)
		}
		if n := len(c.Audio.frames); n != int(want/(20*time.Millisecond)) {
			t.Errorf("%s: %d Opus packets", name, n)
		}
		keys, gap, since := 0, 0, 0
		for _, f := range c.Video.frames {
			if since++; f.key {
				keys, since = keys+1, 0
			}
			gap = max(gap, since)
		}
		if !c.Video.frames[0].key || gap > 12 {
			t.Errorf("%s: %d keyframes, %d frames without one", name, keys, gap)
		}
	}
	entries, err := files.ReadDir("data")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		total += int(info.Size())
	}
	if total > 300<<10 {
		t.Errorf("the clips have %d bytes, more than 300 kB", total)
	}
}

func TestFilesAreReadLikeBuiltIns(t *testing.T) {
	video, err := files.ReadFile("data/red.ivf")
	if err != nil {
		t.Fatal(err)
	}
	audio, err := files.ReadFile("data/red.ogg")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	v, a := filepath.Join(dir, "v"), filepath.Join(dir, "a")
	for path, b := range map[string][]byte{v: video, a: audio} {
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c, err := OpenFiles(Options{}, v, a)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	b, err := c.Video.read(0, nil)
	if err != nil || !bytes.Equal(b, video[ivfHeader+ivfFrameHeader:][:len(b)]) {
		t.Errorf("first frame: %v, %d bytes", err, len(b))
	}
	if c.Video.Codec != media.VP8 || c.Audio.Codec != media.Opus || c.Video.Width != 320 {
		t.Errorf("codecs %v %v, width %d", c.Video.Codec, c.Audio.Codec, c.Video.Width)
	}
	if _, err := OpenFiles(Options{}, v, v); err == nil {
		t.Error("two pictures were taken")
	}
	if err := os.WriteFile(a, []byte("something else"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenFiles(Options{}, a); !errors.Is(err, ErrFormat) {
		t.Errorf("an unknown file: %v", err)
	}
}

// sink is a bound track's other end; it keeps what was sent, with the (synctest) time.
type sink struct {
	mu   sync.Mutex
	sent []sentPacket
}

type sentPacket struct {
	at time.Time
	h  rtp.Header
	b  []byte
}

func (s *sink) WriteRTP(h *rtp.Header, payload []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sent = append(s.sent, sentPacket{time.Now(), h.Clone(), bytes.Clone(payload)})
	return len(payload), nil
}

func (s *sink) Write(b []byte) (int, error) { return len(b), nil }

func (s *sink) take() []sentPacket {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := s.sent
	s.sent = nil
	return list
}

// context offers every codec, payload types counted from 96, and audio levels as extension 3.
type trackContext struct{ *sink }

func (trackContext) CodecParameters() []webrtc.RTPCodecParameters {
	var list []webrtc.RTPCodecParameters
	for i, mime := range []string{"video/VP8", "video/VP9", "video/H264", "video/AV1", "audio/opus"} {
		list = append(list, webrtc.RTPCodecParameters{RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: mime}, PayloadType: webrtc.PayloadType(96 + i)})
	}
	return list
}
func (trackContext) HeaderExtensions() []webrtc.RTPHeaderExtensionParameter {
	return []webrtc.RTPHeaderExtensionParameter{{URI: sdp.AudioLevelURI, ID: 3}}
}
func (trackContext) SSRC() webrtc.SSRC                       { return 7 }
func (trackContext) SSRCRetransmission() webrtc.SSRC         { return 0 }
func (trackContext) SSRCForwardErrorCorrection() webrtc.SSRC { return 0 }
func (c trackContext) WriteStream() webrtc.TrackLocalWriter  { return c.sink }
func (trackContext) ID() string                              { return "id" }
func (trackContext) RTCPReader() interceptor.RTCPReader      { return nil }

// play runs a player over a fake clock and returns its sinks.
func play(t *testing.T, name string, o PlayerOptions) (p *Player, video, audio *sink, stop func()) {
	t.Helper()
	c, err := Open(name)
	if err != nil {
		t.Fatal(err)
	}
	p = NewPlayer(c, o)
	video, audio = &sink{}, &sink{}
	if _, err := p.Video.Bind(trackContext{video}); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Audio.Bind(trackContext{audio}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- p.Play(ctx) }()
	return p, video, audio, func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

func TestEachCodecIsPacedAndLoopsWithoutASeam(t *testing.T) {
	for _, name := range []string{"red", "vp9", "h264", "av1"} {
		synctest.Test(t, func(t *testing.T) {
			_, video, audio, stop := play(t, name, PlayerOptions{})
			time.Sleep(5*time.Second - time.Millisecond) // two rounds and a half
			stop()
			checkStream(t, name, video.take(), 125, 90000/FPS, 40*time.Millisecond)
			checkStream(t, name+" audio", audio.take(), 250, 960, 20*time.Millisecond)
		})
	}
}

// checkStream checks numbers, timestamps and times of n frames.
func checkStream(t *testing.T, name string, sent []sentPacket, n int, ticks uint32, interval time.Duration) {
	t.Helper()
	frames := 0
	for i, p := range sent {
		if i == 0 {
			frames = 1
			continue
		}
		before := sent[i-1]
		if p.h.SequenceNumber != before.h.SequenceNumber+1 {
			t.Fatalf("%s: sequence number %d after %d", name, p.h.SequenceNumber, before.h.SequenceNumber)
		}
		if p.h.Timestamp == before.h.Timestamp {
			continue
		}
		frames++
		if d := p.h.Timestamp - before.h.Timestamp; d != ticks {
			t.Fatalf("%s: timestamp grew by %d, not %d", name, d, ticks)
		}
		if d := p.at.Sub(before.at); d != interval {
			t.Fatalf("%s: frames %v apart, not %v", name, d, interval)
		}
	}
	if frames != n {
		t.Errorf("%s: %d frames, want %d", name, frames, n)
	}
}

func TestKeyframeOnRequestKeepsPictureAndSoundInSync(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, video, audio, stop := play(t, "clock", PlayerOptions{})
		defer stop()
		start := time.Now()
		for i := range 40 {
			time.Sleep(130*time.Millisecond + time.Duration(i)*7*time.Millisecond)
			video.take()
			audio.take()
			p.Video.Keyframe()
			time.Sleep(41 * time.Millisecond)
			sent := video.take()
			if len(sent) == 0 || sent[0].b[0]&0x10 == 0 || !vp8Key(sent[0].b) {
				t.Fatalf("request %d: the next frame is no keyframe", i)
			}
		}
		if d := time.Since(start); d < 8*time.Second {
			t.Fatalf("the test ran for %v only", d)
		}
		// After all these jumps the clip time of both must still be one.
		synctest.Wait()
		v, a := p.video, p.audio
		vAt := v.stream.frames[v.next-1].at + p.origin - v.last
		aAt := a.stream.frames[a.next-1].at + p.origin - a.last
		if d := vAt - aAt; d.Abs() > time.Microsecond {
			t.Errorf("picture and sound are %v apart", d)
		}
	})
}

// vp8Key reads a payload with a descriptor of picture ids.
func vp8Key(b []byte) bool {
	n := 3
	if b[2]&0x80 != 0 {
		n = 4
	}
	return len(b) > n && b[n]&1 == 0
}

func TestTimestampsGoOnOverKeyframeJumps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, video, audio, stop := play(t, "red", PlayerOptions{})
		for range 20 {
			time.Sleep(217 * time.Millisecond)
			p.Video.Keyframe()
		}
		stop()
		checkStream(t, "video", video.take(), 109, 90000/FPS, 40*time.Millisecond)
		for _, s := range [][]sentPacket{audio.take()} {
			for i := 1; i < len(s); i++ {
				if d := s[i].h.Timestamp - s[i-1].h.Timestamp; d == 0 || d > 960*12 || d%960 != 0 {
					t.Fatalf("audio timestamp grew by %d", d)
				}
			}
		}
	})
}

func TestAudioLevelSaysWhenItBeeps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, _, audio, stop := play(t, "blue", PlayerOptions{})
		time.Sleep(999 * time.Millisecond)
		stop()
		loud := 0
		for _, p := range audio.take() {
			e := p.h.GetExtension(3)
			if len(e) != 1 {
				t.Fatal("packet without its level")
			}
			if e[0] == 0x80|9 {
				loud++
			}
		}
		if loud != 5 {
			t.Errorf("%d loud packets a second, want 5", loud)
		}
	})
}

func TestPlayOnceEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, err := Open("red")
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		if err := NewPlayer(c, PlayerOptions{Once: true}).Play(t.Context()); err != nil {
			t.Fatal(err)
		}
		if d := time.Since(start); d != 1980*time.Millisecond {
			t.Errorf("it ended after %v", d)
		}
	})
}

func TestOpusDurations(t *testing.T) {
	for _, c := range []struct {
		b    []byte
		want time.Duration
	}{
		{nil, 0}, {[]byte{0xfc}, 20 * time.Millisecond}, {[]byte{0xfd}, 40 * time.Millisecond},
		{[]byte{0x03, 3}, 30 * time.Millisecond}, {[]byte{0xe3}, 0}, {[]byte{0x80}, 2500 * time.Microsecond},
		{[]byte{0x1b, 63}, 0}, {[]byte{0x60}, 10 * time.Millisecond}, {[]byte{0x18}, 60 * time.Millisecond},
	} {
		if d := opusDuration(c.b); d != c.want {
			t.Errorf("%x: %v, want %v", c.b, d, c.want)
		}
	}
}

// checkIndex fails where an index is not what Player relies on.
func checkIndex(t *testing.T, s *Stream, err error) {
	if err != nil {
		return
	}
	last := time.Duration(-1)
	for i, f := range s.frames {
		if f.at <= last || f.size < 0 || f.at < 0 {
			t.Fatalf("frame %d at %v after %v", i, f.at, last)
		}
		last = f.at
		if _, err := s.read(i, nil); err != nil && !errors.Is(err, io.EOF) {
			t.Fatalf("frame %d: %v", i, err)
		}
	}
	if len(s.frames) > 0 && s.Length <= last {
		t.Fatalf("length %v, last frame at %v", s.Length, last)
	}
}

func section(b []byte) *io.SectionReader { return io.NewSectionReader(memory(b), 0, int64(len(b))) }

func seed(f *testing.F, name string, n int) {
	b, err := files.ReadFile("data/" + name)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b[:min(len(b), n)])
}

func FuzzIVF(f *testing.F) {
	seed(f, "red.ivf", 2000)
	seed(f, "av1.ivf", 2000)
	seed(f, "vp9.ivf", 2000)
	huge := make([]byte, 60)
	copy(huge, "DKIF\x00\x00\x20\x00VP80")
	binary.LittleEndian.PutUint32(huge[16:], 1)
	binary.LittleEndian.PutUint32(huge[20:], 1<<31)
	binary.LittleEndian.PutUint64(huge[36:], 1<<63)
	f.Add(huge)
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := readIVF(section(b))
		checkIndex(t, s, err)
	})
}

func FuzzOgg(f *testing.F) {
	seed(f, "red.ogg", 4000)
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := readOgg(section(b))
		checkIndex(t, s, err)
	})
}

func FuzzAnnexB(f *testing.F) {
	seed(f, "h264.h264", 4000)
	f.Add([]byte("\x00\x00\x01\x67\x42\x00\x00\x01\x65\x88\x00\x00\x01\x41\x88"))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := readAnnexB(section(b), 25)
		checkIndex(t, s, err)
	})
}
