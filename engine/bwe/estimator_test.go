package bwe

import (
	"math"
	"testing"
	"time"

	"switchyard/codec/rtcp"
	"switchyard/media"
)

// pipe is a path without loss that takes rate and has a queue without end: what a unit test needs of a
// network. bench/congestion has a real one.
type pipe struct {
	t     testing.TB
	now   media.Time
	rate  float64 // bit/s, 0 for no limit
	jit   time.Duration
	delay time.Duration
	free  media.Time // when the link has sent all that waits
	s     *Sender
	r     *Receiver
	e     *Estimator
	back  []struct {
		at media.Time
		b  []byte
	}
	on []arriving
	n  int
}

type arriving struct {
	at  media.Time
	seq uint16
}

func newPipe(t testing.TB, rate float64, c Config) *pipe {
	p := &pipe{t: t, rate: rate, delay: 20 * time.Millisecond, s: NewSender(), r: NewReceiver(1)}
	p.e = NewEstimator(c, p.s)
	return p
}

func (p *pipe) send(size int) {
	seq := p.s.Next()
	p.s.Sent(p.now, size)
	p.free = max(p.free, p.now)
	if p.rate > 0 {
		p.free = p.free.Add(time.Duration(float64(size*8) / p.rate * 1e9))
	}
	p.n++
	at := p.free.Add(p.delay)
	if p.jit > 0 && p.n%7 == 0 {
		at = at.Add(p.jit)
	}
	p.on = append(p.on, arriving{at, seq})
}

// run sends at rate, in frames of 33 ms, for a time; feedback may be cut off.
func (p *pipe) run(d time.Duration, rate func() media.Bitrate, feedback bool) {
	const step = time.Millisecond
	for i := 0; i < int(d/step); i++ {
		p.now = p.now.Add(step)
		if int(p.now/ms)%33 == 0 {
			for left := int(rate()) / 8 * 33 / 1000; left > 0; left -= 1100 {
				p.send(min(left, 1100))
			}
		}
		for len(p.on) > 0 && p.on[0].at <= p.now {
			p.r.OnPacket(p.on[0].at, p.on[0].seq, 2)
			p.on = p.on[1:]
		}
		if b := p.r.Feedback(p.now, nil); len(b) > 0 && feedback {
			p.back = append(p.back, struct {
				at media.Time
				b  []byte
			}{p.now.Add(p.delay), b})
		}
		for len(p.back) > 0 && p.back[0].at <= p.now {
			for _, pkt := range packets(p.t, p.back[0].b) {
				p.s.OnFeedback(p.now, pkt)
			}
			p.back = p.back[1:]
		}
		if p.e.Deadline(p.now) <= p.now {
			p.e.Advance(p.now)
		}
		for due := p.e.Padding(p.now); due > 0; due -= 250 {
			p.send(250)
		}
	}
}

func fixed(r media.Bitrate) func() media.Bitrate { return func() media.Bitrate { return r } }

func within(t *testing.T, what string, got, low, high media.Bitrate) {
	t.Helper()
	if got < low || got > high {
		t.Errorf("%s: %d, want %d to %d", what, got, low, high)
	}
}

func TestProbesFindTheCapacity(t *testing.T) {
	p := newPipe(t, 3e6, Config{Start: 300_000})
	p.e.SetDemand(p.now, 5_000_000)
	p.run(2*time.Second, fixed(200_000), true)
	within(t, "after two seconds of little media", p.e.Target(), 2_200_000, 3_200_000)
	if u := p.e.Usage(p.now); u.Raised < 3 || !u.Limited {
		t.Errorf("got %+v", u)
	}
}

func TestNoDemandNoProbe(t *testing.T) {
	p := newPipe(t, 3e6, Config{Start: 300_000})
	p.run(5*time.Second, fixed(100_000), true)
	within(t, "a sender that limits itself", p.e.Target(), 300_000, 300_000)
	if u := p.e.Usage(p.now); u.Probes != 0 {
		t.Errorf("%d probes", u.Probes)
	}
}

func TestGrowsToTheCapacityWithoutProbes(t *testing.T) {
	p := newPipe(t, 1e6, Config{Start: 300_000})
	p.run(40*time.Second, p.e.Target, true)
	within(t, "target", p.e.Target(), 700_000, 1_150_000)
	if q := p.e.Usage(p.now).Queue; q > 150*time.Millisecond {
		t.Errorf("a queue of %v", q)
	}
}

