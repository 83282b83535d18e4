package congestion

import (
	"time"

	"switchyard/codec/rtcp"
	"switchyard/engine/bwe"
	"switchyard/media"
)

// Source is what a media flow would like to send.
type Source struct {
	Min, Max media.Bitrate // what the encoder can do
	// Layers, when there are any, are the only rates: a forwarding server's flow, which takes the
	// largest that fits.
	Layers []media.Bitrate
	FPS    int
	// Keyframe is how often a frame is eight times as large; 0 is never.
	Keyframe time.Duration
	// Stall is for how long the receiver is not scheduled, four times a second in the mean: what arrives meanwhile is
	// read at once afterwards.
	Stall time.Duration
}

const (
	encoderLag = 100 * time.Millisecond // until an encoder has followed its target
	payload    = 1150                   // of a media packet
	padding    = 250                    // of a probe packet: RTP padding can be no longer than 255
	maxHold    = time.Millisecond       // how often a flow's shard looks at it
)

// mediaFlow is one sender of ours and its receiver.
type mediaFlow struct {
	sim    *sim
	src    Source
	path   *link // forward
	delay  time.Duration
	back   *link // nil: the way back has no bottleneck
	paused bool
	rec    *flowRecord

	sender *bwe.Sender
	est    *bwe.Estimator
	pacer  *bwe.Pacer[uint64]
	recv   *bwe.Receiver
	rate   media.Bitrate // of the encoder
	nextKF media.Time
	stall  media.Time // the receiver does not read before
}

func newMediaFlow(s *sim, name string, src Source, path, back *link, delay time.Duration, start time.Duration) *mediaFlow {
	f := &mediaFlow{
		sim: s, src: src, path: path, back: back, delay: delay,
		sender: bwe.NewSender(), recv: bwe.NewReceiver(1), pacer: bwe.NewPacer[uint64](),
		rec: newRecord(name),
	}
	f.est = bwe.NewEstimator(bwe.Config{Start: 300_000, Max: 10_000_000}, f.sender)
	s.at(media.Time(start), func() {
		s.every(s.now, time.Second/time.Duration(src.FPS), f.frame)
		s.every(s.now, maxHold, f.turn)
		s.every(s.now, sampleEvery, f.sample)
		if src.Stall > 0 {
			f.sleep()
		}
	})
	return f
}

// frame is the encoder: it follows the target a little late, and misses it a little.
func (f *mediaFlow) frame() bool {
	if f.paused {
		return true
	}
	target := f.choose(f.est.Target())
	f.sim.after(encoderLag, func() { f.rate = target })
	size := float64(f.rate) / 8 / float64(f.src.FPS) * (0.8 + 0.4*f.sim.rng.Float64())
	key := f.src.Keyframe > 0 && f.sim.now >= f.nextKF
	if key {
		f.nextKF = f.sim.now.Add(f.src.Keyframe)
		size *= 8
	}
	for left := int(size); left > 0; left -= payload {
		n := min(left, payload)
		if f.pacer.Admit(f.sim.now, n, bwe.ClassVideo) {
			f.send(n)
			continue
		}
		f.pacer.Push(f.sim.now, bwe.ClassVideo, bwe.Item[uint64]{Bytes: n, Key: true})
	}
	return true
}

// choose is the rate that the source takes under a target.
func (f *mediaFlow) choose(target media.Bitrate) media.Bitrate {
	if len(f.src.Layers) == 0 {
		return min(max(target*19/20, f.src.Min), f.src.Max)
	}
	best := media.Bitrate(0)
	for _, l := range f.src.Layers {
		if l <= target {
			best = l
		}
	}
	return best
}

// turn is what the flow's shard does about it.
func (f *mediaFlow) turn() bool {
	now := f.sim.now
	if f.est.Deadline(now) <= now {
		f.est.Advance(now)
	}
	demand := f.src.Max
	if f.paused {
		demand = 0
	}
	f.est.SetDemand(now, demand)
	f.pacer.SetRate(now, f.est.Pace())
	for due := f.est.Padding(now); due > 0 && !f.paused; due -= padding {
		f.pacer.Spend(now, padding)
		f.send(padding)
		f.rec.padding += padding
	}
	for f.pacer.Deadline() <= now {
		it, _, v, ok := f.pacer.Next(now)
		if !ok {
			break
		}
		if v == bwe.Send {
			f.send(it.Bytes)
		} else {
			f.rec.cut++
		}
	}
	return true
}

func (f *mediaFlow) send(n int) {
	seq := f.sender.Next()
	f.sender.Sent(f.sim.now, n)
	f.rec.sent++
	f.path.send(&packet{size: n + overhead, delay: f.delay, flow: f.rec, seq: uint64(seq), arrive: f.arrive})
}

// sleep makes the receiver stall at random times, for random times up to Stall.
func (f *mediaFlow) sleep() {
	f.sim.after(time.Duration(f.sim.rng.ExpFloat64()*float64(250*time.Millisecond)), func() {
		f.stall = f.sim.now.Add(time.Duration(f.sim.rng.Float64() * float64(f.src.Stall)))
		f.sleep()
	})
}

// arrive is the receiver.
func (f *mediaFlow) arrive(p *packet) {
	if f.sim.now < f.stall {
		f.sim.at(f.stall, func() { f.arrive(p) })
		return
	}
	f.rec.received(f.sim.now, p.size)
	idle := f.recv.Deadline() == media.Never
	f.recv.OnPacket(f.sim.now, uint16(p.seq), 2)
	if idle {
		f.sim.at(f.recv.Deadline(), f.report)
	}
}

func (f *mediaFlow) report() {
	b := f.recv.Feedback(f.sim.now, nil)
	p := &packet{size: len(b) + overhead + 14, delay: f.delay, arrive: func(*packet) { f.feedback(b) }} // SRTCP adds 14
	if f.back != nil {
		f.back.send(p)
		return
	}
	f.sim.after(f.delay, func() { p.arrive(p) })
}

func (f *mediaFlow) feedback(b []byte) {
	r := rtcp.NewReader(b)
	for p, ok := r.Next(); ok; p, ok = r.Next() {
		f.sender.OnFeedback(f.sim.now, p)
	}
}

func (f *mediaFlow) sample() bool {
	u := f.est.Usage(f.sim.now)
	f.rec.sample(f.sim.now, float64(u.Target))
	return true
}
