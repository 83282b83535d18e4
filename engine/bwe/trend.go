package bwe

import (
	"time"

	"switchyard/media"
)

// Parameters of the delay gradient. The window, smoothing and gain are those that "Analysis and Design
// of the Google Congestion Control for WebRTC" (Carlucci et al., MMSys 2016) and the deployed
// implementation gave the trendline, which took the place of the draft's Kalman filter (gcc-02 §5.3).
const (
	burstTime     = 5 * time.Millisecond   // gcc-02 §5.2: packets sent within it are one group
	longestBurst  = 100 * time.Millisecond // a run of packets that a radio or host held back and let go
	trendWindow   = 20                     // groups in the regression
	trendSmooth   = 0.9
	trendGain     = 4.0
	trendDeltas   = 60 // the slope counts for more the more groups were seen, up to so many
	thresholdInit = 12.5
	thresholdMin  = 6.0 // gcc-02 §5.4
	thresholdMax  = 600.0
	// K_u and K_d, per ms, as deployed. With those of the draft (0.01 and 0.00018) the threshold stays
	// high after a spike, which helps against TCP, but several flows of ours fill the queue together.
	// Our answer to TCP is rivalry (throughput.go).
	thresholdUp   = 0.0087
	thresholdDown = 0.039
	thresholdJump = 15.0 // gcc-02 §5.4: spikes further away do not move the threshold
	overuseTime   = 10.0 // ms; gcc-02 §5.4: shorter ones are no over-use
	arrivalBreak  = 3 * time.Second
)

// usage is what the detector thinks of the path (gcc-02 §5.4).
type usage uint8

const (
	normal usage = iota
	underuse
	overuse
)

// group is what was sent in one burst (gcc-02 §5.2).
type group struct {
	first, last media.Time // sent
	begin, end  time.Duration
	delay       time.Duration // least of (arrival - sent) in it; the zero of both clocks is arbitrary
}

// trend is the delay-gradient filter and over-use detector.
type trend struct {
	cur, prev         group
	hasCur, hasPrev   bool
	late              int     // groups in a row that arrived before the one before them
	sum, smooth       float64 // ms of accumulated delay variation
	origin            time.Duration
	points            [trendWindow]struct{ x, y float64 }
	n                 int // points so far
	threshold         float64
	updated           time.Duration // of the threshold, arrival clock
	overFor, previous float64
	overCount         int
	usage             usage
	tolerance         float64 // times the threshold: more than 1 while others keep the queue full
}

func newTrend() trend { return trend{threshold: thresholdInit, tolerance: 1} }

// add takes one packet, in the order of sending. It returns a group when the packet ended one.
func (t *trend) add(at media.Time, arrived time.Duration) (done group, ok bool) {
	delay := arrived - time.Duration(at)
	switch {
	case !t.hasCur:
	case at < t.cur.first: // reordered: its group is gone
		return group{}, false
	case t.belongs(at, arrived):
		t.cur.last = max(t.cur.last, at)
		t.cur.end = max(t.cur.end, arrived)
		t.cur.delay = min(t.cur.delay, delay)
		return group{}, false
	default:
		done, ok = t.cur, true
		t.finish()
	}
	t.cur = group{first: at, last: at, begin: arrived, end: arrived, delay: delay}
	t.hasCur = true
	return done, ok
}

func (t *trend) belongs(at media.Time, arrived time.Duration) bool {
	if at.Sub(t.cur.first) <= burstTime {
		return true
	}
	gap := arrived - t.cur.end
	return gap <= burstTime && gap < at.Sub(t.cur.last) && arrived-t.cur.begin < longestBurst
}

// finish compares the current group with the one before it.
func (t *trend) finish() {
	if t.hasPrev {
		arrival := t.cur.end - t.prev.end
		switch {
		case arrival < 0:
			if t.late++; t.late < 3 {
				return
			}
			t.restart()
		case arrival > arrivalBreak:
			t.restart()
		default:
			t.update(arrival, t.cur.last.Sub(t.prev.last))
		}
	}
	t.late = 0
	t.prev, t.hasPrev = t.cur, true
}

// restart forgets the past after a break, but not the threshold.
func (t *trend) restart() {
	t.sum, t.smooth, t.n, t.previous, t.overFor, t.overCount = 0, 0, 0, 0, 0, 0
	t.usage = normal
}

func (t *trend) update(arrival, sent time.Duration) {
	if t.n == 0 {
		t.origin = t.cur.end
	}
	t.sum += millis(arrival - sent)
	t.smooth = trendSmooth*t.smooth + (1-trendSmooth)*t.sum
	p := &t.points[t.n%trendWindow]
	p.x, p.y = millis(t.cur.end-t.origin), t.smooth
	t.n++
	slope := t.previous
	if t.n >= trendWindow {
		slope = t.slope()
	}
	t.detect(slope, millis(sent))
}

// slope is the least-squares slope of the smoothed delay over the arrival time.
func (t *trend) slope() float64 {
	var mx, my float64
	for i := range t.points {
		mx += t.points[i].x
		my += t.points[i].y
	}
	mx, my = mx/trendWindow, my/trendWindow
	var num, den float64
	for i := range t.points {
		dx := t.points[i].x - mx
		num += dx * (t.points[i].y - my)
		den += dx * dx
	}
	if den == 0 {
		return t.previous
	}
	return num / den
}

// detect is the over-use detector (gcc-02 §5.4).
func (t *trend) detect(slope, sent float64) {
	m := slope * float64(min(t.n, trendDeltas)) * trendGain
	switch {
	case m > t.threshold*t.tolerance:
		if t.overCount == 0 {
			t.overFor = sent / 2 // it began somewhere between the two groups
		} else {
			t.overFor += sent
		}
		t.overCount++
		if t.overFor > overuseTime && t.overCount > 1 && slope >= t.previous {
			t.overFor, t.overCount = 0, 0
			t.usage = overuse
		}
	case m < -t.threshold*t.tolerance:
		t.overFor, t.overCount = 0, 0
		t.usage = underuse
	default:
		t.overFor, t.overCount = 0, 0
		t.usage = normal
	}
	t.previous = slope
	t.adapt(m)
}

// adapt moves the threshold towards what is seen, so that a competing loss-based flow does not starve
// this one (gcc-02 §5.4).
func (t *trend) adapt(m float64) {
	now := t.cur.end
	if t.updated == 0 {
		t.updated = now
	}
	elapsed := min(max(millis(now-t.updated), 0), 100)
	t.updated = now
	m = max(m, -m)
	if m > t.threshold+thresholdJump {
		return
	}
	k := thresholdUp
	if m < t.threshold {
		k = thresholdDown
	}
	t.threshold += k * (m - t.threshold) * elapsed
	t.threshold = min(max(t.threshold, thresholdMin), thresholdMax)
}

// millis is d in milliseconds.
func millis(d time.Duration) float64 { return float64(d) / 1e6 }