func TestFallOfTheCapacity(t *testing.T) {
	p := newPipe(t, 2e6, Config{Start: 1_500_000})
	p.run(5*time.Second, p.e.Target, true)
	p.rate = 400e3
	p.run(700*time.Millisecond, p.e.Target, true)
	if u := p.e.Usage(p.now); u.Limit != LimitDrain || u.Target > 200_000 {
		t.Errorf("while the queue is emptied: %+v", u)
	}
	within(t, "what layers are chosen by", p.e.Steady(), 250_000, 420_000)
	p.run(6*time.Second, p.e.Target, true)
	within(t, "afterwards", p.e.Target(), 250_000, 420_000)
}

func TestAPauseIsNoDeadEnd(t *testing.T) {
	for _, feedback := range []bool{true, false} { // of the last that was sent
		p := newPipe(t, 2e6, Config{Start: 1_500_000})
		p.run(5*time.Second, p.e.Target, true)
		p.rate = 300e3
		p.run(400*time.Millisecond, fixed(1_500_000), true)
		p.run(2*time.Second, fixed(0), feedback)
		p.back = nil
		p.rate = 2e6
		p.e.SetDemand(p.now, 2_000_000)
		p.run(8*time.Second, fixed(0), true)
		if got := p.e.Target(); got < 1_200_000 {
			t.Errorf("with feedback %v: a paused sender is left at %+v", feedback, p.e.Usage(p.now))
		}
	}
}

func TestJitterDoesNotReduceASenderThatLimitsItself(t *testing.T) {
	p := newPipe(t, 0, Config{Start: 2_000_000})
	p.jit = 12 * time.Millisecond
	p.run(20*time.Second, fixed(300_000), true)
	within(t, "target", p.e.Target(), 2_000_000, 2_000_000)
}

func TestSilenceBacksOff(t *testing.T) {
	p := newPipe(t, 5e6, Config{Start: 1_000_000})
	p.run(3*time.Second, fixed(900_000), true)
	before := p.e.Target()
	p.run(3*time.Second, fixed(900_000), false)
	u := p.e.Usage(p.now)
	if u.Timeouts < 3 || u.Timeouts > 6 || u.Target > before/2 || u.Limit != LimitSilence {
		t.Errorf("from %d: %+v", before, u)
	}
	p.run(time.Second, fixed(0), false)
	if again := p.e.Usage(p.now).Timeouts; again > u.Timeouts+1 { // nothing is sent: nothing is missed
		t.Errorf("%d time-outs", again)
	}
}

func TestREMBBoundsWhileItIsRepeated(t *testing.T) {
	p := newPipe(t, 0, Config{Start: 1_000_000})
	p.run(time.Second, fixed(900_000), true)
	p.e.OnREMB(p.now, 400_000)
	p.run(time.Second, fixed(400_000), true)
	if u := p.e.Usage(p.now); u.Target != 400_000 || u.Limit != LimitREMB {
		t.Errorf("got %+v", u)
	}
	p.run(11*time.Second, fixed(400_000), true)
	p.e.Advance(p.now)
	if u := p.e.Usage(p.now); u.REMB != 0 || u.Target < 900_000 {
		t.Errorf("long after: %+v", u)
	}
}

func TestReceiverReportsAlone(t *testing.T) {
	s := NewSender()
	e := NewEstimator(Config{Start: 500_000}, s)
	now := media.Time(0)
	second := func(lost float64) {
		for range 100 {
			now = now.Add(10 * time.Millisecond)
			s.Sent(now, int(e.Target())/800)
		}
		e.OnReport(now, lost, 50*time.Millisecond)
	}
	for range 10 {
		second(0)
	}
	within(t, "ten seconds without loss", e.Target(), 900_000, 1_200_000)
	up := e.Target()
	second(0.05)
	within(t, "some loss", e.Target(), up, up)
	second(0.4)
	within(t, "much loss", e.Target(), up*7/10, up*9/10)
	for range 20 {
		now = now.Add(time.Second)
		s.Sent(now, 100)
		e.OnReport(now, 0, 50*time.Millisecond)
	}
	within(t, "hardly sending", e.Target(), up*7/10, up*9/10)
	e.OnReport(now, math.NaN(), 0)
	e.OnReport(now, 7, 0)
	within(t, "garbage", e.Target(), up*7/10, up*9/10)
}

