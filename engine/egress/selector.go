package egress

import "switchyard/media"

// selector chooses the frames of one stream that are sent: those that the wanted operation point needs,
// as soon as it can be decoded from what was sent. It knows nothing of codecs: ingest has translated
// their layer ids, switching points and dependency descriptors into sets of points.
type selector struct {
	want media.Points // the wanted point
	// The highest spatial and temporal layer that the target allows.
	spatial, temporal uint8
	// intact are the points that miss no frame: what flows is one of them. A frame that is not sent takes
	// away the points that needed it; a switching point or a keyframe brings them back.
	intact media.Points
	flows  uint8 // highest spatial layer of the frames that are sent

	// What was decided about the newest frame that not all points need.
	decided bool
	ts      media.Ticks
	layer   uint8
	sends   bool
}

const column0 media.Points = 0x1111 // points of temporal layer 0

func (c *selector) aim(t Target) {
	c.spatial, c.temporal = media.PointsPerAxis-1, media.PointsPerAxis-1
	if t.Spatials > 0 {
		c.spatial = min(c.spatial, t.Spatials-1)
	}
	if t.Temporals > 0 {
		c.temporal = min(c.temporal, t.Temporals-1)
	}
}

// begin forgets the stream before.
func (c *selector) begin() {
	c.intact, c.decided = media.AllPoints, false
	c.flows = c.spatial
}

// takes decides about a packet in order; fresh says that it is the first one of a frame that is decided
// about.
func (c *selector) takes(p *media.Packet) (sends, fresh bool) {
	restarts := p.FrameStart && p.Keyframe
	if p.Needed == media.AllPoints && p.Switch == 0 && !restarts {
		return true, false // the fast way of everything without layers
	}
	if c.decided && c.ts == p.Timestamp && c.layer == p.Spatial {
		return c.sends, false
	}
	picture := !c.decided || c.ts != p.Timestamp
	c.decided, c.ts, c.layer = true, p.Timestamp, p.Spatial
	if restarts {
		c.intact = media.AllPoints
	}
	if p.Sync && p.Temporal > 0 && p.Temporal < media.PointsPerAxis {
		c.intact |= c.intact & (column0 << (p.Temporal - 1)) << 1
	}
	if picture || p.Sync {
		c.choose()
	}
	c.sends = p.Needed&c.want != 0
	if c.sends {
		c.intact |= p.Switch
	} else {
		c.intact &^= p.Needed
	}
	return c.sends, true
}

// choose takes the best intact point within the target: sharpness before smoothness. Where none is
// intact, what flows goes on until a keyframe.
func (c *selector) choose() {
	for s := int(c.spatial); s >= 0; s-- {
		for t := int(c.temporal); t >= 0; t-- {
			if p := media.Point(uint8(s), uint8(t)); c.intact&p != 0 {
				c.want, c.flows = p, uint8(s)
				return
			}
		}
	}
}

// waits says that only a keyframe brings the spatial layer of the target.
func (c *selector) waits() bool {
	within := media.Within(c.spatial, 0) &^ media.Within(c.spatial, c.temporal+1)
	if c.temporal == media.PointsPerAxis-1 {
		within = media.Within(c.spatial, 0)
	}
	return c.intact&within == 0
}

// ends says that p ends a picture as the receiver sees it: what comes of it above is not sent.
func (c *selector) ends(p *media.Packet) bool { return p.LayerEnd && p.Spatial == c.flows }
