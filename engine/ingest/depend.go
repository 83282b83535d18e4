package ingest

import (
	"switchyard/codec/dependency"
	"switchyard/media"
)

// dependencies are what a stream's dependency descriptors refer to.
type dependencies struct {
	structure dependency.Structure
	// points are those that a receiver of each decode target gets.
	points [dependency.MaxTargets]media.Points
}

// describes says of which codecs the layers are told by the dependency descriptor alone. VP8 and VP9 tell
// them in the payload, to receivers without the extension too.
func describes(c media.Codec) bool { return c == media.AV1 || c == media.H264 }

// depend takes the layers of a frame from its descriptor.
func (s *stream) depend(v *look, b []byte) {
	if s.dependency == nil {
		s.dependency = new(dependencies)
	}
	known := s.dependency
	d, ok := dependency.Parse(b, &known.structure)
	if !ok { // of a structure that was lost: forwarded to everyone
		return
	}
	if d.Attached {
		known.divide()
		s.spatials = 0
		for i, size := range known.structure.Sizes {
			v.sizes[i].width, v.sizes[i].height = size.Width, size.Height
		}
		if top := v.sizes[known.structure.Spatials-1]; top != (size{}) {
			v.width, v.height = top.width, top.height
		}
	}
	v.spatial, v.temporal, v.end = d.Spatial, d.Temporal, d.End
	v.needed, v.upswitch = 0, 0
	for i := range known.structure.Targets {
		if d.Present&(1<<i) != 0 {
			v.needed |= known.points[i]
		}
		if d.Switch&(1<<i) != 0 {
			v.upswitch |= known.points[i]
		}
	}
	v.discard = v.needed == 0
}

// divide gives each point to the decode target that is best within it: the sharpest, then the smoothest. A
// point below all of them goes to the first.
func (d *dependencies) divide() {
	d.points = [dependency.MaxTargets]media.Points{}
	s := &d.structure
	for spatial := range uint8(media.PointsPerAxis) {
		for temporal := range uint8(media.PointsPerAxis) {
			best := -1
			for i, l := range s.Layers[:s.Targets] {
				if !reaches(l, spatial, temporal) {
					continue
				}
				if best < 0 || l.Spatial > s.Layers[best].Spatial ||
					l.Spatial == s.Layers[best].Spatial && l.Temporal > s.Layers[best].Temporal {
					best = i
				}
			}
			d.points[max(best, 0)] |= media.Point(spatial, temporal)
		}
	}
}

// reaches says that a receiver with those layers at most can have l. The last of an axis stands for all above.
func reaches(l dependency.Layer, spatial, temporal uint8) bool {
	const last = media.PointsPerAxis - 1
	return (l.Spatial <= spatial || spatial == last) && (l.Temporal <= temporal || temporal == last)
}
