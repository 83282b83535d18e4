package congestion

import (
	"fmt"
	"math"
	"strconv"
	"time"

	"switchyard/media"
)

// Scenario is one test case: what is built, how long it runs, and what must be seen.
type Scenario struct {
	Name  string // of the chart's file
	Title string
	Ref   string // where it comes from
	end   time.Duration
	build func(s *sim, r *Result)
	judge func(r *Result)
}

// Result is a run.
type Result struct {
	Scenario *Scenario
	Checks   []Check
	end      time.Duration
	links    []*link
	media    []*mediaFlow
	tcp      []*flowRecord
}

// Check is one figure with its bound.
type Check struct {
	What string
	Got  float64 // +Inf for what never came
	Unit string
	Want string // the bound, with its unit
	OK   bool
}

func (c Check) String() string {
	if math.IsInf(c.Got, 1) {
		return "never"
	}
	digits, ok := map[string]int{" ms": 0, " kbit/s": 0, " s": 1}[c.Unit]
	if !ok {
		digits = 2
	}
	return strconv.FormatFloat(c.Got, 'f', digits, 64) + c.Unit
}

// Run runs a scenario, with a seed of one's choice.
func (sc *Scenario) Run(seed uint64) *Result {
	r := &Result{Scenario: sc, end: sc.end}
	s := newSim(seed)
	sc.build(s, r)
	s.run(media.Time(sc.end))
	sc.judge(r)
	return r
}

// OK reports whether all figures are within their bounds.
func (r *Result) OK() bool {
	for _, c := range r.Checks {
		if !c.OK {
			return false
		}
	}
	return true
}

func (r *Result) atLeast(what string, got, want float64, unit string) {
	r.Checks = append(r.Checks, Check{what, got, unit, fmt.Sprintf("at least %g%s", want, unit), got >= want})
}

func (r *Result) atMost(what string, got, want float64, unit string) {
	r.Checks = append(r.Checks, Check{what, got, unit, fmt.Sprintf("at most %g%s", want, unit), got <= want})
}

func (r *Result) within(what string, took time.Duration, ok bool, most time.Duration) {
	got := took.Seconds()
	if !ok {
		got = math.Inf(1)
	}
	r.atMost(what, got, most.Seconds(), " s")
}

// queueing checks the 95th percentile of the queueing delay: 150 ms is what ITU-T G.114 leaves for a
// conversation one way, propagation included.
func (r *Result) queueing(from, to time.Duration) {
	p := quantile(0.95, from, to, r.records()...)
	r.atMost(fmt.Sprintf("queueing delay p95, %s", span(from, to)), float64(p.Milliseconds()), 150, " ms")
}

// used checks the share of the capacity that flows of ours take together.
func (r *Result) used(capacity media.Bitrate, least float64, from, to time.Duration) {
	sum := 0.0
	for _, f := range r.media {
		sum += f.rec.rate(from, to)
	}
	r.atLeast(fmt.Sprintf("utilisation, %s", span(from, to)), sum/float64(capacity), least, "")
}

func (r *Result) fair(least float64, from, to time.Duration) {
	var rates []float64
	for _, f := range r.media {
		rates = append(rates, f.rec.rate(from, to))
	}
	r.atLeast(fmt.Sprintf("Jain's fairness, %s", span(from, to)), fairness(rates...), least, "")
}

func (r *Result) records() []*flowRecord {
	var all []*flowRecord
	for _, f := range r.media {
		all = append(all, f.rec)
	}
	return all
}

func span(from, to time.Duration) string {
	return fmt.Sprintf("%g to %g s", from.Seconds(), to.Seconds())
}

const (
	second  = time.Second
	oneWay  = 50 * time.Millisecond  // RFC 8867 §5: propagation
	usual   = 300 * time.Millisecond // RFC 8867 §5: queue
	mbit    = 1_000_000
	settles = 10 * second
)

// camera is the source of RFC 8867: 150 kbit/s to 1.5 Mbit/s, 30 frames a second.
var camera = Source{Min: 150_000, Max: 1_500_000, FPS: 30}

// Scenarios are all of them, in the RFC's order, ours behind.
func Scenarios() []*Scenario {
	return []*Scenario{
		variableOne(), variableTwo(), feedbackCongested(), sameAlgorithm(), roundTrips(),
		longTCP("tcp-long", "with a long TCP flow", usual), longTCP("tcp-long-bloat", "with a long TCP flow, 1 s queue", second),
		shortTCP(), pauseResume(),
		drop("drop-200", 200*time.Millisecond, second), drop("drop-1000", second, 2500*time.Millisecond),
		steady(), lossy(), layered(), stalls(),
	}
}

func variableOne() *Scenario {
	return &Scenario{
		Name: "variable-one", Title: "Variable capacity, one flow", Ref: "RFC 8867 §5.1", end: 100 * second,
		build: func(s *sim, r *Result) {
			l := newLink(s, []change{{0, mbit}, {40 * second, 2.5 * mbit}, {60 * second, 0.6 * mbit}, {80 * second, mbit}}, usual, 0)
			r.links = []*link{l}
			r.media = []*mediaFlow{newMediaFlow(s, "media", camera, l, nil, oneWay, 0)}
		},
		judge: func(r *Result) {
			r.used(mbit, 0.75, settles, 40*second)
			r.used(1.5*mbit, 0.75, 40*second+settles, 60*second) // the source can no more
			r.used(0.6*mbit, 0.75, 60*second+settles, 80*second)
			r.used(mbit, 0.75, 80*second+settles, 100*second)
			r.queueing(settles, 60*second)
			r.queueing(62*second, 100*second)
			took, ok := r.media[0].rec.drained(100*time.Millisecond, 60*second, 80*second)
			r.within("queue below 100 ms after the fall to 0.6 Mbit/s", took, ok, 2*second)
		},
	}
}

