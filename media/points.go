package media

// Points are the operation points of one scalable stream: a set of pairs of a spatial and a temporal
// layer, each below PointsPerAxis. A receiver at point (s, t) gets the frames that it needs to decode
// spatial layer s at the frame rate of temporal layer t. A stream without layers has (0, 0) alone.
type Points uint16

// PointsPerAxis bounds the spatial and the temporal layers that are told apart. Those beyond count as the
// highest: they are sent to who gets that.
const PointsPerAxis = 4

// AllPoints are all there can be: the points that need a frame of the base layer.
const AllPoints Points = 1<<(PointsPerAxis*PointsPerAxis) - 1

// Point returns the set of one point.
func Point(spatial, temporal uint8) Points {
	return 1 << (min(spatial, PointsPerAxis-1)*PointsPerAxis + min(temporal, PointsPerAxis-1))
}

// row are the points of spatial layer 0, column those of temporal layer 0.
const (
	row    Points = 1<<PointsPerAxis - 1
	column Points = 0x1111
)

// Above returns the points with at least those layers: what depends on a frame that is a reference for
// its own and all higher layers.
func Above(spatial, temporal uint8) Points {
	s, t := min(spatial, PointsPerAxis-1), min(temporal, PointsPerAxis-1)
	times := row >> t << t
	return (column << (PointsPerAxis * s) & column) * times & AllPoints
}

// Within returns the points of one spatial layer with at least that temporal layer.
func Within(spatial, temporal uint8) Points {
	s, t := min(spatial, PointsPerAxis-1), min(temporal, PointsPerAxis-1)
	return (row >> t << t) << (PointsPerAxis * s)
}
