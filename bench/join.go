package bench

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"switchyard/protocol"
)

// client is one end that joined.
type client struct {
	t *transport
	s signaller
}

func (c *client) close() {
	c.s.close()
	c.t.close()
}

func (c *client) connect(ctx context.Context, lines []line) error {
	id, err := newIdentity()
	if err != nil {
		return err
	}
	sdp, err := c.s.answer(ctx, offer(&c.t.ice, id.fingerprint, lines))
	if err != nil {
		return err
	}
	a, err := parseAnswer(sdp)
	if err != nil {
		return err
	}
	if err := c.t.connect(ctx, a); err != nil {
		return err
	}
	if err := c.s.ready(ctx); err != nil {
		return fmt.Errorf("bench: %w", err)
	}
	return nil
}

// join connects one client. prepare is given the transport before anything is sent.
func (r *run) join(ctx context.Context, i int, publish, subscribe bool, prepare func(*transport) []line) (*client, error) {
	s, err := r.signaller(r.http, i, publish, subscribe)
	if err != nil {
		return nil, err
	}
	if room, ok := s.(*roomSignal); ok && !publish && r.crowded() {
		room.wishes = r.wish(i % r.Publishers)
	}
	var reader *rester
	if len(r.readers) > 0 {
		reader = r.readers[r.joined%len(r.readers)]
	}
	r.joined++
	t, err := newTransport(r.loopback(), reader, nil)
	if err != nil {
		return nil, err
	}
	if subscribe && r.Downlink != nil {
		t.down, t.rate = &shaper{window: &r.window}, r.downlinkRate
		r.subsMu.Lock()
		r.shaped = append(r.shaped, t)
		r.subsMu.Unlock()
	}
	joined, err := connect(ctx, r.JoinTimeout, t, s, prepare(t))
	if err != nil {
		return nil, err
	}
	r.clients = append(r.clients, joined)
	return joined, nil
}

// connect brings a transport up, or closes it.
func connect(ctx context.Context, timeout time.Duration, t *transport, s signaller, lines []line) (*client, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	c := &client{t, s}
	if err := c.connect(ctx, lines); err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

// wish is for what some publishers publish.
func (r *run) wish(publishers ...int) []protocol.Wish {
	wishes := []protocol.Wish{}
	for _, i := range publishers {
		wishes = append(wishes, protocol.Wish{Track: r.tracks[i], Width: r.Width, Height: r.Height})
	}
	return wishes
}

func (r *run) publish(ctx context.Context, work *sync.WaitGroup) error {
	for i := range r.Publishers {
		var u *publisher
		c, err := r.join(ctx, i, true, false, func(t *transport) []line {
			u = newPublisher(t, uint32(i), r.plans, &r.window)
			return []line{u.line()}
		})
		if err != nil {
			return fmt.Errorf("publisher %d: %w", i, err)
		}
		r.published(ctx, c, u, work)
	}
	r.describe()
	// Servers learn from the first packets what a track is: do not count that as a join.
	return sleep(ctx, r.Settle)
}

func (r *run) published(ctx context.Context, c *client, u *publisher, work *sync.WaitGroup) {
	r.pubs = append(r.pubs, u)
	if room, ok := c.s.(*roomSignal); ok {
		r.tracks = append(r.tracks, room.track)
	}
	u.agreed(c.t.answer, "0")
	work.Go(func() { u.run(ctx) })
}

func (r *run) describe() {
	var rate float64
	for _, p := range r.plans {
		rate += float64(p.bytes*8) / p.interval.Seconds() / 1000
	}
	r.Progress(fmt.Sprintf("%d publishers send %.0f kbit/s of %s each, in %d layers", r.Publishers, rate, r.Shape.Codec, len(r.plans)))
}

// subscribe joins one after the other, each timed until its first packet.
func (r *run) subscribe(ctx context.Context) error {
	for i := range r.Subscribers {
		start := time.Now()
		var s *subscriber
		_, err := r.join(ctx, i, false, true, func(t *transport) []line {
			s = newSubscriber(t, &r.window, r.clock)
			if r.crowded() {
				s.watch = i % r.Publishers
			}
			return slices.Repeat([]line{{kind: "video"}, {kind: "audio"}}, r.Slots)
		})
		if err == nil {
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
		r.subscribed(s)
		if (i+1)%10 == 0 {
			r.Progress(fmt.Sprintf("%d of %d subscribers receive", i+1-r.failed, r.Subscribers))
		}
	}
	return nil
}

func (r *run) subscribed(s *subscriber) {
	r.subsMu.Lock()
	defer r.subsMu.Unlock()
	r.subs = append(r.subs, s)
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

// call joins participants who each publish and receive all the others, at one size.
func (r *run) call(ctx context.Context, work *sync.WaitGroup) error {
	if r.Width == 0 && len(r.plans) > 1 {
		r.Width, r.Height = r.plans[0].width, r.plans[0].height
	}
	var rooms []*roomSignal
	for i := range r.Participants {
		var u *publisher
		var s *subscriber
		c, err := r.join(ctx, i, true, true, func(t *transport) []line {
			u, s = newPublisher(t, uint32(i), r.plans, &r.window), newSubscriber(t, &r.window, r.clock)
			return append([]line{u.line()}, slices.Repeat([]line{{kind: u.line().kind}}, r.Participants-1)...)
		})
		if err != nil {
			return fmt.Errorf("participant %d: %w", i, err)
		}
		room, ok := c.s.(*roomSignal)
		if !ok {
			return fmt.Errorf("bench: participant %d is in no room", i)
		}
		rooms = append(rooms, room)
		r.published(ctx, c, u, work)
		r.subscribed(s)
		r.Progress(strconv.Itoa(i+1) + " participants are in the call")
	}
	r.describe()
	for i, room := range rooms {
		wishes := slices.Delete(r.wish(numbers(r.Participants)...), i, i+1)
		if err := room.subscribe(ctx, wishes); err != nil {
			return err
		}
	}
	for i, s := range r.subs {
		if err := r.firstPacket(ctx, s); err != nil {
			return fmt.Errorf("participant %d: %w", i, err)
		}
	}
	return nil
}

// numbers are those from 0 to n-1.
func numbers(n int) []int {
	list := make([]int, n)
	for i := range list {
		list[i] = i
	}
	return list
}
