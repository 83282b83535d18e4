package bwe

import (
	"time"

	"switchyard/media"
)

// Config bounds an Estimator; a zero field takes the default.
type Config struct {
	Start media.Bitrate // before anything is known: 600 kbit/s
	Min   media.Bitrate // never below: 30 kbit/s
	Max   media.Bitrate // never above: 100 Mbit/s
}

const (
	defaultStart = 600_000
	defaultMin   = 30_000
	defaultMax   = 100_000_000
)

// Parameters of what is around the two controllers.
const (
	limitedShare   = 0.65 // of the target sent: from there down the sender limits itself (ALR)
	limitedEnd     = 0.80
	sentBuckets    = 10
	sentBucket     = 50 * time.Millisecond
	silence        = 500 * time.Millisecond // without feedback while sending, and 3 RTTs: back off
	silenceFactor  = 0.7
	rembLife       = 10 * time.Second
	drainShare     = 0.4 // of the rate, until the queue of a collapse is gone
	drainFrom      = 50 * time.Millisecond
	drainTo        = 20 * time.Millisecond
	drainTry       = 500 * time.Millisecond // of sending little: by then a queue of ours is shorter
	drainStays     = 0.75                   // of its peak
	drainLongest   = 3 * time.Second
	calmAfter      = time.Second
	collapseFrom   = 80 * time.Millisecond // the newest packet waited so long
	collapseTwice  = 2                     // feedback in a row that shows it
	collapse       = 0.6                   // and no more than this of what is sent arrives
	rivalTolerance = 4
	standing       = 10 * time.Millisecond
	paceFast       = 1.5 // of the target, to empty our own queue
)

// Limit is what holds the target where it is.
type Limit uint8

// The limits.
const (
	LimitDelay   Limit = iota // the delay-based controller: the ordinary case
	LimitLoss                 // losses
	LimitREMB                 // what the receiver says that it can take
	LimitSilence              // no feedback came
	LimitDrain                // a queue is being emptied
	LimitMax                  // Config.Max
)

func (l Limit) String() string {
	return [...]string{"delay", "loss", "remb", "silence", "drain", "max"}[min(l, LimitMax)]
}

// Estimator says how much may be sent, after Google congestion control on the sending side:
//
//	trend.go       groups, delay gradient, over-use detector, adaptive threshold   gcc-02 §5.2-5.4,
//	               with the trendline of Carlucci et al., MMSys 2016 instead of the Kalman filter
//	aimd.go        rate control: increase, hold, decrease; known capacity          gcc-02 §5.5
//	loss.go        loss-based bound                                                gcc-02 §6
//	throughput.go  what arrives, on the receiver's clock                           gcc-02 §5.5
//	probe.go       probe clusters, application-limited rates                       as deployed, not in the draft
//
// Where we differ: at a collapse (a queue that grows fast, or much lost) the rate falls to what arrived
// in the last 150 ms, not in the last half second, and stays below it until the queue is empty; losses
// of what was sent before a decrease do not lead to another; a sender that limits itself is not
// reduced for jitter. Its methods are called by the shard that owns the link, and never allocate.
type Estimator struct {
	cfg    Config
	sender *Sender
	out    *outflow // the sender's

	trend trend
	queue queue
	rate  aimd
	loss  lossBound

	clock   time.Duration // last arrival, unwrapped
	wrap    time.Duration // of the receiver's clock, by the kind of feedback
	started bool          // feedback came

	limited  bool    // ALR
	lossy    bool    // losses brought the rate down, once
	demand   float64 // what the owner would send if it could, bit/s
	silent   bool
	timeouts uint64

	remb      float64
	rembUntil media.Time

	draining   bool
	suspect    int // feedback in a row that looked like a collapse
	drainBegan media.Time
	drainPeak  time.Duration
	drainFrom  float64       // the rate before
	drainMark  time.Duration // newest arrival when it began
	calm       bool          // some time after the last decrease

	probe   prober     // touched but for its cluster
	arrived throughput // last: of its ring a few lines are touched
}

// NewEstimator returns an estimator that hears of everything that s sends and is told.
func NewEstimator(c Config, s *Sender) *Estimator {
	if c.Start == 0 {
		c.Start = defaultStart
	}
	if c.Min == 0 {
		c.Min = defaultMin
	}
	if c.Max == 0 {
		c.Max = defaultMax
	}
	c.Max = max(c.Max, c.Min)
	c.Start = min(max(c.Start, c.Min), c.Max)
	e := &Estimator{cfg: c, sender: s, out: &s.out, trend: newTrend(), calm: true}
	e.rate.rate = float64(c.Start)
	e.loss.rate = float64(c.Max)
	s.est = e
	return e
}

