package transfer

import "time"

// laneCheck is how often a sender asks how many lanes are worth opening: that shows when losses do.
const laneCheck = 250 * time.Millisecond

// crew is the workers of one receiver, a lane each. The goroutine of serve.run owns it.
type crew struct {
	*serve
	lanes []Lane
	ended chan struct{} // a worker has ended; holds all that there can be
}

// move sends everything, on as many lanes as are worth it at the time.
func (v *serve) move() {
	c := &crew{serve: v, lanes: []Lane{v.zero}, ended: make(chan struct{}, maxLanes)}
	defer c.dismiss()
	more := c.wanted() && c.open() // a long way's lanes are all there from the beginning
	v.mu.Lock()
	v.shown.Phase = Moving
	v.lanes, v.wire = len(c.lanes), slowWire
	v.mu.Unlock()
	for _, lane := range c.lanes {
		c.work(lane)
	}
	check := time.NewTicker(laneCheck)
	defer check.Stop()
	for working := len(c.lanes); working > 0; {
		select {
		case <-c.ended:
			working--
		case <-check.C:
			before := len(c.lanes)
			if !more {
				continue
			}
			more = c.open()
			v.mu.Lock()
			v.lanes = len(c.lanes)
			v.mu.Unlock()
			for _, lane := range c.lanes[before:] {
				c.work(lane)
				working++
			}
		}
	}
}

// wanted: more lanes than one pay where there is more than a few round trips of data, which may come in any order.
func (c *crew) wanted() bool { return c.m.Offer.Bytes > 4<<20 && !c.accept.Ordered }

// open opens lanes until there are as many as are worth it; false when no more can be opened: it goes on with those that there
// are, and a way that is lost shows on lane 0.
func (c *crew) open() bool {
	for len(c.lanes) < min(c.way.Lanes(), maxLanes) {
		lane, err := c.way.Open(c.soft)
		if err != nil {
			return false
		}
		c.lanes = append(c.lanes, lane)
	}
	return len(c.lanes) < maxLanes
}

// work sends on a lane until every file is got.
func (c *crew) work(lane Lane) {
	go func() { // move waits for it
		if err := newWorker(c.serve, lane).run(); err != nil {
			c.stop(err)
		}
		c.ended <- struct{}{}
	}()
}

// dismiss closes the lanes; lane 0 is the conversation's.
func (c *crew) dismiss() {
	for _, lane := range c.lanes[1:] {
		_ = lane.Close()
	}
}
