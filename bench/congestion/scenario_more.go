package congestion

import (
	"fmt"
	"math"
	"time"

	"switchyard/media"
)

func longTCP(name, title string, limit time.Duration) *Scenario {
	return &Scenario{
		Name: name, Title: "One flow " + title, Ref: "RFC 8867 §5.6", end: 300 * second,
		build: func(s *sim, r *Result) {
			l := newLink(s, []change{{0, 2 * mbit}}, limit, 0)
			r.links = []*link{l}
			r.media = []*mediaFlow{newMediaFlow(s, "media", camera, l, nil, oneWay, 0)}
			rec := newRecord("TCP (CUBIC)")
			r.tcp = []*flowRecord{rec}
			tcp := newCubicFlow(s, rec, l, oneWay, -1)
			s.at(media.Time(60*second), tcp.start)
			s.at(media.Time(240*second), tcp.stop)
		},
		judge: func(r *Result) {
			m, t := r.media[0].rec, r.tcp[0]
			r.used(1.5*mbit, 0.75, settles, 60*second)
			r.queueing(settles, 60*second)
			r.atLeast("media's rate beside TCP, 80 to 240 s", m.rate(80*second, 240*second)/1000, 200, " kbit/s")
			r.atLeast("TCP's share, 80 to 240 s", t.rate(80*second, 240*second)/(2*mbit), 0.25, "")
			r.atLeast("utilisation together, 80 to 240 s", (m.rate(80*second, 240*second)+t.rate(80*second, 240*second))/(2*mbit), 0.85, "")
			took, ok := m.reaches(0.75*1.5*mbit, 240*second, 290*second)
			r.within("media at 75 % again after TCP ended", took, ok, 15*second)
		},
	}
}

func shortTCP() *Scenario {
	return &Scenario{
		Name: "tcp-short", Title: "Two flows with ten short TCP flows", Ref: "RFC 8867 §5.7", end: 300 * second,
		build: func(s *sim, r *Result) {
			l := newLink(s, []change{{0, 2 * mbit}}, usual, 0)
			r.links = []*link{l}
			for i := range 2 {
				r.media = append(r.media, newMediaFlow(s, []string{"flow 1", "flow 2"}[i], camera, l, nil, oneWay, time.Duration(i)*37*time.Millisecond))
			}
			rec := newRecord("short TCP flows")
			r.tcp = []*flowRecord{rec}
			for range 10 {
				s.after(idle(s), func() { download(s, rec, l) })
			}
		},
		judge: func(r *Result) {
			r.atLeast("media's rate, each, 10 to 300 s", min(r.media[0].rec.rate(settles, 300*second), r.media[1].rec.rate(settles, 300*second))/1000, 150, " kbit/s")
			r.fair(0.8, settles, 300*second)
			sum := r.media[0].rec.rate(settles, 300*second) + r.media[1].rec.rate(settles, 300*second) + r.tcp[0].rate(settles, 300*second)
			r.atLeast("utilisation together, 10 to 300 s", sum/(2*mbit), 0.75, "")
			// Twelve flows share: ten twelfths would be TCP's, were all of them always downloading.
			r.atLeast("TCP's share, 10 to 300 s", r.tcp[0].rate(settles, 300*second)/(2*mbit), 0.25, "")
			r.atLeast("downloads completed", float64(len(r.tcp[0].completions)), 30, "")
		},
	}
}

// idle is the time between two downloads: exponential, 10 s in the mean (RFC 8867 §5.7).
func idle(s *sim) time.Duration {
	return time.Duration(-math.Log(1-s.rng.Float64()) * 10 * float64(time.Second))
}

// download fetches 100 kB to 1 MB and comes again (RFC 8867 §5.7).
func download(s *sim, rec *flowRecord, l *link) {
	bytes := 100_000 + s.rng.IntN(900_001)
	f := newCubicFlow(s, rec, l, oneWay, (bytes+segment-1)/segment)
	began := s.now
	f.onFinished = func() {
		rec.completions = append(rec.completions, s.now.Sub(began))
		s.after(idle(s), func() { download(s, rec, l) })
	}
	f.start()
}

func pauseResume() *Scenario {
	return &Scenario{
		Name: "pause", Title: "Three flows, one pauses and resumes", Ref: "RFC 8867 §5.8", end: 120 * second,
		build: func(s *sim, r *Result) {
			l := newLink(s, []change{{0, 3.5 * mbit}}, usual, 0)
			r.links = []*link{l}
			for i := range 3 {
				r.media = append(r.media, newMediaFlow(s, []string{"flow 1", "flow 2", "flow 3"}[i], camera, l, nil, oneWay, time.Duration(i)*37*time.Millisecond))
			}
			s.at(media.Time(40*second), func() { r.media[0].paused = true })
			s.at(media.Time(60*second), func() { r.media[0].paused = false })
		},
		judge: func(r *Result) {
			r.fair(0.9, 20*second, 40*second)
			others := r.media[1].rec.rate(50*second, 60*second) + r.media[2].rec.rate(50*second, 60*second)
			r.atLeast("the others' utilisation in the pause, 50 to 60 s", others/(3*mbit), 0.75, "")
			took, ok := r.media[0].rec.reaches(0.75*3.5*mbit/3, 60*second, 120*second)
			r.within("75 % of the fair share again after resuming", took, ok, 10*second)
			r.fair(0.9, 80*second, 120*second)
			r.used(3.5*mbit, 0.75, 70*second, 120*second)
			r.queueing(settles, 120*second)
		},
	}
}