func variableTwo() *Scenario {
	return &Scenario{
		Name: "variable-two", Title: "Variable capacity, two flows", Ref: "RFC 8867 §5.2", end: 125 * second,
		build: func(s *sim, r *Result) {
			l := newLink(s, []change{{0, 4 * mbit}, {25 * second, 2 * mbit}, {50 * second, 3.5 * mbit}, {75 * second, mbit}, {100 * second, 2 * mbit}}, usual, 0)
			r.links = []*link{l}
			for i := range 2 {
				r.media = append(r.media, newMediaFlow(s, fmt.Sprintf("flow %d", i+1), camera, l, nil, oneWay, time.Duration(i)*37*time.Millisecond))
			}
		},
		judge: func(r *Result) {
			r.used(3*mbit, 0.75, settles, 25*second)
			r.used(2*mbit, 0.75, 25*second+settles, 50*second)
			r.used(3*mbit, 0.75, 50*second+settles, 75*second)
			r.used(mbit, 0.75, 75*second+settles, 100*second)
			r.used(2*mbit, 0.75, 100*second+settles, 125*second)
			for from := time.Duration(0); from < 125*second; from += 25 * second {
				r.fair(0.75, from+settles, from+25*second)
			}
			r.queueing(settles, 75*second)
			r.queueing(77*second, 125*second)
		},
	}
}

func feedbackCongested() *Scenario {
	return &Scenario{
		Name: "feedback", Title: "Congested feedback, media both ways", Ref: "RFC 8867 §5.3", end: 100 * second,
		build: func(s *sim, r *Result) {
			fwd := newLink(s, []change{{0, 2 * mbit}, {20 * second, mbit}, {40 * second, 0.5 * mbit}, {60 * second, 2 * mbit}}, usual, 0)
			bwd := newLink(s, []change{{0, 2 * mbit}, {35 * second, 0.8 * mbit}, {70 * second, 2 * mbit}}, usual, 0)
			r.links = []*link{fwd, bwd}
			r.media = []*mediaFlow{
				newMediaFlow(s, "forward", camera, fwd, bwd, oneWay, 0),
				newMediaFlow(s, "backward", camera, bwd, fwd, oneWay, 0),
			}
		},
		judge: func(r *Result) {
			f, b := r.media[0].rec, r.media[1].rec
			r.atLeast("forward utilisation, 10 to 20 s", f.rate(settles, 20*second)/(1.5*mbit), 0.75, "")
			r.atLeast("forward utilisation, 25 to 40 s", f.rate(25*second, 40*second)/mbit, 0.7, "")
			r.atLeast("forward utilisation, 50 to 60 s", f.rate(50*second, 60*second)/(0.5*mbit), 0.65, "")
			r.atLeast("forward utilisation, 75 to 100 s", f.rate(75*second, 100*second)/(1.5*mbit), 0.75, "")
			r.atLeast("backward utilisation, 45 to 70 s", b.rate(45*second, 70*second)/(0.8*mbit), 0.7, "")
			r.atLeast("backward utilisation, 80 to 100 s", b.rate(80*second, 100*second)/(1.5*mbit), 0.75, "")
			r.queueing(settles, 40*second)
			r.queueing(45*second, 100*second)
		},
	}
}

func sameAlgorithm() *Scenario {
	return &Scenario{
		Name: "same", Title: "Three flows of ours", Ref: "RFC 8867 §5.4", end: 120 * second,
		build: func(s *sim, r *Result) {
			l := newLink(s, []change{{0, 3.5 * mbit}}, usual, 0)
			r.links = []*link{l}
			for i := range 3 {
				r.media = append(r.media, newMediaFlow(s, fmt.Sprintf("flow %d", i+1), camera, l, nil, oneWay, time.Duration(i)*20*second))
			}
		},
		judge: func(r *Result) {
			r.used(3.5*mbit, 0.75, 60*second, 120*second)
			r.fair(0.9, 80*second, 120*second)
			r.queueing(settles, 120*second)
		},
	}
}

func roundTrips() *Scenario {
	return &Scenario{
		Name: "rtt", Title: "Five flows with RTTs of 20 to 300 ms", Ref: "RFC 8867 §5.5", end: 300 * second,
		build: func(s *sim, r *Result) {
			l := newLink(s, []change{{0, 4 * mbit}}, usual, 0)
			r.links = []*link{l}
			for i, d := range []time.Duration{10, 25, 50, 100, 150} {
				r.media = append(r.media, newMediaFlow(s, fmt.Sprintf("%d ms", 2*d), camera, l, nil, d*time.Millisecond, time.Duration(i)*10*second))
			}
		},
		judge: func(r *Result) {
			r.used(4*mbit, 0.75, 100*second, 300*second)
			r.fair(0.8, 200*second, 300*second)
			r.queueing(60*second, 300*second)
		},
	}
}
