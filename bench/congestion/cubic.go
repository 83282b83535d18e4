package congestion

import (
	"math"
	"time"

	"switchyard/media"
)

// Parameters of RFC 9438 (CUBIC), RFC 6928 (initial window) and RFC 6298 (retransmission timer).
const (
	segment      = 1448
	segmentWire  = segment + 52
	cubicC       = 0.4
	cubicBeta    = 0.7
	firstWindow  = 10.0
	leastTimeout = 200 * time.Millisecond // as Linux has it; RFC 6298 says 1 s
)

// cubicFlow is a TCP sender with CUBIC and selective acknowledgements, one segment per packet.
type cubicFlow struct {
	sim   *sim
	path  *link
	delay time.Duration
	rec   *flowRecord

	left       int // segments to send, -1 for ever
	stopped    bool
	window     float64 // segments
	threshold  float64
	wMax       float64
	epoch      media.Time // of the cubic curve, 0 before
	k, estW    float64    // where the curve crosses wMax, in s; Reno's window
	next       uint64
	inFlight   map[uint64]media.Time // sent, not acknowledged
	resend     []uint64
	recover    uint64 // loss below it was answered already
	srtt       time.Duration
	lastAck    media.Time
	backoff    time.Duration
	onFinished func()
}

func newCubicFlow(s *sim, rec *flowRecord, path *link, delay time.Duration, segments int) *cubicFlow {
	return &cubicFlow{
		sim: s, path: path, delay: delay, left: segments, rec: rec,
		window: firstWindow, threshold: math.Inf(1), inFlight: map[uint64]media.Time{}, backoff: time.Second,
	}
}

func (f *cubicFlow) start() {
	f.lastAck = f.sim.now
	f.pump()
	f.sim.every(f.sim.now, 10*time.Millisecond, f.timer)
}

func (f *cubicFlow) stop() { f.stopped = true }

// pump sends what the window allows.
func (f *cubicFlow) pump() {
	for !f.stopped && float64(len(f.inFlight)) < f.window {
		seq := f.next
		switch {
		case len(f.resend) > 0:
			seq, f.resend = f.resend[0], f.resend[1:]
		case f.left == 0:
			return
		default:
			f.next++
			if f.left > 0 {
				f.left--
			}
		}
		f.inFlight[seq] = f.sim.now
		f.rec.sent++
		f.path.send(&packet{size: segmentWire, delay: f.delay, flow: f.rec, seq: seq, arrive: func(p *packet) {
			f.rec.received(f.sim.now, p.size)
			f.sim.after(f.delay, func() { f.ack(p.seq) })
		}})
	}
}

func (f *cubicFlow) ack(seq uint64) {
	sent, ok := f.inFlight[seq]
	if !ok {
		return
	}
	delete(f.inFlight, seq)
	f.lastAck = f.sim.now
	rtt := f.sim.now.Sub(sent)
	if f.srtt == 0 {
		f.srtt = rtt
	}
	f.srtt += (rtt - f.srtt) / 8
	f.backoff = max(2*f.srtt, leastTimeout)
	f.lostBefore(sent)
	f.grow()
	f.pump()
	if f.left == 0 && len(f.inFlight) == 0 && len(f.resend) == 0 && f.onFinished != nil {
		done := f.onFinished
		f.onFinished, f.stopped = nil, true
		done()
	}
}

// lostBefore takes for lost what was sent well before a packet that has arrived (RFC 8985).
func (f *cubicFlow) lostBefore(sent media.Time) {
	reduce := false
	for seq, at := range f.inFlight {
		if at < sent.Add(-f.srtt/4) {
			f.resend = append(f.resend, seq)
			reduce = reduce || seq >= f.recover
			delete(f.inFlight, seq)
		}
	}
	sortSeqs(f.resend)
	if reduce {
		f.recover = f.next
		f.reduce()
	}
}

// reduce is CUBIC's answer to loss (RFC 9438 §4.6, §4.7).
func (f *cubicFlow) reduce() {
	if f.window < f.wMax {
		f.wMax = f.window * (1 + cubicBeta) / 2
	} else {
		f.wMax = f.window
	}
	f.window = max(f.window*cubicBeta, 2)
	f.threshold = f.window
	f.epoch = 0
}

// grow is one acknowledgement's growth (RFC 9438 §4.2 to §4.5).
func (f *cubicFlow) grow() {
	if f.window < f.threshold {
		f.window++
		return
	}
	if f.epoch == 0 {
		f.epoch = f.sim.now
		f.k = math.Cbrt(max(f.wMax-f.window, 0) / cubicC)
		f.estW = f.window
	}
	t := f.sim.now.Sub(f.epoch).Seconds() + f.srtt.Seconds()
	target := cubicC*math.Pow(t-f.k, 3) + f.wMax
	target = min(max(target, f.window), 1.5*f.window)
	f.estW += 3 * (1 - cubicBeta) / (1 + cubicBeta) / f.window
	f.window += (target - f.window) / f.window
	f.window = max(f.window, f.estW)
}

// timer is the retransmission timer (RFC 6298).
func (f *cubicFlow) timer() bool {
	if f.stopped {
		return false
	}
	if len(f.inFlight) == 0 || f.sim.now.Sub(f.lastAck) < f.backoff {
		return true
	}
	for seq := range f.inFlight {
		f.resend = append(f.resend, seq)
		delete(f.inFlight, seq)
	}
	sortSeqs(f.resend)
	f.reduce()
	f.window = 1
	f.recover = f.next
	f.lastAck = f.sim.now
	f.backoff = min(2*f.backoff, time.Minute)
	f.pump()
	return true
}