// drop is the capacity that falls to an eighth and comes back.
func drop(name string, limit, handled time.Duration) *Scenario {
	const down, up, end = 20 * second, 50 * second, 80 * second
	return &Scenario{
		Name: name, Title: "2.5 Mbit/s to 300 kbit/s and back, queue of " + fmt.Sprint(limit.Milliseconds(), " ms"), Ref: "ours", end: end,
		build: func(s *sim, r *Result) {
			l := newLink(s, []change{{0, 2.5 * mbit}, {down, 0.3 * mbit}, {up, 2.5 * mbit}}, limit, 0)
			r.links = []*link{l}
			r.media = []*mediaFlow{newMediaFlow(s, "media", Source{Min: 30_000, Max: 2_300_000, FPS: 30}, l, nil, 25*time.Millisecond, 0)}
		},
		judge: func(r *Result) {
			m := r.media[0].rec
			took, ok := m.below(0.3*mbit, down, up)
			r.within("target below the capacity after the fall", took, ok, min(handled, second))
			took, ok = m.drained(100*time.Millisecond, down, up)
			r.within("queue below 100 ms after the fall", took, ok, handled)
			r.used(0.3*mbit, 0.7, down+settles, up)
			r.queueing(settles, down)
			r.queueing(down+settles, up)
			took, ok = m.reaches(0.8*2.3*mbit, up, end)
			r.within("80 % of what the source can after the rise", took, ok, 8*second)
			r.queueing(up+settles, end)
		},
	}
}

func steady() *Scenario {
	return &Scenario{
		Name: "steady", Title: "1.5 Mbit/s, 1 s queue, keyframes every 5 s", Ref: "ours", end: 120 * second,
		build: func(s *sim, r *Result) {
			l := newLink(s, []change{{0, 1.5 * mbit}}, second, 0)
			r.links = []*link{l}
			src := Source{Min: 150_000, Max: 2_500_000, FPS: 30, Keyframe: 5 * second}
			r.media = []*mediaFlow{newMediaFlow(s, "media", src, l, nil, oneWay, 0)}
		},
		judge: func(r *Result) {
			r.used(1.5*mbit, 0.75, settles, 120*second)
			r.queueing(settles, 120*second)
		},
	}
}

func lossy() *Scenario {
	return &Scenario{
		Name: "lossy", Title: "2 Mbit/s with 5 % random loss, RTT 100 ms", Ref: "ours", end: 60 * second,
		build: func(s *sim, r *Result) {
			l := newLink(s, []change{{0, 2 * mbit}}, usual, 0.05)
			r.links = []*link{l}
			r.media = []*mediaFlow{newMediaFlow(s, "media", camera, l, nil, oneWay, 0)}
		},
		judge: func(r *Result) {
			r.used(1.5*mbit, 0.75, settles, 60*second)
			r.queueing(settles, 60*second)
		},
	}
}

// layered is what a forwarding server sends: one of three simulcast layers.
func layered() *Scenario {
	const down, up, end = 20 * second, 50 * second, 80 * second
	return &Scenario{
		Name: "layers", Title: "Simulcast layers of 150, 500 and 1700 kbit/s", Ref: "ours", end: end,
		build: func(s *sim, r *Result) {
			l := newLink(s, []change{{0, 2.5 * mbit}, {down, 0.7 * mbit}, {up, 2.5 * mbit}}, usual, 0)
			r.links = []*link{l}
			src := Source{Max: 1_700_000, FPS: 30, Layers: []media.Bitrate{150_000, 500_000, 1_700_000}}
			r.media = []*mediaFlow{newMediaFlow(s, "media", src, l, nil, oneWay, 0)}
		},
		judge: func(r *Result) {
			m := r.media[0].rec
			took, ok := m.reaches(0.9*1.7*mbit, 0, down)
			r.within("top layer after the start", took, ok, 5*second)
			took, ok = m.drained(100*time.Millisecond, down, up)
			r.within("queue below 100 ms after the fall", took, ok, 2*second)
			r.atLeast("rate of the middle layer, 30 to 50 s", m.rate(down+settles, up)/1000, 400, " kbit/s")
			r.queueing(down+settles, up)
			took, ok = m.reaches(0.9*1.7*mbit, up, end)
			r.within("top layer after the rise", took, ok, 8*second)
			r.queueing(up+settles, end)
		},
	}
}

// stalls is a busy machine at the other end: its process reads late what arrived in time.
func stalls() *Scenario {
	return &Scenario{
		Name: "stalls", Title: "A receiver that stalls for up to 150 ms, four times a second", Ref: "ours", end: 60 * second,
		build: func(s *sim, r *Result) {
			l := newLink(s, []change{{0, 5 * mbit}}, usual, 0)
			r.links = []*link{l}
			src := Source{Max: 1_700_000, FPS: 30, Layers: []media.Bitrate{150_000, 500_000, 1_700_000}, Stall: 150 * time.Millisecond}
			r.media = []*mediaFlow{newMediaFlow(s, "media", src, l, nil, oneWay, 0)}
		},
		judge: func(r *Result) {
			r.atLeast("rate, 10 to 60 s", r.media[0].rec.rate(settles, 60*second)/1000, 1200, " kbit/s")
		},
	}
}
