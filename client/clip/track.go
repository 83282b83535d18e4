package clip

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"
	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"

	"switchyard/media"
)

// mtu is the largest RTP packet that a track sends, in bytes: room for SRTP, TURN and IPv6.
const mtu = 1200

// ErrNoCodec means that the other end takes no payload type for the clip's codec.
var ErrNoCodec = errors.New("clip: the other end does not take this codec")

// Track is the picture or the sound of a Player; it implements webrtc.TrackLocal and may be bound to
// several peer connections at once.
type Track struct {
	// Immutable.
	id, group string
	rid       string // of a layer; empty without simulcast
	stream    *Stream
	codec     media.Codec
	clock     uint32 // Hz
	keyframe  func()
	lower     []*Track // smaller layers of this one, the smallest first

	off atomic.Bool // nobody needs it

	payloader rtp.Payloader // owned by the player
	seq       uint16        // owned by the player
	waits     bool          // for a keyframe; owned by the player
	base      uint32        // RTP timestamp of output time 0

	packets, bytes, keyframes atomic.Uint64

	mu    sync.Mutex
	bound []binding // guarded by mu
}

// binding is one peer connection that sends the track.
type binding struct {
	id    string
	ssrc  uint32
	pt    uint8
	level uint8 // extension id of RFC 6464, 0 when not agreed
	w     webrtc.TrackLocalWriter
}

func newTrack(s *Stream, id, group string, keyframe func()) *Track {
	t := &Track{id: id, group: group, stream: s, codec: s.Codec, clock: 90000, keyframe: keyframe, seq: uint16(rand.Uint32()), base: rand.Uint32()}
	switch s.Codec {
	case media.VP8:
		t.payloader = &codecs.VP8Payloader{EnablePictureID: true}
	case media.VP9:
		t.payloader = &codecs.VP9Payloader{}
	case media.H264:
		t.payloader = &codecs.H264Payloader{}
	case media.AV1:
		t.payloader = &codecs.AV1Payloader{}
	default:
		t.clock, t.payloader = 48000, &codecs.OpusPayloader{}
	}
	return t
}

// addLower makes the layers below a track. They share its time, as those of one encoder do.
func (t *Track) addLower(streams []*Stream) {
	if len(streams) == 0 {
		return
	}
	for i, s := range streams {
		l := newTrack(s, t.id, t.group, t.keyframe)
		l.rid, l.base = layerRIDs[i], t.base
		t.lower = append(t.lower, l)
	}
	t.rid = layerRIDs[len(streams)]
}

// Layers are all encodings of the picture, the smallest first and the track itself at last; nil without
// simulcast.
func (t *Track) Layers() []webrtc.TrackLocal {
	if len(t.lower) == 0 {
		return nil
	}
	var all []webrtc.TrackLocal
	for _, l := range append(slices.Clip(t.lower), t) {
		all = append(all, l)
	}
	return all
}

// Lower are the layers below this one, the smallest first.
func (t *Track) Lower() []*Track { return t.lower }

// Size is the picture's size in pixels, 0 when not known.
func (t *Track) Size() (width, height int) { return t.stream.Width, t.stream.Height }

// Enable switches the track, or this layer of it, off and on again; it begins on. A picture comes back
// with a keyframe, which is asked for.
func (t *Track) Enable(on bool) {
	if was := t.off.Swap(!on); was && on {
		t.keyframe()
	}
}

// Enabled tells whether the track sends.
func (t *Track) Enabled() bool { return !t.off.Load() }

// Codec is what the track sends.
func (t *Track) Codec() media.Codec { return t.codec }

// ClockRate is that of the RTP timestamps, in Hz.
func (t *Track) ClockRate() uint32 { return t.clock }

// Keyframe asks for a keyframe, as a PLI does.
func (t *Track) Keyframe() { t.keyframe() }

// Sent counts the packets, payload bytes and keyframes that went out, once for each even when several
// peer connections are bound.
func (t *Track) Sent() (packets, bytes, keyframes uint64) {
	return t.packets.Load(), t.bytes.Load(), t.keyframes.Load()
}

// ID implements webrtc.TrackLocal.
func (t *Track) ID() string { return t.id }