// Target returns what may be sent in all, audio and retransmissions included.
func (e *Estimator) Target() media.Bitrate {
	rate := e.steady()
	if e.draining {
		rate = max(rate*drainShare, float64(e.cfg.Min))
	}
	return media.Bitrate(rate)
}

// Steady returns the target without the pause that empties a queue: what layers are chosen by, since
// that pause is over in a moment.
func (e *Estimator) Steady() media.Bitrate { return media.Bitrate(e.steady()) }

func (e *Estimator) steady() float64 {
	rate := min(e.rate.rate, e.loss.rate, float64(e.cfg.Max))
	if e.remb > 0 {
		rate = min(rate, e.remb)
	}
	return max(rate, float64(e.cfg.Min))
}

// Pace returns the rate that a pacer may spend: above the target, so that what waits at the sender
// leaves soon, but not while a queue in the path has to empty.
func (e *Estimator) Pace() media.Bitrate {
	if !e.calm || e.queue.delay() > drainFrom {
		return e.Target()
	}
	return media.Bitrate(float64(e.Target()) * paceFast)
}

// SetDemand says what would be sent if the target allowed it, all wished layers together: until the
// target is above it, with some room, the estimator probes. 0 stops probing.
func (e *Estimator) SetDemand(now media.Time, rate media.Bitrate) {
	if e.demand == 0 && rate > 0 && e.probe.next == 0 {
		e.probe.next, e.probe.interval = now, probeInterval
	}
	e.demand = min(demandRoom*float64(rate), float64(e.cfg.Max))
}

// onProbe is called by the Sender for each packet while a probe runs; it returns the cluster that the packet
// belongs to.
func (e *Estimator) onProbe(now media.Time, size int) uint8 {
	id := e.probe.onSent(now, size)
	e.out.probing = !e.probe.c.sent
	return id
}

// OnUntracked counts a packet that no feedback will tell of.
func (e *Estimator) OnUntracked(now media.Time, size int) { e.out.add(now, size) }

// onArrived is called by the Sender for each packet that feedback says has arrived, in order of sending.
func (e *Estimator) onArrived(h *sent, arrived time.Duration) {
	arrived = e.unwrap(arrived)
	recovered := 0
	if h.state == lost {
		recovered = -1
	}
	e.loss.onPackets(h.at, 1, recovered)
	if h.probe != 0 {
		e.probe.onJudged(h.probe, h.at, int(h.size), arrived, true)
	}
	e.arrived.add(h.at, arrived, int(h.size))
	e.queue.newest = arrived - time.Duration(h.at)
	if g, ok := e.trend.add(h.at, arrived); ok {
		e.queue.add(g)
		e.trend.tolerance = 1
		if e.queue.rival {
			e.trend.tolerance = rivalTolerance
		}
	}
}

// unwrap continues the receiver's clock over its wrap.
func (e *Estimator) unwrap(t time.Duration) time.Duration {
	wrap := e.wrap
	if e.clock == 0 {
		e.clock = t
	}
	for t-e.clock > wrap/2 {
		t -= wrap
	}
	for t-e.clock < -wrap/2 {
		t += wrap
	}
	e.clock = t
	return t
}

// onLost is called by the Sender for each packet that feedback says has not arrived.
func (e *Estimator) onLost(h *sent) {
	e.loss.onPackets(h.at, 0, 1)
	if h.probe != 0 {
		e.probe.onJudged(h.probe, h.at, int(h.size), 0, false)
	}
}

// onFeedback is called by the Sender at the end of each feedback packet.
func (e *Estimator) onFeedback(now media.Time) {
	e.out.unheard, e.out.heard, e.silent = 0, now, false
	if !e.started {
		e.started = true
		e.rate.updated, e.loss.grown, e.loss.began = now, now, now
	}
	sending := e.out.rate(now)
	share := sending / e.steady()
	e.limited = share < limitedShare || e.limited && share < limitedEnd
	rtt := e.rtt()
	e.control(now, rtt)
	path := empty
	if e.queue.delay() > standing {
		path = standingQueue
	}
	if e.loss.update(now, e.steady(), rtt, path) {
		if recent, _, ok := e.arrived.over(inShort); ok && e.loss.share > lossHeavy {
			e.loss.rate = min(e.loss.rate, backoff*recent)
		}
		e.rate.rate = min(e.rate.rate, e.loss.rate)
		e.lossy = true
		e.probe.later(now)
	}
	e.drain(now)
	e.probed(now)
	e.clamp()
}

func (e *Estimator) rtt() time.Duration {
	return min(max(e.sender.stats.RTT, 10*time.Millisecond), 2*time.Second)
}

