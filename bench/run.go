package bench

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"runtime"
	"slices"
	"sync"
	"time"

	"switchyard/media"
)

const (
	reportEvery = 50 * time.Millisecond // RR and transport-wide feedback
	reportSteps = 10                    // subscribers report in so many groups, not all at once
	drain       = 300 * time.Millisecond
)

// run is one measurement.
type run struct {
	Config
	http   *http.Client
	plan   plan
	clock  *media.Clock
	window window

	readers []*rester // empty when every datagram wakes its receiver
	joined  int       // clients, to spread them over readers

	pubs    []*publisher
	subsMu  sync.Mutex
	subs    []*subscriber // guarded by subsMu
	clients []*client
	joins   histogram
	failed  int
}

// Run brings the load, measures, and takes it away again. It ends early when ctx ends.
func Run(ctx context.Context, c Config) (Result, error) {
	if err := c.defaults(); err != nil {
		return Result{}, err
	}
	p, err := c.Shape.plan()
	if err != nil {
		return Result{}, err
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	r := &run{Config: c, plan: p, clock: media.NewClock(), http: &http.Client{Transport: transport}}
	ctx, cancel := context.WithCancel(ctx)
	var work sync.WaitGroup
	defer transport.CloseIdleConnections()
	defer r.closeAll()
	defer work.Wait()
	defer cancel()
	r.read(ctx, &work)

	if err := r.publish(ctx, &work); err != nil {
		return Result{}, err
	}
	var before int64
	if c.PID != 0 {
		if before, err = process(c.PID).rss(); err != nil {
			return Result{}, err
		}
	}
	if err := r.subscribe(ctx, &work); err != nil {
		return Result{}, err
	}
	return r.measure(ctx, before)
}

// read starts the receivers that rest, one for each core that is ours.
func (r *run) read(ctx context.Context, work *sync.WaitGroup) {
	if r.Wake || !canRest {
		return
	}
	for range runtime.GOMAXPROCS(0) {
		reader := newRester(r.Rest)
		r.readers = append(r.readers, reader)
		work.Go(func() { reader.run(ctx) })
	}
}

// join connects one client. prepare is given the transport before anything is sent.
func (r *run) join(ctx context.Context, s signaller, prepare func(*transport) []line) (*client, error) {
	ctx, cancel := context.WithTimeout(ctx, r.JoinTimeout)
	defer cancel()
	var reader *rester
	if len(r.readers) > 0 {
		reader = r.readers[r.joined%len(r.readers)]
	}
	r.joined++
	t, err := newTransport(r.loopback(), reader)
	if err != nil {
		return nil, err
	}
	joined := &client{t, s}
	if err := joined.connect(ctx, prepare(t)); err != nil {
		joined.close()
		return nil, err
	}
	return joined, nil
}

func (r *run) closeAll() {
	var all sync.WaitGroup
	for _, c := range r.clients {
		all.Go(c.close)
	}
	all.Wait()
}

func (r *run) publish(ctx context.Context, work *sync.WaitGroup) error {
	kind := "video"
	if r.plan.codec == CodecOpus {
		kind = "audio"
	}
	for i := range r.Publishers {
		var u *publisher
		sig, err := r.signaller(r.http, i, true)
		if err != nil {
			return err
		}
		c, err := r.join(ctx, sig, func(t *transport) []line {
			u = newPublisher(t, uint32(i), r.plan, &r.window)
			return []line{{kind: kind, send: true, ssrc: u.ssrc}}
		})
		if err != nil {
			return fmt.Errorf("publisher %d: %w", i, err)
		}
		r.clients = append(r.clients, c)
		r.pubs = append(r.pubs, u)
		u.agreed(c.t.answer)
		work.Go(func() { u.run(ctx) })
	}
	r.Progress(fmt.Sprintf("%d publishers send %d packets of %d bytes every %v", r.Publishers, r.plan.packets, r.plan.size+20, r.plan.interval))
	// Servers learn from the first packets what a track is: do not count that as a join.
	return sleep(ctx, r.Settle)
}

// subscribe joins one after the other, each timed until its first packet.
func (r *run) subscribe(ctx context.Context, work *sync.WaitGroup) error {
	work.Go(func() { r.reports(ctx) })
	for i := range r.Subscribers {
		sig, err := r.signaller(r.http, i, false)
		if err != nil {
			return err
		}
		start := time.Now()
		var s *subscriber
		c, err := r.join(ctx, sig, func(t *transport) []line {
			s = newSubscriber(t, &r.window, r.clock)
			return slices.Repeat([]line{{kind: "video"}, {kind: "audio"}}, r.Slots)
		})
		if err == nil {
			r.clients = append(r.clients, c)
			err = r.firstPacket(ctx, s)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			r.failed++
			r.Log.Warn("subscriber", "number", i, "error", err)
			if i == 0 {
				return err // none will come through
			}
			continue
		}
		r.joins.add(time.Unix(0, s.first.Load()).Sub(start))
		r.subsMu.Lock()
		r.subs = append(r.subs, s)
		r.subsMu.Unlock()
		if (i+1)%10 == 0 {
			r.Progress(fmt.Sprintf("%d of %d subscribers receive", i+1-r.failed, r.Subscribers))
		}
	}
	return nil
}

func (r *run) firstPacket(ctx context.Context, s *subscriber) error {
	timeout := time.NewTimer(r.JoinTimeout)
	defer timeout.Stop()
	select {
	case <-s.firstSeen:
		return nil
	case <-timeout.C:
		return ErrNobody
	case <-ctx.Done():
		return ctx.Err()
	}
}

// reports sends every subscriber's RTCP 20 times a second, and renews consent.
func (r *run) reports(ctx context.Context) {
	tick := time.NewTicker(reportEvery / reportSteps)
	defer tick.Stop()
	for step := 0; ; step++ {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			r.subsMu.Lock()
			subs := r.subs
			r.subsMu.Unlock()
			for i := step % reportSteps; i < len(subs); i += reportSteps {
				subs[i].report(now)
				if every := int(consentEvery / reportEvery); (step/reportSteps+i)%every == 0 {
					subs[i].t.consent()
				}
			}
		}
	}
}