func TestArrivalClockWraps(t *testing.T) {
	p := newPipe(t, 1e6, Config{Start: 600_000})
	p.now = media.Time(1<<24*64*time.Millisecond) - media.Time(2*time.Second)
	p.run(10*time.Second, fixed(500_000), true)
	if u := p.e.Usage(p.now); u.Target < 500_000 || u.Queue > 50*time.Millisecond || u.Acked < 400_000 {
		t.Errorf("got %+v", u)
	}
}

func TestEstimatorDoesNotAllocate(t *testing.T) {
	s, r := NewSender(), NewReceiver(1)
	e := NewEstimator(Config{}, s)
	buf := make([]byte, 0, 1500)
	now := media.Time(0)
	round := func() {
		e.SetDemand(now, 4_000_000)
		for range 40 {
			seq := s.Next()
			s.Sent(now, 1200)
			now += 2 * ms
			r.OnPacket(now, seq, 2)
			if e.Deadline(now) <= now {
				e.Advance(now)
			}
			_ = e.Padding(now)
		}
		rd := rtcp.NewReader(r.Feedback(now, buf))
		for p, ok := rd.Next(); ok; p, ok = rd.Next() {
			s.OnFeedback(now, p)
		}
	}
	round()
	if n := testing.AllocsPerRun(200, round); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// FuzzEstimator feeds an estimator with sends, truthful and arbitrary feedback, reports and time: it
// stays within its bounds whatever comes.
func FuzzEstimator(f *testing.F) {
	r := NewReceiver(1)
	for i := range media.Time(40) {
		r.OnPacket(i*i*ms, uint16(i), 2)
	}
	f.Add([]byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 200, 100, 50}, r.Feedback(media.Time(time.Hour), nil))
	f.Add([]byte{1, 1, 1, 1, 1, 1, 1, 255, 3, 3, 3, 3, 9, 9, 4}, []byte{0x8f, 205, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 1})
	f.Add([]byte{0, 8, 16, 24, 2, 4, 12, 4}, congestion(f, time.Second, 0, 0, 900*time.Millisecond, 0, 950*time.Millisecond))
	f.Fuzz(func(t *testing.T, script, garbage []byte) {
		s, r := NewSender(), NewReceiver(1)
		c := Config{Start: 500_000, Min: 50_000, Max: 8_000_000}
		e := NewEstimator(c, s)
		now := media.Time(time.Hour)
		arrived := now
		for i, op := range script[:min(len(script), 500)] {
			arg := time.Duration(op>>3) * time.Duration(op>>3)
			switch op & 7 {
			case 0, 1:
				for range op>>3 + 1 {
					seq := s.Next()
					s.Sent(now, 40*int(op))
					s.Named(media.SSRC(op&16), seq)
					if op != 1 {
						arrived = max(arrived, now).Add(arg * 100 * time.Microsecond)
						r.OnPacket(arrived, seq, 2)
					}
				}
			case 2:
				now = now.Add(arg * time.Millisecond)
			case 3:
				for _, p := range packets(t, r.Feedback(max(now, r.due), nil)) {
					s.OnFeedback(now, p)
				}
			case 4:
				rd := rtcp.NewReader(garbage)
				for p, ok := rd.Next(); ok; p, ok = rd.Next() {
					s.OnFeedback(now, p)
					s.OnCongestion(now, p)
				}
			case 5:
				e.OnREMB(now, media.Bitrate(arg)*media.Bitrate(i))
			case 6:
				e.OnReport(now, float64(op)/200, arg*time.Millisecond)
			case 7:
				e.SetDemand(now, media.Bitrate(arg)*10_000)
			}
			if e.Deadline(now) <= now {
				e.Advance(now)
			}
			if n := e.Padding(now); n < 0 || n > 1<<20 {
				t.Fatalf("%d bytes of padding", n)
			}
			u := e.Usage(now)
			for _, x := range []float64{e.rate.rate, e.loss.rate, e.trend.threshold, e.trend.previous, u.Lost} {
				if math.IsNaN(x) || math.IsInf(x, 0) {
					t.Fatalf("%v in %+v", x, u)
				}
			}
			if low := c.Min; u.Target < low || u.Steady < u.Target || u.Steady > c.Max || e.Pace() < low {
				t.Fatalf("out of bounds: %+v", u)
			}
		}
	})
}
