package media

// Layer is one quality of a video track that a subscriber can be given: a simulcast stream, or a spatial
// layer of a scalable one with all that is below it.
type Layer struct {
	Stream  uint8  // Packet.Layer
	Spatial uint8  // within the stream
	RID     string // of the stream, "" without simulcast
	// Width and Height are in pixels, 0 while unknown.
	Width, Height int
	// Live says that packets of it arrive.
	Live bool
	// Rates are what it costs up to each temporal layer, the base layer first; 0 where there is none.
	Rates [PointsPerAxis]Bitrate
}

// Pixels is the size of a frame.
func (l *Layer) Pixels() int { return l.Width * l.Height }

// Rate is what all of the layer costs.
func (l *Layer) Rate() Bitrate {
	var most Bitrate
	for _, r := range l.Rates {
		most = max(most, r)
	}
	return most
}
