package ingest

import (
	"switchyard/codec/av1"
	"switchyard/codec/h264"
	"switchyard/codec/opus"
	"switchyard/codec/vp8"
	"switchyard/codec/vp9"
	"switchyard/media"
)

// look is what the payload of one packet shows about its frame.
type look struct {
	start    bool // first packet of a frame, where the payload tells
	key      bool
	explicit bool // start is certain; else a new timestamp makes it one
	inside   bool // certainly not the first packet of a frame
	width    int
	height   int
	sizes    [media.PointsPerAxis]size // of spatial layers

	spatial, temporal uint8
	needed, upswitch  media.Points // 0: the only point
	sync, end         bool
}

// inspect parses the payload; false when it breaks its payload format.
func inspect(c media.Codec, red bool, b []byte) (look, bool) {
	switch c {
	case media.VP8:
		d, ok := vp8.Parse(b)
		return look{start: d.FrameStart, key: d.Keyframe, explicit: true, width: d.Width, height: d.Height}, ok
	case media.VP9:
		d, ok := vp9.Parse(b)
		return look{start: d.FrameStart, key: d.Keyframe && d.FrameStart, explicit: true, width: d.Width, height: d.Height}, ok
	case media.H264:
		u, ok := h264.Parse(b)
		return look{start: u.SPS, key: u.Keyframe, inside: u.Continues || u.Preamble, width: u.Width, height: u.Height}, ok
	case media.AV1:
		p, ok := av1.Parse(b)
		return look{start: p.Keyframe && !p.Continues, key: p.Keyframe, inside: p.Continues, width: p.Width, height: p.Height}, ok
	}
	if red {
		_, ok := opus.Primary(b)
		return look{}, ok
	}
	return look{}, true
}

// frame sets FrameStart and Keyframe of p, and reports whether a keyframe starts with it.
func (s *stream) frame(p *media.Packet, ext media.ExtSeq, pos position, v look) (keyStart bool) {
	fresh := !s.haveTS || p.Timestamp != s.lastTS
	switch {
	case v.explicit:
		p.FrameStart = v.start
	case v.inside:
		p.FrameStart = false
	case pos == inOrder && s.haveTS:
		p.FrameStart = fresh
	default: // after a gap, or recovered: only what begins a keyframe is certain
		p.FrameStart = v.start && (fresh || pos == late)
	}
	if pos != late && !v.inside {
		s.lastTS, s.haveTS = p.Timestamp, true
	}
	keyStart = p.FrameStart && v.key
	if keyStart && ext > s.lastKey {
		s.keyTS, s.haveKey, s.lastKey = p.Timestamp, true, ext
	}
	p.Spatial, p.Temporal = v.spatial, v.temporal
	p.Needed, p.Switch, p.Sync = v.needed, v.upswitch, v.sync
	if v.needed == 0 {
		p.Needed = media.AllPoints
	}
	p.LayerEnd = v.end || p.Marker
	p.Keyframe = v.key || s.haveKey && p.Timestamp == s.keyTS
	return keyStart
}
