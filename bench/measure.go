package bench

import (
	"context"
	"os"
	"time"
)

// reading is what is read at both ends of the window.
type reading struct {
	at          time.Time
	server, own time.Duration // CPU
	lacked      uint64        // packets of layered streams
}

func (r *run) measure(ctx context.Context, before int64) (Result, error) {
	if err := sleep(ctx, r.Settle); err != nil {
		return Result{}, err
	}
	if err := r.open(ctx); err != nil {
		return Result{}, err
	}
	from, err := r.reading()
	if err != nil {
		return Result{}, err
	}
	r.Progress("measuring for " + r.For.String())
	if err := r.watch(ctx); err != nil {
		return Result{}, err
	}
	to, err := r.reading()
	if err != nil {
		return Result{}, err
	}
	after := int64(0)
	if r.PID != 0 {
		if after, err = process(r.PID).rss(); err != nil {
			return Result{}, err
		}
	}
	if err := r.drain(ctx); err != nil {
		return Result{}, err
	}
	res := r.result(to.at.Sub(from.at), from.lacked)
	res.costs(to.server-from.server, to.own-from.own, to.at.Sub(from.at))
	if r.PID != 0 && len(r.subs) > 0 {
		res.MemoryBefore, res.MemoryAfter = before, after
		res.MemoryPerClient = (after - before) / int64(len(r.subs))
	}
	if res.Received == 0 {
		return res, ErrNobody
	}
	return res, nil
}

// open waits for the window. Its edges are said before it begins: who sends a packet and who receives it
// must agree on whether it counts.
func (r *run) open(ctx context.Context) error {
	const ahead = 20 * time.Millisecond
	from := time.Now().Add(ahead)
	r.window.to.Store(from.Add(r.For).UnixNano())
	r.window.from.Store(from.UnixNano())
	return sleep(ctx, ahead)
}

// reading reads the clocks.
func (r *run) reading() (v reading, err error) {
	v.lacked = r.lacked()
	v.at = time.Now()
	if r.PID != 0 {
		if v.server, err = process(r.PID).cpu(); err != nil {
			return v, err
		}
	}
	if own, err := process(os.Getpid()).cpu(); err == nil { // no /proc: then the load's own cost is not told
		v.own = own
	}
	return v, nil
}

// watch waits for the end of the window.
func (r *run) watch(ctx context.Context) error {
	return sleep(ctx, time.Until(time.Unix(0, r.window.to.Load())))
}

// drain waits for what is under way to arrive: not longer than it must, and not forever.
func (r *run) drain(ctx context.Context) error {
	for waited := time.Duration(0); ; waited += drain {
		if err := sleep(ctx, drain); err != nil {
			return err
		}
		if waited+drain >= drainMost || !r.lacks() {
			return nil
		}
	}
}

// lacks reports whether a subscriber has not got all that was sent in the window. Of streams of which it gets
// only some, nobody knows.
func (r *run) lacks() bool {
	if len(r.plans) > 1 || r.Downlink != nil {
		return false
	}
	sent := r.sent()
	for _, s := range r.subs {
		if s.lacks(sent) {
			return true
		}
	}
	return false
}

func (s *subscriber) lacks(sent []uint64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, c := range s.pubs {
		if s.expects(id, sent) && c.unique != sent[id] {
			return true
		}
	}
	return false
}

// expects reports whether what publisher id sends is to come to s.
func (s *subscriber) expects(id uint32, sent []uint64) bool {
	return int(id) < len(sent) && (s.watch < 0 || s.watch == int(id))
}

// sent is how many packets of the window each publisher sent.
func (r *run) sent() []uint64 {
	sent := make([]uint64, len(r.pubs))
	for i, u := range r.pubs {
		sent[i] = u.inWindow.Load()
	}
	return sent
}

// Second is one second of shaped downlinks, on average over the subscribers.
type Second struct {
	At      float64 `json:"at"`       // seconds, its end
	Rate    int     `json:"downlink"` // bits per second, at its end
	Came    float64 `json:"received"` // bits per second that left the line, with UDP and IP headers
	Queued  float64 `json:"queued"`   // longest delay in the queue, in microseconds
	Dropped uint64  `json:"dropped"`  // packets, by all
}

// second is second n of the window, as the shapers noted it.
func (r *run) second(n int) Second {
	end := time.Duration(n+1) * time.Second
	s := Second{At: end.Seconds(), Rate: r.Downlink.rate(end)}
	for _, t := range r.shaped {
		noted := t.down.during(n)
		s.Came += float64(noted.bytes * 8)
		s.Queued += us(noted.longest)
		s.Dropped += noted.dropped
	}
	each := float64(max(1, len(r.shaped)))
	s.Came /= each
	s.Queued /= each
	return s
}

// lacked counts what layered streams lack, for good or still. Of them nobody knows what should have come
// but by the numbers of the packets.
func (r *run) lacked() (n uint64) {
	for _, s := range r.subs {
		s.mu.Lock()
		for _, stream := range s.streams {
			n += stream.missing.givenUp + uint64(len(stream.missing.list))
		}
		s.mu.Unlock()
	}
	return n
}

// result adds up what the subscribers counted.
func (r *run) result(length time.Duration, lacked uint64) Result {
	res := Result{
		Publishers: len(r.pubs), Subscribers: len(r.subs), Failed: r.failed, Seconds: length.Seconds(),
		Rested: len(r.readers) > 0,
	}
	if r.Downlink != nil {
		for n := range int(r.For / time.Second) {
			res.History = append(res.History, r.second(n))
		}
	}
	sent := r.sent()
	for _, n := range sent {
		res.Sent += n
	}
	var latency histogram
	for _, s := range r.subs {
		s.add(&res, sent, &latency)
	}
	if len(r.plans) > 1 {
		res.Expected = res.Received + r.lacked() - lacked
	} else {
		res.Layers = nil
	}
	res.Lost = res.Expected - min(res.Received, res.Expected)
	if res.Expected > 0 {
		res.Loss = float64(res.Lost) / float64(res.Expected)
	}
	res.Rate = float64(res.Received) / length.Seconds()
	res.Bitrate /= length.Seconds() * float64(max(1, len(r.subs)))
	res.LatencyP50, res.LatencyP99, res.LatencyMax = us(latency.quantile(.5)), us(latency.quantile(.99)), us(latency.max)
	res.JoinP50, res.JoinP99 = us(r.joins.quantile(.5)), us(r.joins.quantile(.99))
	r.queues(&res)
	return res
}

// add adds one subscriber's part.
func (s *subscriber) add(res *Result, sent []uint64, latency *histogram) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, c := range s.pubs {
		if s.expects(id, sent) {
			res.Expected += sent[id]
		}
		res.Received += c.unique
		res.Doubled += c.double
	}
	if res.Layers == nil {
		res.Layers = make([]uint64, len(s.layers))
	}
	for i, n := range s.layers {
		res.Layers[i] += n
	}
	latency.merge(&s.latency)
	res.Repaired += s.repaired
	res.Asked += s.asked
	res.PLI += s.pli
	res.Other += s.other
	res.Bitrate += float64(s.bytes * 8)
	res.Failures += s.failed + s.t.failed.Load()
}

// queues adds up the shaped downlinks.
func (r *run) queues(res *Result) {
	var delay histogram
	for _, t := range r.shaped {
		t.down.mu.Lock()
		delay.merge(&t.down.delay)
		res.Overflowed += t.down.dropped
		t.down.mu.Unlock()
	}
	res.QueueP50, res.QueueP95 = us(delay.quantile(.5)), us(delay.quantile(.95))
}

func us(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
