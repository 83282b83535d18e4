// Package watch receives what a room or a WHEP endpoint sends, counts it, and can write it to a file.
package watch

import (
	"strings"
	"sync"

	"github.com/pion/rtp"

	"switchyard/codec/av1"
	"switchyard/codec/h264"
	"switchyard/codec/vp8"
	"switchyard/codec/vp9"
	"switchyard/media"
)

// Counts are what a meter has seen, in all.
type Counts struct {
	Packets   int `json:"packets"`
	Lost      int `json:"lost"` // as the sequence numbers show; late packets count as received
	Frames    int `json:"frames"`
	Keyframes int `json:"keyframes"`
	Bytes     int `json:"bytes"` // of payloads
	Width     int `json:"width,omitempty"`
	Height    int `json:"height,omitempty"`
}

// meter counts the packets of one RTP stream. Safe for concurrent use.
type meter struct {
	mu      sync.Mutex
	n       Counts // guarded by mu, as all below
	codec   media.Codec
	started bool
	high    uint16 // highest sequence number
	cycle   int    // packets that the sequence numbers say there were
	time    uint32 // timestamp of the newest frame
	key     uint32 // and of the newest keyframe
}

// parseMime takes "video/VP8".
func parseMime(mime string) media.Codec {
	_, name, _ := strings.Cut(mime, "/")
	return media.ParseCodec(name)
}

func (m *meter) packet(p *rtp.Packet, mime string) {
	if len(p.Payload) == 0 {
		m.padding(p)
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.codec = parseMime(mime)
	first := !m.started
	m.sequence(p.SequenceNumber)
	m.n.Packets++
	m.n.Bytes += len(p.Payload)
	if first || int32(p.Timestamp-m.time) > 0 {
		m.time = p.Timestamp
		m.n.Frames++
	}
	if key, w, h := keyframe(m.codec, p.Payload); key && (m.n.Keyframes == 0 || p.Timestamp != m.key) {
		m.key = p.Timestamp
		m.n.Keyframes++
		if w > 0 {
			m.n.Width, m.n.Height = w, h
		}
	}
}

// padding takes packets that fill a sequence number and carry nothing.
func (m *meter) padding(p *rtp.Packet) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sequence(p.SequenceNumber)
	m.cycle-- // neither expected nor received
}

func (m *meter) sequence(seq uint16) {
	d := int16(seq - m.high)
	switch {
	case !m.started:
		m.started, m.high, m.cycle = true, seq, 1
	case d > 0:
		m.high, m.cycle = seq, m.cycle+int(d)
	}
}

func (m *meter) counts() (Counts, media.Codec) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := m.n
	n.Lost = max(0, m.cycle-n.Packets)
	return n, m.codec
}

// keyframe tells whether a payload belongs to a keyframe, and its size where the payload says it.
func keyframe(c media.Codec, b []byte) (key bool, width, height int) {
	switch c {
	case media.VP8:
		d, ok := vp8.Parse(b)
		return ok && d.Keyframe, d.Width, d.Height
	case media.VP9:
		d, ok := vp9.Parse(b)
		return ok && d.Keyframe && d.FrameStart, d.Width, d.Height
	case media.AV1:
		p, ok := av1.Parse(b)
		return ok && p.Keyframe, 0, 0
	case media.H264:
		u, ok := h264.Parse(b)
		return ok && u.Keyframe, u.Width, u.Height
	}
	return false, 0, 0
}