// control is one step of the rate control (gcc-02 §5.5): decrease on over-use, hold on under-use (the
// queue empties), increase else.
func (e *Estimator) control(now media.Time, rtt time.Duration) {
	acked, _, known := e.arrived.over(inLong)
	recent, share, _ := e.arrived.over(inShort)
	latest, sudden := e.collapsed(now)
	if !sudden {
		e.suspect = 0
	} else if e.suspect++; e.suspect < collapseTwice && !e.draining {
		sudden = false // a receiver that was not scheduled for a moment looks like it, once
	}
	use := e.trend.usage
	if use == overuse {
		e.trend.usage = normal // told once
	}
	switch {
	case e.draining && sudden:
		if e.arrived.at(0).sent < e.drainBegan { // what was sent too fast arrives as fast as the path can
			e.refine()
		}
	case sudden:
		e.reduce(now, latest, rtt)
	case use == overuse && known && e.queue.delay() > e.realQueue():
		if share < collapse && recent > 0 {
			acked = recent
		}
		// The long window may hold a time in which little was sent; the path was full in the short one.
		e.reduce(now, max(acked, recent), rtt)
	case use == normal && known && !e.limited && !e.draining:
		e.rate.increase(now, acked, rtt, e.queue.rival)
		e.follow(min(acked, recent))
		e.calm = e.calm || now.Sub(e.rate.decreased) > calmAfter
		return
	}
	e.rate.updated = now
}

// follow raises a rate that is below what arrives, without a queue and without loss: an owner that could not
// send less has shown that there was no need to.
func (e *Estimator) follow(acked float64) {
	if e.queue.delay() < standing && e.queue.tip() < collapseFrom && e.loss.lost == 0 && e.loss.share < lossLow {
		e.rate.rate = max(e.rate.rate, backoff*acked)
		e.loss.rate = max(e.loss.rate, e.rate.rate)
	}
}

// refine measures again what a collapsed path can take, over all that arrived since: the first 80 ms may
// have been somebody else's.
func (e *Estimator) refine() {
	if rate, _, ok := e.arrived.within(min(suddenWindow+e.arrived.at(0).end-e.drainMark, longWindow)); ok {
		e.rate.rate = min(backoff*rate, collapse*e.drainFrom)
	}
}

// realQueue is what bursts must find waiting for over-use to be more than a change of frame sizes; right
// after a decrease more, since going back to a higher rate looks like over-use too.
func (e *Estimator) realQueue() time.Duration {
	if e.calm {
		return standing
	}
	return drainFrom
}

// collapsed reports whether packets wait long and far fewer arrive than are sent, and how much arrives.
// The trendline would tell of it some groups later.
func (e *Estimator) collapsed(now media.Time) (rate float64, yes bool) {
	rate, share, ok := e.arrived.over(inSudden)
	return rate, ok && e.queue.tip() > collapseFrom && (e.draining || share < collapse && rate < collapse*e.out.rate(now))
}

// reduce takes the rate below what arrives, once in an RTT.
func (e *Estimator) reduce(now media.Time, acked float64, rtt time.Duration) {
	wait := min(rtt, 200*time.Millisecond) + againAfter
	if e.rate.decreased != 0 && now.Sub(e.rate.decreased) < wait {
		return
	}
	before := e.rate.rate
	e.calm = false
	e.rate.decrease(now, acked)
	e.loss.since = max(e.loss.since, now)
	delay := max(e.queue.delay(), e.queue.tip())
	if delay > drainFrom && e.rate.rate < collapse*before {
		e.draining, e.drainBegan, e.drainPeak, e.drainFrom = true, now, delay, before
		e.drainMark = e.arrived.at(0).end
	}
	e.probe.later(now)
}

// drain ends the pause when the queue is gone, or does not go: then it is somebody else's.
func (e *Estimator) drain(now media.Time) {
	if !e.draining {
		return
	}
	if now.Sub(e.drainBegan) > drainLongest {
		e.draining = false
		return
	}
	tip := e.queue.tip()
	e.drainPeak = max(e.drainPeak, tip)
	sent := e.arrived.at(0).sent // the newest that feedback told of
	gone := e.queue.delay() < drainTo && tip < drainFrom
	stays := sent > e.drainBegan.Add(drainTry) && float64(tip) > drainStays*float64(e.drainPeak)
	if gone || stays {
		e.draining = false
	}
}

// clamp keeps both controllers within the bounds.
func (e *Estimator) clamp() {
	low, high := float64(e.cfg.Min), float64(e.cfg.Max)
	e.rate.rate = min(max(e.rate.rate, low), high)
	e.loss.rate = min(max(e.loss.rate, low), high)
}
