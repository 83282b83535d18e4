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
	spatials          uint8        // how many there are, where the payload tells; else 0
	needed, upswitch  media.Points // 0: the only point
	sync, end         bool
	discard           bool // no decode target needs it
}

// inspect parses the payload; false when it breaks its payload format.
func inspect(c media.Codec, red bool, b []byte) (look, bool) {
	switch c {
	case media.VP8:
		return lookVP8(b)
	case media.VP9:
		return lookVP9(b)
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

func lookVP8(b []byte) (look, bool) {
	d, ok := vp8.Parse(b)
	return look{
		start: d.FrameStart, key: d.Keyframe, explicit: true, width: d.Width, height: d.Height,
		temporal: d.TemporalID, needed: media.Above(0, d.TemporalID), sync: d.LayerSync,
	}, ok
}

// lookVP9 translates the layer indices of RFC 9628 §4.2. The scalability structure stands on keyframes only:
// frames of the highest spatial layer count as needed by all above, see stream.scale.
func lookVP9(b []byte) (look, bool) {
	d, ok := vp9.Parse(b)
	v := look{
		start: d.FrameStart, key: d.Keyframe && d.FrameStart, explicit: true, width: d.Width, height: d.Height,
		spatial: d.SpatialID, temporal: d.TemporalID, end: d.FrameEnd, spatials: uint8(d.Layers),
	}
	v.needed = media.Above(v.spatial, v.temporal)
	if d.TopOnly {
		v.needed = media.Within(v.spatial, v.temporal)
	}
	switch {
	case d.Keyframe:
		v.upswitch = v.needed
	case d.SwitchUp:
		v.upswitch = media.Within(v.spatial, v.temporal)
	}
	for i := range v.sizes {
		v.sizes[i] = size{d.Sizes[i].Width, d.Sizes[i].Height}
	}
	return v, ok
}

// scale keeps the number of spatial layers that the keyframes tell, and gives the frames of the highest one
// to every point that might be above it.
func (s *stream) scale(v *look) {
	if v.spatials > 0 {
		s.spatials = v.spatials
	}
	if s.spatials == 0 || v.spatial+1 < s.spatials {
		return
	}
	for above := v.spatial + 1; above < media.PointsPerAxis; above++ {
		shift := media.PointsPerAxis * (above - v.spatial)
		v.needed |= v.needed & media.Within(v.spatial, 0) << shift
		v.upswitch |= v.upswitch & media.Within(v.spatial, 0) << shift
	}
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
	if v.needed == 0 && !v.discard {
		p.Needed = media.AllPoints
	}
	p.LayerEnd = v.end || p.Marker
	p.Keyframe = v.key || s.haveKey && p.Timestamp == s.keyTS
	return keyStart
}