func (r *run) measure(ctx context.Context, before int64) (Result, error) {
	if err := sleep(ctx, r.Settle); err != nil {
		return Result{}, err
	}
	server, own := process(r.PID), process(os.Getpid())
	var cpu [2]time.Duration
	var ownCPU [2]time.Duration
	from := time.Now()
	r.window.from.Store(from.UnixNano())
	if err := readCPU(server, own, &cpu[0], &ownCPU[0]); err != nil {
		return Result{}, err
	}
	r.Progress(fmt.Sprintf("measuring for %v", r.For))
	interrupted := sleep(ctx, r.For)
	to := time.Now()
	r.window.to.Store(to.UnixNano())
	if err := readCPU(server, own, &cpu[1], &ownCPU[1]); err != nil {
		return Result{}, err
	}
	if interrupted != nil {
		return Result{}, interrupted
	}
	after := int64(0)
	if r.PID != 0 {
		var err error
		if after, err = server.rss(); err != nil {
			return Result{}, err
		}
	}
	if err := sleep(ctx, drain); err != nil { // what is under way arrives
		return Result{}, err
	}
	res := r.result(to.Sub(from))
	res.costs(cpu[1]-cpu[0], ownCPU[1]-ownCPU[0], to.Sub(from))
	if r.PID != 0 && len(r.subs) > 0 {
		res.MemoryBefore, res.MemoryAfter = before, after
		res.MemoryPerClient = (after - before) / int64(len(r.subs))
	}
	if res.Received == 0 {
		return res, ErrNobody
	}
	return res, nil
}

func readCPU(server, own process, s, o *time.Duration) (err error) {
	if server != 0 {
		if *s, err = server.cpu(); err != nil {
			return err
		}
	}
	if own != 0 {
		if v, err := own.cpu(); err == nil { // no /proc: then the load's own cost is not told
			*o = v
		}
	}
	return nil
}

// result adds up what the subscribers counted.
func (r *run) result(length time.Duration) Result {
	res := Result{Publishers: len(r.pubs), Subscribers: len(r.subs), Failed: r.failed, Seconds: length.Seconds()}
	sent := make([]uint64, len(r.pubs))
	for i, u := range r.pubs {
		sent[i] = u.inWindow.Load()
		res.Sent += sent[i]
	}
	var latency histogram
	for _, s := range r.subs {
		s.mu.Lock()
		for id, c := range s.pubs {
			if int(id) < len(sent) {
				res.Expected += sent[id]
			}
			res.Received += c.unique
			res.Doubled += c.double
		}
		latency.merge(&s.latency)
		res.Other += s.other
		res.Failures += s.failed
		s.mu.Unlock()
	}
	res.Lost = res.Expected - min(res.Received, res.Expected)
	if res.Expected > 0 {
		res.Loss = float64(res.Lost) / float64(res.Expected)
	}
	res.Rate = float64(res.Received) / length.Seconds()
	res.LatencyP50, res.LatencyP99, res.LatencyMax = us(latency.quantile(.5)), us(latency.quantile(.99)), us(latency.max)
	res.JoinP50, res.JoinP99 = us(r.joins.quantile(.5)), us(r.joins.quantile(.99))
	return res
}

func (r *Result) costs(server, own, length time.Duration) {
	if r.Received == 0 {
		return
	}
	r.CPUPerPacket = us(server) / float64(r.Received)
	r.CPUShare = float64(server) / float64(length)
	r.OwnCPUPerPacket = us(own) / float64(r.Received)
}

func us(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
