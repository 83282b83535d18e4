package bench

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"time"

	"switchyard/protocol"
)

// visitor is one client of a soak.
type visitor struct {
	s    *soak
	room string
	t    *transport
	sig  signaller
	pub  *publisher  // nil for viewers
	sub  *subscriber // nil for WHIP
}

// soakShape is what participants send: three layers, small enough for many of them.
var soakShape = Shape{Codec: CodecVP8, Bitrate: 600_000, FPS: 15, Packet: 1100, Browser: true, Layers: 3}

// life is one visit: it joins, stays some seconds, and leaves, now and then without a word.
func (s *soak) life(ctx context.Context) {
	v := &visitor{s: s, room: "soak-" + strconv.Itoa(1+rand.IntN(s.Rooms))}
	kind := rand.IntN(10)
	publish, watch, endpoint := kind < 7, kind != 6, map[int]string{6: "whip", 7: "whep", 8: "whep", 9: "whep"}[kind]
	if err := v.join(ctx, endpoint, publish, watch); err != nil {
		if ctx.Err() == nil {
			s.Log.Warn("soak", "room", v.room, "error", err)
			s.count(func(d *SoakCounts) { d.FailedJoins++ })
			_ = sleep(ctx, time.Second) // not to hammer a server that is unwell
		}
		return
	}
	s.count(func(d *SoakCounts) { d.Joins++ })
	v.stay(ctx, 2*time.Second+rand.N(8*time.Second))
	vanish := rand.IntN(5) == 0
	v.leave(vanish)
	s.count(func(d *SoakCounts) {
		if vanish {
			d.Vanished++
		} else {
			d.Leaves++
		}
	})
}

func (v *visitor) join(ctx context.Context, endpoint string, publish, watch bool) error {
	sig, err := v.s.signaller(v.room, endpoint, publish)
	if err != nil {
		return err
	}
	plans, err := soakShape.plans()
	if err != nil {
		return err
	}
	reader := v.s.readers[v.s.next.Load()%uint64(len(v.s.readers))]
	c := &Config{Server: v.s.Server}
	t, err := newTransport(c.loopback(), reader, &v.s.traffic)
	if err != nil {
		return err
	}
	var lines []line
	if publish {
		v.pub = newPublisher(t, uint32(v.s.next.Load()&0xffffff), plans, &window{})
		lines = append(lines, v.pub.line())
	}
	if watch {
		v.sub = newSubscriber(t, &window{}, v.s.clock)
		lines = append(lines, slices.Repeat([]line{{kind: "video"}, {kind: "audio"}}, 3)...)
	}
	if room, ok := sig.(*roomSignal); ok {
		room.told = v.told
		if publish {
			c.Shape = soakShape
			room.publish = c.track()
		}
	}
	v.t, v.sig = t, sig
	cl := &client{t, sig}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if err := cl.connect(ctx, lines); err != nil {
		v.leave(false)
		return err
	}
	if publish {
		v.pub.agreed(t.answer, "0")
		v.s.count(func(d *SoakCounts) { d.Publishes++ })
	}
	if room, ok := sig.(*roomSignal); ok && publish {
		v.s.track(v.room, room.track, true)
	}
	return nil
}

// told learns the ids of what is published again.
func (v *visitor) told(e protocol.Envelope) {
	var p protocol.Published
	if e.Type != protocol.TypePublished || json.Unmarshal(e.Body, &p) != nil {
		return
	}
	for _, t := range p.Tracks {
		v.s.track(v.room, t.ID, true)
	}
}

// track notes that a track is there, or not any more.
func (s *soak) track(room string, id protocol.TrackID, there bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.tracks[room] == nil || len(s.tracks[room]) > 1000 {
		s.tracks[room] = map[protocol.TrackID]bool{}
	}
	if there {
		s.tracks[room][id] = true
	} else {
		delete(s.tracks[room], id)
	}
}

// stay publishes, reports, and asks for other things every second.
func (v *visitor) stay(ctx context.Context, d time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	var work sync.WaitGroup
	defer work.Wait()
	if v.pub != nil {
		work.Go(func() { v.pub.run(ctx) })
	}
	tick := time.NewTicker(reportEvery)
	defer tick.Stop()
	for n := 1; ; n++ {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			if v.sub != nil {
				v.sub.report(now)
			}
			if n%20 == 0 {
				v.t.consent()
				v.change(ctx)
			}
		}
	}
}

// change asks for some tracks of the room at some sizes, and now and then publishes anew.
func (v *visitor) change(ctx context.Context) {
	room, ok := v.sig.(*roomSignal)
	if !ok {
		return
	}
	if v.pub != nil && rand.IntN(5) == 0 {
		v.s.track(v.room, room.track, false)
		_ = room.send(ctx, protocol.TypeUnpublish, 0, protocol.Unpublish{Tracks: []protocol.TrackID{room.track}})
		_ = room.send(ctx, protocol.TypePublish, 3, protocol.Publish{Tracks: []protocol.PublishTrack{*room.publish}})
		v.s.count(func(d *SoakCounts) { d.Publishes++ })
	}
	width := []int{160, 320, 640, 1280}[rand.IntN(4)]
	var wishes []protocol.Wish
	v.s.mu.Lock()
	for id := range v.s.tracks[v.room] {
		if len(wishes) < 3 && rand.IntN(2) == 0 {
			wishes = append(wishes, protocol.Wish{Track: id, Width: width, Height: width * 9 / 16})
		}
	}
	v.s.done.Wishes++
	v.s.mu.Unlock()
	// A failure means that the socket is gone: then there is nothing to ask for, and the visit ends soon.
	_ = room.send(ctx, protocol.TypeSubscribe, 0, protocol.Subscribe{Wishes: wishes, Auto: rand.IntN(3) == 0})
}

// leave ends a visit. Who vanishes says nothing and answers nothing; what still comes is counted.
func (v *visitor) leave(vanish bool) {
	room, _ := v.sig.(*roomSignal)
	if room != nil {
		v.s.track(v.room, room.track, false)
	}
	switch {
	case vanish && room != nil:
		room.vanish()
	case vanish:
	default:
		v.sig.close()
		if v.t.dtls != nil {
			_ = v.t.dtls.Close()
		}
	}
	v.t.gone.Store(true)
	v.t.hello.Close()
	v.s.linger(v.t)
}
