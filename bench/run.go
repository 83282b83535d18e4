package bench

import (
	"context"
	"net/http"
	"runtime"
	"sync"
	"time"

	"switchyard/media"
	"switchyard/protocol"
)

const (
	reportEvery = 50 * time.Millisecond // RR and transport-wide feedback
	reportSteps = 10                    // subscribers report in so many groups, not all at once
	drain       = 300 * time.Millisecond
	drainMost   = 3 * time.Second // what comes later than that counts as lost
)

// run is one measurement.
type run struct {
	Config
	http   *http.Client
	plans  []plan
	clock  *media.Clock
	window window

	readers []*rester // empty when every datagram wakes its receiver
	joined  int       // clients, to spread them over readers

	pubs    []*publisher
	tracks  []protocol.TrackID // of publishers in rooms
	subsMu  sync.Mutex
	subs    []*subscriber // guarded by subsMu
	shaped  []*transport  // guarded by subsMu
	clients []*client
	joins   histogram
	failed  int
}

// Run brings the load, measures, and takes it away again. It ends early when ctx ends.
func Run(ctx context.Context, c Config) (Result, error) {
	if err := c.defaults(); err != nil {
		return Result{}, err
	}
	plans, err := c.Shape.plans()
	if err != nil {
		return Result{}, err
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	r := &run{Config: c, plans: plans, clock: media.NewClock(), http: &http.Client{Transport: transport}}
	ctx, cancel := context.WithCancel(ctx)
	var work sync.WaitGroup
	defer transport.CloseIdleConnections()
	defer r.closeAll()
	defer work.Wait()
	defer cancel()
	r.read(ctx, &work)
	work.Go(func() { r.reports(ctx) })
	if r.Downlink != nil {
		work.Go(func() { r.downlinks(ctx) })
	}
	before, err := r.bring(ctx, &work)
	if err != nil {
		return Result{}, err
	}
	return r.measure(ctx, before)
}

// bring brings the load, and returns the server's memory from before the subscribers.
func (r *run) bring(ctx context.Context, work *sync.WaitGroup) (int64, error) {
	if r.Participants == 0 {
		if err := r.publish(ctx, work); err != nil {
			return 0, err
		}
	}
	var before int64
	if r.PID != 0 {
		var err error
		if before, err = process(r.PID).rss(); err != nil {
			return 0, err
		}
	}
	if r.Participants > 0 {
		return before, r.call(ctx, work)
	}
	return before, r.subscribe(ctx)
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

func (r *run) closeAll() {
	var all sync.WaitGroup
	for _, c := range r.clients {
		all.Go(c.close)
	}
	all.Wait()
}

// reports sends every subscriber's RTCP 20 times a second, what is newly missing sooner, and renews
// consent.
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
			for i, s := range subs {
				if i%reportSteps != step%reportSteps {
					s.hurry(now)
					continue
				}
				s.report(now)
				if every := int(consentEvery / reportEvery); (step/reportSteps+i)%every == 0 {
					s.t.consent()
				}
			}
		}
	}
}

// downlinkRate is that of every subscriber at a time.
func (r *run) downlinkRate(at time.Time) int {
	since := time.Duration(0)
	if from := r.window.from.Load(); from != 0 {
		since = max(0, time.Duration(at.UnixNano()-from))
	}
	return r.Downlink.rate(since)
}

// downlinks lets shaped packets through when they are due.
func (r *run) downlinks(ctx context.Context) {
	tick := time.NewTicker(downlinkTick)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			r.subsMu.Lock()
			shaped := r.shaped
			r.subsMu.Unlock()
			for _, t := range shaped {
				t.down.pop(now, t.media)
			}
		}
	}
}

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