// RID implements webrtc.TrackLocal.
func (t *Track) RID() string { return t.rid }

// StreamID implements webrtc.TrackLocal.
func (t *Track) StreamID() string { return t.group }

// Kind implements webrtc.TrackLocal.
func (t *Track) Kind() webrtc.RTPCodecType {
	if t.codec.Kind() == media.Audio {
		return webrtc.RTPCodecTypeAudio
	}
	return webrtc.RTPCodecTypeVideo
}

// Bind implements webrtc.TrackLocal: it chooses the payload type and begins with a keyframe.
func (t *Track) Bind(ctx webrtc.TrackLocalContext) (webrtc.RTPCodecParameters, error) {
	codec, ok := t.choose(ctx.CodecParameters())
	if !ok {
		return webrtc.RTPCodecParameters{}, fmt.Errorf("%w: %s", ErrNoCodec, t.codec)
	}
	b := binding{id: ctx.ID(), ssrc: uint32(ctx.SSRC()), pt: uint8(codec.PayloadType), w: ctx.WriteStream()}
	for _, e := range ctx.HeaderExtensions() {
		if e.URI == sdp.AudioLevelURI {
			b.level = uint8(e.ID)
		}
	}
	t.mu.Lock()
	t.bound = append(t.bound, b)
	t.mu.Unlock()
	t.keyframe()
	return codec, nil
}

// choose prefers what the clips are made for: H.264 constrained baseline in mode 1, profile 0.
func (t *Track) choose(offered []webrtc.RTPCodecParameters) (best webrtc.RTPCodecParameters, ok bool) {
	points := -1
	for _, c := range offered {
		_, name, _ := strings.Cut(c.MimeType, "/")
		if !strings.EqualFold(name, t.codec.String()) {
			continue
		}
		p := 0
		for _, want := range []string{"packetization-mode=1", "profile-level-id=42", "profile-id=0", "profile=0"} {
			if strings.Contains(c.SDPFmtpLine, want) {
				p++
			}
		}
		if p > points {
			best, points = c, p
		}
	}
	return best, points >= 0
}

// Unbind implements webrtc.TrackLocal.
func (t *Track) Unbind(ctx webrtc.TrackLocalContext) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i, b := range t.bound {
		if b.id == ctx.ID() {
			t.bound = append(t.bound[:i], t.bound[i+1:]...)
			return nil
		}
	}
	return webrtc.ErrUnbindFailed
}

// timestamp is the RTP timestamp of output time out.
func (t *Track) timestamp(out time.Duration) uint32 {
	sec, rest := out/time.Second, out%time.Second
	ticks := uint64(sec)*uint64(t.clock) + (uint64(rest)*uint64(t.clock)+uint64(time.Second)/2)/uint64(time.Second)
	return t.base + uint32(ticks)
}

// send packetizes one frame and gives it to all bindings. Errors of one binding are its own: a
// closed peer connection unbinds soon.
func (t *Track) send(data []byte, out time.Duration, key bool, level uint8, voice bool) {
	payloads := t.payloader.Payload(mtu-12-8, data)
	if key {
		t.keyframes.Add(1)
	}
	timestamp := t.timestamp(out)
	t.mu.Lock()
	defer t.mu.Unlock()
	for i, payload := range payloads {
		h := rtp.Header{Version: 2, SequenceNumber: t.seq, Timestamp: timestamp}
		h.Marker = t.codec != media.Opus && i == len(payloads)-1
		t.seq++
		t.packets.Add(1)
		t.bytes.Add(uint64(len(payload)))
		for _, b := range t.bound {
			b.write(h, payload, level, voice)
		}
	}
}

// write sends one packet. Level is noLevel where none is known.
func (b *binding) write(h rtp.Header, payload []byte, level uint8, voice bool) {
	h.SSRC, h.PayloadType = b.ssrc, b.pt
	if b.level != 0 && level != noLevel {
		v := level & 127
		if voice {
			v |= 128
		}
		_ = h.SetExtension(b.level, []byte{v}) // one byte in a one-byte extension always fits
	}
	_, _ = b.w.WriteRTP(&h, payload)
}

// noLevel says that the level of a packet is not known (levels are 0 to 127).
const noLevel = 255
